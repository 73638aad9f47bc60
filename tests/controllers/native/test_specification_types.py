"""The types of fields in specifications, and what their options refuse (router-protocol 5.4)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from device_manager.documents.specifications.checking import findings
from device_manager.documents.specifications.parsing import parse_specification
from device_manager.realtime.koncorde import normalise

POINT = {"lat": 1, "lon": 2}
SHAPE = {"type": "Point", "coordinates": [1, 2]}

VALUES: list[tuple[str, dict[str, Any], list[Any], list[Any]]] = [
    ("anything", {}, [1, "x", {"a": [1]}, False], []),
    ("boolean", {}, [True, False], [1, "true", []]),
    ("integer", {}, [1, -4, 2.0, 0], [1.5, "1", True, float("inf")]),
    ("integer", {"range": {"min": 2, "max": 4}}, [2, 4], [1, 5]),
    ("numeric", {}, [1, 1.5], ["1", False]),
    ("numeric", {"range": {"max": 1.5}}, [1.5, -9], [1.6]),
    ("string", {}, ["", "x"], [1, True, ["x"]]),
    ("string", {"length": {"min": 2, "max": 3}}, ["ab", "abc"], ["a", "abcd"]),
    ("enum", {"values": ["a", "b"]}, ["a", "b"], ["c", 1, ""]),
    ("email", {}, ["a@b", "a.b+c@d.example", ""], ["a", "a@", "@b", "a b@c", 3]),
    ("email", {"notEmpty": True}, ["a@b"], [""]),
    (
        "url",
        {},
        ["http://x", "https://x.example:8080/a?b#c", ""],
        ["x", "http://", "javascript:alert(1)", "http://[", 3],
    ),
    ("url", {"notEmpty": True}, ["ftp://x/y"], [""]),
    ("ip_address", {}, ["127.0.0.1", "::1", ""], ["127.0.0.256", "x", 7]),
    ("date", {}, [0, 1_700_000_000_000, "1700000000000"], ["2026-01-01", True, 1.5, "x"]),
    ("date", {"formats": ["yyyy-MM-dd", "epoch_millis"]}, ["2026-01-01", 5], ["01.01.2026"]),
    (
        "date",
        {"formats": ["strict_date"], "range": {"min": "2026-01-02", "max": "2026-01-03"}},
        ["2026-01-02", "2026-01-03"],
        ["2026-01-01", "2026-01-04"],
    ),
    ("date", {"range": {"max": "NOW"}}, [5], [int(time.time() * 1000) + 3_600_000]),
    ("object", {}, [{}, {"a": 1}], [1, "x", [1]]),
    ("geo_point", {}, [POINT, [1, 2], "1,2"], [{"lat": 91, "lon": 0}, "here or there", 3]),
    ("geo_shape", {}, [SHAPE], [{"type": "Blob", "coordinates": []}, "x", 3]),
    ("geo_shape", {"shapeTypes": ["polygon"]}, [], [SHAPE]),
    ("geo_shape", {"shapeTypes": ["point", "circle"]}, [SHAPE], []),
]

FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "boolean", "typeOptions": {"range": {}}}, 'has no option "range"'),
    ({"type": "integer", "typeOptions": {"range": 3}}, "has to be an object with min and max"),
    ({"type": "integer", "typeOptions": {"range": {"min": "x"}}}, "has to hold numbers"),
    ({"type": "integer", "typeOptions": {"range": {"low": 1}}}, "has to be an object with min and max"),
    ({"type": "integer", "typeOptions": 3}, "typeOptions has to be an object"),
    ({"type": "string", "typeOptions": {"length": {"min": 2, "max": 1}}}, "length.min is above its max"),
    ({"type": "enum"}, "values has to be an array"),
    ({"type": "enum", "typeOptions": {"values": []}}, "values has to be an array"),
    ({"type": "email", "typeOptions": {"notEmpty": 1}}, "notEmpty has to be a boolean"),
    ({"type": "date", "typeOptions": {"formats": []}}, "formats has to be an array"),
    ({"type": "date", "typeOptions": {"formats": ["wild"]}}, "is no date format"),
    ({"type": "date", "typeOptions": {"range": {"min": "soon"}}}, "range.min is neither NOW nor a date"),
    ({"type": "date", "typeOptions": {"range": []}}, "has to be an object with min and max"),
    ({"type": "object", "typeOptions": {"strict": 1}}, "strict has to be a boolean"),
    ({"type": "geo_shape", "typeOptions": {"shapeTypes": ["blob"]}}, "shapeTypes has to be an array"),
    ({"type": 5}, "unknown type 5"),
    ({"type": "string", "mandatory": "yes"}, "mandatory has to be a boolean"),
    ({"type": "string", "required": True}, 'unknown member "required"'),
    ({"type": "string", "multivalued": True}, "multivalued has to be an object"),
    ({"type": "string", "multivalued": {"value": False, "minCount": 1}}, "has counts, but its value is false"),
    ({"type": "string", "multivalued": {"value": True, "minCount": -1}}, "whole numbers, 0 or more"),
    ({"type": "string", "multivalued": {"value": True, "minCount": 2, "maxCount": 1}}, "minCount is above maxCount"),
    ({"type": "string", "multivalued": {"value": True, "most": 1}}, "takes value, minCount and maxCount"),
]

WHOLE_FAULTS: list[tuple[Any, str]] = [
    ([], "a specification is an object"),
    ({"strict": 1}, "strict has to be a boolean"),
    ({"fields": []}, "fields has to be an object"),
    ({"fields": {"a//b": {"type": "string"}}}, "has an empty part"),
    ({"fields": {"a": 3}}, "a field is an object"),
    ({"validators": {"exists": "f"}}, "validators has to be an array"),
    ({"fields": {f"f{n}": {"type": "string"} for n in range(1001)}}, "more than 1000 fields"),
]


@pytest.mark.parametrize(("type", "options", "good", "bad"), VALUES)
def test_values_of_each_type(type: str, options: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    field = {"type": type, "typeOptions": options}
    parsed = parse_specification({"fields": {"f": field}}, normalise)
    assert parsed.faults == []
    for value in good:
        assert list(findings(parsed.rules, None, {"f": value})) == [], value
    for value in bad:
        assert [found.path for found in findings(parsed.rules, None, {"f": value})] == [("f",)], value
    several = parse_specification({"fields": {"f": field | {"multivalued": {"value": True}}}}, normalise)
    assert list(findings(several.rules, None, {"f": good})) == []
    assert len(list(findings(several.rules, None, {"f": bad}))) == len(bad)
    assert list(findings(parsed.rules, None, {"f": None})) == list(findings(parsed.rules, None, {})) == []


@pytest.mark.parametrize(("field", "fault"), FAULTS)
def test_faults_of_fields(field: dict[str, Any], fault: str) -> None:
    (found,) = parse_specification({"fields": {"f": field}}, normalise).faults
    assert found.startswith('"f": ')
    assert fault in found


@pytest.mark.parametrize(("specification", "fault"), WHOLE_FAULTS)
def test_faults_of_specifications(specification: Any, fault: str) -> None:
    (found,) = parse_specification(specification, normalise).faults
    assert fault in found
