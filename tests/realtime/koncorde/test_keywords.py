"""Every keyword of subscriptions: what matches, what does not, and what is refused (router-protocol 7.1)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.realtime.koncorde import normalise

PARIS = {"lat": 48.85, "lon": 2.35}

MATCHES: list[tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]] = [
    (None, [{}, {"a": 1}], []),
    ({}, [{}, {"a": 1}], []),
    ({"equals": {"a": 1}}, [{"a": 1}, {"a": 1.0}], [{"a": "1"}, {"a": True}, {"a": [1]}, {}, {"a": None}]),
    ({"equals": {"a": True}}, [{"a": True}], [{"a": 1}, {"a": "true"}]),
    ({"equals": {"a": None}}, [{"a": None}], [{}, {"a": 0}, {"a": ""}]),
    ({"equals": {"a.b": "x"}}, [{"a": {"b": "x"}}, {"a.b": "x"}], [{"a": [{"b": "x"}]}, {"a": "x"}]),
    ({"equals": {"_id": "one"}}, [{}, {"_id": "other"}], []),
    ({"not": {"equals": {"a": 1}}}, [{}, {"a": "1"}, {"a": [1]}, {"a": 2}], [{"a": 1}]),
    ({"in": {"a": ["x", "y"]}}, [{"a": "x"}, {"a": "y"}], [{"a": "z"}, {"a": ["x"]}, {}]),
    ({"ids": {"values": ["one", "two"]}}, [{}], []),
    ({"ids": {"values": ["two"]}}, [], [{}, {"_id": "two"}]),
    ({"exists": "a.b"}, [{"a": {"b": None}}, {"a": {"b": {}}}], [{"a": {}}, {"a": 1}, {}]),
    ({"exists": {"field": "a"}}, [{"a": None}, {"a": {}}], [{"b": 1}]),
    ({"exists": 'a["x"]'}, [{"a": ["y", "x"]}], [{"a": "x"}, {"a": [["x"]]}, {}, {"a": []}]),
    ({"exists": "a[null]"}, [{"a": [None]}], [{"a": None}, {"a": [0]}]),
    ({"exists": 'a["[x]"]'}, [{"a": ["[x]"]}], [{"a": ["x"]}]),
    ({"exists": "a\\[0\\]"}, [{"a[0]": 1}], [{"a": [0]}]),
    ({"missing": "a"}, [{}, {"b": 1}], [{"a": None}, {"a": 1}]),
    ({"missing": "a[1]"}, [{}, {"a": 1}, {"a": ["1", True]}], [{"a": [1]}]),
    (
        {"range": {"a": {"gt": 1, "lte": 2}}},
        [{"a": 1.5}, {"a": 2}],
        [{"a": 1}, {"a": "1.5"}, {"a": True}, {"a": [1.5]}],
    ),
    ({"range": {"a": {"gte": -1}}}, [{"a": -1}, {"a": 10**30}], [{"a": -1.5}, {}]),
    ({"not": {"range": {"a": {"gt": 1}}}}, [{}, {"a": "x"}, {"a": 1}], [{"a": 2}]),
    ({"regexp": {"a": "^ab+$"}}, [{"a": "abb"}], [{"a": "ABB"}, {"a": "xab"}, {"a": 5}, {"a": ["ab"]}, {}]),
    ({"regexp": {"a": "b"}}, [{"a": "abc"}], [{"a": "ac"}]),
    ({"regexp": {"a": {"value": "^b.c$", "flags": "gimsu"}}}, [{"a": "x\nB\nC\ny"}], [{"a": "xb\nc"}]),
    ({"regexp": {"a": "^\\pL+$"}}, [{"a": "été"}], [{"a": "a1"}, {"a": "\ud800"}]),
    ({"match": {"a": {"b": 1}, "c": "x"}}, [{"a": {"b": 1, "z": 2}, "c": "x", "d": 0}], [{"a": {"b": 1}}, {"c": "x"}]),
    ({"match": {"a": [1, 1, "x"]}}, [{"a": ["x", 1, 2, 1]}], [{"a": [1, "x"]}, {"a": [1, True, "x"]}, {"a": 1}]),
    ({"match": {"a": [{}, {"b": 1}]}}, [{"a": [{"b": 1}, {"c": 2}]}, {"a": [{}, {"b": 1}]}], [{"a": [{"b": 1}, 5]}]),
    ({"match": {"a": [[1], [2]]}}, [{"a": [[2, 3], [0, 1]]}], [{"a": [[1, 2]]}, {"a": [1, 2]}]),
    ({"match": {"a": {}}}, [{"a": {}}, {"a": {"b": 1}}], [{"a": []}, {"a": None}, {}]),
    ({"match": {"a": []}}, [{"a": []}, {"a": [1]}], [{"a": {}}, {}]),
    ({"match": {"a": None}}, [{"a": None}], [{}, {"a": 0}]),
    (
        {"select": {"field": "a.b", "index": -1, "query": {"range": {"value.c": {"lt": 5}}}}},
        [{"a": {"b": [{}, {"c": 4}]}}],
        [{"a": {"b": [{"c": 4}, {}]}}, {"a": {"b": []}}, {"a": {"b": {"c": 4}}}, {}],
    ),
    (
        {"select": {"field": "a", "index": 1, "query": {"missing": "value.c"}}},
        [{"a": [0, 1]}],
        [{"a": [0]}, {"a": [0, {"c": 1}]}, {}],
    ),
    (
        {"not": {"select": {"field": "a", "index": 0, "query": {"equals": {"value": 1}}}}},
        [{}, {"a": [2]}],
        [{"a": [1]}],
    ),
    ({"nothing": "at all"}, [], [{}, {"nothing": "at all"}]),
    ({"not": {"nothing": 1}}, [{}], []),
    (
        {"geoBoundingBox": {"p": {"top": "49", "left": 2, "bottom": 48, "right": "3"}}},
        [
            {"p": PARIS},
            {"p": "48.5,2.5"},
            {"p": [48.5, 2.5]},
            {"p": "u09tvw0"},
            {"p": {"latLon": {"lat": 48.5, "lon": 2.5}}},
        ],
        [{"p": {"lat": 50, "lon": 2.5}}, {"p": "x"}, {"p": 5}, {"p": [2.5, 48.5]}, {}, {"p": {"lat": 100, "lon": 2}}],
    ),
    ({"geoBoundingBox": {"p": {"topLeft": "1,179", "bottomRight": [-1, -179]}}}, [{"p": "0,180"}], [{"p": "0,0"}]),
    ({"geoBoundingBox": {"p": {"top_left": "1,1", "bottom_right": "0,2"}}}, [{"p": "1,1"}], [{"p": "1,3"}]),
    ({"geoBoundingBox": {"p": {"topRight": "1,2", "bottomLeft": "0,1"}}}, [{"p": "1,1"}], [{"p": "1,3"}]),
    ({"geoDistance": {"p": PARIS, "distance": "1 000,5 Ft"}}, [{"p": PARIS}], [{"p": "48.854,2.35"}, {"p": None}]),
    ({"geoDistance": {"p": {"lat_lon": "48.85,2.35"}, "distance": "2KM"}}, [{"p": "48.86,2.35"}], [{"p": "48.9,2.35"}]),
    ({"geoDistance": {"p": "48.85, 2.35", "distance": 1500}}, [{"p": "48.86,2.35"}], [{"p": "48.87,2.35"}]),
    (
        {"geoDistanceRange": {"p": PARIS, "from": "1km", "to": "2 km"}},
        [{"p": "48.86,2.35"}],
        [{"p": PARIS}, {"p": "0,0"}],
    ),
    ({"geoDistanceRange": {"p": PARIS, "from": "0m", "to": "2 km"}}, [{"p": PARIS}], [{"p": "0,0"}]),
    ({"not": {"geoDistance": {"p": PARIS, "distance": "1m"}}}, [{}, {"p": "x"}, {"p": "0,0"}], [{"p": PARIS}]),
    ({"geoPolygon": {"p": {"points": ["0,0", [0, 2], {"lat": 2, "lon": 0}]}}}, [{"p": "0.5,0.5"}], [{"p": "1.5,1.5"}]),
    ({"and": [{"exists": "a"}, {"exists": "b"}]}, [{"a": 1, "b": 1}], [{"a": 1}, {"b": 1}]),
    ({"or": [{"exists": "a"}, {"exists": "b"}]}, [{"a": 1}, {"b": 1}], [{}]),
    (
        {"bool": {"must": [{"exists": "a"}], "must_not": [{"exists": "b"}, {"exists": "c"}]}},
        [{"a": 1}],
        [{"a": 1, "b": 1}, {"a": 1, "c": 1}, {}],
    ),
    ({"bool": {"should": [{"exists": "a"}, {"exists": "b"}]}}, [{"a": 1}, {"b": 1}], [{}]),
    ({"bool": {"should_not": [{"exists": "a"}, {"exists": "b"}]}}, [{"a": 1}, {}], [{"a": 1, "b": 1}]),
]


@pytest.mark.parametrize(("filter", "matching", "others"), MATCHES, ids=[str(filter)[:70] for filter, _, _ in MATCHES])
def test_what_matches(filter: Any, matching: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    found = normalise(filter)
    for document in matching:
        assert found.matches("one", document), document
    for document in others:
        assert not found.matches("one", document), document


def test_a_message_without_an_id_has_none() -> None:
    assert not normalise({"ids": {"values": ["one"]}}).matches(None, {})
    assert normalise({"missing": "_id"}).matches(None, {})


WRONG: list[tuple[Any, str]] = [
    ([], '"filter": a filter is an object with exactly one keyword'),
    ("x", '"filter": a filter is an object'),
    ({"equals": {"a": 1}, "exists": "b"}, '"filter": a filter is an object with exactly one keyword'),
    ({"unknown": {"a": 1}}, '"unknown": unknown keyword. Known: and, bool, equals'),
    ({"and": [{"x": 1}]}, '"and[0].x": unknown keyword'),
    ({"equals": {}}, '"equals": expected an object that is not empty'),
    ({"equals": {"a": 1, "b": 2}}, '"equals": expected exactly one field'),
    ({"equals": {"a": {}}}, '"equals.a": expected a text, a number, a boolean or null'),
    ({"equals": {"a": [1]}}, '"equals.a": expected a text'),
    ({"equals": {"": 1}}, '"equals": expected the path of a field, found an empty text'),
    ({"equals": {"a": float("inf")}}, '"equals.a": the number is out of range'),
    ({"equals": {"a": 10**400}}, '"equals.a": the number is out of range'),
    ({"in": {"a": []}}, '"in.a": expected an array that is not empty'),
    ({"in": {"a": ["x", 5]}}, '"in.a[1]": expected a text'),
    ({"in": {"a": "x"}}, '"in.a": expected an array'),
    ({"ids": {"values": "x"}}, '"ids.values": expected an array'),
    ({"ids": ["x"]}, '"ids": expected an object'),
    ({"ids": {"value": ["x"]}}, '"ids": expected the member "values" alone'),
    ({"exists": ""}, '"exists": expected the path of a field, found an empty text'),
    ({"exists": 5}, '"exists": expected the path of a field'),
    ({"exists": {"fields": "a"}}, '"exists": expected the path of a field, or the member "field"'),
    ({"exists": "a[x]"}, '"exists": no JSON value stands in the brackets'),
    ({"exists": "a[{}]"}, '"exists": expected a scalar'),
    ({"exists": "a[1"}, '"exists": brackets do not match'),
    ({"missing": "[1]"}, '"missing": brackets do not match'),
    ({"range": {"a": {}}}, '"range.a": expected an object that is not empty'),
    ({"range": {"a": {"gt": "1"}}}, '"range.a.gt": expected a number'),
    ({"range": {"a": {"gt": True}}}, '"range.a.gt": expected a number'),
    ({"range": {"a": {"gt": 1, "gte": 1}}}, '"range.a": gt and gte exclude each other'),
    ({"range": {"a": {"lt": 1, "lte": 1}}}, '"range.a": lt and lte exclude each other'),
    ({"range": {"a": {"gte": 1, "lte": 1}}}, '"range.a": the lower bound has to be less'),
    ({"range": {"a": {"from": 1}}}, '"range.a": unknown member "from"'),
    ({"regexp": {"a": "("}}, '"regexp.a": not a regular expression of RE2'),
    ({"regexp": {"a": "(?=x)"}}, '"regexp.a": not a regular expression of RE2'),
    ({"regexp": {"a": {"flags": "i"}}}, '"regexp.a": expected a regular expression as a text'),
    ({"regexp": {"a": {"value": "a", "flags": "y"}}}, '"regexp.a.flags": expected flags out of g, i, m, s, u'),
    ({"regexp": {"a": {"value": "a", "x": 1}}}, '"regexp.a": expected the members "value" and "flags"'),
    ({"match": {}}, '"match": expected an object that is not empty'),
    ({"match": [1]}, '"match": expected an object'),
    ({"match": {"": 1}}, '"match": expected the path of a field'),
    ({"select": {"field": "a", "index": 0}}, '"select": expected exactly the members "field", "index" and "query"'),
    ({"select": {"field": "a", "index": "0", "query": {"exists": "value"}}}, '"select.index": expected an integer'),
    ({"select": {"field": "a", "index": 0, "query": {}}}, '"select.query": a filter is an object with exactly one'),
    (
        {"select": {"field": "a", "index": 0, "query": {"equals": {"value": []}}}},
        '"select.query.equals.value": expected',
    ),
    ({"geoBoundingBox": {"a": {"top": 1}}}, '"geoBoundingBox.a": expected top, left, bottom and right'),
    ({"geoBoundingBox": {"a": {"top": 0, "left": 0, "bottom": 1, "right": 1}}}, '"geoBoundingBox.a": the top is below'),
    (
        {"geoBoundingBox": {"a": {"top": 91, "left": 0, "bottom": 1, "right": 1}}},
        '"geoBoundingBox.a.top": expected deg',
    ),
    ({"geoBoundingBox": {"a": {"topLeft": "x", "bottomRight": "0,0"}}}, '"geoBoundingBox.a.topLeft": expected a point'),
    ({"geoDistance": {"a": "1,1"}}, '"geoDistance": the member "distance" is missing'),
    ({"geoDistance": {"a": "1,1", "distance": "1 parsec"}}, '"geoDistance.distance": expected a distance such as 10km'),
    ({"geoDistance": {"a": "u09", "distance": "1km"}}, '"geoDistance.a": expected a point'),
    ({"geoDistance": {"a": "1,1", "b": "2,2", "distance": "1m"}}, '"geoDistance": expected exactly one field and "dis'),
    ({"geoDistanceRange": {"a": "1,1", "from": "2km", "to": "1km"}}, '"geoDistanceRange": "from" has to be less'),
    ({"geoDistanceRange": {"a": "1,1", "from": "2km"}}, '"geoDistanceRange": the member "to" is missing'),
    (
        {"geoPolygon": {"a": {"points": ["1,1", "2,2"]}}},
        '"geoPolygon.a.points": expected an array of at least 3 points',
    ),
    ({"geoPolygon": {"a": {"points": ["1,1", "2,2", 5]}}}, '"geoPolygon.a.points[2]": expected a point'),
    ({"and": []}, '"and": expected an array that is not empty'),
    ({"and": [{}]}, '"and[0]": a filter is an object with exactly one keyword'),
    ({"or": {"exists": "a"}}, '"or": expected an array'),
    ({"not": {}}, '"not": a filter is an object with exactly one keyword'),
    ({"not": [{"exists": "a"}]}, '"not": a filter is an object'),
    ({"bool": {}}, '"bool": expected an object that is not empty'),
    ({"bool": {"may": [{"exists": "a"}]}}, '"bool": unknown attribute "may", expected must'),
    ({"bool": {"must": [{"exists": "a"}, {"or": [5]}]}}, '"bool.must[1].or[0]": a filter is an object'),
]


@pytest.mark.parametrize(("filter", "said"), WRONG, ids=[str(filter)[:70] for filter, _ in WRONG])
def test_what_is_refused(filter: Any, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        normalise(filter)
    assert refusal.value.id == "api.assert.koncorde_dsl_error"
    assert refusal.value.status == 400
    (prop,) = refusal.value.props
    assert str(prop).startswith(said)


@pytest.mark.parametrize(
    ("text", "meters"),
    [
        ("1m", 1.0), ("1 000,5 Ft", 304.9524), ("10km", 10000.0), ("2 Miles", 3218.688), ("1e", None), ("", None),
        ("-1m", None), (".5 KM", 500.0), ("3 yards", 2.7432), ("1 nautical mile", 1852.0), ("1,000.5m", None), (5, 5.0),
        ("12 inches", 0.3048), ("250 cm", 2.5), (True, None), ("9" * 400 + "km", None), (["1m"], None),
    ],
)  # fmt: skip
def test_distances(text: Any, meters: float | None) -> None:
    def normalised() -> str:
        return normalise({"geoDistance": {"p": "0,0", "distance": text}}).form

    if meters is None:
        with pytest.raises(ApiError, match="expected a distance"):
            normalised()
    else:
        assert normalised() == normalise({"geoDistance": {"p": "0,0", "distance": meters}}).form
