"""Clients connect, subscribe and leave, over and over: nothing of them stays, in lists or in memory (issue 6)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

PLACE = {"index": "weather", "collection": "stations"}
ROOMS = 5
"""Rooms of each client."""
CIRCLE = 10
MEGABYTE = 1 << 20


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


async def ask(socket: ClientConnection, action: str, **args: Any) -> Any:
    """One call; notifications that come meanwhile are passed over."""
    request = {"controller": "realtime", "action": action, "requestId": "mine", **args}
    await socket.send(json.dumps(request))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("requestId") == "mine" and answer.get("action") == action and "room" in answer:
            if answer.get("error") is None and answer.get("type") is None:
                return answer["result"]
            assert answer.get("error") is None, answer["error"]


async def come_and_go(url: str, number: int, watch: asyncio.Barrier) -> None:
    """A client with rooms of its own, one whose ten visitors hear of each other, and one that all share."""
    async with connect(url, compression=None, max_queue=None) as socket:
        rooms = [
            (await ask(socket, "subscribe", **PLACE, body={"equals": {"name": f"{number}-{room}"}}))["roomId"]
            for room in range(ROOMS - 2)
        ]
        circle = {"equals": {"circle": number // CIRCLE}}
        rooms.append((await ask(socket, "subscribe", **PLACE, body=circle, users="all"))["roomId"])
        shared = await ask(socket, "subscribe", **PLACE, body={"exists": {"field": "name"}})
        rooms.append(shared["roomId"])
        await watch.wait()  # all are here
        await watch.wait()  # something was published
        heard: dict[str, Any] = {}
        while heard.get("type") != "document":
            heard = json.loads(await socket.recv())
        assert heard["result"]["_source"]["name"] == "hello"
        if number % 3 == 0:
            for room in rooms:
                await ask(socket, "unsubscribe", body={"roomId": room})
        elif number % 3 == 1:
            socket.transport.abort()


async def one_round(server: ServerProcess, clients: int) -> None:
    watch = asyncio.Barrier(clients + 1)
    coming = [asyncio.create_task(come_and_go(server.ws_url, number, watch)) for number in range(clients)]
    async with Client(server.url) as publisher:
        await watch.wait()
        listed = await publisher.call("realtime", "list")
        assert (
            sum(len(rooms) for of_index in listed.values() for rooms in of_index.values())
            == clients * (ROOMS - 2) + clients // CIRCLE + 1
        )
        await publisher.call("realtime", "publish", **PLACE, body={"name": "hello"})
        await watch.wait()
        await asyncio.gather(*coming)
        deadline = time.monotonic() + 30
        while await publisher.call("realtime", "list"):
            assert time.monotonic() < deadline, "rooms without anybody in them"
            await asyncio.sleep(0.05)


async def rounds(server: ServerProcess, clients: int, times: int) -> list[int]:
    """Memory after each round."""
    async with Client(server.url) as client:
        await client.call("index", "create", index=PLACE["index"])
        await client.call("collection", "create", **PLACE, body={"mappings": {"properties": {}}})
    memory = []
    for _ in range(times):
        await one_round(server, clients)
        memory.append(resident(server.pid))
    return memory


@pytest.mark.parametrize(
    ("clients", "first", "times"),
    [
        pytest.param(40, 2, 6, id="40 clients"),
        pytest.param(1000, 2, 10, marks=[pytest.mark.soak, pytest.mark.timeout(1800)], id="1,000 clients"),
    ],
)
def test_memory_returns_to_where_it_was(
    start_server: Callable[..., ServerProcess], clients: int, first: int, times: int
) -> None:
    server = start_server()
    before = resident(server.pid)
    memory = asyncio.run(rounds(server, clients, first + times))
    print([f"{size / MEGABYTE:.1f}" for size in (before, *memory)])
    # What the first rounds take is kept by the allocator for the next ones.
    settled = max(memory[:first])
    assert memory[-1] - settled < max(2 * MEGABYTE, settled // 50)
