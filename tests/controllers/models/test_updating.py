"""`updateAsset` adds to a model and leaves the rest of it alone (device-manager 2.5, W15, W46)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOOLTIPS = {"short": {"tooltipLabel": "Box", "content": [{"category": "metadata", "metadataPath": "weight"}]}}


async def test_what_is_absent_stays(platform: Any, name: Any) -> None:
    model, first, second = name("Box"), name("A").lower(), name("B").lower()
    body = {
        "engineGroup": "commons",
        "model": model,
        "metadataMappings": {first: {"type": "integer"}},
        "defaultValues": {first: 1},
        "measures": [{"name": "t", "type": "temperature"}],
        "metadataDetails": {first: {"group": "g", "locales": {"en": {"friendlyName": "A", "description": ""}}}},
        "metadataGroups": {"g": {"locales": {"en": {"groupFriendlyName": "G", "description": ""}}}},
        "tooltipModels": TOOLTIPS,
        "locales": {"en": {"friendlyName": "Box", "description": "A box"}},
    }
    stored = (await platform.do("models:writeAsset", body=body))["_source"]["asset"]
    asset = await platform.asset("1", model)
    detail = {"editorHint": {"type": "datetime", "date": True, "customTimeZoneAllowed": False}}
    changes = {
        "metadataMappings": {second: {"type": "date"}},
        "defaultValues": {second: 5},
        "metadataDetails": {second: detail},
        "locales": {"fr": {"friendlyName": "Boîte", "description": ""}},
    }
    address = {"engineGroup": "other", "model": model}  # it is found in commons, and stays there
    tried = await platform.do("models:updateAsset", body=changes, dryRun=True, **address)
    assert tried["dryRun"] is True
    updated = await platform.do("models:updateAsset", body=changes, **address)
    assert set(updated) == {"_id", "_source", "_version"}
    assert (updated["_id"], updated["_version"]) == (f"model-asset-{model}", 2)
    assert updated["_source"]["engineGroup"] == "commons"
    assert updated["_source"]["asset"] == stored | {
        "metadataMappings": {first: {"type": "integer"}, second: {"type": "date"}},
        "defaultMetadata": {first: 1, second: 5},
        "metadataDetails": {**stored["metadataDetails"], second: detail},
        "locales": stored["locales"] | changes["locales"],
    }
    assert (await platform.source("assets", asset))["metadata"] == {first: 1, second: 5}
    measures = [{"name": "b", "type": "battery"}]
    updated = await platform.do("models:updateAsset", body={"measures": measures, "tooltipModels": {}}, **address)
    assert updated["_source"]["asset"]["measures"] == measures
    assert updated["_source"]["asset"]["tooltipModels"] == {}
    assert (await platform.source("assets", asset))["measureSlots"] == measures
    await platform.check()


async def test_what_is_refused_changes_nothing(platform: Any, name: Any) -> None:
    model, field = name("Box"), name("A").lower()
    body = {"engineGroup": "commons", "model": model, "metadataMappings": {field: {"type": "integer"}}}
    await platform.do("models:writeAsset", body=body | {"tooltipModels": TOOLTIPS})
    slots = [{"name": "t", "type": "temperature"}] * 2
    for changes, status, id in (
        ({"metadataMappings": {field: {"type": "keyword"}}}, 409, "device_manager.models.update_conflict"),
        ({"defaultValues": {field: 1}}, 400, "device_manager.models.unknown_default"),
        ({"measures": slots}, 400, "device_manager.models.duplicate_measures"),
        ({"measures": [{"name": "t", "type": "smell"}]}, 400, "device_manager.models.undeclared_measure_type"),
        ({"metadataMappings": {"b": {"type": "smell"}}}, 400, "services.storage.invalid_mapping_type"),
        ({"metadataMappings": {"b": {"index": False}}}, 400, "services.storage.invalid_mapping"),
        ({"metadataMappings": {"b": []}, "defaultValues": {"b": 1}}, 400, "api.assert.invalid_type"),
        ({"metadataMappings": {"b": {"properties": {"c": []}}}}, 400, "services.storage.invalid_mapping"),
    ):
        error = await platform.refused(
            "models:updateAsset", engineGroup="commons", model=model, body=changes | {"tooltipModels": {}}
        )
        assert (error["status"], error["id"]) == (status, id), error
        if status == 409:
            assert error["message"] == "Assets mappings are causing conflicts"
            conflict = {
                "path": f"asset.metadataMappings.{field}.type",
                "currentType": "integer",
                "newType": "keyword",
            }
            assert {"sourceModel": model, "newModel": model, "modelType": "asset", "conflicts": [conflict]} in error[
                "chunks"
            ]
    found = await platform.do("models:getAsset", model=model)
    assert found["_source"]["asset"]["tooltipModels"] == TOOLTIPS
    error = await platform.refused("models:updateAsset", engineGroup="commons", model="my_box", body={})
    assert error["id"] == "device_manager.models.not_pascal_case"
    error = await platform.refused("models:updateAsset", engineGroup="commons", model="Nothing", body={})
    assert error["id"] == "device_manager.models.unknown_asset"
    for missing in ("engineGroup", "model"):
        arguments = {"engineGroup": "commons", "model": model, missing: ...}
        error = await platform.refused("models:updateAsset", body={}, **arguments)
        assert error["message"] == f'Missing argument "{missing}".'


async def test_updates_at_once_all_count(platform: Any, name: Any) -> None:
    model = name("Box")
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model})
    fields = [name("F").lower() for _ in range(4)]
    bodies = [{"metadataMappings": {field: {"type": "keyword"}}} for field in fields]
    await asyncio.gather(
        *(platform.do("models:updateAsset", engineGroup="commons", model=model, body=body) for body in bodies)
    )
    found = await platform.do("models:getAsset", model=model)
    assert set(found["_source"]["asset"]["metadataMappings"]) == set(fields)


async def test_the_generic_pipes_hear_of_it(make_platform: Any, name: Any) -> None:
    platform = await make_platform()
    model, field = name("Box"), name("A").lower()
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model})
    heard: list[Any] = []

    def before(documents: Any, request: Any) -> Any:
        documents[0]["_source"]["asset"]["locales"] = {"en": {"friendlyName": "Piped", "description": ""}}
        return documents

    platform.bus.add_pipe("generic:document:beforeUpdate", before, owner="test")
    platform.bus.add_pipe(
        "generic:document:afterUpdate", lambda documents, request: heard.extend(documents), owner="test"
    )
    body = {"metadataMappings": {field: {"type": "keyword"}}}
    updated = await platform.do("models:updateAsset", engineGroup="commons", model=model, body=body)
    assert updated["_source"]["asset"]["locales"]["en"]["friendlyName"] == "Piped"
    assert [document["_id"] for document in heard] == [f"model-asset-{model}"]
