"""A retry with the same idempotency key, after a kill in the middle of a bulk call, continues where it stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
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
SLOTS = 10
TWO_CHUNKS = 2
"""Links of each device when 2,000 records are applied."""
DEVICES = "device-manager/devices"
KEY = "night-shift-2026-11-23"

LINK = f"/_/device-manager/{ENGINE}/devices/_mLink"
SIZES = [pytest.param(200, id="2000"), pytest.param(1000, id="10000", marks=pytest.mark.soak)]
"""Twins, each of which is linked by one record of each of the ten chunks."""
CreateFleet = Callable[..., Awaitable[list[tuple[str, str]]]]


def _settings(twins: int) -> dict[str, Any]:
    """The other server need not wait long, and a chunk gets its time on a busy machine."""
    return {"recovery_grace": 6, "store_deadline": 20, "bulk_chunk": twins}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize("twins", SIZES)
async def test_a_retry_after_a_kill_goes_on(
    start_server: Callable[..., ServerProcess],
    create_fleet: CreateFleet,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    store: str,
    twins: int,
) -> None:
    """Another server goes on; a further retry gets the same answer, word for word."""
    url = f"sqlite:{tmp_path / 'fleet'}"
    if store == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    server = start_server(store=url if store == "sqlite" else store, settings=_settings(twins))
    records = await _records(server, create_fleet, twins)
    async with _call_in_the_middle(server, records) as call:
        server.kill()
        with pytest.raises(httpx.TransportError):
            await call

    server = start_server(store=url, settings=_settings(twins))
    async with Client(server.url) as client:
        assert TWO_CHUNKS <= len(await _links(client, records[0]["deviceId"])) < SLOTS
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
        first, second = [(await _link(http, records)).json()["result"] for _ in range(2)]
    assert first == second
    _check_answer(first, records)
    await _check_store(server, url, records)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_server_that_was_stopped_and_its_retry_elsewhere_agree(
    start_server: Callable[..., ServerProcess], create_fleet: CreateFleet, elasticsearch_url: str
) -> None:
    twins = 1000
    url = f"elasticsearch:{elasticsearch_url}"
    stopped = start_server(store="elasticsearch", settings=_settings(twins))
    other = start_server(store=url, settings=_settings(twins))
    records = await _records(stopped, create_fleet, twins)
    async with _call_in_the_middle(stopped, records) as call:
        stopped.pause()
        async with httpx.AsyncClient(base_url=other.url, timeout=300) as http:
            answer = (await _link(http, records)).json()["result"]
        stopped.resume()
        late = (await call).json()["result"]
        assert {item["status"] for item in late["errors"]} <= {503}, late["errors"][0]
        async with httpx.AsyncClient(base_url=stopped.url, timeout=300) as http:
            while (again := (await _link(http, records)).json())["status"] == 503:
                await asyncio.sleep(0.2)  # it has to find out that the cluster answers
        assert again["error"] is None
        assert again["result"] == answer
    _check_answer(answer, records)
    stopped.stop()
    await _check_store(other, url, records)


async def _records(server: ServerProcess, create_fleet: CreateFleet, twins: int) -> list[dict[str, Any]]:
    """Ten records for each device: the n-th slot of every device goes to another asset."""
    async with Client(server.url) as client:
        fleet = await create_fleet(client, ENGINE, twins, slots=SLOTS)
    return [
        {
            "deviceId": fleet[number][1],
            "assetId": fleet[(number + slot) % twins][0],
            "measureSlots": [{"device": f"t{slot}", "asset": f"t{slot}"}],
        }
        for slot in range(1, SLOTS + 1)
        for number in range(twins)
    ]


async def _link(http: httpx.AsyncClient, records: list[dict[str, Any]]) -> httpx.Response:
    return await http.put(LINK, json={"records": records}, headers={"Idempotency-Key": KEY})


@contextlib.asynccontextmanager
async def _call_in_the_middle(
    server: ServerProcess, records: list[dict[str, Any]]
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """The call, running, at least two of its ten chunks being there."""
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as http, Client(server.url) as client:
        call = asyncio.create_task(_link(http, records))
        while len(await _links(client, records[0]["deviceId"])) < TWO_CHUNKS:
            assert not call.done()
            await asyncio.sleep(0.05)  # the server has work to do
        yield call


def _check_answer(answer: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """It is complete; a chunk that was done twice would say that it changed nothing the second time."""
    assert answer["errors"] == []
    assert [(item["row"], item["deviceId"], item["changed"]) for item in answer["successes"]] == [
        (row, record["deviceId"], True) for row, record in enumerate(records, 1)
    ]


async def _links(client: Client, device: str) -> list[Any]:
    found = await client.call(DEVICES, "get", engineId=ENGINE, _id=device)
    links: list[Any] = found["_source"]["linkedMeasures"]
    return links


async def _check_store(server: ServerProcess, store: str, records: list[dict[str, Any]]) -> None:
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
    assert len(events) == len(records) + len(records) // SLOTS
