"""Compiler from the tree to what Elasticsearch takes (design 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.query.fields import FieldType
from device_manager.query.missing import missing_value
from device_manager.query.search import (
    POSITION,
    Aggregation,
    DateHistogram,
    FilterAggregation,
    Metric,
    Search,
    Sort,
    SourceFilter,
    TermsAggregation,
    TopHits,
)
from device_manager.query.tree import (
    Bool,
    Exists,
    GeoBox,
    GeoDistance,
    GeoPolygon,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MultiMatch,
    Nested,
    Prefix,
    Query,
    Range,
    Regexp,
    Term,
    Terms,
    Wildcard,
    Words,
)

_Rich = Match | MultiMatch | Words | Regexp | Nested | GeoDistance | GeoBox | GeoPolygon


def to_dsl(query: Query) -> dict[str, Any]:
    """The query as the Elasticsearch DSL writes it."""
    if isinstance(query, _Rich):
        return _rich(query)
    if isinstance(query, Term | Prefix | Wildcard):
        content: dict[str, Any] = {"value": query.value}
        if query.case_insensitive:
            content["case_insensitive"] = True
        return {type(query).__name__.lower(): {query.field: content}}
    match query:
        case MatchAll() | MatchNone():
            return {"match_all" if isinstance(query, MatchAll) else "match_none": {}}
        case Terms(field, values):
            return {"terms": {field: list(values)}}
        case Range():
            return {"range": {query.field: _bounds(query)}}
        case Exists(field):
            return {"exists": {"field": field}}
        case Ids(values):
            return {"ids": {"values": list(values)}}
        case Bool():
            return {"bool": _bool(query)}


def search_body(search: Search, types: Mapping[str, FieldType] | None = None) -> dict[str, Any]:
    """The body of an Elasticsearch search that counts all hits.

    Sorting by `_id` needs the cluster setting `indices.id_field_data.enabled`, which is dynamic.

    Args:
        search: what to find.
        types: the leaves of the mapping, see `fields.field_types`. With them null in `search_after` stands for "no
            value" in fields of every type; without, Elasticsearch takes it for keywords only.
    """
    body: dict[str, Any] = {
        "query": to_dsl(search.query),
        "from": search.offset,
        "size": search.size,
        "track_total_hits": search.counted,
        "_source": _source(search.source),
    }
    if search.sort:
        body["sort"] = [to_sort(key) for key in search.sort]
    if search.search_after is not None:
        body["search_after"] = [
            missing_value(key, types[key.field].type) if value is None and types and key.field in types else value
            for key, value in zip(search.sort, search.search_after, strict=True)
        ]
    if search.aggregations:
        body["aggs"] = aggregations_dsl(search.aggregations)
    return body


def _rich(query: _Rich) -> dict[str, Any]:
    """The clauses about words, patterns, nested objects and places."""
    match query:
        case Regexp(field, pattern):
            return {"regexp": {field: {"value": pattern}}}
        case Match():
            return {query.kind: {query.field: _match(query) | ({"boost": query.boost} if query.boost != 1 else {})}}
        case MultiMatch():
            return {"multi_match": _multi_match(query)}
        case Words(field, words, open_end):
            return {"match_phrase_prefix" if open_end else "match_phrase": {field: " ".join(words)}}
        case Nested(path, inner, ignore_unmapped, score_mode):
            nested: dict[str, Any] = {"path": path, "query": to_dsl(inner), "ignore_unmapped": ignore_unmapped}
            return {"nested": nested if score_mode is None else {**nested, "score_mode": score_mode}}
        case GeoDistance():
            center = {"lat": query.lat, "lon": query.lon}
            content = {query.field: center, "distance": f"{query.meters!r}m", "ignore_unmapped": query.ignore_unmapped}
            return {"geo_distance": content}
        case GeoBox():
            edges = {name: getattr(query, name) for name in ("top", "left", "bottom", "right")}
            return {"geo_bounding_box": {query.field: edges, "ignore_unmapped": query.ignore_unmapped}}
        case GeoPolygon():
            points = [{"lat": lat, "lon": lon} for lat, lon in query.corners]
            return {"geo_polygon": {query.field: {"points": points}, "ignore_unmapped": query.ignore_unmapped}}


def _match(query: Match) -> dict[str, Any]:
    content: dict[str, Any] = {"query": query.value, "zero_terms_query": query.zero_terms, **dict(query.extras)}
    if query.kind == "match":
        content |= {"operator": query.operator, "lenient": query.lenient}
        if query.minimum_should_match is not None:
            content["minimum_should_match"] = query.minimum_should_match
    return content


def _multi_match(query: MultiMatch) -> dict[str, Any]:
    fields = [f"{match.field}^{match.boost!r}" if match.boost != 1 else match.field for match in query.each]
    content = {**_match(query.each[0]), "lenient": query.each[0].lenient, "fields": fields, "type": query.type}
    if query.tie_breaker is not None:
        content["tie_breaker"] = query.tie_breaker
    return content | ({"boost": query.boost} if query.boost != 1 else {})


def _bounds(query: Range) -> dict[str, Any]:
    names = ("gt", "gte", "lt", "lte", "format", "time_zone")
    return {name: value for name in names if (value := getattr(query, name)) is not None}


def _bool(query: Bool) -> dict[str, Any]:
    content: dict[str, Any] = {
        name: [to_dsl(clause) for clause in clauses]
        for name, clauses in (
            ("must", query.must),
            ("filter", query.filter),
            ("should", query.should),
            ("must_not", query.must_not),
        )
        if clauses
    }
    if query.minimum_should_match is not None:
        content["minimum_should_match"] = query.minimum_should_match
    return content


def _source(source: SourceFilter) -> bool | dict[str, list[str]]:
    if not source.enabled or not (source.includes or source.excludes):
        return source.enabled
    return {"includes": list(source.includes), "excludes": list(source.excludes)}


def to_sort(key: Sort) -> dict[str, Any]:
    """One sort key as Elasticsearch takes it."""
    options: dict[str, str] = {"order": key.order}
    if key.field not in {"_id", "_score", POSITION}:
        options["missing"] = key.missing
        if key.unmapped_type is not None:
            options["unmapped_type"] = key.unmapped_type
    return {key.field: options}


def aggregations_dsl(aggregations: Mapping[str, Aggregation]) -> dict[str, Any]:
    """The aggregations as Elasticsearch takes them."""
    return {name: _aggregation(aggregation) for name, aggregation in aggregations.items()}


def _aggregation(aggregation: Aggregation) -> dict[str, Any]:
    match aggregation:
        case Metric(kind, field):
            return {kind: {"field": field}}
        case TopHits():
            content: dict[str, Any] = {"from": aggregation.offset, "size": aggregation.size}
            sort = {"sort": [to_sort(key) for key in aggregation.sort]} if aggregation.sort else {}
            return {"top_hits": content | sort | {"_source": _source(aggregation.source)}}
        case TermsAggregation():
            order = [{key: direction} for key, direction in aggregation.order]
            bucket = {"terms": {"field": aggregation.field, "size": aggregation.size, "order": order}}
        case DateHistogram():
            bucket = {"date_histogram": _date_histogram(aggregation)}
        case FilterAggregation(((_, query),), "one"):
            bucket = {"filter": to_dsl(query)}
        case FilterAggregation(filters, form):
            named = {name: to_dsl(query) for name, query in filters}
            listed = [to_dsl(query) for _, query in filters]
            bucket = {"filters": {"filters": named if form == "named" else listed}}
    if aggregation.aggregations:
        bucket["aggs"] = aggregations_dsl(aggregation.aggregations)
    return bucket


def _date_histogram(histogram: DateHistogram) -> dict[str, Any]:
    interval = {"calendar_interval": histogram.unit} if histogram.unit else {"fixed_interval": f"{histogram.millis}ms"}
    content: dict[str, Any] = {
        "field": histogram.field,
        **interval,
        "time_zone": histogram.time_zone,
        "offset": f"{histogram.offset}ms",
        "min_doc_count": histogram.min_doc_count,
        "keyed": histogram.keyed,
        "order": {histogram.order[0]: histogram.order[1]},
    }
    if histogram.format is not None:
        content["format"] = histogram.format
    if histogram.bounds is not None:
        bounds = zip(("min", "max"), histogram.bounds, strict=True)
        content["extended_bounds"] = {name: bound for name, bound in bounds if bound is not None}
    return content
