"""Parser of the aggregations of a search body (router-protocol 5.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast, get_args

from device_manager.query.clauses import parse_query
from device_manager.query.instants import read_zone
from device_manager.query.members import field_path, flag, members
from device_manager.query.page import parse_sort, parse_source
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.search import (
    Aggregation,
    DateHistogram,
    FilterAggregation,
    Metric,
    MetricKind,
    TermsAggregation,
    TopHits,
)

MAX_BUCKETS = 65_535
"""Most buckets of all aggregations of one search together."""

MAX_AGGREGATIONS = 50
"""Most aggregations of one search."""

MAX_DEPTH = 5
"""How deep aggregations may stand in each other."""

MAX_TOP_HITS = 100
"""Largest `from + size` of `top_hits`."""

HINTS = frozenset({"shard_size", "execution_hint", "collect_mode", "show_term_doc_count_error", "precision_threshold"})
"""Options that tune the execution and leave the result alone."""

UNITS = {
    "second": "1s", "minute": "1m", "hour": "1h", "day": "1d",
    "week": "1w", "month": "1M", "quarter": "1q", "year": "1y",
}  # fmt: skip
"""Calendar units and their short names."""

MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

OrderKey = tuple[Any, Any]
Subs = dict[str, Aggregation]

_LENGTH = re.compile(r"([+-]?)([0-9]{1,12})(ms|s|m|h|d)")


def parse_aggregations(aggregations: Any) -> dict[str, Aggregation]:
    """Parse `{name: {kind: options, aggs?}}`.

    Raises:
        ApiError: 400, naming the aggregation and what of it is not supported.
    """
    return _Parser().named(aggregations, "aggs", 1)


class _Parser:
    """Parses the aggregations of one search and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def named(self, aggregations: Any, where: str, depth: int) -> Subs:
        aggregations = members(aggregations, where)
        self._count += len(aggregations)
        if self._count > MAX_AGGREGATIONS:
            raise malformed(where, f"more than {MAX_AGGREGATIONS} aggregations")
        if depth > MAX_DEPTH and aggregations:
            raise malformed(where, f"aggregations stand in each other deeper than {MAX_DEPTH}")
        return {name: self._one(content, f"{where}.{name}", depth) for name, content in aggregations.items()}

    def _one(self, content: Any, where: str, depth: int) -> Aggregation:
        content = members(content, where)
        subs = self.named(content.get("aggs", content.get("aggregations", {})), f"{where}.aggs", depth + 1)
        kinds = [name for name in content if name not in {"aggs", "aggregations", "meta"}]
        if len(kinds) != 1 or ("aggs" in content and "aggregations" in content):
            raise malformed(where, "expected an object with one aggregation, and aggs for those inside it")
        (kind,) = kinds
        options, where = content[kind], f"{where}.{kind}"
        if kind in BUCKETS:
            return BUCKETS[kind](options, where, subs)
        if kind not in get_args(MetricKind) and kind != "top_hits":
            raise not_runnable(f'The aggregation "{kind}"', where, ", ".join(KINDS))
        if subs:
            raise malformed(where, "takes no aggregations inside it: it makes no buckets")
        return _top_hits(options, where) if kind == "top_hits" else _metric(cast(MetricKind, kind), options, where)


def _options(content: Any, known: set[str], where: str) -> dict[str, Any]:
    options = members(content, where)
    for name in options:
        if name not in known | HINTS:
            raise not_runnable(f'The option "{name}"', where, ", ".join(sorted(known)))
    return options


def _metric(kind: MetricKind, content: Any, where: str) -> Metric:
    return Metric(kind, field_path(_options(content, {"field"}, where), where))


def _top_hits(content: Any, where: str) -> TopHits:
    content = _options(content, {"from", "size", "sort", "_source"}, where)
    offset, size = _count(content, "from", 0, where), _count(content, "size", 3, where)
    if offset + size > MAX_TOP_HITS:
        raise malformed(where, f"from + size is more than {MAX_TOP_HITS}")
    return TopHits(
        parse_sort(content.get("sort")), offset, size, parse_source({"_source": content.get("_source", True)})
    )


def _count(content: dict[str, Any], name: str, default: int, where: str) -> int:
    value = content.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise malformed(where, f"{name} has to be an integer of 0 or more")
    return value


def _terms(content: Any, where: str, subs: Subs) -> TermsAggregation:
    content = _options(content, {"field", "size", "order", "min_doc_count"}, where)
    field = field_path(content, where)
    if content.get("min_doc_count", 1) != 1:
        raise not_runnable("A min_doc_count other than 1", where, "1")
    size = content.get("size", 10)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_BUCKETS:
        raise malformed(where, f"size has to be an integer from 1 to {MAX_BUCKETS}")
    return TermsAggregation(field, size, _order(content.get("order"), where), subs)


