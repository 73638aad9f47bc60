"""Schemas are strict when written; what values do wrong is told in the words that clients know (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.twins.models import Models, measure_model
from device_manager.twins.value_schemas import check_schema, check_values

ADDRESS = {"definitions": {"low": {"minimum": 3}}, "properties": {"a": {"$ref": "#/definitions/low"}}}
CHOICE = {"anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]}
DEPENDS = {"dependencies": {"a": ["b", "c"]}}


def check(schema: dict[str, Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    assert check_schema(schema) == []
    return check_values(Models([measure_model("t", {"validationSchema": schema})]), "t", values)


def of(keyword: str, value: Any) -> dict[str, Any]:
    return {"properties": {"a": {keyword: value}}}


CASES: list[tuple[dict[str, Any], Any, str, Any, str]] = [
    (of("type", "number"), "x", "type", {"type": "number"}, "must be number"),
    (of("type", ["number", "null"]), "x", "type", {"type": ["number", "null"]}, "must be number,null"),
    (of("minimum", 3), 2, "minimum", {"comparison": ">=", "limit": 3}, "must be >= 3"),
    (of("maximum", 3.5), 4, "maximum", {"comparison": "<=", "limit": 3.5}, "must be <= 3.5"),
    (of("exclusiveMinimum", 3), 3, "exclusiveMinimum", {"comparison": ">", "limit": 3}, "must be > 3"),
    (of("exclusiveMaximum", 3), 3, "exclusiveMaximum", {"comparison": "<", "limit": 3}, "must be < 3"),
    (of("multipleOf", 2), 3, "multipleOf", {"multipleOf": 2}, "must be multiple of 2"),
    (of("minLength", 2), "x", "minLength", {"limit": 2}, "must NOT have fewer than 2 characters"),
    (of("maxLength", 2), "xyz", "maxLength", {"limit": 2}, "must NOT have more than 2 characters"),
    (of("minItems", 2), [1], "minItems", {"limit": 2}, "must NOT have fewer than 2 items"),
    (of("maxItems", 1), [1, 2], "maxItems", {"limit": 1}, "must NOT have more than 1 items"),
    (of("minProperties", 1), {}, "minProperties", {"limit": 1}, "must NOT have fewer than 1 properties"),
    (of("maxProperties", 0), {"b": 1}, "maxProperties", {"limit": 0}, "must NOT have more than 0 properties"),
    (
        of("uniqueItems", True),
        [1, True, {"x": [2]}, {"x": [2.0]}],
        "uniqueItems",
        {"i": 3, "j": 2},
        "must NOT have duplicate items (items ## 2 and 3 are identical)",
    ),
    (of("contains", {"type": "string"}), [1], "contains", {"minContains": 1}, "must contain at least 1 valid item(s)"),
    (of("pattern", "^a+$"), "b", "pattern", {"pattern": "^a+$"}, 'must match pattern "^a+$"'),
    (of("format", "ipv4"), "b", "format", {"format": "ipv4"}, 'must match format "ipv4"'),
    (of("format", "uuid"), "b", "format", {"format": "uuid"}, 'must match format "uuid"'),
    (of("enum", [1, 2]), 3, "enum", {"allowedValues": [1, 2]}, "must be equal to one of the allowed values"),
    (of("const", 1), True, "const", {"allowedValue": 1}, "must be equal to constant"),
    (of("not", {"type": "string"}), "x", "not", {}, "must NOT be valid"),
]


@pytest.mark.parametrize(("schema", "value", "keyword", "params", "message"), CASES, ids=lambda case: str(case)[:40])
def test_each_keyword_has_its_words(
    schema: dict[str, Any], value: Any, keyword: str, params: Any, message: str
) -> None:
    expected = {
        "instancePath": "/a",
        "schemaPath": f"#/properties/a/{keyword}",
        "keyword": keyword,
        "params": params,
        "message": message,
    }
    assert check(schema, {"a": value}) == [expected]


def test_what_is_missing_or_too_much_is_named() -> None:
    schema = {"type": "object", "required": ["a", "b"], "properties": {"a": {}, "b": {}}, "additionalProperties": False}
    (missing,) = check(schema, {"c": 1})
    assert (missing["instancePath"], missing["schemaPath"]) == ("", "#/required")
    assert missing["params"] == {"missingProperty": "a"}
    assert missing["message"] == "must have required property 'a'"
    (more,) = check(schema, {"a": 1, "b": 2, "c": 3, "d": 4})
    assert more["params"] == {"additionalProperty": "c"} and more["message"] == "must NOT have additional properties"
    (needed,) = check(DEPENDS, {"a": 1, "b": 2})
    assert needed["params"] == {"property": "a", "missingProperty": "c", "depsCount": 2, "deps": "b, c"}
    assert (needed["keyword"], needed["schemaPath"]) == ("dependencies", "#/dependencies")
    (single,) = check({"dependencies": {"a": ["b"]}}, {"a": 1})
    assert single["message"] == "must have property b when property a is present"
    (false,) = check({"properties": {"a/b": False}}, {"a/b": 1})
    assert (false["instancePath"], false["schemaPath"]) == ("/a~1b", "#/properties/a~1b/false schema")


def test_errors_inside_of_a_choice_come_before_it() -> None:
    a, b, choice = check(CHOICE, {"c": 1})
    assert [one["schemaPath"] for one in (a, b, choice)] == ["#/anyOf/0/required", "#/anyOf/1/required", "#/anyOf"]
    assert (choice["params"], choice["message"]) == ({}, "must match a schema in anyOf")
    several = check({"oneOf": [{"required": ["z"]}, {}, {}, {"required": ["y"]}]}, {})
    assert [one["schemaPath"] for one in several] == ["#/oneOf/0/required", "#/oneOf"]
    assert several[-1]["params"] == {"passingSchemas": [1, 2]}
    assert check({"oneOf": [{"required": ["z"]}]}, {})[-1]["params"] == {"passingSchemas": None}
    inner, names = check({"propertyNames": {"maxLength": 3}}, {"abcd": 1})
    assert inner["propertyName"] == "abcd" and inner["schemaPath"] == "#/propertyNames/maxLength"
    assert names["params"] == {"propertyName": "abcd"} and names["message"] == "property name must be valid"
    then, condition = check({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1})
    assert (then["schemaPath"], condition["schemaPath"]) == ("#/then/required", "#/if")
    assert condition["params"] == {"failingKeyword": "then"}


def test_the_first_keyword_that_refuses_speaks() -> None:
    schema = {
        "properties": {"b": {"type": "string"}, "a": {"maximum": 1, "enum": [7]}},
        "additionalProperties": False,
        "required": ["c"],
    }
    assert [one["keyword"] for one in check(schema, {"a": 2, "b": 2, "d": 1})] == ["required"]
    assert [one["keyword"] for one in check(schema, {"a": 2, "b": 2, "c": 1})] == ["additionalProperties"]
    del schema["additionalProperties"], schema["required"]
    assert [one["instancePath"] for one in check(schema, {"a": 2, "b": 2})] == ["/b"]
    assert [one["keyword"] for one in check(schema, {"a": 2})] == ["enum"]
    assert check(ADDRESS, {"a": 1})[0]["schemaPath"] == "#/definitions/low/minimum"
    assert (
        check({"properties": {"a": {"items": {"type": "integer"}}}}, {"a": [1, 3.0, "x", "y"]})[0]["instancePath"]
        == "/a/2"
    )


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"properties": {"a": {"minimun": 3}}}, "#/properties/a/minimun"),
        ({"items": [{"format": "colour"}]}, "#/items/0/format"),
        ({"dependencies": {"a": {"anyOf": [{"nullable": True}]}}}, "#/dependencies/a/anyOf/0/nullable"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "#/$schema"),
    ],
)
def test_what_nobody_would_look_at_is_refused(schema: dict[str, Any], path: str) -> None:
    (refusal,) = check_schema(schema)
    assert refusal["schemaPath"] == path
    assert set(refusal) == {"instancePath", "schemaPath", "keyword", "params", "message"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strings"},
        {"minimum": "x"},
        {"pattern": "("},
        {"properties": []},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "#/definitions/missing"},
    ],
)
def test_an_unusable_schema_is_refused(schema: dict[str, Any]) -> None:
    (refusal,) = check_schema(schema)
    assert set(refusal) >= {"instancePath", "schemaPath", "keyword", "params", "message"}


def test_a_schema_that_is_too_deep_is_refused_and_one_that_refers_to_itself_is_not() -> None:
    deep: dict[str, Any] = {}
    for _ in range(140):
        deep = {"properties": {"a": deep}}
    assert check_schema(deep)
    assert check({"$ref": "#"}, {"a": 1}) == []
    assert check({"properties": {"a": {"$ref": "#"}}, "required": ["n"]}, {"n": 1, "a": {}})[0]["instancePath"] == "/a"


def test_a_pattern_that_would_take_for_ever_does_not_match() -> None:
    assert check(of("pattern", "^(a+)+$(?!b)"), {"a": "a" * 60 + "!"})[0]["keyword"] == "pattern"


def test_no_schema_accepts_everything_and_an_unknown_measure_is_unknown() -> None:
    models = Models([measure_model("t", {}), measure_model("u", {"validationSchema": {}})])
    assert check_values(models, "t", {"a": 1}) == check_values(models, "u", {"a": 1}) == []
    with pytest.raises(ApiError) as refused:
        check_values(models, "v", {})
    assert refused.value.id == "device_manager.models.unknown_measure"
