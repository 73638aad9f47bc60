"""A server is killed or stopped for a while under many clients: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess

StartServer = Callable[..., ServerProcess]
StartLoad = Callable[..., Awaitable[Any]]
Verify = Callable[[str, Any], Awaitable[None]]

SIZES = [pytest.param(300, 200, id="300"), pytest.param(2000, 4000, id="2000", marks=pytest.mark.soak)]
GRACE = 1.5
"""Seconds that a transaction of another process is left alone: short, so that many are recovered."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize(("pairs", "between"), SIZES)
async def test_three_kills(
    start_server: StartServer, start_load: StartLoad, verify: Verify, store: str, pairs: int, between: int
) -> None:
    server = start_server(store=store, settings={"recovery_grace": GRACE})
    load = await start_load([server.ws_url], pairs=pairs)
    async with load:
        for _ in range(3):
            await load.reach(between)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await load.reach(between)
    await verify(server.url, load)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("pairs", "between"), SIZES)
async def test_one_of_two_servers_stops_for_longer_than_the_grace_time(
    start_server: StartServer, start_load: StartLoad, verify: Verify, elasticsearch_url: str, pairs: int, between: int
) -> None:
    settings = {"recovery_grace": GRACE}
    servers = [start_server(store="elasticsearch", settings=settings)]
    servers.append(start_server(store=f"elasticsearch:{elasticsearch_url}", settings=settings))
    load = await start_load([server.ws_url for server in servers], pairs=pairs)
    async with load:
        for _ in range(3):
            await load.reach(between)
            servers[1].pause()
            await asyncio.sleep(3 * GRACE)  # the stop has to outlast the grace time; nothing tells when it does
            servers[1].resume()
        await load.reach(between)
    await verify(servers[0].url, load)
    await verify(servers[1].url, load)
