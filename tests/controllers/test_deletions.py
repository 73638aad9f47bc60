"""Deleting and detaching twins on both stores (device-manager 2.2, 2.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.storage.contract import Key

pytestmark = pytest.mark.asyncio(loop_scope="session")

POWER = {"asset": "power", "device": "battery"}
TEMPERATURE = {"asset": "temperatureExt", "device": "temperature"}


async def test_deleting_an_asset_ends_its_links_and_its_history(platform: Any) -> None:
    asset = await platform.asset("1")
    devices = [await platform.device("1"), await platform.device("2")]
    await platform.link(devices[0], asset, TEMPERATURE)
    await platform.link(devices[1], asset, POWER)
    strict = await platform.refusal("assets:delete", _id=asset, strict=True)
    assert strict == (400, f'Asset "{asset}" is still linked to devices.')
    assert await platform.do("assets:delete", _id=asset, dryRun=True) == {"dryRun": True}
    assert len((await platform.source("assets", asset))["linkedMeasures"]) == 2
    envelope = await platform.ask("assets:delete", _id=asset)
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, None)
    assert not await platform.exists(platform.engine, "assets", asset)
    for device in devices:
        assert await platform.links("devices", device) == []
    events = [entry["event"] for entry in await platform.history(asset)]
    assert [event["name"] for event in events] == ["metadata", "link", "link", "unlink", "unlink", "delete"]
    assert events[3:] == [
        {"name": "unlink", "unlink": {"deviceId": devices[0]}},
        {"name": "unlink", "unlink": {"deviceId": devices[1]}},
        {"name": "delete"},
    ]
    last = (await platform.history(asset))[-1]
    assert (last["asset"]["model"], last["asset"]["linkedMeasures"]) == ("Container", [])
    assert last["asset"]["_kuzzle_info"]["updater"] == "-1"
    assert await platform.refusal("assets:delete", _id=asset) == platform.not_found(platform.engine, "assets", asset)
    assert await platform.refusal("assets:delete", _id=asset, engineId="nowhere") == platform.unknown_engine()
    await platform.check()


async def test_an_asset_that_comes_back_begins_a_history_after_the_old_one(platform: Any) -> None:
    """However fast it comes back, and though the changes of a deletion run ahead of the clock."""
    hall = await platform.asset("1", "Hall")
    devices = await asyncio.gather(*(platform.device(str(number)) for number in range(6)))
    body = {"linkedMeasures": [{"deviceId": device, "implicitMeasuresLinking": True} for device in devices]}
    for _ in range(2):
        await platform.do("assets:linkDevices", _id=hall, body=body)
        await platform.do("assets:delete", _id=hall)
        await platform.asset("1", "Hall")
    await platform.check()
    entries = await platform.history(hall)
    names = [entry["event"]["name"] for entry in entries]
    assert names == [*(["metadata"] + ["link"] * 6 + ["unlink"] * 6 + ["delete"]) * 2, "metadata"]
    times = [entry["timestamp"] for entry in entries]
    assert times == sorted(set(times))
    made = await platform.do("assets:upsert", body={"model": "Hall", "reference": "1", "metadata": {"weight": 1}})
    assert made["_source"]["linkedMeasures"] == []
    await platform.do("assets:delete", _id=hall)
    back = await platform.do("assets:upsert", body={"model": "Hall", "reference": "1", "metadata": {"weight": 2}})
    assert back["_source"]["metadata"] == {"weight": 2, "note": None}
    await platform.check()


async def test_an_asset_is_deleted_though_a_device_of_its_links_is_gone(platform: Any) -> None:
    asset, device = await platform.asset("1"), await platform.device("1")
    await platform.link(device, asset, POWER)
    key = Key(platform.engine, "devices", device)

    def lose(tx: Any) -> None:
        tx.read((key,))
        tx.delete(key)

    await platform.store.transact(lose)
    await platform.do("assets:delete", _id=asset)
    names = [entry["event"]["name"] for entry in await platform.history(asset)]
    assert names == ["metadata", "link", "unlink", "delete"]
    await platform.do("devices:detachEngine", _id=device)
    assert (await platform.store.get(platform.twins.platform, "devices", device)).source["engineId"] is None
    await platform.check()


async def test_a_device_is_detached_with_its_links(platform: Any) -> None:
    index = platform.twins.platform
    assets = [await platform.asset("1"), await platform.asset("2")]
    device = await platform.device("1")
    await platform.link(device, assets[0], TEMPERATURE)
    await platform.link(device, assets[1], POWER)
    assert await platform.do("devices:detachEngine", _id=device, engineId=..., dryRun=True) == {"dryRun": True}
    assert len(await platform.links("devices", device)) == 2
    envelope = await platform.ask("devices:detachEngine", _id=device, engineId=...)
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, None)
    assert not await platform.exists(platform.engine, "devices", device)
    record = (await platform.store.get(index, "devices", device)).source
    assert record["engineId"] is None
    assert record["_kuzzle_info"]["updater"] == "-1"
    for asset in assets:
        assert await platform.links("assets", asset) == []
        (*_, entry) = await platform.history(asset)
        assert entry["event"] == {"name": "unlink", "unlink": {"deviceId": device}}
        assert entry["asset"] == await platform.source("assets", asset)
    again = await platform.refusal("devices:detachEngine", _id=device, engineId=...)
    assert again == (400, f'Device "{device}" is not attached to an engine.')
    await platform.do("devices:attachEngine", _id=device)
    assert await platform.links("devices", device) == []
    await platform.check()


async def test_what_detaching_refuses(platform: Any, second_engine: str) -> None:
    index = platform.twins.platform
    device = await platform.device("1")
    assert await platform.refusal("devices:detachEngine", _id="X-1", engineId=...) == platform.not_found(
        index, "devices", "X-1"
    )
    assert await platform.refusal("devices:detachEngine", engineId=...) == (400, 'Missing argument "_id".')
    for other in (second_engine, "nowhere"):
        assert await platform.refusal("devices:detachEngine", _id=device, engineId=other) == (
            400,
            f'Device "{device}" is not attached to the specified engine.',
        )
    old = await platform.ask("device:detachTenant", _id=device, engineId=..., index=platform.engine)
    assert (old["status"], old["result"]) == (200, None)
    assert not await platform.exists(platform.engine, "devices", device)
    await platform.check()


async def test_a_deleted_device_leaves_nothing_behind(platform: Any) -> None:
    index = platform.twins.platform
    asset, device = await platform.asset("1"), await platform.device("1")
    await platform.link(device, asset, TEMPERATURE, POWER)
    assert await platform.do("devices:delete", _id=device, dryRun=True) == {"dryRun": True}
    assert await platform.exists(platform.engine, "devices", device)
    envelope = await platform.ask("devices:delete", _id=device)
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, None)
    assert not await platform.exists(platform.engine, "devices", device)
    assert not await platform.exists(index, "devices", device)
    (*_, entry) = await platform.history(asset)
    assert entry["event"] == {"name": "unlink", "unlink": {"deviceId": device}}
    assert entry["asset"] == await platform.source("assets", asset)
    assert await platform.refusal("devices:delete", _id=device) == platform.not_found(
        platform.engine, "devices", device
    )
    assert await platform.refusal("devices:delete", _id=device, engineId="nowhere") == platform.unknown_engine()
    made = await platform.device("1")
    assert made == device
    await platform.check()


async def test_the_platform_deletes_a_device_wherever_it_is(platform: Any) -> None:
    index = platform.twins.platform
    asset, device = await platform.asset("1"), await platform.device("1")
    await platform.link(device, asset, POWER)
    await platform.do("devices:create", engineId=index, body={"model": "Dummy", "reference": "2"})
    for id in (device, "Dummy-2"):
        await platform.do("devices:delete", engineId=index, _id=id)
        assert not await platform.exists(index, "devices", id)
    assert not await platform.exists(platform.engine, "devices", device)
    assert await platform.links("assets", asset) == []
    missing = platform.not_found(index, "devices", device)
    assert await platform.refusal("devices:delete", engineId=index, _id=device) == missing
    await platform.check()


async def test_a_device_in_another_engine_is_not_deleted_from_here(platform: Any, second_engine: str) -> None:
    device = await platform.device("1", engineId=second_engine)
    assert await platform.refusal("devices:delete", _id=device) == platform.not_found(
        platform.engine, "devices", device
    )
    assert await platform.exists(second_engine, "devices", device)
    await platform.do("devices:delete", _id=device, engineId=second_engine)
    assert not await platform.exists(platform.twins.platform, "devices", device)


async def test_links_made_while_twins_are_deleted_leave_nothing_dangling(platform: Any) -> None:
    devices = await asyncio.gather(*(platform.device(str(number)) for number in range(8)))
    assets = await asyncio.gather(*(platform.asset(str(number)) for number in range(8)))
    calls = []
    for number, (device, asset) in enumerate(zip(devices, assets, strict=True)):
        entry = {"assetId": asset, "implicitMeasuresLinking": True}
        calls.append(platform.ask("devices:linkAssets", _id=device, body={"linkedMeasures": [entry]}))
        leave = ("assets:delete", "devices:delete", "devices:detachEngine", "devices:detachEngine")[number % 4]
        calls.append(platform.ask(leave, _id=asset if leave == "assets:delete" else device))
    answers = await asyncio.gather(*calls)
    assert all(answer["status"] in (200, 400, 404) for answer in answers)
    assert all(answer["status"] == 200 for answer in answers[1::2])
    await platform.check()
