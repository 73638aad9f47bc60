"""Elasticsearch stops answering for a while: 503 in time, nothing acknowledged lost, normal service soon after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess

pytestmark = pytest.mark.alone

AWAY = 20.0
"""Seconds that the store does not answer."""
ANSWERED_WITHIN = 5.0


@pytest.mark.timeout(120)
async def test_the_store_stops_for_twenty_seconds(
    start_server: Callable[..., ServerProcess],
    start_load: Callable[..., Awaitable[Any]],
    verify: Callable[[str, Any], Awaitable[None]],
    elasticsearch_node: Any,
) -> None:
    server = start_server(store=f"elasticsearch:{elasticsearch_node.url}", settings={"recovery_grace": 1.5})
    load = await start_load([server.ws_url], pairs=300)
    async with load, httpx.AsyncClient(base_url=server.url, timeout=ANSWERED_WITHIN + 5) as http:
        await load.reach(200)
        load.slowest = 0.0
        elasticsearch_node.pause()
        try:
            await refused_in_time(http, f"/_/device-manager/crash/devices/{load.pairs[0].device}")
        finally:
            elasticsearch_node.resume()
        assert load.refused[503] > 0
        await load.reach(200, within=5.0)
        assert load.slowest < ANSWERED_WITHIN
        assert server.is_running
    await verify(server.url, load)


async def refused_in_time(http: httpx.AsyncClient, path: str) -> None:
    """Every read is answered with 503 in time, for as long as the store is away."""
    stopped = time.monotonic()
    while time.monotonic() - stopped < AWAY:
        asked = time.monotonic()
        answer = await http.get(path)
        assert time.monotonic() - asked < ANSWERED_WITHIN
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["status"] == 503
        assert (await http.get("/_healthcheck")).status_code == 200
        await asyncio.sleep(0.1)  # a pace for this loop, not a wait
