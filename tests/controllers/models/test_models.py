"""The controller `device-manager/models` on both stores (device-manager 1.6, 2.5)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


def name(prefix: str) -> str:
    """A PascalCase name that no other test uses."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:8])
    return prefix + letters.capitalize()


async def test_an_asset_model_is_stored_found_and_listed(platform: Any) -> None:
    model = name("Box")
    body = {
        "engineGroup": "air",
        "model": model,
        "metadataMappings": {"weight": {"type": "integer"}},
        "defaultValues": {"weight": 3},
        "measures": [{"name": "in", "type": "temperature"}],
        "locales": {"en": {"friendlyName": "Box", "description": "A box"}},
    }
    tried = await platform.do("models:writeAsset", body=body, dryRun=True)
    assert tried["dryRun"] is True
    assert (await platform.refused("models:getAsset", model=model, engineGroup="air"))["status"] == 404
    written = await platform.do("models:writeAsset", body=body)
    source = written["_source"]
    assert (written["_id"], written["_version"], written["created"]) == (f"model-asset-{model}", 1, True)
    assert source.pop("_kuzzle_info")["author"] == "-1"
    assert source == {
        "type": "asset",
        "engineGroup": "air",
        "asset": {
            "model": model,
            "measures": [{"name": "in", "type": "temperature"}],
            "metadataMappings": {"weight": {"type": "integer"}},
            "defaultMetadata": {"weight": 3},
            "metadataDetails": {},
            "metadataGroups": {},
            "tooltipModels": {},
            "locales": {"en": {"friendlyName": "Box", "description": "A box"}},
        },
    }
    found = await platform.do("models:getAsset", model=model, engineGroup="air")
    assert (found["_id"], found["index"], found["collection"]) == (written["_id"], platform.twins.platform, "models")
    error = await platform.refused("models:getAsset", model=model)
    assert (error["status"], error["message"]) == (404, f'Unknown Asset model "{model}".')
    listed = await platform.do("models:listAssets", engineGroup="air")
    ids = [found["_id"] for found in listed["models"]]
    assert written["_id"] in ids
    assert "model-asset-Container" in ids
    names = [found["_source"]["asset"]["model"] for found in listed["models"]]
    assert names == sorted(names)
    assert listed["total"] == len(ids)
    again = await platform.do("models:writeAsset", body=body)
    assert (again["_version"], again["created"]) == (2, False)


async def test_device_and_measure_models(platform: Any) -> None:
    type, model = name("wind").lower(), name("Vane")
    written = await platform.do("models:writeMeasure", body={"type": type, "valuesMappings": {type: {"type": "float"}}})
    assert written["_id"] == f"model-measure-{type}"
    written = await platform.do("models:writeDevice", body={"model": model, "measures": [{"name": "w", "type": type}]})
    assert written["_id"] == f"model-device-{model}"
    assert written["_source"]["device"]["measures"] == [{"name": "w", "type": type}]
    assert (await platform.do("models:getDevice", model=model))["_id"] == f"model-device-{model}"
    assert (await platform.do("models:getMeasure", type=type))["_source"]["measure"]["type"] == type
    assert f"model-device-{model}" in [found["_id"] for found in (await platform.do("models:listDevices"))["models"]]
    assert f"model-measure-{type}" in [found["_id"] for found in (await platform.do("models:listMeasures"))["models"]]
    error = await platform.refused("models:getDevice", model="Nope")
    assert (error["status"], error["message"]) == (404, 'Unknown Device model "Nope".')
    error = await platform.refused("models:getMeasure", type="nope")
    assert (error["status"], error["message"]) == (404, 'Unknown Measure type "nope".')


async def test_a_changed_model_reaches_mappings_and_twins(platform: Any) -> None:
    model = name("Crate")
    body: dict[str, Any] = {
        "engineGroup": "commons",
        "model": model,
        "measures": [{"name": "t", "type": "temperature"}],
    }
    await platform.do("models:writeAsset", body=body)
    asset = await platform.asset("1", model=model)
    field = name("Color").lower()
    body |= {"metadataMappings": {field: {"type": "keyword"}}, "defaultValues": {field: "red"}}
    body["measures"] = [*body["measures"], {"name": "b", "type": "battery"}]
    await platform.do("models:writeAsset", body=body)
    found = await platform.do("assets:get", _id=asset)
    assert found["_source"]["metadata"] == {field: "red"}
    assert [slot["name"] for slot in found["_source"]["measureSlots"]] == ["t", "b"]
    assert (await platform.history(asset))[-1]["event"]["metadata"]["names"] == [field]
    made = await platform.do("assets:create", body={"model": model, "reference": "2", "metadata": {field: "blue"}})
    assert made["_source"]["metadata"] == {field: "blue"}
    await platform.check()


