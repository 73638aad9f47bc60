"""Schemas of measures are strict, and default values of every model are of mapped fields (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_schema_that_is_not_valid_is_refused_at_once(platform: Any, name: Any) -> None:
    type = name("wind").lower()
    body = {"type": type, "valuesMappings": {type: {"type": "float"}}}
    for schema, keyword in (
        ({"type": "object", "propertees": {}}, "propertees"),
        ({"properties": {"a": {"format": "colour"}}}, "format"),
        ({"type": "strings"}, "anyOf"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "$schema"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "$ref"),
    ):
        error = await platform.refused("models:writeMeasure", body=body | {"validationSchema": schema})
        assert (error["status"], error["id"]) == (400, "device_manager.models.invalid_schema")
        assert error["message"] == "Provided schema is not valid"
        assert [found["keyword"] for found in error["schemaErrors"]] == [keyword]
    schema = {"type": "object", "required": [type], "properties": {type: {"minimum": 0}}}
    details = {type: {"en": {"friendlyName": "Wind", "unit": "m/s"}}}
    locales = {"en": {"friendlyName": "Wind", "description": ""}}
    good = body | {"validationSchema": schema, "valuesDetails": details, "locales": locales}
    written = await platform.do("models:writeMeasure", body=good)
    assert written["_source"]["measure"] == good
    assert (await platform.do("models:writeMeasure", body=body))["_source"]["measure"]["validationSchema"] == {}


async def test_default_values_are_of_mapped_fields(platform: Any, name: Any) -> None:
    place, shape = name("P").lower(), name("S").lower()
    mappings = {
        place: {"properties": {"city": {"type": "keyword"}}},
        shape: {"type": "geo_point"},
    }
    good = {f"{place}.city": "Rome", shape: {"lat": 1, "lon": 2}}
    asset, device = name("Site"), name("Probe")
    for action, body in (
        ("writeAsset", {"engineGroup": "commons", "model": asset}),
        ("writeDevice", {"model": device, "measures": []}),
        ("writeGroup", {"engineGroup": "commons", "model": name("Park")}),
    ):
        body |= {"metadataMappings": mappings}
        for wrong in ({place: {"town": 1}}, {"city": 1}, {f"{place}.town": 1}):
            error = await platform.refused(f"models:{action}", body=body | {"defaultValues": wrong})
            assert (error["status"], error["id"]) == (400, "device_manager.models.unknown_default"), error
        await platform.do(f"models:{action}", body=body | {"defaultValues": good})
    for collection, id in (
        ("assets", await platform.asset("1", asset)),
        ("devices", await platform.device("1", device)),
    ):
        metadata = (await platform.source(collection, id))["metadata"]
        assert metadata == {place: {"city": "Rome"}, shape: {"lat": 1, "lon": 2}}
