"""Fifty devices are linked to fifty slots of one asset at the same moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.cli.doctor import examine_server
from device_manager.cli.process import ServerProcess

pytestmark = pytest.mark.alone

COUNT = 50
DEVICES = "device-manager/devices"


async def test_all_fifty_links_are_kept(
    server: ServerProcess, create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]]
) -> None:
    async with Client(server.url) as client:
        fleet = await create_fleet(client, "fifty", COUNT, slots=COUNT)
        asset = fleet[0][0]

        def link(number: int) -> Awaitable[Any]:
            pair = {"device": "t1", "asset": f"t{number + 1}"}
            body = {"linkedMeasures": [{"assetId": asset, "measureSlots": [pair]}]}
            return client.call(DEVICES, "linkAssets", engineId="fifty", _id=fleet[number][1], body=body)

        started = time.monotonic()
        await asyncio.gather(*(link(number) for number in range(COUNT)))
        took = time.monotonic() - started

        stored = await client.call("device-manager/assets", "get", engineId="fifty", _id=asset)
        kept = {(entry["deviceId"], entry["measureSlots"][0]["asset"]) for entry in stored["_source"]["linkedMeasures"]}
        assert kept == {(fleet[number][1], f"t{number + 1}") for number in range(COUNT)}
        for number in range(COUNT):
            device = await client.call(DEVICES, "get", engineId="fifty", _id=fleet[number][1])
            pair = {"asset": f"t{number + 1}", "device": "t1"}
            assert device["_source"]["linkedMeasures"] == [{"assetId": asset, "measureSlots": [pair]}]
        assert await examine_server(client, ["fifty"]) == []
        assert took < 3.0, f"{took:.2f} s; about one second is the aim"
