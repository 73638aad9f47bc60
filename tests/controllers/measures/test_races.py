"""Measures come in while others are deleted, changed and rebuilt: in the end last measures agree with history."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

import pytest

from device_manager.twins.measures.last_measures import Slot

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARCH = 1_772_323_200_000
MEASURES = 60
SLOTS = ("temperatureExt", "temperatureInt", "dewPoint")


async def test_everything_at_once(platform: Any, new_measure: Any, store_measures: Any) -> None:
    chance = random.Random(7)  # the same run every time
    asset = f"Container-{uuid.uuid4().hex[:12]}"
    address = {"index": platform.engine, "collection": "measures"}
    stored: list[str] = []

    async def ingest(number: int) -> None:
        at, slot = MARCH + chance.randrange(20), chance.choice(SLOTS)
        stored.extend(await store_measures(platform, new_measure(at, asset=asset, slot=slot, value=number)))

    async def delete() -> None:
        if stored:
            id = stored.pop(chance.randrange(len(stored)))
            await platform.do("document:delete", **address, _id=id)

    async def change() -> None:
        if stored:
            body = {"measuredAt": MARCH + chance.randrange(20)}
            await platform.ask("document:update", **address, _id=chance.choice(stored), body=body)

    async def rebuild() -> None:
        slots = [Slot("asset", asset, name) for name in SLOTS]
        await platform.twins.measures.rebuilding.rebuild_slots(platform.engine, slots)

    async def act(number: int) -> None:
        await ingest(number)
        await chance.choice((delete, change, rebuild, delete))()

    await asyncio.gather(*(act(number) for number in range(MEASURES)))
    await platform.check()
    assert await platform.do("assets:getLastMeasures", _id=asset)
