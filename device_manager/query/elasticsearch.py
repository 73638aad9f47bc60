"""Parser of a search body as clients send it to a search action (router-protocol 5.6, 2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_manager.errors import api_error
from device_manager.query.aggregations import parse_aggregations
from device_manager.query.clauses import parse_query
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.search import Search, Sort, SourceFilter
from device_manager.query.tree import Query, Scalar

__all__ = ["parse_query", "parse_search"]

DEFAULT_SIZE = 10

RUNNABLE = frozenset(
    {"aggregations", "aggs", "from", "query", "search_after", "size", "sort"}
    | {"_source", "_source_excludes", "_source_includes"}
)
"""Root keys that searches run."""

NOT_RUNNABLE = frozenset({"collapse", "explain", "highlight", "post_filter", "search_timeout", "suggest", "_name"})
"""Root keys that exist, but that no store runs yet."""


def parse_search(
    body: Any, *, offset: int | None = None, size: int | None = None, limit: int, query: Query | None = None
) -> Search:
    """Parse a search body.

    Args:
        body: the body of the request; None or `{}` finds every document.
        offset: the request's argument `from`; None when the caller gave none, then the body's `from` or 0 counts.
        size: the request's argument `size`; None when the caller gave none, then the body's `size` or 10 counts.
        limit: largest page, and largest `from + size` (setting `search_size`).
        query: used instead of the body's query, for bodies whose query is written in another language.

    Raises:
        ApiError: `services.storage.invalid_search_query` (400) for a root key that searches do not have,
            `services.storage.get_limit_exceeded` (413), and what `parse_query` raises, all naming the place.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise api_error("api.assert.invalid_type", "body", "object")
    _check_keys(body)
    aggregations = body.get("aggregations", body.get("aggs"))
    sort = parse_sort(body.get("sort"))
    offset = _whole(body, "from", 0) if offset is None else offset
    size = _whole(body, "size", DEFAULT_SIZE) if size is None else size
    if offset < 0 or size < 0:
        raise malformed("from" if offset < 0 else "size", "has to be 0 or more")
    if offset + size > limit:
        raise api_error("services.storage.get_limit_exceeded")
    return Search(
        query=parse_query(body.get("query")) if query is None else query,
        sort=sort,
        offset=offset,
        size=size,
        search_after=_search_after(body.get("search_after"), sort, offset),
        source=_source(body),
        aggregations=parse_aggregations(aggregations) if aggregations is not None else {},
    )


def _check_keys(body: dict[str, Any]) -> None:
    for key in body:
        if key in NOT_RUNNABLE and body[key] not in (None, False):
            raise not_runnable(f'The search option "{key}"', key, ", ".join(sorted(RUNNABLE)))
        if key not in RUNNABLE | NOT_RUNNABLE:
            raise api_error("services.storage.invalid_search_query", key)
    if "aggs" in body and "aggregations" in body:
        raise malformed("aggs", "aggs and aggregations exclude each other")


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed(name, "expected an integer")
    return value


def parse_sort(sort: Any) -> tuple[Sort, ...]:
    """Parse `sort` in all its forms: a text, an object, or an array of these.

    Raises:
        ApiError: 400, naming the sort key.
    """
    if sort is None:
        return ()
    keys = [
        _sort_key(field, options, where)
        for place, part in enumerate(sort if isinstance(sort, list) else [sort])
        for where in (f"sort[{place}]" if isinstance(sort, list) else "sort",)
        for field, options in _sort_parts(part, where)
    ]
    return tuple(keys)


def _sort_parts(part: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, str):
        yield part, None
    elif isinstance(part, dict):
        yield from part.items()
    else:
        raise malformed(where, "expected the name of a field or an object")


def _sort_key(field: str, options: Any, where: str) -> Sort:
    if field in {"_doc", "_shard_doc", "_script", "_geo_distance"}:
        raise not_runnable(f'Sorting by "{field}"', where, "fields, _id and _score")
    default = "desc" if field == "_score" else "asc"
    if options is None:
        options = {}
    elif isinstance(options, str):
        options = {"order": options}
    elif not isinstance(options, dict):
        raise malformed(where, f"expected asc, desc or an object for the field {field!r}")
    order = str(options.get("order", default)).lower()
    if order not in {"asc", "desc"}:
        raise malformed(where, f"order {order[:40]!r} is neither asc nor desc")
    missing = options.get("missing", "_last")
    if missing not in ("_last", "_first"):
        raise not_runnable("A value in place of missing ones", where, "_last and _first")
    for name, value in options.items():
        if name == "mode" and value != ("min" if order == "asc" else "max"):
            raise not_runnable(f"The mode {value!r}", where, "min for asc, max for desc")
        if name not in {"order", "missing", "unmapped_type", "mode"}:
            raise not_runnable(f'The sort option "{name}"', where, "order, missing, unmapped_type")
    return Sort(field, "asc" if order == "asc" else "desc", missing, _unmapped(options, where))


def _unmapped(options: dict[str, Any], where: str) -> str | None:
    unmapped = options.get("unmapped_type")
    if unmapped is not None and not isinstance(unmapped, str):
        raise malformed(where, "unmapped_type has to be a text")
    return unmapped


def _search_after(values: Any, sort: tuple[Sort, ...], offset: int) -> tuple[Scalar, ...] | None:
    if values is None:
        return None
    if not sort:
        raise malformed("search_after", "needs a sort")
    if not isinstance(values, list) or len(values) != len(sort):
        raise malformed("search_after", f"expected an array of {len(sort)} values, one for each sort key")
    if offset:
        raise malformed("search_after", "cannot be combined with from")
    for value in values:
        if value is not None and not isinstance(value, str | int | float | bool):
            raise malformed("search_after", "expected texts, numbers, booleans or null")
    return tuple(values)


def _source(body: dict[str, Any]) -> SourceFilter:
    source = body.get("_source", True)
    enabled, includes, excludes = True, (), ()  # type: bool, tuple[str, ...], tuple[str, ...]
    if isinstance(source, bool):
        enabled = source
    elif isinstance(source, dict):
        for name in source:
            if name not in {"includes", "include", "excludes", "exclude"}:
                raise malformed("_source", f'unknown member "{name}", expected includes, excludes')
        includes = _patterns(source.get("includes", source.get("include")), "_source.includes")
        excludes = _patterns(source.get("excludes", source.get("exclude")), "_source.excludes")
    else:
        includes = _patterns(source, "_source")
    includes += _patterns(body.get("_source_includes"), "_source_includes")
    excludes += _patterns(body.get("_source_excludes"), "_source_excludes")
    return SourceFilter(enabled, includes, excludes)


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value.split(",") if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(pattern, str) for pattern in values):
        raise malformed(where, "expected a path or an array of paths")
    return tuple(values)
