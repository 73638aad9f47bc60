"""Koncorde filters in searches: the translation of router-protocol 7.3 and its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.koncorde import NOT_RUNNABLE, parse_koncorde
from device_manager.query.tree import (
    MATCH_ALL,
    MATCH_NONE,
    Bool,
    Exists,
    GeoDistance,
    GeoPolygon,
    Ids,
    Query,
    Range,
    Regexp,
    Term,
    Terms,
)

READ: list[tuple[Any, Query]] = [
    (None, MATCH_ALL),
    ({}, MATCH_ALL),
    ({"equals": {"a.b": "v"}}, Term("a.b", "v")),
    ({"equals": {"_id": "x"}}, Ids(("x",))),
    ({"in": {"f": ["a", "b"]}}, Terms("f", ("a", "b"))),
    ({"ids": {"values": ["a"]}}, Ids(("a",))),
    ({"exists": "a.b"}, Exists("a.b")),
    ({"exists": {"field": "f"}}, Exists("f")),
    ({"exists": 'f["v"]'}, Bool(filter=(Exists("f"), Range("f", gte="v", lte="v")))),
    ({"exists": "f[5]"}, Bool(filter=(Exists("f"), Range("f", gte=5, lte=5)))),
    ({"exists": "f[0]"}, Exists("f")),
    ({"exists": "f[false]"}, Exists("f")),
    ({"exists": "f[null]"}, Exists("f")),
    ({"exists": 'f[""]'}, Exists("f")),
    ({"exists": "f\\[0\\]"}, Exists("f[0]")),
    ({"missing": "f"}, Bool(must_not=(Exists("f"),))),
    ({"missing": {"field": "f"}}, Bool(must_not=(Exists("f"),))),
    ({"range": {"f": {"gt": 1, "lte": "b"}}}, Range("f", gt=1, lte="b")),
    ({"and": [{"equals": {"f": 1}}, {"exists": "g"}]}, Bool(filter=(Term("f", 1), Exists("g")))),
    ({"or": [{"equals": {"f": 1}}]}, Bool(should=(Term("f", 1),))),
    ({"not": {"equals": {"f": 1}}}, Bool(must_not=(Term("f", 1),))),
    ({"not": {"and": [{"missing": "f"}]}}, Bool(must_not=(Bool(filter=(Bool(must_not=(Exists("f"),)),)),))),
    ({"term": {"f": "v"}}, Term("f", "v")),
    ({"nothing": {}}, MATCH_NONE),
    ({"regexp": {"f": "a.*"}}, Regexp("f", "a.*")),
    ({"geoPolygon": {"f": {"points": ["1,2", "3,4", [6, 5]]}}}, GeoPolygon("f", ((1, 2), (3, 4), (5, 6)))),
    (
        {"geoDistanceRange": {"f": "1,2", "from": "1m", "to": "2km"}},
        Bool(filter=(GeoDistance("f", 1, 2, 2000),), must_not=(GeoDistance("f", 1, 2, 1),)),
    ),
    ({"geoDistanceRange": {"f": "1,2", "from": "0km", "to": 5}}, GeoDistance("f", 1, 2, 5)),
]


@pytest.mark.parametrize(("filter", "query"), READ, ids=str)
def test_filters_are_translated(filter: Any, query: Query) -> None:
    assert parse_koncorde(filter) == query


WRONG: list[tuple[Any, str, str]] = [
    ({"bool": {"must": []}}, "api.assert.koncorde_restricted_keyword", '"bool"'),
    ({"and": [{"bool": {}}]}, "api.assert.koncorde_restricted_keyword", '"bool"'),
    ({"unknown": {"f": 1}}, "services.storage.unknown_query_keyword", '"unknown"'),
    ({"exists": "f[1"}, "services.koncorde.elastic_translation_error", "brackets do not match"),
    ({"exists": "f[x]"}, "services.koncorde.elastic_translation_error", "no JSON value"),
    ({"exists": "f[{}]"}, "services.koncorde.elastic_translation_error", "expected a scalar"),
    ({"missing": "f]"}, "services.koncorde.elastic_translation_error", "brackets do not match"),
    ({"exists": ""}, "api.assert.koncorde_dsl_error", '"exists": expected the path of a field'),
    ({"exists": 5}, "api.assert.koncorde_dsl_error", "expected the path of a field"),
    ({"exists": "a", "missing": "b"}, "api.assert.koncorde_dsl_error", "exactly one keyword"),
    ({"and": []}, "api.assert.koncorde_dsl_error", '"and": expected an array of at least one filter'),
    ({"or": {"exists": "f"}}, "api.assert.koncorde_dsl_error", '"or": expected an array'),
    ({"and": [{"exists": "f"}, {}]}, "api.assert.koncorde_dsl_error", '"and[1]": a filter is an object'),
    ({"not": []}, "api.assert.koncorde_dsl_error", '"not": a filter is an object'),
    ([], "api.assert.koncorde_dsl_error", "a filter is an object"),
    ({"geoDistanceRange": {"f": "1,2", "to": 5}}, "api.assert.koncorde_dsl_error", '"from" and "to"'),
    ({"geoDistanceRange": {"f": "1,2", "from": 5, "to": 5}}, "api.assert.koncorde_dsl_error", "less than"),
    ({"geoDistanceRange": {"from": 1, "to": 5}}, "services.storage.unexpected_bad_request", "exactly one field"),
    ({"regexp": {"f": "^a"}}, "services.storage.unexpected_bad_request", "[regexp.f]"),
    ({"equals": {"f": None}}, "services.storage.unexpected_bad_request", "[equals]"),
    ({"in": {"f": "a"}}, "services.storage.unexpected_bad_request", "[in]"),
    ({"range": {"f": 5}}, "services.storage.unexpected_bad_request", "[range]"),
]


@pytest.mark.parametrize(("filter", "id", "said"), WRONG, ids=[str(filter)[:60] for filter, _, _ in WRONG])
def test_wrong_filters_are_refused(filter: Any, id: str, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_koncorde(filter)
    assert refusal.value.id == id
    assert refusal.value.status == 400
    assert said in refusal.value.message


@pytest.mark.parametrize("keyword", sorted(NOT_RUNNABLE))
def test_keywords_of_subscriptions_alone_are_refused_by_name(keyword: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_koncorde({"not": {keyword: {"f": "x"}}})
    assert refusal.value.status == 400
    assert f'"not.{keyword}"' in refusal.value.message


def test_depth_and_number_of_keywords_are_limited() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"not": nested(depth - 1)} if depth > 1 else {"exists": "f"}

    parse_koncorde(nested(30))
    with pytest.raises(ApiError, match="nested at most 30"):
        parse_koncorde(nested(31))
    with pytest.raises(ApiError, match="at most 1024 keywords"):
        parse_koncorde({"or": [{"exists": "f"}] * 1024})