async def test_a_changed_device_model_reaches_attached_and_free_devices(platform: Any) -> None:
    model = name("Probe")
    measures = [{"name": "t", "type": "temperature"}]
    await platform.do("models:writeDevice", body={"model": model, "measures": measures})
    attached = await platform.device("1", model)
    free = await platform.device("2", model, engineId=platform.twins.platform)
    measures = [*measures, {"name": "b", "type": "battery"}]
    await platform.do("models:writeDevice", body={"model": model, "measures": measures})
    assert (await platform.do("devices:get", _id=attached))["_source"]["measureSlots"] == measures
    await platform.do("devices:detachEngine", _id=attached)
    for device in (attached, free):
        await platform.do("devices:attachEngine", _id=device)
        assert (await platform.do("devices:get", _id=device))["_source"]["measureSlots"] == measures
    await platform.check()


@pytest.mark.parametrize(
    ("action", "body", "status", "message"),
    [
        ("writeAsset", {"engineGroup": "c", "model": "plane"}, 400, 'Asset model "plane" must be PascalCase.'),
        ("writeDevice", {"model": "co2Sensor", "measures": []}, 400, 'Device model "co2Sensor" must be PascalCase.'),
        (
            "writeDevice",
            {"model": "Twice", "measures": [{"name": "a", "type": "temperature"}, {"name": "a", "type": "battery"}]},
            400,
            "Device model measures contain one or multiple duplicate measure name",
        ),
        (
            "writeAsset",
            {"engineGroup": "c", "model": "Astray", "defaultValues": {"weight": 1}},
            400,
            'The default value "weight" is not in the metadata mappings.',
        ),
        (
            "writeAsset",
            {"engineGroup": "c", "model": "Other", "metadataMappings": {"weight": {"type": "keyword"}}},
            409,
            "New assets mappings are causing conflicts",
        ),
        (
            "writeDevice",
            {"model": "Odd", "measures": [{"name": "a", "type": "smell"}]},
            400,
            'Cannot find measure "smell" declared in device "Odd"',
        ),
        (
            "writeAsset",
            {"engineGroup": "c", "model": "Twice", "measures": [{"name": "a", "type": "temperature"}] * 2},
            400,
            "Asset model measures contain one or multiple duplicate measure name",
        ),
        (
            "writeAsset",
            {"engineGroup": "c", "model": "Odd", "measures": [{"name": "a", "type": "smell"}]},
            400,
            'Cannot find measure "smell" declared in asset "Odd"',
        ),
        (
            "writeDevice",
            {"model": "Other", "measures": [], "metadataMappings": {"color": {"type": "integer"}}},
            409,
            "New devices mappings are causing conflicts",
        ),
        (
            "writeMeasure",
            {"type": "warmth", "valuesMappings": {"temperature": {"type": "keyword"}}},
            409,
            "New measures mappings are causing conflicts",
        ),
        ("writeAsset", {"model": "Plane"}, 400, 'Missing argument "body.engineGroup".'),
        ("writeDevice", {"model": "Plane"}, 400, 'Missing argument "body.measures".'),
        ("writeMeasure", {"type": "x"}, 400, 'Missing argument "body.valuesMappings".'),
        ("writeMeasure", ..., 400, "The request must specify a body."),
    ],
)
async def test_what_is_refused(platform: Any, action: str, body: Any, status: int, message: str) -> None:
    error = await platform.refused(f"models:{action}", body=body)
    assert (error["status"], error["message"]) == (status, message)
    if status == 409 and action == "writeAsset":
        conflicts = [{"path": "asset.metadataMappings.weight.type", "currentType": "integer", "newType": "keyword"}]
        assert error["chunks"][0] == {
            "sourceModel": error["chunks"][0]["sourceModel"],
            "newModel": "Other",
            "modelType": "asset",
            "conflicts": conflicts,
        }


@pytest.mark.parametrize(
    ("action", "member", "body"),
    [
        ("writeAsset", "metadataMappings", {"engineGroup": "commons", "model": "Odd"}),
        ("writeDevice", "metadataMappings", {"model": "Odd", "measures": []}),
        ("writeMeasure", "valuesMappings", {"type": "odd"}),
    ],
)
async def test_mappings_that_no_collection_could_have(platform: Any, action: str, member: str, body: Any) -> None:
    for field, id in (
        ({"type": "smell"}, "services.storage.invalid_mapping_type"),
        ({"index": False}, "services.storage.invalid_mapping"),
        (7, "api.assert.invalid_type"),
    ):
        error = await platform.refused(f"models:{action}", body=body | {member: {"a": field}})
        assert (error["status"], error["id"]) == (400, id), error
