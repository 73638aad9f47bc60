"""What a process leaves undone that dies while it takes in measures (transactions 2, B7)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind
from device_manager.twins.ingestion.checkpoints import PROCESSES, Checkpoints
from device_manager.twins.ingestion.in_flight import InFlight

pytestmark = pytest.mark.asyncio(loop_scope="session")

INTERVAL = 0.05


async def processes(platform: Any) -> set[str]:
    """The processes that are known."""
    await platform.store.refresh(INTERNAL_INDEX, PROCESSES)
    return {process.id async for page in platform.store.scan(INTERNAL_INDEX, PROCESSES) for process in page}


async def test_records_behind_history_are_brought_up_to_date(gateway: Any) -> None:
    platform = gateway.platform
    if not platform.store.shared:
        await one_process_needs_no_checkpoints(platform)
        return
    device, asset = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    await gateway.send((reference, "temperature", 1_732_000_000_000, 1.0))
    rebuilding = platform.twins.measures.rebuilding

    async def heal(engine: str, found: Any) -> None:
        await rebuilding.put_records(engine, [(measure.id, measure.source) for measure in found])

    in_flight = InFlight()
    dead = Checkpoints(platform.store, platform.twins.catalogue, in_flight, heal, INTERVAL)
    with in_flight.one():
        before = await processes(platform) if await has_processes(platform) else set()
        await dead.start()
        (mine,) = await processes(platform) - before
        # Half of a bulk: the measure, and not the records of its slots.
        (measure,) = await gateway.measures(device)
        source = {name: value for name, value in measure.items() if name != "_id"}
        source |= {"measuredAt": measure["measuredAt"] + 1, "values": {"temperature": 2.0}}
        source["_kuzzle_info"] = {"author": None, "createdAt": time.time_ns() // 1_000_000}
        await platform.store.put((Put(PutKind.CREATE, Key(platform.engine, "measures", f"torn-{device}"), source),))
    await dead.heartbeat.cease()
    assert (await gateway.last("assets", asset))["dew"][1] == {"temperature": 1.0}
    watcher = Checkpoints(platform.store, platform.twins.catalogue, InFlight(), heal, INTERVAL)
    async with asyncio.timeout(20):
        while mine in await processes(platform):
            await watcher.look()
    assert await gateway.last("assets", asset) == {"dew": (measure["measuredAt"] + 1, {"temperature": 2.0})}
    assert await gateway.last("devices", device) == {"temperature": (measure["measuredAt"] + 1, {"temperature": 2.0})}
    # A process that lives writes a new checkpoint each time, and leaves without a trace.
    others = await processes(platform)
    alive = Checkpoints(platform.store, platform.twins.catalogue, in_flight, heal, INTERVAL)
    await alive.start()
    (id,) = await processes(platform) - others
    key = Key(INTERNAL_INDEX, PROCESSES, id)
    first = (await platform.store.read((key,)))[key].source
    async with asyncio.timeout(20):
        while (await platform.store.read((key,)))[key].source["checkpoint"] <= first["checkpoint"]:
            await asyncio.sleep(INTERVAL)
    await alive.stop()
    assert id not in await processes(platform)


async def has_processes(platform: Any) -> bool:
    """Whether there ever was a process."""
    return PROCESSES in await platform.store.collections(INTERNAL_INDEX)


async def one_process_needs_no_checkpoints(platform: Any) -> None:
    """A put is whole there, and so is what it wrote."""

    async def heal(engine: str, found: Any) -> None:
        raise AssertionError(engine)

    alone = Checkpoints(platform.store, platform.twins.catalogue, InFlight(), heal, INTERVAL)
    await alone.start()
    await alone.stop()
    assert not await has_processes(platform)
