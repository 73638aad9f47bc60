"""Parser of the aggregations of a search body (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any, Literal

from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.search import TermsAggregation

MAX_BUCKETS = 65_535

HINTS = frozenset({"shard_size", "execution_hint", "collect_mode", "show_term_doc_count_error"})
"""Options of a terms aggregation that tune its execution and leave the buckets alone."""

OrderKey = tuple[Literal["_count", "_key"], Literal["asc", "desc"]]


def parse_aggregations(aggregations: Any) -> dict[str, TermsAggregation]:
    """Parse `{name: {terms: {field, size, order}}}`.

    Raises:
        ApiError: 400, naming the aggregation and what of it is not supported.
    """
    if not isinstance(aggregations, dict):
        raise malformed("aggs", "expected an object")
    return {name: _aggregation(content, f"aggs.{name}") for name, content in aggregations.items()}


def _aggregation(content: Any, where: str) -> TermsAggregation:
    if not isinstance(content, dict) or not content:
        raise malformed(where, "expected an object with one aggregation")
    for kind in content:
        if kind in {"aggs", "aggregations"}:
            raise not_runnable("An aggregation inside another", where, "terms")
        if kind != "terms":
            raise not_runnable(f'The aggregation "{kind}"', where, "terms")
    return _terms(content["terms"], f"{where}.terms")


def _terms(content: Any, where: str) -> TermsAggregation:
    if not isinstance(content, dict):
        raise malformed(where, "expected an object")
    for name, value in content.items():
        if name not in {"field", "size", "order"} | HINTS and (name, value) != ("min_doc_count", 1):
            raise not_runnable(f'The option "{name}"', where, "field, size, order")
    field = content.get("field")
    if not isinstance(field, str) or not field:
        raise malformed(where, "expected the name of a field in `field`")
    size = content.get("size", 10)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_BUCKETS:
        raise malformed(where, f"size has to be an integer from 1 to {MAX_BUCKETS}")
    return TermsAggregation(field, size, _order(content.get("order"), where))


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
    if key == "_count":
        return "_count", direction
    if key == "_key":
        return "_key", direction
    raise not_runnable(f"The order by {key!r}", where, "_count and _key")
