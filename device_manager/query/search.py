"""A search and its result, as they cross the line to the stores (router-protocol 5.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from device_manager.query.tree import MATCH_ALL, Query, Scalar

POSITION = "_shard_doc"
"""The place of a document in a snapshot: what searches of a snapshot sort by last, so that no two hits are equal."""


class Snapshot(NamedTuple):
    """The state of a collection that several searches share.

    Attributes:
        name: what the store calls it.
        keep: seconds for which it is kept after this search.
    """

    name: str
    keep: float


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
    aggregations: Mapping[str, Aggregation] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DateHistogram:
    """Count documents by the stretch of time that a date falls into.

    Attributes:
        field: path of a date.
        unit: calendar unit (`second` ... `year`), or None for stretches of `millis` milliseconds.
        millis: length of a stretch, when there is no unit.
        time_zone: offset or name; stretches begin by its clocks.
        offset: milliseconds that every stretch begins later.
        min_doc_count: stretches with fewer documents are left out; with 0 those between others are shown empty.
        format: of `key_as_string`, None for that of the field.
        keyed: whether the buckets are an object by `key_as_string`.
        bounds: from where to where empty stretches are shown, as dates of queries.
        order: what to order by.
    """

    field: str
    unit: str | None = None
    millis: int = 0
    time_zone: str = "Z"
    offset: int = 0
    min_doc_count: int = 0
    format: str | None = None
    keyed: bool = False
    bounds: tuple[Scalar, Scalar] | None = None
    order: tuple[Literal["_count", "_key"], Literal["asc", "desc"]] = ("_key", "asc")
    aggregations: Mapping[str, Aggregation] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilterAggregation:
    """Count documents that match a query, or each of several; several without names are an array of buckets."""

    filters: tuple[tuple[str, Query], ...]
    form: Literal["one", "named", "listed"] = "one"
    aggregations: Mapping[str, Aggregation] = dataclasses.field(default_factory=dict)


MetricKind = Literal["avg", "min", "max", "sum", "value_count", "cardinality", "stats"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number made of the values of `field`."""

    kind: MetricKind
    field: str


@dataclass(frozen=True, slots=True)
class TopHits:
    """The first documents of each bucket."""

    sort: tuple[Sort, ...] = ()
    offset: int = 0
    size: int = 3
    source: SourceFilter = SourceFilter()


Aggregation = TermsAggregation | DateHistogram | FilterAggregation | Metric | TopHits


@dataclass(frozen=True, slots=True)
class Search:
    """What to find, how much of it, in which order. Without `counted` the total is just a number of hits that exist.

    With a `snapshot` the search sees the collection as it was when that was opened, where the store can; its last sort
    key has to be `POSITION`.
    """

    query: Query = MATCH_ALL
    sort: tuple[Sort, ...] = ()
    offset: int = 0
    size: int = 10
    search_after: tuple[Scalar, ...] | None = None
    source: SourceFilter = SourceFilter()
    aggregations: Mapping[str, Aggregation] = dataclasses.field(default_factory=dict)
    counted: bool = True
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. `score` is None when the search sorts; `sort` holds the values of the sort keys."""

    id: str
    source: dict[str, Any] | None
    score: float | None
    sort: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The page of hits, the exact total, and `{name: {buckets: [{key, doc_count}], ...}}` for aggregations.

    `snapshot` is the name of the snapshot for the next search of it.
    """

    hits: list[Hit]
    total: int
    aggregations: dict[str, Any] | None = None
    snapshot: str = ""
