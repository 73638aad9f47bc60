"""A search and its result, as they cross the line to the stores (router-protocol 5.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from device_manager.query.tree import MATCH_ALL, Query, Scalar


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key: a field path, `_id` or `_score`. Documents without a value come last, or as `missing` says.

    Sorting by a field that is not mapped is refused, unless `unmapped_type` is given: then no document has a value.
    """

    field: str
    order: Literal["asc", "desc"] = "asc"
    missing: Literal["_last", "_first"] = "_last"
    unmapped_type: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Which parts of the source a hit carries. Patterns are paths that may hold `*`."""

    enabled: bool = True
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TermsAggregation:
    """Count documents by the values of `field`; `order` is by count descending, then by value ascending."""

    field: str
    size: int = 10
    order: tuple[tuple[Literal["_count", "_key"], Literal["asc", "desc"]], ...] = (("_count", "desc"), ("_key", "asc"))


@dataclass(frozen=True, slots=True)
class Search:
    """What to find, how much of it, in which order."""

    query: Query = MATCH_ALL
    sort: tuple[Sort, ...] = ()
    offset: int = 0
    size: int = 10
    search_after: tuple[Scalar, ...] | None = None
    source: SourceFilter = SourceFilter()
    aggregations: dict[str, TermsAggregation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. `score` is None when the search sorts; `sort` holds the values of the sort keys."""

    id: str
    source: dict[str, Any] | None
    score: float | None
    sort: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The page of hits, the exact total, and `{name: {buckets: [{key, doc_count}], ...}}` for aggregations."""

    hits: list[Hit]
    total: int
    aggregations: dict[str, Any] | None = None