def _order(order: Any, where: str) -> tuple[OrderKey, ...]:
    """The order keys; the key of the bucket decides last."""
    if order is None:
        return ("_count", "desc"), ("_key", "asc")
    keys: list[OrderKey] = []
    for part in order if isinstance(order, list) else [order]:
        if not isinstance(part, dict):
            raise malformed(where, "order has to be an object such as {_count: desc}")
        keys += [_order_key(key, direction, where) for key, direction in part.items()]
    if all(key != "_key" for key, _ in keys):
        keys.append(("_key", "asc"))
    return tuple(keys)


def _order_key(key: str, direction: Any, where: str) -> OrderKey:
    if direction not in ("asc", "desc"):
        raise malformed(where, f"the order of {key!r} has to be asc or desc")
    if key not in ("_count", "_key"):
        raise not_runnable(f"The order by {key!r}", where, "_count and _key")
    return key, direction


def _date_histogram(content: Any, where: str, subs: Subs) -> DateHistogram:
    known = {"field", "calendar_interval", "fixed_interval", "time_zone", "offset", "min_doc_count", "format", "keyed"}
    content = _options(content, known | {"extended_bounds", "order"}, where)
    unit, millis = _interval(content, where)
    order = _order(content.get("order", {"_key": "asc"}), where)
    format = content.get("format")
    if format is not None and not isinstance(format, str):
        raise malformed(where, "format has to be a text")
    return DateHistogram(
        field_path(content, where),
        unit,
        millis,
        time_zone=_zone(content.get("time_zone"), where),
        offset=_length("offset", content.get("offset", 0), where),
        min_doc_count=_count(content, "min_doc_count", 0, where),
        format=format,
        keyed=flag("keyed", content.get("keyed", False), where),
        bounds=_bounds(content.get("extended_bounds"), where),
        order=order[0],
        aggregations=subs,
    )


def _interval(content: dict[str, Any], where: str) -> tuple[str | None, int]:
    """The calendar unit, or None and the length of fixed stretches."""
    if ("calendar_interval" in content) == ("fixed_interval" in content):
        raise malformed(where, "expected either calendar_interval or fixed_interval")
    if "fixed_interval" in content:
        millis = _length("fixed_interval", content["fixed_interval"], where)
        if millis <= 0:
            raise malformed(where, "fixed_interval has to be longer than 0")
        return None, millis
    asked = content["calendar_interval"]
    for unit, short in UNITS.items():
        if asked in (unit, short):
            return unit, 0
    raise malformed(where, f"calendar_interval has to be one of {', '.join(UNITS)} or {', '.join(UNITS.values())}")


def _length(name: str, value: Any, where: str) -> int:
    """Milliseconds of a length such as `90m`, `-6h`; a number is milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and name == "offset":
        return value
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[1] and name != "offset"):
        raise malformed(where, f"{name} has to be a number and one of the units {', '.join(MILLIS)}, such as 90m")
    millis = int(match[2]) * MILLIS[match[3]]
    return -millis if match[1] == "-" else millis


def _zone(value: Any, where: str) -> str:
    if value is None or value == "UTC":
        return "Z"
    try:
        read_zone(value if isinstance(value, str) else "")
    except ValueError as error:
        raise malformed(where, f"time_zone: {error}") from None
    return str(value)


def _bounds(value: Any, where: str) -> tuple[Any, Any] | None:
    if value is None:
        return None
    value = members(value, f"{where}.extended_bounds")
    if set(value) - {"min", "max"} or not all(isinstance(bound, str | int) for bound in value.values()):
        raise malformed(f"{where}.extended_bounds", "expected min and max as dates")
    return value.get("min"), value.get("max")


def _filter(content: Any, where: str, subs: Subs) -> FilterAggregation:
    return FilterAggregation((("", parse_query(content, where)),), "one", subs)


def _filters(content: Any, where: str, subs: Subs) -> FilterAggregation:
    content = _options(content, {"filters"}, where)
    filters = content.get("filters")
    if isinstance(filters, list):
        listed = tuple(("", parse_query(query, f"{where}[{place}]")) for place, query in enumerate(filters))
        return FilterAggregation(listed, "listed", subs)
    named = members(filters, f"{where}.filters")
    return FilterAggregation(
        tuple((name, parse_query(query, f"{where}.{name}")) for name, query in named.items()), "named", subs
    )


BUCKETS: dict[str, Callable[[Any, str, Subs], Aggregation]] = {
    "terms": _terms,
    "date_histogram": _date_histogram,
    "filter": _filter,
    "filters": _filters,
}
"""Parsers of the aggregations that make buckets, by name."""

KINDS = (*BUCKETS, *get_args(MetricKind), "top_hits")
"""The aggregations that run on every store."""
