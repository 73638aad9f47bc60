"""Devices and assets to link: engines with pairs of both, made through the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from device_manager.cli.client import Client

SLOT = "temperature"
IMPORTED = 2000
"""Twins of one import."""

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
    for start in range(0, pairs, IMPORTED):
        numbers = range(start, min(start + IMPORTED, pairs))
        assets = [
            {
                "model": "Room",
                "reference": str(number),
                "metadata": {"name": f"room {number}", "position": {"lat": number % 90, "lon": number % 180}},
            }
            for number in numbers
        ]
        # Devices are unique over all engines: the reference names the engine too.
        devices = [{"model": "Probe", "reference": f"{engine}-{number}"} for number in numbers]
        await _import(client, "assets", "importAssets", engine, assets)
        await _import(client, "devices", "importDevices", engine, devices)


async def _import(client: Client, controller: str, action: str, engine: str, records: list[dict[str, Any]]) -> None:
    body = {"records": records}
    result = await client.call(f"device-manager/{controller}", action, engineId=engine, body=body)
    if result["errors"]:
        raise RuntimeError(f"refused: {result['errors'][:3]}")


async def each(call: Call, numbers: Iterable[int], in_flight: int) -> float:
    """Make a call for each number, so many at once; the seconds it took."""
    waiting = iter(numbers)

    async def lane() -> None:
        for number in waiting:
            await call(number)

    begin = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return time.perf_counter() - begin
