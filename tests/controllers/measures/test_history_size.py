"""The last measures of a twin cost the same whatever it has measured before; on both stores."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.storage.contract import Key, Put, PutKind, PutResult
from device_manager.twins.call import Call
from device_manager.twins.measures.last_measures import last_measure_puts

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARCH = 1_772_323_200_000
BATCH = 1000
SHORT = 100
LONG = 1_000_000
CALLS = 300


@pytest_asyncio.fixture(loop_scope="session")
async def engine(platform: Any) -> AsyncIterator[str]:
    """An engine of its own: what is measured in it is too much for others."""
    name = f"e{uuid.uuid4().hex[:10]}"
    await platform.twins.engines.create(name, "commons", Call())
    platform.engine, shared = name, platform.engine
    yield name
    platform.engine = shared
    await platform.twins.engine_deletion.delete(name, Call())


async def measure(platform: Any, engine: str, new_measure: Any, numbers: range) -> None:
    """Store measures of one asset and device as ingestion does, a batch for each call."""
    puts: list[Put] = []
    for number in numbers:
        source = new_measure(MARCH + number, asset="Container-busy", device="Dummy-busy", value=number % 50)
        id = f"{number}"
        puts.append(Put(PutKind.CREATE, Key(engine, "measures", id), source))
        if number == numbers[-1]:
            puts += last_measure_puts(engine, id, source)
    results = await platform.store.put(puts)
    assert all(isinstance(result, PutResult) for result in results)


async def cost(platform: Any, action: str, **payload: Any) -> float:
    """Median seconds of a call."""
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        await platform.do(action, **payload)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


@pytest.mark.soak
@pytest.mark.timeout(5400)
async def test_last_measures_cost_the_same_with_a_million_measures(
    platform: Any, engine: str, new_measure: Any
) -> None:
    actions = [("assets:getLastMeasures", "Container-busy"), ("devices:getLastMeasuredAt", "Dummy-busy")]
    await measure(platform, engine, new_measure, range(SHORT))
    await platform.store.refresh(engine, "measures")
    short = [await cost(platform, action, _id=id) for action, id in actions]
    for start in range(SHORT, LONG, 4 * BATCH):
        parts = (range(part, min(part + BATCH, LONG)) for part in range(start, min(start + 4 * BATCH, LONG), BATCH))
        await asyncio.gather(*(measure(platform, engine, new_measure, part) for part in parts if part))
    await platform.store.refresh(engine, "measures")
    page = await platform.do("assets:getMeasures", _id="Container-busy", size=1)
    assert page["total"] == LONG
    last = (await platform.do("assets:getLastMeasures", _id="Container-busy"))["temperatureExt"]
    assert last["measuredAt"] == page["measures"][0]["_source"]["measuredAt"] == MARCH + LONG - 1
    long = [await cost(platform, action, _id=id) for action, id in actions]
    for (action, _), before, after in zip(actions, short, long, strict=True):
        print(f"{action}: {before * 1e6:.0f} us with {SHORT} measures, {after * 1e6:.0f} us with {LONG:,}")
        assert after < 1.5 * before, (action, before, after)
