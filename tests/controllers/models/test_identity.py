"""Models of the same name in several engine groups do not get in each other's way (device-manager 1.6, W46)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

T = [{"name": "t", "type": "temperature"}]


async def test_each_engine_group_may_have_a_model_of_a_name(platform: Any, name: Any) -> None:
    model = name("Box")
    ids = {}
    for group in ("air", "sea", "commons"):
        written = await platform.do("models:writeAsset", body={"engineGroup": group, "model": model})
        assert written["created"] is True
        ids[group] = written["_id"]
    assert ids == {
        "air": f"model-asset-{model}",
        "sea": f"model-asset-sea-{model}",
        "commons": f"model-asset-commons-{model}",
    }
    for group in ("air", "sea", "commons"):
        again = await platform.do("models:writeAsset", body={"engineGroup": group, "model": model, "measures": T})
        assert (again["_id"], again["created"], again["_version"]) == (ids[group], False, 2)
    for group, expected in (*ids.items(), ("land", ids["commons"])):
        assert (await platform.do("models:getAsset", model=model, engineGroup=group))["_id"] == expected
    assert (await platform.do("models:getAsset", model=model))["_id"] == ids["commons"]
    listed = [found["_id"] for found in (await platform.do("models:listAssets", engineGroup="sea"))["models"]]
    assert ids["sea"] in listed and ids["commons"] in listed and ids["air"] not in listed
    await platform.do("models:deleteAsset", _id=f"model-asset-air-{model}")
    assert (await platform.do("models:getAsset", model=model, engineGroup="air"))["_id"] == ids["commons"]
    assert (await platform.refused("models:deleteAsset", _id=f"model-asset-{model}"))["status"] == 404
    for group in ("sea", "commons"):
        await platform.do("models:deleteAsset", _id=ids[group])
    error = await platform.refused("models:getAsset", model=model, engineGroup="sea")
    assert error["id"] == "device_manager.models.unknown_asset"


async def test_twins_follow_the_model_of_their_own_engine_group(platform: Any, name: Any) -> None:
    model = name("Hut")
    await platform.do("models:writeAsset", body={"engineGroup": "elsewhere", "model": model, "measures": T})
    assert (await platform.refused("assets:create", body={"model": model, "reference": "1"}))["status"] == 404
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model})
    asset = await platform.asset("1", model)
    changed = [*T, {"name": "b", "type": "battery"}]
    await platform.do("models:writeAsset", body={"engineGroup": "elsewhere", "model": model, "measures": changed})
    assert (await platform.source("assets", asset))["measureSlots"] == []
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model, "measures": changed})
    assert (await platform.source("assets", asset))["measureSlots"] == changed
    await platform.do("models:deleteAsset", _id=f"model-asset-elsewhere-{model}")
    error = await platform.refused("models:deleteAsset", _id=f"model-asset-commons-{model}")
    assert (error["status"], error["count"]) == (412, 1)
