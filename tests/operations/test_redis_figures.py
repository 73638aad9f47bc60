"""Operators see in the figures whether servers hear each other by Redis (design 10)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

PURPOSES = {"bus", "bus, reading", "memory storage"}


def test_a_redis_that_goes_and_comes_back(start_server: Any, redis_server: Any, read_figures: Any) -> None:
    server = start_server(settings={"redis": redis_server.url})
    with httpx.Client(base_url=server.url, timeout=60) as client:

        def figures(name: str) -> dict[str, float]:
            """The values of a figure by purpose."""
            read = read_figures(client.get("/metrics").text)
            found = {labels: value for (full, labels), value in read.items() if full == f"device_manager_redis_{name}"}
            return {dict(labels).get("purpose", ""): value for labels, value in found.items()}

        def wait(condition: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 60
            while not condition():
                assert time.monotonic() < deadline, {name: figures(name) for name in ("connected", "silence_seconds")}
                time.sleep(0.1)

        client.post("/ms/_append/greeting", json={"value": "hello"})
        assert figures("connected") == dict.fromkeys(PURPOSES, 1)
        assert figures("losses_total") == dict.fromkeys(PURPOSES, 0)
        assert figures("unconfirmed") == {"": 0}
        redis_server.kill()
        wait(lambda: figures("connected")["bus, reading"] == 0)
        wait(lambda: figures("silence_seconds")["bus, reading"] > 1.5)
        assert client.get("/ms/greeting").json()["error"]["id"] == "services.cache.not_connected"
        assert figures("connected")["memory storage"] == 0
        health = client.get("/_healthCheck").json()
        assert (health["status"], health["error"]["id"]) == (500, "core.fatal.service_unavailable")
        assert health["result"]["services"] == {
            "internalCache": "red",
            "memoryStorage": "red",
            "storageEngine": "green",
        }
        redis_server.start()
        wait(lambda: figures("connected")["bus, reading"] == figures("connected")["bus"] == 1)
        assert figures("losses_total")["bus, reading"] >= 1
        wait(lambda: figures("silence_seconds")["bus, reading"] < 3)
