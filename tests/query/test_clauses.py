"""Every clause of the Elasticsearch DSL that is read, in each of its forms, and every refusal."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.clauses import LEAVES, NOT_RUNNABLE, parse_query
from device_manager.query.dsl import to_dsl
from device_manager.query.tree import (
    MATCH_ALL,
    Bool,
    Exists,
    GeoBox,
    GeoDistance,
    Ids,
    Match,
    MatchNone,
    MultiMatch,
    Nested,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    Wildcard,
)
from device_manager.query.wanted import wanted_of

READ: list[tuple[Any, Query]] = [
    (None, MATCH_ALL),
    ({}, MATCH_ALL),
    ({"match_all": {}}, MATCH_ALL),
    ({"match_all": {"boost": 2}}, MATCH_ALL),
    ({"match_none": {}}, MatchNone()),
    ({"term": {"f": "v"}}, Term("f", "v")),
    ({"term": {"f": 5}}, Term("f", 5)),
    ({"term": {"f": {"value": False, "boost": 1, "_name": "n"}}}, Term("f", False)),
    ({"term": {"f": {"value": "v", "case_insensitive": True}}}, Term("f", "v", True)),
    ({"term": {"f": {"value": "v", "case_insensitive": "true"}}}, Term("f", "v", True)),
    ({"term": {"_id": "a"}}, Ids(("a",))),
    ({"terms": {"f": ["a", 5, True], "boost": 1}}, Terms("f", ("a", 5, True))),
    ({"terms": {"f": []}}, Terms("f", ())),
    ({"terms": {"_id": ["a", 5]}}, Ids(("a", "5"))),
    ({"range": {"f": {"gt": 1, "lte": "x"}}}, Range("f", gt=1, lte="x")),
    ({"range": {"f": {"gte": None, "lt": 2, "boost": 1}}}, Range("f", lt=2)),
    (
        {"range": {"f": {"gte": "2020", "format": "yyyy", "time_zone": "+01:00"}}},
        Range("f", gte="2020", format="yyyy", time_zone="+01:00"),
    ),
    ({"range": {"f": {}}}, Range("f")),
    ({"exists": {"field": "a.b"}}, Exists("a.b")),
    ({"exists": {"field": "_id"}}, MATCH_ALL),
    ({"ids": {"values": ["a", 1]}}, Ids(("a", "1"))),
    ({"ids": {"values": "a"}}, Ids(("a",))),
    ({"ids": {"values": []}}, Ids(())),
    ({"prefix": {"f": "a"}}, Prefix("f", "a")),
    ({"prefix": {"f": {"value": "a", "case_insensitive": True}}}, Prefix("f", "a", True)),
    ({"wildcard": {"f": "a*"}}, Wildcard("f", "a*")),
    ({"wildcard": {"f": {"value": "a*", "case_insensitive": False}}}, Wildcard("f", "a*")),
    ({"wildcard": {"f": {"wildcard": "a*", "rewrite": "constant_score"}}}, Wildcard("f", "a*")),
    ({"wildcard": {"f": ""}}, MatchNone()),
    ({"match": {"f": "a b"}}, Match("match", "f", "a b")),
    ({"match": {"_id": "a"}}, Ids(("a",))),
    (
        {"match": {"f": {"query": 5, "operator": "AND", "minimum_should_match": 2, "lenient": "true", "boost": 2}}},
        Match("match", "f", 5, "and", "2", lenient=True, boost=2.0),
    ),
    (
        {"match": {"f": {"query": "a", "fuzziness": "AUTO", "prefix_length": 1, "analyzer": "standard"}}},
        Match("match", "f", "a", extras=(("fuzziness", "AUTO"), ("prefix_length", 1))),
    ),
    ({"match_phrase": {"f": {"query": "a b", "slop": 0}}}, Match("match_phrase", "f", "a b")),
    ({"match_phrase": {"f": {"query": "a", "slop": 2}}}, Match("match_phrase", "f", "a", extras=(("slop", 2),))),
    (
        {"match_phrase_prefix": {"f": {"query": "a", "zero_terms_query": "all"}}},
        Match("match_phrase_prefix", "f", "a", zero_terms="all"),
    ),
    (
        {"multi_match": {"query": "a", "fields": ["f^2", "g"], "type": "phrase", "tie_breaker": 0.3, "boost": 3}},
        MultiMatch(
            (Match("match_phrase", "f", "a", boost=2.0), Match("match_phrase", "g", "a")), "phrase", 0.3, boost=3.0
        ),
    ),
    (
        {"nested": {"path": "p", "query": {"term": {"p.f": 1}}, "score_mode": "max", "ignore_unmapped": True}},
        Nested("p", Term("p.f", 1), True, "max"),
    ),
    ({"geo_distance": {"distance": "2km", "f": [2, 1]}}, GeoDistance("f", 1.0, 2.0, 2000.0)),
    ({"geo_distance": {"distance": 2, "unit": "mi", "f": "1,2"}}, GeoDistance("f", 1.0, 2.0, 3218.688)),
    (
        {"geo_bounding_box": {"f": {"top_left": [1, 4], "bottom_right": "3,2"}, "ignore_unmapped": True}},
        GeoBox("f", 4.0, 1.0, 3.0, 2.0, True),
    ),
    (
        {"geo_bounding_box": {"f": {"top_right": {"lat": 4, "lon": 2}, "bottom_left": "POINT (1 3)"}}},
        GeoBox("f", 4.0, 1.0, 3.0, 2.0),
    ),
    ({"bool": {}}, Bool()),
    (
        {"bool": {"must": {"term": {"f": 1}}, "must_not": [{"exists": {"field": "g"}}], "boost": 1}},
        Bool(must=(Term("f", 1),), must_not=(Exists("g"),)),
    ),
    (
        {"bool": {"filter": [{"match_all": {}}], "should": [{"term": {"f": 1}}], "minimum_should_match": "1"}},
        Bool(filter=(MATCH_ALL,), should=(Term("f", 1),), minimum_should_match=1),
    ),
    ({"bool": {"must_not": {"bool": {"should": []}}}}, Bool(must_not=(Bool(),))),
    ({"bool": {"adjust_pure_negative": True}}, Bool()),
]


@pytest.mark.parametrize(("clause", "query"), READ, ids=str)
def test_clauses_are_read(clause: Any, query: Query) -> None:
    assert parse_query(clause) == query


@pytest.mark.parametrize("query", [query for _, query in READ], ids=str)
def test_what_is_written_as_dsl_reads_the_same(query: Query) -> None:
    assert parse_query(to_dsl(query)) == query


@pytest.mark.parametrize(
    ("value", "clauses", "needed"),
    [
        (2, 3, 2),
        ("2", 3, 2),
        (5, 3, 5),
        (-1, 3, 2),
        ("-1", 3, 2),
        (-5, 3, 0),
        ("50%", 3, 1),
        ("75%", 4, 3),
        ("100%", 3, 3),
        ("-25%", 4, 3),
        ("-50%", 3, 2),
        (0, 3, 0),
        ("0%", 3, 0),
    ],
)
def test_minimum_should_match(value: Any, clauses: int, needed: int) -> None:
    assert wanted_of(str(value), clauses) == needed


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        (Bool(), 0),
        (Bool(minimum_should_match=1), 0),
        (Bool(should=(MATCH_ALL,)), 1),
        (Bool(should=(MATCH_ALL,), minimum_should_match=0), 1),
        (Bool(should=(MATCH_ALL,), must=(MATCH_ALL,)), 0),
        (Bool(should=(MATCH_ALL,), filter=(MATCH_ALL,), minimum_should_match=2), 2),
        (Bool(filter=(MATCH_ALL,), minimum_should_match=1), 1),
        (Bool(must_not=(MATCH_ALL,), minimum_should_match=1), 0),
    ],
    ids=str,
)
def test_how_many_of_should_have_to_match(query: Bool, needed: int) -> None:
    assert query.should_needed == needed


WRONG: list[tuple[Any, str]] = [
    ([], "[query] expected an object with exactly one clause"),
    ("x", "[query] expected an object"),
    ({"term": {"f": 1}, "exists": {"field": "f"}}, "exactly one clause"),
    ({"term": "f"}, "[query.term] expected an object"),
    ({"term": {}}, "[query.term] expected an object with exactly one field"),
    ({"term": {"f": 1, "g": 2}}, "exactly one field"),
    ({"term": {"f": None}}, "got null"),
    ({"term": {"f": [1]}}, "got an array"),
    ({"term": {"f": {"valeu": 1}}}, 'unknown member "valeu"'),
    ({"term": {"f": {"value": {"a": 1}}}}, "got an object"),
    ({"term": {"f": {"value": "a", "case_insensitive": 1}}}, "case_insensitive takes true or false"),
    ({"terms": {"f": "a"}}, "expected an array of values for the field 'f'"),
    ({"terms": {"f": [None]}}, "got null"),
    ({"terms": {"f": {"index": "i", "id": "1", "path": "p"}}}, "Looking terms up in a document is not supported"),
    ({"terms": {"f": [1] * 65_537}}, "more than 65536 values"),
    ({"range": {"f": 5}}, "[query.range] expected an object"),
    ({"range": {"f": {"from": 5}}}, 'unknown member "from"'),
    ({"range": {"f": {"gt": [1]}}}, "[query.range.f.gt]"),
    ({"range": {"f": {"gt": 1, "gte": 1}}}, "gt and gte exclude each other"),
    ({"range": {"f": {"lt": 1, "format": 5}}}, "format has to be a text"),
    ({"exists": {"field": ""}}, "[query.exists] expected the name of a field"),
    ({"exists": {"fields": "f"}}, 'unknown member "fields"'),
    ({"exists": {"field": "a*"}}, "A pattern of fields is not supported"),
    ({"ids": {}}, "expected an array of ids"),
    ({"ids": {"values": [None]}}, "got null"),
    ({"ids": {"values": ["a"], "type": "t"}}, 'unknown member "type"'),
    ({"prefix": {"f": {"value": None}}}, "got null"),
    ({"wildcard": {"f": {"pattern": "a"}}}, 'unknown member "pattern"'),
    ({"match_all": {"x": 1}}, 'unknown member "x"'),
    ({"bool": []}, "[query.bool] expected an object"),
    ({"bool": {"must": "x"}}, "[query.bool.must] expected an object"),
    ({"bool": {"must": [{}]}}, "[query.bool.must[0]] expected an object with exactly one clause"),
    ({"bool": {"must": [{"match_all": {}}, {"term": 1}]}}, "[query.bool.must[1].term]"),
    ({"bool": {"mustnot": []}}, 'unknown member "mustnot"'),
    ({"bool": {"should": [], "minimum_should_match": "most"}}, "'most' is neither a number nor a percentage"),
    ({"bool": {"adjust_pure_negative": False}}, "adjust_pure_negative: false is not supported"),
    ({"fuzzy": {"f": "a"}}, 'The clause "fuzzy" is not supported yet. Supported: bool, exists, geo_bounding_box'),
    (
        {"geo_polygon": {"f": {"points": ["1,1", "2,2", "1,1"]}}},
        "[query.geo_polygon.f.points] a polygon has at least 3",
    ),
    ({"geo_polygon": {"f": {"points": "1,1"}}}, "[query.geo_polygon.f.points] expected an array"),
    ({"geo_polygon": {"f": [[1, 1]]}}, "[query.geo_polygon.f] expected an object"),
    ({"nested": {"path": "p", "query": {}}}, "[query.nested.query] expected an object with exactly one clause"),
    ({"nested": {"query": {"match_all": {}}}}, "expected the path of a nested field"),
    ({"nested": {"path": "p", "query": {"match_all": {}}, "inner_hits": {}}}, 'The option "inner_hits"'),
    ({"nested": {"path": "p", "query": {"match_all": {}}, "score_mode": "most"}}, "score_mode has to be one of"),
    ({"match": {"f": {"query": None}}}, "[query.match.query] expected a text, number or boolean, got null"),
    ({"match": {"f": {"query": "a", "slop": 1}}}, 'unknown member "slop"'),
    ({"match": {"f": {"query": "a", "operator": "xor"}}}, "operator has to be one of or, and"),
    ({"match": {"f": {"query": "a", "minimum_should_match": "2<"}}}, "minimum_should_match '2<' is neither"),
    ({"match": {"f": {"query": "a", "boost": -1}}}, "boost has to be 0 or more"),
    ({"match": {"f": {"query": "a", "prefix_length": 1}}}, "go with fuzziness"),
    ({"match_phrase": {"f": {"query": "a", "operator": "or"}}}, 'unknown member "operator"'),
    ({"match_phrase_prefix": {"f": {"query": "a", "zero_terms_query": "some"}}}, "zero_terms_query has to be one of"),
    ({"multi_match": {"query": "a"}}, "expected an array of at least one path in `fields`"),
    ({"multi_match": {"query": "a", "fields": ["f*"]}}, "A pattern of fields is not supported"),
    ({"multi_match": {"query": "a", "fields": ["f^x"]}}, "'x' is no number: write path^2"),
    ({"multi_match": {"query": "a", "fields": ["f"], "type": "cross_fields"}}, 'The type "cross_fields"'),
    ({"multi_match": {"query": "a", "fields": ["f"], "type": "worst"}}, "type has to be one of best_fields"),
    ({"geo_distance": {"f": "1,1"}}, "[query.geo_distance.distance] expected a text, number or boolean, got null"),
    ({"geo_distance": {"f": "1,1", "distance": "1 parsec"}}, "expected a number and a unit"),
    ({"geo_distance": {"f": "1,1", "distance": 0}}, "has to be more than 0"),
    ({"geo_distance": {"f": "91,1", "distance": 1}}, "expects a latitude from -90 to 90"),
    ({"geo_distance": {"f": "1,1", "distance": 1, "distance_type": "plane"}}, 'The distance_type "plane"'),
    ({"geo_distance": {"f": "1,1", "distance": 1, "validation_method": "COERCE"}}, 'The validation_method "coerce"'),
    ({"geo_bounding_box": {"f": {"top": 1, "left": 0, "bottom": 2, "right": 1}}}, "the top is below the bottom"),
    ({"geo_bounding_box": {"f": {"top": 1}}}, "expected top_left and bottom_right"),
    ({"geo_bounding_box": {"f": {"middle": 1}}}, 'unknown member "middle"'),
    ({"geo_bounding_box": {"f": {"top_left": "u09t", "bottom_right": "1,1"}}}, "A geohash as a corner"),
    ({"geo_bounding_box": {"f": {"wkt": "BOX (1, 2)"}}}, "expected wkt such as BBOX"),
]


@pytest.mark.parametrize(("clause", "said"), WRONG, ids=[str(clause)[:60] for clause, _ in WRONG])
def test_wrong_clauses_are_refused_with_their_place(clause: Any, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_query(clause)
    assert refusal.value.id == "services.storage.unexpected_bad_request"
    assert refusal.value.status == 400
    assert said in refusal.value.message


@pytest.mark.parametrize("name", sorted(NOT_RUNNABLE))
def test_clauses_that_no_store_runs_are_refused_by_name(name: str) -> None:
    assert name not in LEAVES
    with pytest.raises(ApiError) as refusal:
        parse_query({"bool": {"filter": {name: {"f": "v"}}}})
    assert refusal.value.status == 400
    assert f'"{name}"' in refusal.value.message
    assert "query.bool.filter" in refusal.value.message


def test_unknown_clauses_and_scripts_have_ids_of_their_own() -> None:
    with pytest.raises(ApiError) as refusal:
        parse_query({"equals": {"f": "v"}})
    assert refusal.value.id == "services.storage.unknown_query_keyword"
    assert refusal.value.props == ("equals",)
    with pytest.raises(ApiError) as refusal:
        parse_query({"bool": {"must": [{"script": {"source": "true"}}]}})
    assert refusal.value.id == "services.storage.invalid_query_keyword"
    assert refusal.value.props == ("query.bool.must[0].script",)


def test_depth_and_number_of_clauses_are_limited() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"bool": {"must": nested(depth - 1)}} if depth > 1 else {"match_all": {}}

    parse_query(nested(30))
    with pytest.raises(ApiError, match="nested deeper than 30"):
        parse_query(nested(31))
    parse_query({"bool": {"should": [{"term": {"f": 1}}] * 1023}})
    with pytest.raises(ApiError, match="more than 1024 clauses"):
        parse_query({"bool": {"should": [{"term": {"f": 1}}] * 1024}})
