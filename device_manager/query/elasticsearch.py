"""Parser of a search body as clients send it to a search action (router-protocol 5.6, 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import api_error
from device_manager.query.aggregations import parse_aggregations
from device_manager.query.clauses import parse_query
from device_manager.query.page import parse_sort, parse_source
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Query, Scalar

__all__ = ["parse_query", "parse_search"]

DEFAULT_SIZE = 10

RUNNABLE = frozenset(
    {"aggregations", "aggs", "from", "query", "search_after", "size", "sort"}
    | {"_source", "_source_excludes", "_source_includes"}
)
"""Root keys that searches run."""

NOT_RUNNABLE = frozenset(
    {"collapse", "explain", "fields", "highlight", "post_filter", "search_timeout", "suggest", "_name"}
)
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
        source=parse_source(body),
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
