"""Search bodies as clients send them: keys, paging, sort, source and aggregations (router-protocol 5.6)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.dsl import search_body
from device_manager.query.elasticsearch import parse_search
from device_manager.query.fields import FieldType
from device_manager.query.search import Search, Sort, SourceFilter, TermsAggregation
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
    ({"aggs": {"x": {"avg": {"field": "f"}}}}, 'The aggregation "avg" is not supported'),
    ({"aggs": {"x": {"terms": {"field": "f"}, "aggs": {}}}}, "An aggregation inside another is not supported"),
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
    ({"explain": True}, '"explain" is not supported'),
]


@pytest.mark.parametrize(("body", "said"), WRONG, ids=[str(body)[:60] for body, _ in WRONG])
def test_wrong_bodies_are_refused_with_their_place(body: Any, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_search(body, limit=LIMIT)
    assert refusal.value.id == "services.storage.unexpected_bad_request"
    assert refusal.value.status == 400
    assert said in refusal.value.message


@pytest.mark.parametrize("key", ["track_total_hits", "script_fields", "fields", "knn", "pit", ""])
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
