"""Each bulk action leaves what its records leave one by one in order (design 6), on random records of all kinds."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWINS = 3
Single = Callable[[Any, str, Any], Awaitable[Any]]


def device(world: str, number: int) -> str:
    return f"Dummy-{world}{number}"


def asset(world: str, number: int) -> str:
    return f"Container-{world}{number}"


def unlink_record(chance: random.Random, world: str) -> dict[str, Any]:
    record: dict[str, Any] = {"deviceId": device(world, chance.randint(0, TWINS))}
    if chance.random() < 0.6:
        record["assetId"] = asset(world, chance.randint(0, TWINS))
        if chance.random() < 0.5:
            slots = {"asset": chance.choice(["temperatureExt", "power"]), "device": "temperature"}
            record["measureSlots"] = [slots]
    elif chance.random() < 0.5:
        record["measureSlots"] = [{"device": chance.choice(["temperature", "battery", "nose"])}]
    return record


async def unlink_one(platform: Any, world: str, record: Any) -> Any:
    slots = record.get("measureSlots")
    if "assetId" not in record:
        body: Any = {"measureSlots": [slot["device"] for slot in slots]} if slots else {"allMeasures": True}
    else:
        entry = {"assetId": record["assetId"]}
        body = {"linkedMeasures": [entry | ({"measureSlots": slots} if slots else {"allMeasures": True})]}
    return await platform.ask("devices:unlinkAssets", _id=record["deviceId"], body=body)


def engine_record(chance: random.Random, world: str) -> dict[str, Any]:
    return {"deviceId": device(world, chance.randint(0, TWINS))}


async def attach_one(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("devices:attachEngine", _id=record["deviceId"])


async def detach_one(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("devices:detachEngine", engineId=..., _id=record["deviceId"])


def import_record(chance: random.Random, world: str, model: str, field: str) -> dict[str, Any]:
    value = chance.choice(["red", "blue", None, {"no": "keyword"}])
    metadata = {field: value} if chance.random() < 0.7 else {}
    return {"model": model, "reference": f"{world}{chance.randint(1, 2 * TWINS)}", "metadata": metadata}


def asset_record(chance: random.Random, world: str) -> dict[str, Any]:
    return import_record(chance, world, "Container", "note")


def device_record(chance: random.Random, world: str) -> dict[str, Any]:
    return import_record(chance, world, "Dummy", "color")


async def upsert_asset(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("assets:upsert", body=record)


async def upsert_device(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("devices:upsert", body=record)


async def create_asset(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("assets:create", body=record)


async def create_device(platform: Any, world: str, record: Any) -> Any:
    return await platform.ask("devices:create", body=record)


CASES: dict[str, tuple[str, Callable[[random.Random, str], Any], Single, dict[str, Any]]] = {
    "unlink": ("devices:mUnlinkAssets", unlink_record, unlink_one, {}),
    "attach": ("devices:mAttachEngines", engine_record, attach_one, {}),
    "detach": ("devices:mDetachEngines", engine_record, detach_one, {}),
    "create assets": ("assets:importAssets", asset_record, create_asset, {}),
    "create devices": ("devices:importDevices", device_record, create_device, {}),
    "upsert assets": ("assets:importAssets", asset_record, upsert_asset, {"upsert": True}),
    "upsert devices": ("devices:importDevices", device_record, upsert_device, {"upsert": True}),
}


async def prepare(platform: Any, world: str, chance: random.Random) -> None:
    """Assets and devices, some devices free, the others linked at random."""
    for number in range(1, TWINS + 1):
        await platform.asset(f"{world}{number}")
        if chance.random() < 0.4:
            await platform.device(f"{world}{number}", engineId=platform.twins.platform)
            continue
        await platform.device(f"{world}{number}")
        links = {"assetId": asset(world, chance.randint(1, TWINS)), "implicitMeasuresLinking": True}
        await platform.ask("devices:linkAssets", _id=device(world, number), body={"linkedMeasures": [links]})


async def stored(platform: Any, world: str) -> Any:
    """Everything of a world, without its name and its times."""
    found = {}
    for number in range(1, 2 * TWINS + 1):
        for controller, id, index in (
            ("devices", device(world, number), platform.twins.platform),
            ("devices", device(world, number), platform.engine),
            ("assets", asset(world, number), platform.engine),
        ):
            envelope = await platform.ask(f"{controller}:get", engineId=index, _id=id)
            source = (envelope["result"] or {}).get("_source", {})
            kept = {name: source.get(name) for name in ("engineId", "metadata", "linkedMeasures", "measureSlots")}
            found[controller, number, index] = str(kept).replace(world, "")
    return found


def shape(chance: random.Random, world: str, make: Callable[[random.Random, str], Any]) -> list[Any]:
    return [make(chance, world) for _ in range(chance.randint(1, 9))]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
async def test_in_bulk_and_one_by_one(make_platform: Any, case: str, seed: int) -> None:
    action, make, single, flags = CASES[case]
    platform = await make_platform(bulk_chunk=random.Random(seed).randint(1, 5))
    for world in ("solo", "bulk"):
        await prepare(platform, world, random.Random(seed))
    for step in range(2):
        alone = [
            await single(platform, "solo", record) for record in shape(random.Random(f"{seed}{step}"), "solo", make)
        ]
        records = shape(random.Random(f"{seed}{step}"), "bulk", make)
        result = await platform.do(action, body={"records": records}, **flags)
        errors = {error["row"]: error["status"] for error in result["errors"]}
        for row, envelope in enumerate(alone, 1):
            if envelope["error"] is None:
                assert row not in errors, (records[row - 1], result["errors"])
            elif row in errors and case not in ("unlink",):  # where two things are wrong, either may be said
                assert errors[row] == envelope["status"]
        assert await stored(platform, "bulk") == await stored(platform, "solo")
    await platform.check()
