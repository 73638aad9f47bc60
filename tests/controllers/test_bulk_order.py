"""A bulk call has the outcome of its records applied one by one in order (design 6), on random records."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWINS = 4
DEVICE_SLOTS = ["temperature", "battery", "nose"]
ASSET_SLOTS = ["temperatureExt", "temperatureInt", "power", "nose"]


def random_records(chance: random.Random) -> list[tuple[int, int, list[dict[str, str]]]]:
    """Pairs of numbers, of which some name no twin, with slots or without."""
    records = []
    for _ in range(chance.randint(1, 14)):
        slots = [
            {"asset": chance.choice(ASSET_SLOTS), "device": chance.choice(DEVICE_SLOTS)}
            for _ in range(chance.choice((0, 0, 1, 1, 2)))
        ]
        records.append((chance.randint(0, TWINS), chance.randint(0, TWINS), slots))
    return records


async def one_by_one(platform: Any, world: str, records: list[Any]) -> list[Any]:
    """The pairs that each link holds afterwards, or the reason of its refusal."""
    outcomes: list[Any] = []
    for device, asset, slots in records:
        wish = {"measureSlots": slots} if slots else {"implicitMeasuresLinking": True}
        entry = {"assetId": f"Container-{world}{asset}"} | wish
        envelope = await platform.ask(
            "devices:linkAssets", _id=f"Dummy-{world}{device}", body={"linkedMeasures": [entry]}
        )
        if envelope["error"]:
            outcomes.append(envelope["error"]["message"].replace(world, ""))
            continue
        links = envelope["result"]["device"]["_source"]["linkedMeasures"]
        outcomes += [link["measureSlots"] for link in links if link["assetId"] == entry["assetId"]]
    return outcomes


async def at_once(platform: Any, world: str, records: list[Any]) -> list[Any]:
    body = {
        "records": [
            {"assetId": f"Container-{world}{asset}", "deviceId": f"Dummy-{world}{device}", "measureSlots": slots}
            for device, asset, slots in records
        ]
    }
    result = await platform.do("devices:mLinkAssets", body=body)
    items = sorted(result["successes"] + result["errors"], key=lambda item: item["row"])
    assert [item["row"] for item in items] == list(range(1, len(records) + 1))
    return [item["measureSlots"] if "changed" in item else item["reason"].replace(world, "") for item in items]


async def stored(platform: Any, world: str) -> Any:
    """All links of a world, without its name."""
    found = {}
    for collection, model in (("devices", "Dummy"), ("assets", "Container")):
        for number in range(1, TWINS + 1):
            links = await platform.links(collection, f"{model}-{world}{number}")
            found[model, number] = str(links).replace(world, "")
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_in_bulk_and_one_by_one_are_the_same(make_platform: Any, seed: int) -> None:
    platform = await make_platform(bulk_chunk=random.Random(seed).randint(1, 6))
    chance = random.Random(seed)
    for world in ("one", "all"):
        for number in range(1, TWINS + 1):
            await platform.device(f"{world}{number}")
            await platform.asset(f"{world}{number}")
    for _ in range(3):
        records = random_records(chance)
        assert await at_once(platform, "all", records) == await one_by_one(platform, "one", records)
        assert await stored(platform, "all") == await stored(platform, "one")
    await platform.check()
