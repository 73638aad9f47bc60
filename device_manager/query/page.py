"""Parsers of what a page of hits is sorted by and shows (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.search import Sort, SourceFilter

MAX_SORTS = 32
"""Sort keys of one search: each costs every hit a comparison."""


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
    if len(keys) > MAX_SORTS:
        raise malformed("sort", f"more than {MAX_SORTS} sort keys")
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


def parse_source(body: dict[str, Any]) -> SourceFilter:
    """Parse `_source`, `_source_includes` and `_source_excludes` of a body. Raises ApiError, 400."""
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
