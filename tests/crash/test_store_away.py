"""Elasticsearch stops answering for a while: 503 in time, nothing acknowledged lost, normal service soon after."""

from __future__ import annotations

import asyncio
import subprocess
import sys
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
WAITS = "the start waits for the store"


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


class Starting:
    """A server that is being started on a store that does not answer."""

    def __init__(self, store: str, patience: float) -> None:
        settings = {"store": store, "port": 0, "store-deadline": 1, "store-start-wait": patience}
        flags = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "device_manager", "serve", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop_when_it_waits(self) -> tuple[int, str]:
        """Send SIGTERM once it has said what it waits for; its exit status and its last line."""
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert WAITS in first and "PUT /_cluster/settings" in first
        self._process.terminate()
        return self.end()

    def end(self) -> tuple[int, str]:
        """Its exit status and its last line."""
        said, _ = self._process.communicate(timeout=60)
        return self._process.returncode, said.splitlines()[-1]

    def kill(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self._process.wait()


@pytest.mark.timeout(180)
async def test_a_start_waits_for_the_store(
    start_server: Callable[..., ServerProcess], elasticsearch_node: Any, tmp_path: Path
) -> None:
    store = f"elasticsearch:{elasticsearch_node.url}"
    elasticsearch_node.pause()
    stopped, impatient = Starting(store, 60), Starting(store, 2)
    try:
        assert "stopped before the start was complete" in await ended(stopped.stop_when_it_waits, 0)
        refusal = "Error: The server cannot start: The store does not answer: PUT /_cluster/settings: "
        assert (await ended(impatient.end, 1)).startswith(refusal)
        patient = asyncio.create_task(asyncio.to_thread(start_server, store=store))
        log = tmp_path / "server-1.log"
        while not await asyncio.to_thread(lambda: log.exists() and WAITS in log.read_text()):
            assert not patient.done()
            await asyncio.sleep(0.05)
    finally:
        elasticsearch_node.resume()
        stopped.kill()
        impatient.kill()
    server = await patient
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        assert (await http.get("/_ready")).status_code == 200


async def ended(run: Callable[[], tuple[int, str]], status: int) -> str:
    """The last line of a server that ends with a status."""
    exited, line = await asyncio.to_thread(run)
    assert exited == status, line
    return line


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
