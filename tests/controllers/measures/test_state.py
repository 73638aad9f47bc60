"""Assets as they were (`assets:getStateAt`), on both stores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAIR = {"asset": "temperatureExt", "device": "temperature"}


async def test_the_life_of_an_asset(platform: Any, new_measure: Any, store_measures: Any) -> None:
    asset, device = await platform.asset("life"), await platform.device("life")
    await platform.link(device, asset, PAIR)
    await platform.do("assets:update", _id=asset, body={"metadata": {"weight": 20, "note": "heavy"}})
    await platform.do("devices:unlinkAssets", _id=device, body={"allMeasures": True})
    begun, linked, heavy, unlinked = [entry["timestamp"] for entry in await platform.history(asset)]

    async def state(moment: Any) -> Any:
        return await platform.do("assets:getStateAt", _id=asset, timestamp=moment)

    async def absent(moment: int) -> None:
        error = await platform.refused("assets:getStateAt", _id=asset, timestamp=moment)
        assert (error["status"], error["id"]) == (404, "device_manager.assets.unknown_at")

    await absent(begun - 1)
    first = await state(begun)
    assert first["_id"] == asset
    assert first["at"] == begun
    assert first["measures"] == {}
    assert first["_source"]["metadata"] == {"weight": 10, "note": None}
    assert (await state(linked))["_source"]["linkedMeasures"] == [{"deviceId": device, "measureSlots": [PAIR]}]
    assert (await state(heavy))["_source"]["metadata"] == {"weight": 20, "note": "heavy"}
    assert (await state(unlinked + 10_000))["_source"]["linkedMeasures"] == []
    await store_measures(
        platform,
        *(new_measure(begun + n, asset=asset, device=device, value=n) for n in (0, 10, 20)),
        new_measure(begun - 5, asset=asset, slot="temperatureInt", value=-5),
        new_measure(begun + 30, asset=asset, slot="dewPoint", value=30),
    )
    for after, expected in (
        (0, {"temperatureExt": 0, "temperatureInt": -5}),
        (9, {"temperatureExt": 0, "temperatureInt": -5}),
        (10, {"temperatureExt": 10, "temperatureInt": -5}),
        (10_000, {"temperatureExt": 20, "temperatureInt": -5, "dewPoint": 30}),
    ):
        measures = (await state(begun + after))["measures"]
        assert {name: measure["values"]["temperature"] for name, measure in measures.items()} == expected
    assert measures["temperatureExt"] == (await platform.do("assets:getLastMeasures", _id=asset))["temperatureExt"]

    await platform.do("assets:delete", _id=asset)
    ended = (await platform.history(asset))[-1]["timestamp"]
    await absent(ended)
    await absent(ended + 10_000)
    assert (await state(ended - 1))["_source"]["metadata"] == {"weight": 20, "note": "heavy"}
    await platform.asset("life")
    again = (await platform.history(asset))[-1]["timestamp"]
    await absent(again - 1)
    assert (await state(again))["_source"]["metadata"] == {"weight": 10, "note": None}
    iso = datetime.fromtimestamp(begun / 1000, UTC).isoformat(timespec="milliseconds")
    assert await state(iso) == await state(str(begun)) == await state(begun)


async def test_refusals(platform: Any) -> None:
    await platform.asset("refusals")
    one = {"_id": "Container-refusals"}
    assert await platform.refusal("assets:getStateAt", engineId="nowhere", timestamp=1, **one) == (
        platform.unknown_engine()
    )
    moments: list[Any] = ["yesterday", True, None, 1.5, [], 10**17]
    for moment in moments:
        error = await platform.refused("assets:getStateAt", timestamp=moment, **one)
        assert (error["status"], error["id"]) == (400, "api.assert.invalid_type"), moment
        assert error["message"].startswith('Wrong type for argument "timestamp" (expected: date)')
    error = await platform.refused("assets:getStateAt", **one)
    assert error["id"] == "api.assert.missing_argument"
