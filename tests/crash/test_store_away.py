"""Elasticsearch stops answering for a while: 503 in time, nothing acknowledged lost, normal service soon after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess

pytestmark = pytest.mark.alone

AWAY = 20.0
"""Seconds that the store does not answer."""
ANSWERED_WITHIN = 5.0
FIRST = 1_732_000_000_000


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


@pytest.mark.timeout(120)
async def test_payloads_wait_on_disk_while_the_store_is_away(
    start_server: Callable[..., ServerProcess], elasticsearch_node: Any, tmp_path: Path
) -> None:
    settings = {"decoder": ["json"], "spool_directory": str(tmp_path / "spool")}
    store = f"elasticsearch:{elasticsearch_node.url}"
    server = start_server(store=store, settings=settings)
    payload = "/_/device-manager/payload/json"

    def body(number: int, device: str = "a") -> dict[str, Any]:
        return {"reference": device, "measuredAt": FIRST + number, "measures": {"temperature": number}}

    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        assert (await http.post("/_/device-manager/engine/spooled", json={})).status_code == 200
        assert (await http.post(payload, json=body(0))).json()["result"] == {"valid": True}
        attached = await http.put("/_/device-manager/spooled/devices/JsonDevice-a/_attach")
        assert attached.status_code == 200, attached.text
        elasticsearch_node.pause()
        try:
            for number in range(1, 51):
                answer = await http.post(payload, json=body(number), params={"uuid": f"spooled-{number}"})
                assert answer.json()["result"] == {"valid": True, "spooled": True}, answer.text
            # Rights and tokens are not looked up meanwhile, and what is known of them grows old.
            await until(lambda: http.get("/_/device-manager/spooled/devices/JsonDevice-a"), 503)
            answer = await http.post(payload, json=body(51, "b"), params={"uuid": "spooled-51"})
            assert answer.json()["result"] == {"valid": True, "spooled": True}, answer.text
            server.kill()
        finally:
            elasticsearch_node.resume()
    server = start_server(store=store, settings=settings)
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        last = "/_/device-manager/spooled/devices/JsonDevice-a/lastMeasuredAt"
        await until(lambda: http.get(last), 200, {"lastMeasuredAt": FIRST + 50})
        await until_empty(tmp_path / "spool")  # what is sent earlier queues up behind what waits
        for number in (3, 51):
            answer = await http.post(
                payload, json=body(number, "ab"[number > 50]), params={"uuid": f"spooled-{number}"}
            )
            assert answer.json()["result"] == {"valid": True}, number
        assert (await http.post("/spooled/measures/_refresh")).status_code == 200
        found = await http.get("/_/device-manager/spooled/devices/JsonDevice-a/measures", params={"size": 1})
        assert found.json()["result"]["total"] == 50
        record = (await http.get("/_/device-manager/device-manager/devices/JsonDevice-b")).json()["result"]["_source"]
        assert record["lastMeasuredAt"] == FIRST + 51
    assert not list((tmp_path / "spool").glob("*.spool"))


async def until_empty(spool: Path) -> None:
    """Wait until nothing waits in a directory of spooled payloads."""
    deadline = time.monotonic() + 30
    while await asyncio.to_thread(lambda: list(spool.glob("*.spool"))):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until(ask: Callable[[], Awaitable[httpx.Response]], status: int, result: Any = ...) -> None:
    """Ask until the answer is the expected one."""
    deadline = time.monotonic() + 30
    while True:
        answer = await ask()
        if answer.status_code == status and result in (..., answer.json()["result"]):
            return
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)
