"""Work across engines: assets that move, locales that follow their model; on both stores (device-manager 2.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.twins.call import Call

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAIRS = [
    {"asset": "temperatureExt", "device": "temperature"},
    {"asset": "temperatureInt", "device": "temperature"},
]


async def migrate(platform: Any, destination: str, *ids: str, **more: Any) -> Any:
    body = {"assetsList": list(ids), "newEngineId": destination, **more}
    return await platform.do("assets:migrateTenant", body=body)


async def check(platform: Any, second: str) -> None:
    """No invariant is broken in either engine."""
    await platform.check()
    assert await platform.twins.examine(second) == []


async def test_assets_move_without_their_devices(platform: Any, second_engine: str) -> None:
    asset, other = await platform.asset("1"), await platform.asset("2")
    device = await platform.device("1")
    await platform.link(device, asset, PAIRS[0])
    await platform.do("assets:update", _id=asset, body={"metadata": {"note": "mine"}})
    before = await platform.source("assets", asset)
    assert await migrate(platform, second_engine, asset, "x", other, asset) == {
        "errors": ["x"],
        "successes": [asset, other],
    }
    moved = (await platform.store.get(second_engine, "assets", asset)).source
    kept = ("model", "reference", "metadata", "measureSlots", "modelLocales")
    assert {name: moved[name] for name in kept} == {name: before[name] for name in kept}
    assert (moved["linkedMeasures"], moved["groups"], moved["_kuzzle_info"]["author"]) == ([], [], "-1")
    assert not await platform.exists(platform.engine, "assets", asset)
    events = [entry["event"]["name"] for entry in await platform.history(asset)]
    assert events == ["metadata", "link", "metadata", "unlink", "delete"]
    assert await platform.links("devices", device) == []
    found = await platform.do("assets:search", engineId=second_engine, body={"sort": ["_id"]})
    assert [hit["_id"] for hit in found["hits"]] == [asset, other]
    await check(platform, second_engine)
    back = {"assetsList": [asset], "newEngineId": platform.engine}
    assert await platform.do("assets:migrateTenant", engineId=second_engine, body=back) == {
        "errors": [],
        "successes": [asset],
    }
    await check(platform, second_engine)


async def test_devices_come_along_with_their_links(platform: Any, second_engine: str) -> None:
    assets = [await platform.asset(number) for number in "1234"]
    devices = [await platform.device(number) for number in "123"]
    await platform.do("devices:update", _id=devices[0], body={"metadata": {"color": "red"}})
    power = {"asset": "power", "device": "battery"}
    await platform.link(devices[0], assets[0], PAIRS[0])
    await platform.link(devices[0], assets[1], power)
    await platform.link(devices[1], assets[1], PAIRS[1])
    await platform.link(devices[1], assets[3], power)
    await platform.link(devices[2], assets[3], PAIRS[0])
    links = {id: await platform.links("assets", id) for id in assets}

    result = await migrate(platform, second_engine, *assets[:3], includeDevices=True)

    assert result == {"errors": [], "successes": assets[:3]}
    for id in assets[:3]:
        assert (await platform.store.get(second_engine, "assets", id)).source["linkedMeasures"] == links[id]
    for id in devices[:2]:
        moved = (await platform.store.get(second_engine, "devices", id)).source
        assert (moved["engineId"], moved["groups"]) == (second_engine, [])
        assert not await platform.exists(platform.engine, "devices", id)
    assert (await platform.store.get(second_engine, "devices", devices[0])).source["metadata"] == {"color": "red"}
    assert [link["deviceId"] for link in await platform.links("assets", assets[3])] == [devices[2]]
    await check(platform, second_engine)


async def test_what_is_refused(platform: Any, second_engine: str) -> None:
    asset = await platform.asset("1")

    async def refusal(ids: list[str], destination: str = second_engine, **more: Any) -> tuple[int, str]:
        body = {"assetsList": ids, "newEngineId": destination}
        answer: tuple[int, str] = await platform.refusal("assets:migrateTenant", body=body, **more)
        return answer

    assert await platform.refusal("assets:migrateTenant", body=...) == (400, "The request must specify a body.")
    assert await platform.refusal("assets:migrateTenant", body={"newEngineId": "x"}) == (
        400,
        'Missing argument "body.assetsList".',
    )
    assert await refusal([], "nowhere") == (400, "No assets to migrate")
    assert await refusal([asset], "nowhere") == platform.unknown_engine()
    assert await refusal([asset], engineId="nowhere") == platform.unknown_engine()
    await platform.do("engine:update", index=second_engine, group="elsewhere")
    try:
        assert await refusal([asset]) == (400, f"Engine {second_engine} is not in the same group as {platform.engine}")
    finally:
        await platform.do("engine:update", index=second_engine, group="commons")
    await platform.asset("1", engineId=second_engine)
    assert await refusal([asset]) == (400, "All assets to migrate already exists in destination tenant.")
    assert await refusal([f"x{number}" for number in range(platform.settings.bulk_records + 1)]) == (
        413,
        "The request writes more documents than one call may.",
    )
    other = await platform.asset("2")
    assert await migrate(platform, second_engine, asset, other) == {"errors": [asset], "successes": [other]}
    third = await platform.asset("3")
    dry = await platform.do(
        "assets:migrateTenant", body={"assetsList": [third, "x"], "newEngineId": second_engine}, dryRun=True
    )
    assert dry == {"errors": ["x"], "successes": [third], "dryRun": True}
    assert await platform.exists(platform.engine, "assets", third)


async def test_whoever_has_no_right_to_the_destination_is_refused(platform: Any, second_engine: str) -> None:
    asset = await platform.asset("1")
    call = Call(user_id="ada", engines=frozenset({platform.engine}))
    for destination in (second_engine, "nowhere"):
        with pytest.raises(Exception, match="User ada is not authorized to migrate assets"):
            await platform.twins.tenants.migration.migrate(
                platform.engine, [asset], destination, call, with_devices=False
            )
    assert await platform.exists(platform.engine, "assets", asset)


async def test_a_step_that_runs_twice_comes_to_the_same(platform: Any, second_engine: str) -> None:
    assets = [await platform.asset(f"{number}") for number in range(5)]
    device = await platform.device("1")
    await platform.link(device, assets[4], PAIRS[0])
    migration = platform.twins.tenants.migration
    arguments = {
        "source": platform.engine,
        "destination": second_engine,
        "ids": assets,
        "errors": ["x"],
        "withDevices": True,
    }

    class Progress:
        task_id, user_id, done, total = "t", None, 0, None
        result: Any = None

    first, again = Progress(), Progress()
    await asyncio.gather(migration._step(arguments, None, first), migration._step(arguments, None, again))
    await migration._step(arguments, None, again)
    assert first.result == again.result == {"errors": ["x"], "successes": assets}
    await check(platform, second_engine)


async def test_locales_follow_their_model(platform: Any, second_engine: str) -> None:
    english = {"en": {"friendlyName": "Barn", "description": "For hay"}}
    model = {"engineGroup": "commons", "model": "Barn", "measures": [], "locales": english}
    await platform.do("models:writeAsset", body=model)
    first = await platform.asset("1", model="Barn")
    second = await platform.asset("2", model="Barn", engineId=second_engine)
    french = {"fr": {"friendlyName": "Grange", "description": "Pour le foin"}}
    await platform.do("models:writeAsset", body=model | {"locales": french})
    results = await platform.do("assets:updateModelLocales", model="Barn", engineId=...)
    found = {result["engineIndex"]: result["result"] for result in results}
    for engine, id in ((platform.engine, first), (second_engine, second)):
        (success,) = found[engine]["successes"]
        assert (success["_id"], found[engine]["errors"]) == (id, [])
        stored = (await platform.store.get(engine, "assets", id)).source
        assert stored["modelLocales"] == english | french
        assert stored == success["_source"]
    assert await platform.refusal("assets:updateModelLocales", model="Nope", engineId=...) == (
        404,
        "Unknown Asset model 'Nope'.",
    )
    assert await platform.refusal("assets:updateModelLocales", engineId=...) == (400, 'Missing argument "model".')
    bound = Call(engines=frozenset({second_engine}))
    (only,) = await platform.twins.tenants.locales.update("Barn", bound)
    assert only["engineIndex"] == second_engine


async def test_locales_that_assets_cannot_hold_are_refused(platform: Any, second_engine: str) -> None:
    model = {"engineGroup": "commons", "model": "Silo", "measures": [], "locales": {}}
    await platform.do("models:writeAsset", body=model)
    wrong = {"en": {"friendlyName": {"first": "Silo"}}}
    first = await platform.asset("1", model="Silo")
    await platform.do("models:writeAsset", body=model | {"locales": wrong})
    error = await platform.refused("assets:updateModelLocales", model="Silo", engineId=...)
    assert (error["status"], error["message"]) == (400, "All the assets failed to be updated")
    assert [(item["_id"], item["engineIndex"], item["status"]) for item in error["errors"]] == [
        (first, platform.engine, 400)
    ]
    await platform.do("engine:update", index=second_engine, group="farms")
    await platform.do("models:writeAsset", body=model | {"engineGroup": "farms"})
    await platform.asset("2", model="Silo", engineId=second_engine)
    try:
        error = await platform.refused("assets:updateModelLocales", model="Silo", engineId=...)
    finally:
        await platform.do("engine:update", index=second_engine, group="commons")
    assert (error["status"], error["message"]) == (206, "Some assets failed to be updated")
