"""A model change reaches every asset of the model, though the server is killed in the middle (device-manager 2.5)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

StartServer = Callable[..., ServerProcess]

MODELS, ASSETS, TASKS = "device-manager/models", "device-manager/assets", "device-manager/tasks"
ENGINE = "crash"
AT_ONCE = 500
ROUNDS = 10
"""Changes that are tried until a kill hits one in the middle."""


class Fleet:
    """A server with assets of one model, which gets one slot more with each change."""

    def __init__(self, server: ServerProcess, size: int) -> None:
        self.server = server
        self.size = size
        self.changes = 0
        self.killed_at = 0.0

    async def fill(self) -> None:
        async with Client(self.server.url) as client:
            mapping = {"temperature": {"type": "float"}}
            await client.call(MODELS, "writeMeasure", body={"type": "temperature", "valuesMappings": mapping})
            await client.call(MODELS, "writeAsset", body=self._model())
            await client.call("device-manager/engine", "create", index=ENGINE)
            for start in range(0, self.size, AT_ONCE):
                numbers = range(start, min(start + AT_ONCE, self.size))
                records = [{"model": "Crate", "reference": str(number)} for number in numbers]
                await client.call(ASSETS, "importAssets", engineId=ENGINE, body={"records": records})

    def _model(self) -> dict[str, Any]:
        slots = [{"name": f"t{number}", "type": "temperature"} for number in range(self.changes)]
        return {"engineGroup": "commons", "model": "Crate", "measures": slots}

    async def change_and_kill(self) -> None:
        """Change the model, and kill the server as soon as a task for it can be seen at work."""
        self.changes += 1
        async with Client(self.server.url) as writer, Client(self.server.url) as reader:
            writing = asyncio.create_task(writer.call(MODELS, "writeAsset", body=self._model()))
            while not writing.done():
                if (await reader.call(TASKS, "list", state="running"))["tasks"]:
                    break
            self.killed_at = time.time() * 1000
            await asyncio.to_thread(self.server.kill)
            with contextlib.suppress(Exception):
                await writing
        await asyncio.to_thread(self.server.start)

    async def settle(self, within: float) -> list[dict[str, Any]]:
        """All tasks, once none runs any more."""
        async with asyncio.timeout(within), Client(self.server.url, patience=30) as client:
            while True:
                tasks: list[dict[str, Any]] = (await client.call(TASKS, "list"))["tasks"]
                if all(task["state"] != "running" for task in tasks):
                    return tasks
                await asyncio.sleep(0.1)

    async def reached(self) -> bool:
        """Whether the last change was committed before the kill; if so, every asset has to have it."""
        async with Client(self.server.url, patience=30) as client:
            model = await client.call(MODELS, "getAsset", model="Crate")
            slots = model["_source"]["asset"]["measures"]
            await client.call("collection", "refresh", index=ENGINE, collection="assets")
            query = {"bool": {"must_not": [{"term": {"measureSlots.name": slots[-1]["name"]}}]}} if slots else {}
            left = await client.call(ASSETS, "search", engineId=ENGINE, size=1, body={"query": query})
            assert left["total"] == 0, (len(slots), left["total"])
            everything = await client.call(ASSETS, "search", engineId=ENGINE, size=1, body={})
            assert everything["total"] == self.size
            newest = everything["hits"][0]
            assert newest["_source"]["measureSlots"] == slots
            return len(slots) == self.changes


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize("size", [pytest.param(800, id="800"), pytest.param(20_000, marks=pytest.mark.soak)])
async def test_a_killed_server_finishes_what_a_model_change_began(
    start_server: StartServer, store: str, size: int
) -> None:
    server = start_server(store=store, settings={"recovery_grace": 1.5})
    fleet = Fleet(server, size)
    await fleet.fill()
    for _ in range(ROUNDS):
        await fleet.change_and_kill()
        tasks = await fleet.settle(60 + size / 50)
        assert {task["state"] for task in tasks} == {"finished"}, tasks
        if await fleet.reached() and tasks[0]["endedAt"] > fleet.killed_at:
            assert tasks[0]["done"] == tasks[0]["total"] == size
            return
    pytest.fail(f"no kill hit a change in the middle: {tasks}")
