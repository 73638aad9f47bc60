"""A retry with the same idempotency key, after a kill in the middle of a bulk call, continues where it stopped."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.client import Client
from device_manager.cli.doctor import examine_server
from device_manager.cli.process import ServerProcess
from device_manager.settings import Settings
from device_manager.storage.opening import open_store

ENGINE = "crash"
TWINS = 1000
SLOTS = 10
TWO_CHUNKS = 2
"""Links of each device when 2,000 records are applied."""
DEVICES = "device-manager/devices"
KEY = "night-shift-2026-11-23"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_a_retry_after_a_kill_goes_on(
    start_server: Callable[..., ServerProcess],
    create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    store: str,
) -> None:
    """10,000 records: the n-th slot of every device goes to another asset. Another server takes over."""
    settings = {"recovery_grace": 1.5}
    url = f"sqlite:{tmp_path / 'fleet'}"
    if store == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    server = start_server(store=url if store == "sqlite" else store, settings=settings)
    async with Client(server.url) as client:
        fleet = await create_fleet(client, ENGINE, TWINS, slots=SLOTS)
    records = [
        {
            "deviceId": fleet[number][1],
            "assetId": fleet[(number + slot) % TWINS][0],
            "measureSlots": [{"device": f"t{slot}", "asset": f"t{slot}"}],
        }
        for slot in range(1, SLOTS + 1)
        for number in range(TWINS)
    ]
    body = {"records": records}
    await _kill_in_the_middle(server, body, fleet[0][1])

    server = start_server(store=url, settings=settings)
    done = len(await _links(server, fleet[0][1]))
    assert TWO_CHUNKS <= done < SLOTS
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
        answers = [
            await http.put(f"/_/device-manager/{ENGINE}/devices/_mLink", json=body, headers={"Idempotency-Key": KEY})
            for _ in range(2)
        ]
    first, second = (answer.json()["result"] for answer in answers)
    assert first == second
    assert first["errors"] == []
    # A chunk that was done twice would say that it changed nothing the second time.
    assert [(item["row"], item["changed"]) for item in first["successes"]] == [
        (row, True) for row in range(1, len(records) + 1)
    ]
    assert [item["deviceId"] for item in first["successes"]] == [record["deviceId"] for record in records]
    await _check(server, url, records)


async def _kill_in_the_middle(server: ServerProcess, body: dict[str, Any], device: str) -> None:
    """Send the call; kill the server once two of its ten chunks are there."""
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
        call = asyncio.create_task(
            http.put(f"/_/device-manager/{ENGINE}/devices/_mLink", json=body, headers={"Idempotency-Key": KEY})
        )
        while len(await _links(server, device)) < TWO_CHUNKS:
            assert not call.done()
        server.kill()
        with pytest.raises(httpx.TransportError):
            await call


async def _links(server: ServerProcess, device: str) -> list[Any]:
    async with Client(server.url, patience=30) as client:
        found = await client.call(DEVICES, "get", engineId=ENGINE, _id=device)
    links: list[Any] = found["_source"]["linkedMeasures"]
    return links


async def _check(server: ServerProcess, store: str, records: list[dict[str, Any]]) -> None:
    """The doctor finds nothing, and each link has exactly one history entry."""
    async with Client(server.url) as client:
        assert await examine_server(client, [ENGINE]) == []
    server.stop()
    opened = open_store(Settings(store=store))
    await opened.start()
    events = [
        (entry.source["id"], entry.source["event"])
        async for page in opened.scan(ENGINE, "assets-history")
        for entry in page
    ]
    await opened.close()
    links = Counter((asset, event["link"]["deviceId"]) for asset, event in events if event["name"] == "link")
    assert links == Counter((record["assetId"], record["deviceId"]) for record in records)
    assert len(events) == len(records) + TWINS
