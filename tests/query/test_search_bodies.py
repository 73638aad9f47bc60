"""Search bodies as clients send them: keys, paging, sort, source and aggregations (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.dsl import search_body
from device_manager.query.elasticsearch import parse_search
from device_manager.query.fields import FieldType
from device_manager.query.search import (
    DateHistogram,
    FilterAggregation,
    Metric,
    Search,
    Sort,
    SourceFilter,
    TermsAggregation,
    TopHits,
)
from device_manager.query.tree import MATCH_ALL, Term

LIMIT = 100
BY_COUNT = (("_count", "desc"), ("_key", "asc"))

READ: list[tuple[Any, Search]] = [
    (None, Search()),
    ({}, Search()),
    ({"query": {}}, Search()),
    ({"query": {"term": {"f": 1}}}, Search(Term("f", 1))),
    ({"from": 5, "size": 7}, Search(offset=5, size=7)),
    ({"size": 0}, Search(size=0)),
    ({"sort": "f"}, Search(sort=(Sort("f"),))),
    ({"sort": ["f", "_id"]}, Search(sort=(Sort("f"), Sort("_id")))),
    ({"sort": "_score"}, Search(sort=(Sort("_score", "desc"),))),
    ({"sort": {"f": "desc", "_id": "ASC"}}, Search(sort=(Sort("f", "desc"), Sort("_id")))),
    (
        {"sort": [{"f": {"order": "desc", "missing": "_first", "unmapped_type": "date"}}, {"_score": "asc"}]},
        Search(sort=(Sort("f", "desc", "_first", "date"), Sort("_score", "asc"))),
    ),
    (
        {"sort": [{"f": {"mode": "min"}}, {"g": {"order": "desc", "mode": "max"}}]},
        Search(sort=(Sort("f"), Sort("g", "desc"))),
    ),
    ({"sort": []}, Search()),
    ({"sort": ["f"], "search_after": [None]}, Search(sort=(Sort("f"),), search_after=(None,))),
    ({"_source": False}, Search(source=SourceFilter(enabled=False))),
    ({"_source": True}, Search()),
    ({"_source": "a.b"}, Search(source=SourceFilter(includes=("a.b",)))),
    ({"_source": ["a", "b*"]}, Search(source=SourceFilter(includes=("a", "b*")))),
    ({"_source": {"includes": "a", "excludes": ["b"]}}, Search(source=SourceFilter(True, ("a",), ("b",)))),
    ({"_source": {"include": ["a"], "exclude": "b"}}, Search(source=SourceFilter(True, ("a",), ("b",)))),
    ({"_source_includes": "a,b", "_source_excludes": ["c"]}, Search(source=SourceFilter(True, ("a", "b"), ("c",)))),
    ({"aggs": {"x": {"terms": {"field": "f"}}}}, Search(aggregations={"x": TermsAggregation("f")})),
    (
        {
            "aggregations": {
                "x": {
                    "terms": {"field": "f", "size": 5, "shard_size": 9, "min_doc_count": 1, "order": {"_key": "desc"}}
                }
            }
        },
        Search(aggregations={"x": TermsAggregation("f", 5, (("_key", "desc"),))}),
    ),
    (
        {"aggs": {"x": {"terms": {"field": "f", "order": [{"_count": "asc"}]}}}},
        Search(aggregations={"x": TermsAggregation("f", 10, (("_count", "asc"), ("_key", "asc")))}),
    ),
    (
        {"aggs": {"x": {"terms": {"field": "f"}, "aggs": {"y": {"avg": {"field": "g"}}}}}},
        Search(aggregations={"x": TermsAggregation("f", aggregations={"y": Metric("avg", "g")})}),
    ),
    (
        {"aggs": {"x": {"cardinality": {"field": "f", "precision_threshold": 10}}, "y": {"stats": {"field": "f"}}}},
        Search(aggregations={"x": Metric("cardinality", "f"), "y": Metric("stats", "f")}),
    ),
    (
        {"aggs": {"x": {"top_hits": {"size": 1, "sort": {"f": "desc"}, "_source": ["f"]}}}},
        Search(aggregations={"x": TopHits((Sort("f", "desc"),), size=1, source=SourceFilter(includes=("f",)))}),
    ),
    (
        {"aggs": {"x": {"date_histogram": {"field": "f", "calendar_interval": "1M", "time_zone": "Europe/Paris"}}}},
        Search(aggregations={"x": DateHistogram("f", "month", time_zone="Europe/Paris")}),
    ),
    (
        {
            "aggs": {
                "x": {
                    "date_histogram": {
                        "field": "f",
                        "fixed_interval": "90m",
                        "offset": "-30m",
                        "min_doc_count": 1,
                        "keyed": True,
                        "format": "yyyy",
                        "order": {"_count": "desc"},
                        "extended_bounds": {"min": "2020", "max": "2021"},
                    }
                }
            }
        },
        Search(
            aggregations={
                "x": DateHistogram(
                    "f",
                    millis=5_400_000,
                    offset=-1_800_000,
                    min_doc_count=1,
                    keyed=True,
                    format="yyyy",
                    bounds=("2020", "2021"),
                    order=("_count", "desc"),
                )
            }
        ),
    ),
    (
        {"aggs": {"x": {"filter": {"term": {"f": 1}}, "aggs": {"y": {"max": {"field": "g"}}}}}},
        Search(aggregations={"x": FilterAggregation((("", Term("f", 1)),), aggregations={"y": Metric("max", "g")})}),
    ),
    (
        {"aggs": {"x": {"filters": {"filters": {"a": {"term": {"f": 1}}}}}}},
        Search(aggregations={"x": FilterAggregation((("a", Term("f", 1)),), "named")}),
    ),
    (
        {"aggs": {"x": {"filters": {"filters": [{"term": {"f": 1}}]}}}},
        Search(aggregations={"x": FilterAggregation((("", Term("f", 1)),), "listed")}),
    ),
    ({"explain": False, "highlight": None}, Search()),
]


@pytest.mark.parametrize(("body", "search"), READ, ids=str)
def test_bodies_are_read(body: Any, search: Search) -> None:
    assert parse_search(body, limit=LIMIT) == search


@pytest.mark.parametrize("search", [search for _, search in READ], ids=str)
def test_what_is_written_as_a_body_reads_the_same(search: Search) -> None:
    body = search_body(search)
    assert body.pop("track_total_hits") is True
    assert parse_search(body, limit=LIMIT) == search


def test_arguments_win_over_the_body() -> None:
    search = parse_search({"from": 5, "size": 7}, offset=1, size=2, limit=LIMIT)
    assert (search.offset, search.size) == (1, 2)
    assert parse_search({"query": {"nested": {}}}, limit=LIMIT, query=MATCH_ALL).query == MATCH_ALL


def inside(depth: int) -> dict[str, Any]:
    """Aggregations that stand in each other."""
    return {"x": {"terms": {"field": "f"}, "aggs": inside(depth - 1)}} if depth else {}


WRONG: list[tuple[Any, str]] = [
    ({"sort": 5}, "[sort] expected the name of a field"),
    ({"sort": [["f"]]}, "[sort[0]] expected the name of a field"),
    ({"sort": {"f": 1}}, "expected asc, desc or an object for the field 'f'"),
    ({"sort": {"f": "up"}}, "'up' is neither asc nor desc"),
    ({"sort": {"f": {"missing": 5}}}, "A value in place of missing ones is not supported"),
    ({"sort": {"f": {"mode": "avg"}}}, "The mode 'avg' is not supported"),
    ({"sort": {"f": {"nested": {}}}}, 'The sort option "nested" is not supported'),
    ({"sort": {"f": {"unmapped_type": 5}}}, "unmapped_type has to be a text"),
    ({"sort": "_doc"}, 'Sorting by "_doc" is not supported'),
    ({"sort": {"_script": {}}}, 'Sorting by "_script" is not supported'),
    ({"search_after": [1]}, "[search_after] needs a sort"),
    ({"sort": "f", "search_after": [1, 2]}, "expected an array of 1 values"),
    ({"sort": "f", "search_after": 1}, "expected an array of 1 values"),
    ({"sort": "f", "search_after": [{}]}, "expected texts, numbers, booleans or null"),
    ({"sort": "f", "search_after": [1], "from": 1}, "cannot be combined with from"),
    ({"from": -1}, "[from] has to be 0 or more"),
    ({"size": -1}, "[size] has to be 0 or more"),
    ({"size": "5"}, "[size] expected an integer"),
    ({"from": True}, "[from] expected an integer"),
    ({"_source": 5}, "[_source] expected a path"),
    ({"_source": {"only": "a"}}, 'unknown member "only"'),
    ({"_source": [1]}, "[_source] expected a path"),
    ({"aggs": []}, "[aggs] expected an object"),
    ({"aggs": {}, "aggregations": {}}, "exclude each other"),
    ({"aggs": {"x": {}}}, "[aggs.x] expected an object with one aggregation"),
    ({"aggs": {"x": {"percentiles": {"field": "f"}}}}, 'The aggregation "percentiles" is not supported'),
    ({"aggs": {"x": {"avg": {}}}}, "[aggs.x.avg] expected the name of a field"),
    ({"aggs": {"x": {"avg": {"field": "f", "missing": 0}}}}, 'The option "missing" is not supported'),
    ({"aggs": {"x": {"avg": {"field": "f"}, "aggs": {"y": {"avg": {"field": "f"}}}}}}, "it makes no buckets"),
    ({"aggs": {"x": {"avg": {"field": "f"}, "max": {"field": "f"}}}}, "expected an object with one aggregation"),
    ({"aggs": {"x": {"top_hits": {"size": 101}}}}, "from + size is more than 100"),
    ({"aggs": {"x": {"top_hits": {"size": -1}}}}, "size has to be an integer of 0 or more"),
    ({"aggs": {"x": {"top_hits": {"highlight": {}}}}}, 'The option "highlight" is not supported'),
    ({"aggs": {"x": {"date_histogram": {"field": "f"}}}}, "expected either calendar_interval or fixed_interval"),
    ({"aggs": {"x": {"date_histogram": {"field": "f", "calendar_interval": "2d"}}}}, "has to be one of second, minute"),
    ({"aggs": {"x": {"date_histogram": {"field": "f", "fixed_interval": "1M"}}}}, "units ms, s, m, h, d"),
    ({"aggs": {"x": {"date_histogram": {"field": "f", "fixed_interval": "0s"}}}}, "has to be longer than 0"),
    (
        {"aggs": {"x": {"date_histogram": {"field": "f", "fixed_interval": "1d", "time_zone": "Mars"}}}},
        "time_zone: 'Mars' is no time zone",
    ),
    (
        {"aggs": {"x": {"date_histogram": {"field": "f", "fixed_interval": "1d", "hard_bounds": {}}}}},
        'The option "hard_bounds" is not supported',
    ),
    (
        {"aggs": {"x": {"date_histogram": {"field": "f", "fixed_interval": "1d", "extended_bounds": {"from": 1}}}}},
        "expected min and max as dates",
    ),
    ({"aggs": {"x": {"filter": {"term": {}}}}}, "[aggs.x.filter.term] expected an object with exactly one field"),
    ({"aggs": {"x": {"filters": {"filters": 5}}}}, "[aggs.x.filters.filters] expected an object"),
    ({"aggs": {str(n): {"avg": {"field": "f"}} for n in range(51)}}, "more than 50 aggregations"),
    ({"aggs": inside(6)}, "aggregations stand in each other deeper than 5"),
    ({"aggs": {"x": {"terms": {}}}}, "[aggs.x.terms] expected the name of a field"),
    ({"aggs": {"x": {"terms": 5}}}, "[aggs.x.terms] expected an object"),
    ({"aggs": {"x": {"terms": {"field": "f", "size": 0}}}}, "size has to be an integer from 1"),
    ({"aggs": {"x": {"terms": {"field": "f", "missing": "-"}}}}, 'The option "missing" is not supported'),
    ({"aggs": {"x": {"terms": {"field": "f", "order": "_key"}}}}, "order has to be an object"),
    ({"aggs": {"x": {"terms": {"field": "f", "order": {"_key": "up"}}}}}, "has to be asc or desc"),
    ({"aggs": {"x": {"terms": {"field": "f", "order": {"other": "asc"}}}}}, "The order by 'other' is not supported"),
    ({"collapse": {"field": "f"}}, '[collapse] The search option "collapse" is not supported'),
    ({"highlight": {}}, '"highlight" is not supported'),
    ({"post_filter": {"match_all": {}}}, '"post_filter" is not supported'),
    ({"suggest": {"s": {}}}, '"suggest" is not supported'),
    ({"fields": ["n"]}, '"fields" is not supported'),
    ({"explain": True}, '"explain" is not supported'),
]


@pytest.mark.parametrize(("body", "said"), WRONG, ids=[str(body)[:60] for body, _ in WRONG])
def test_wrong_bodies_are_refused_with_their_place(body: Any, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_search(body, limit=LIMIT)
    assert refusal.value.id == "services.storage.unexpected_bad_request"
    assert refusal.value.status == 400
    assert said in refusal.value.message


@pytest.mark.parametrize("key", ["track_total_hits", "script_fields", "knn", "pit", ""])
def test_other_root_keys_are_refused_by_name(key: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_search({key: 1}, limit=LIMIT)
    assert refusal.value.id == "services.storage.invalid_search_query"
    assert refusal.value.props == (key,)


@pytest.mark.parametrize("body", ["x", 5, [1]])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_search(body, limit=LIMIT)
    assert refusal.value.id == "api.assert.invalid_type"


def test_pages_are_limited() -> None:
    parse_search({"from": 50, "size": 50}, limit=LIMIT)
    for asked in ({"size": 101}, {"from": 51, "size": 50}, {"from": 101, "size": 0}):
        with pytest.raises(ApiError) as refusal:
            parse_search(asked, limit=LIMIT)
        assert refusal.value.id == "services.storage.get_limit_exceeded"
        assert refusal.value.status == 413
    with pytest.raises(ApiError) as refusal:
        parse_search({}, offset=95, size=10, limit=LIMIT)
    assert refusal.value.status == 413


def test_null_in_search_after_becomes_what_elasticsearch_takes() -> None:
    types = {name: FieldType(name, name) for name in ("keyword", "integer", "long", "double", "date", "boolean")}
    keys = tuple(Sort(name) for name in types)
    body = search_body(Search(sort=keys, search_after=(None,) * len(keys)), types)
    long = 2**63 - 1
    assert body["search_after"] == [None, 2**31 - 1, long, "Infinity", long, long]
    down = tuple(Sort(name, "desc") for name in types)
    body = search_body(Search(sort=down, search_after=(None,) * len(keys)), types)
    assert body["search_after"] == [None, -(2**31), -long - 1, "-Infinity", -long - 1, -long - 1]
    assert search_body(Search(sort=keys[:1], search_after=(None,)))["search_after"] == [None]
