"""Buses of several servers on one Redis, each with a listener that notes what it is told."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from device_manager.realtime.bus import Entry
from device_manager.realtime.bus.shared import RedisBus

PLACE = ("tenant-a", "assets")


class Noted:
    """A listener.

    Attributes:
        told: what happened: the document and the number.
        signals: what servers told.
        gaps: how often something may have been missed.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str | None, int | None]] = []
        self.signals: list[bytes] = []
        self.gaps = 0

    def on_entry(self, entry: Entry, number: int | None) -> None:
        self.told.append((entry.id, number))

    def on_signal(self, signal: bytes) -> None:
        self.signals.append(signal)

    def on_gap(self) -> None:
        self.gaps += 1

    @property
    def ids(self) -> list[str | None]:
        return [id for id, _ in self.told]


class Server:
    """A bus and its listener."""

    def __init__(self, url: str, prefix: str, **options: Any) -> None:
        self.noted = Noted()
        limits = {"entries": 1000, "most_bytes": 1 << 20, "age": 60.0, "deadline": 10.0} | options
        self.bus = RedisBus(url, prefix, **limits)

    def publish(self, *ids: str, place: tuple[str, str] = PLACE) -> None:
        for id in ids:
            self.bus.publish(
                Entry(*place, "create", id, None, {"n": id}, 1, None, "document", id, None, "websocket", 0, "node")
            )


@pytest_asyncio.fixture
async def start_bus(redis_server: Any) -> AsyncIterator[Callable[..., Any]]:
    """Starts buses that belong together."""
    prefix = f"test-{uuid.uuid4().hex}:"
    started: list[Server] = []

    async def start(url: str | None = None, **options: Any) -> Server:
        server = Server(url or redis_server.url, prefix, **options)
        started.append(server)
        await server.bus.start(server.noted)
        return server

    yield start
    for server in started:
        await server.bus.stop()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits for a condition."""

    async def wait(condition: Callable[[], Any], seconds: float = 15) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.01)
        return found

    return wait
