"""Devices and assets to link: engines with pairs of both, made through the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from device_manager.cli.client import Client

SLOT = "temperature"
IN_FLIGHT = 256

Call = Callable[[int], Awaitable[object]]


def asset_id(number: int) -> str:
    """The asset of a pair."""
    return f"Room-{number}"


def device_id(engine: str, number: int) -> str:
    """The device of a pair."""
    return f"Probe-{engine}-{number}"


async def create_models(client: Client) -> None:
    """The measure, the asset model and the device model of all fleets."""
    slots = [{"name": SLOT, "type": SLOT}]
    metadata = {"name": {"type": "keyword"}, "position": {"type": "geo_point"}}
    asset = {"engineGroup": "commons", "model": "Room", "measures": slots, "metadataMappings": metadata}
    values = {"type": SLOT, "valuesMappings": {SLOT: {"type": "float"}}}
    await client.call("device-manager/models", "writeMeasure", body=values)
    await client.call("device-manager/models", "writeAsset", body=asset)
    await client.call("device-manager/models", "writeDevice", body={"model": "Probe", "measures": slots})


async def create_fleet(client: Client, engine: str, pairs: int) -> None:
    """An engine with as many assets and as many devices, nothing linked."""
    await client.call("device-manager/engine", "create", index=engine)

    async def create(number: int) -> None:
        metadata = {"name": f"room {number}", "position": {"lat": number % 90, "lon": number % 180}}
        asset = {"model": "Room", "reference": str(number), "metadata": metadata}
        await client.call("device-manager/assets", "create", engineId=engine, body=asset)
        # Devices are unique over all engines: the reference names the engine too.
        device = {"model": "Probe", "reference": f"{engine}-{number}"}
        await client.call("device-manager/devices", "create", engineId=engine, body=device)

    await each(create, range(pairs), IN_FLIGHT)


async def each(call: Call, numbers: Iterable[int], in_flight: int) -> float:
    """Make a call for each number, so many at once; the seconds it took."""
    waiting = iter(numbers)

    async def lane() -> None:
        for number in waiting:
            await call(number)

    begin = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return time.perf_counter() - begin
