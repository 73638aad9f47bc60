"""A model goes when nothing uses it, and nothing can begin to use it meanwhile (device-manager 2.5, W47)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

IN_USE = "device_manager.models.in_use"
T = [{"name": "t", "type": "temperature"}]


async def test_models_that_nothing_uses_go(platform: Any, name: Any) -> None:
    measure, device, asset, group = name("wind").lower(), name("Vane"), name("Mast"), name("Park")
    slots = [{"name": "w", "type": measure}]
    await platform.do("models:writeMeasure", body={"type": measure, "valuesMappings": {}})
    await platform.do("models:writeDevice", body={"model": device, "measures": slots})
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": asset, "measures": slots})
    await platform.do("models:writeGroup", body={"engineGroup": "commons", "model": group})
    error = await platform.refused("models:deleteMeasure", _id=f"model-measure-{measure}")
    assert (error["status"], error["id"], error["count"]) == (412, IN_USE, 2)
    assert {user["_id"] for user in error["users"]} == {f"model-device-{device}", f"model-asset-{asset}"}
    for kind, id in (("Device", device), ("Asset", asset), ("Group", group), ("Measure", measure)):
        id = f"model-{kind.lower()}-{id}"
        assert await platform.do(f"models:delete{kind}", _id=id, dryRun=True) in (None, {"dryRun": True})
        assert await platform.exists(platform.twins.platform, "models", id)
        assert await platform.do(f"models:delete{kind}", _id=id) is None
        error = await platform.refused(f"models:delete{kind}", _id=id)
        assert (error["status"], error["id"]) == (404, "services.storage.not_found")
        assert platform.not_found(platform.twins.platform, "models", id) == (404, error["message"])


async def test_any_of_the_four_actions_deletes_any_model(platform: Any, name: Any) -> None:
    model = name("Vane")
    await platform.do("models:writeDevice", body={"model": model, "measures": []})
    await platform.do("models:deleteGroup", _id=f"model-device-{model}")
    assert (await platform.refused("models:getDevice", model=model))["status"] == 404


async def test_the_first_ten_users_of_a_model_are_named(platform: Any, name: Any) -> None:
    asset, device, group = name("Mast"), name("Vane"), name("Park")
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": asset})
    await platform.do("models:writeDevice", body={"model": device, "measures": []})
    await platform.do("models:writeGroup", body={"engineGroup": "commons", "model": group})
    await asyncio.gather(*(platform.asset(str(number), asset) for number in range(12)))
    await platform.device("1", device, engineId=platform.twins.platform)
    await platform.do("groups:create", _id=name("g"), body={"name": name("North"), "model": group})
    for kind, model, index, count in (
        ("asset", asset, platform.engine, 12),
        ("device", device, platform.twins.platform, 1),
        ("group", group, platform.engine, 1),
    ):
        for dry_run in (True, False):
            id = f"model-{kind}-{model}"
            error = await platform.refused(f"models:delete{kind.capitalize()}", _id=id, dryRun=dry_run)
            assert (error["status"], error["id"], error["count"]) == (412, IN_USE, count)
            assert len(error["users"]) == min(count, 10)
            assert {user["index"] for user in error["users"]} == {index}
    await platform.asset("12", asset)  # a deletion that was refused leaves the model as it was
    assert "closing" not in (await platform.do("models:getAsset", model=asset))["_source"]


async def test_nothing_is_made_of_a_model_that_is_being_deleted(platform: Any, name: Any) -> None:
    asset, device = name("Mast"), name("Vane")
    records = {"index": platform.twins.platform, "collection": "models", "force": True}
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": asset})
    await platform.do("models:writeDevice", body={"model": device, "measures": []})
    for kind, model in (("asset", asset), ("device", device)):
        await platform.do("document:update", _id=f"model-{kind}-{model}", body={"closing": True}, **records)
        body = {"model": model, "reference": "1", "metadata": {}}
        for action in ("create", "upsert"):
            error = await platform.refused(f"{kind}s:{action}", _id=f"{model}-1", body=body)
            assert (error["status"], error["id"]) == (409, "device_manager.models.closing"), action
        imported = await platform.ask(f"{kind}s:import{kind.capitalize()}s", body={"records": [body]})
        assert "being deleted" in str(imported), imported
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": asset})  # which keeps it
    await platform.asset("1", asset)
    await platform.do("models:deleteDevice", _id=f"model-device-{device}")  # as after an interruption


async def test_deleting_and_using_at_once_leaves_no_twin_without_model(platform: Any, name: Any) -> None:
    for _ in range(3):
        model = name("Mast")
        await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model})
        deleted, *created = await asyncio.gather(
            platform.ask("models:deleteAsset", _id=f"model-asset-{model}"),
            *(platform.ask("assets:create", body={"model": model, "reference": str(n)}) for n in range(5)),
        )
        is_known = (await platform.ask("models:getAsset", model=model))["error"] is None
        assert is_known is (deleted["error"] is not None)
        assert is_known or all(answer["error"] is not None for answer in created)


async def test_deleting_and_declaring_at_once_leaves_no_slot_without_measure(platform: Any, name: Any) -> None:
    for _ in range(3):
        measure, model = name("wind").lower(), name("Vane")
        await platform.do("models:writeMeasure", body={"type": measure, "valuesMappings": {}})
        slots = [{"name": "w", "type": measure}]
        deleted, written = await asyncio.gather(
            platform.ask("models:deleteMeasure", _id=f"model-measure-{measure}"),
            platform.ask("models:writeDevice", body={"model": model, "measures": slots}),
        )
        assert (deleted["error"] is None) is not (written["error"] is None), (deleted, written)
