"""The steps of the demonstration, each one a call or many over one WebSocket connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from device_manager.cli.client import Client
from device_manager.cli.demo.airports import Airport, assets_csv, devices_csv, links_csv, read_models

ENGINE = "airports"
DEVICES = "device-manager/devices"
ASSETS = "device-manager/assets"
PAYLOADS = "device-manager/payloads"
AT_ONCE = 32
"""Payloads that are on their way at the same time."""


class Steps:
    """What the demonstration does with the server behind `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create_engine(self) -> None:
        """The engine and the asset model; the decoder has brought the device model and the measures."""
        await self._client.call("device-manager/engine", "create", index=ENGINE)
        for body in read_models()["assets"]:
            await self._client.call("device-manager/models", "writeAsset", body=body)

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

    async def send(self, payloads: Iterable[dict[str, Any]], sent: Callable[[], None]) -> None:
        """Payloads as stations send them; `sent` is called for each that is stored."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(payload: dict[str, Any]) -> None:
            async with gate:
                await self._client.call(PAYLOADS, "weather-station", body=payload)
            sent()

        await asyncio.gather(*map(one, payloads))
        await self._client.call("collection", "refresh", index=ENGINE, collection="measures")

    async def last_measures(self, airports: list[Airport]) -> dict[str, Any]:
        """The newest measure of every slot, by asset."""
        body = {"ids": [airport.asset_id for airport in airports]}
        found: dict[str, Any] = await self._client.call(ASSETS, "mGetLastMeasures", engineId=ENGINE, body=body)
        return found

    async def measures(self, airport: Airport, start: str, end: str) -> list[dict[str, Any]]:
        """What was measured at an airport from `start` to `end`, in the order of time."""
        window = {"startAt": start, "endAt": end, "type": "temperature", "size": 1000}
        body = {"sort": [{"measuredAt": "asc"}]}
        found = await self._client.call(
            ASSETS, "getMeasures", engineId=ENGINE, _id=airport.asset_id, body=body, **window
        )
        return [hit["_source"] for hit in found["measures"]]

    async def state_at(self, airport: Airport, moment: int) -> dict[str, Any]:
        """The asset as it was at a moment, in milliseconds since 1970."""
        found: dict[str, Any] = await self._client.call(
            ASSETS, "getStateAt", engineId=ENGINE, _id=airport.asset_id, timestamp=moment
        )
        return found

    async def export(self, airport: Airport, url: str, file: Path) -> int:
        """All measures of an airport into a file of CSV; how many those are.

        Raises:
            httpx.HTTPError: the download fails.
        """
        prepared = await self._client.call(ASSETS, "exportMeasures", engineId=ENGINE, _id=airport.asset_id)
        lines = 0
        async with httpx.AsyncClient(base_url=url) as http, http.stream("GET", prepared["link"]) as answer:
            answer.raise_for_status()
            with file.open("wb") as content:
                async for part in answer.aiter_bytes():
                    content.write(part)
                    lines += part.count(b"\n")
        return lines - 1

    async def _link(self, body: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = await self._client.call(DEVICES, "mLinkAssets", engineId=ENGINE, body=body)
        return result

    async def _import(self, controller: str, action: str, text: str) -> dict[str, Any]:
        result: dict[str, Any] = await self._client.call(controller, action, engineId=ENGINE, body={"csv": text})
        return result
