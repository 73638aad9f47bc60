"""Who serves a store: several servers on Elasticsearch, one on the embedded store."""

from __future__ import annotations

import asyncio
import time
import uuid

from device_manager.storage.beats import Beats
from device_manager.storage.contract import Store
from device_manager.storage.servers import Servers

INTERVAL = 0.1


async def test_servers_see_each_other_come_and_go(empty_store: Store) -> None:
    first, second, dying = (Servers(empty_store, f"knode-{uuid.uuid4().hex}", INTERVAL) for _ in range(3))
    own = first.id
    if not empty_store.shared:
        await first.start("127.0.0.1:1")
        assert [server.id for server in await first.look()] == [own]
        assert [(entry.id, entry.event) for entry in first.activity] == [(own, "joined")]
        await first.stop()
        return

    async def seen(by: Servers, servers: set[Servers], others: set[Servers]) -> None:
        """Wait until some are seen, and others are not."""
        deadline = time.monotonic() + 20
        while True:
            ids = {server.id for server in await by.look()}
            if ids >= {server.id for server in servers} and not ids & {server.id for server in others}:
                return
            assert time.monotonic() < deadline
            await asyncio.sleep(INTERVAL)

    for number, server in enumerate((first, second, dying)):
        await server.start(f"127.0.0.1:{number}")
    await seen(first, {first, second, dying}, set())
    await dying.heartbeat.cease()
    await second.stop()
    await seen(first, {first}, {second, dying})
    told = {(entry.id, entry.event, entry.reason) for entry in first.activity}
    assert {
        (own, "joined", None),
        (second.id, "joined", None),
        (second.id, "evicted", "it has stopped"),
        (dying.id, "evicted", "it gives no sign of life"),
    } <= told
    # One that was only slow joins again.
    await dying.heartbeat.give()
    await seen(first, {first, dying}, {second})
    assert [entry.event for entry in first.activity if entry.id == dying.id] == ["joined", "evicted", "joined"]
    await first.stop()
    await dying.stop()


def test_a_number_that_stays_is_a_process_that_is_gone() -> None:
    now = 0.0
    beats = Beats(5, clock=lambda: now)
    assert beats.gone({"a": 1, "b": 1}) == set()
    now = 6
    assert beats.gone({"a": 2, "b": 1, "c": 1}) == {"b"}
    assert beats.gone({"a": 2, "c": 1}) == set()
