"""The steps of the demonstration, each one a call or many over one WebSocket connection."""

from __future__ import annotations

import asyncio
from typing import Any

from device_manager.cli.client import Client
from device_manager.cli.demo.airports import Airport, assets_csv, devices_csv, links_csv, read_models

ENGINE = "airports"
DEVICES = "device-manager/devices"
ASSETS = "device-manager/assets"


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

    async def import_assets(self, airports: list[Airport]) -> dict[str, Any]:
        """One asset an airport, in one call."""
        return await self._import(ASSETS, "importAssets", assets_csv(airports))

    async def import_devices(self, airports: list[Airport]) -> dict[str, Any]:
        """One device an airport, attached to the engine, in one call."""
        return await self._import(DEVICES, "importDevices", devices_csv(airports))

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

    async def _import(self, controller: str, action: str, text: str) -> dict[str, Any]:
        result: dict[str, Any] = await self._client.call(controller, action, engineId=ENGINE, body={"csv": text})
        return result
