"""The steps of the demonstration, each one a call or many over one WebSocket connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from device_manager.cli.client import Client
from device_manager.cli.demo.airports import Airport, links_csv, read_models

ENGINE = "airports"
CONCURRENCY = 64
"""Calls that are under way at once."""
DEVICES = "device-manager/devices"
ASSETS = "device-manager/assets"

Advance = Callable[[int], None]


class Steps:
    """What the demonstration does with the server behind `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create_engine(self) -> None:
        """The engine and the models."""
        models = "device-manager/models"
        await self._client.call("device-manager/engine", "create", index=ENGINE)
        written = read_models()
        for kind, action in (("measures", "writeMeasure"), ("assets", "writeAsset"), ("devices", "writeDevice")):
            for body in written[kind]:
                await self._client.call(models, action, body=body)

    async def create_assets(self, airports: list[Airport], advance: Advance) -> None:
        """One asset an airport."""
        await self._create(ASSETS, (airport.asset() for airport in airports), advance)

    async def create_devices(self, airports: list[Airport], advance: Advance) -> None:
        """One device an airport, attached to the engine."""
        await self._create(DEVICES, (airport.device() for airport in airports), advance)

    async def link_all(self, airports: list[Airport]) -> dict[str, Any]:
        """All stations to their airports, in one call."""
        return await self._link({"csv": links_csv(airports)})

    async def link_wrong(self, airport: Airport) -> dict[str, Any]:
        """A record whose asset does not exist."""
        return await self._link({"records": [{"assetId": "Airport-NOWHERE", "deviceId": airport.device_id}]})

    async def get_assets(self, airports: list[Airport]) -> list[dict[str, Any]]:
        """The assets of `airports` as they are stored."""
        calls = (self._client.call(ASSETS, "get", engineId=ENGINE, _id=airport.asset_id) for airport in airports)
        return list(await asyncio.gather(*calls))

    async def unlink(self, airport: Airport) -> dict[str, Any]:
        """Everything that the station of `airport` is linked to."""
        result: dict[str, Any] = await self._client.call(
            DEVICES, "unlinkAssets", engineId=ENGINE, _id=airport.device_id, body={"allMeasures": True}
        )
        return result

    async def _link(self, body: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = await self._client.call(DEVICES, "mLinkAssets", engineId=ENGINE, body=body)
        return result

    async def _create(self, controller: str, bodies: Iterable[dict[str, Any]], advance: Advance) -> None:
        """Create one document a body, with a bounded number of calls under way."""
        remaining = iter(bodies)

        async def work() -> None:
            for body in remaining:
                await self._client.call(controller, "create", engineId=ENGINE, body=body)
                advance(1)

        async with asyncio.TaskGroup() as workers:
            for _ in range(CONCURRENCY):
                workers.create_task(work())
