"""The controller `ms` behind a router, over a Redis and over the memory of the process."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from device_manager.controllers.memory_storage import MemoryStorageController
from device_manager.events import EventBus
from device_manager.memory_storage import MemoryStorage, open_memory_storage
from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection
from device_manager.router.router import Router
from device_manager.settings import Settings


class Memory:
    """A storage and its controller."""

    def __init__(self, storage: MemoryStorage, answers: Any) -> None:
        self.storage = storage
        self._answers = answers
        self.router = Router(EventBus())
        self.router.register(MemoryStorageController(storage))
        self.router.compile()

    async def ask(self, action: str, *, protocol: str = "websocket", **message: Any) -> dict[str, Any]:
        """The envelope that answers a request."""
        try:
            request = parse({"controller": "ms", "action": action, **message}, Connection("test", protocol))
            outcome = self.router.handle(request)
            response = await outcome if inspect.isawaitable(outcome) else outcome
        except Refused as refused:
            response = refused.response
        envelope: dict[str, Any] = orjson.loads(encode(response, room=False))
        for store in ("sqlite", "elasticsearch"):  # which one a server has does not matter to `ms`
            self._answers.note(store, envelope)
        return envelope

    async def do(self, action: str, **message: Any) -> Any:
        """The result of a request that has to succeed."""
        envelope = await self.ask(action, **message)
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    async def refused(self, action: str, **message: Any) -> tuple[int, str]:
        """Status and id of a refusal."""
        error = (await self.ask(action, **message))["error"]
        assert error is not None
        return error["status"], error["id"]


@pytest_asyncio.fixture(params=["redis", "process"])
async def memory(request: pytest.FixtureRequest, answers: Any) -> AsyncIterator[Memory]:
    """An empty storage of either kind."""
    redis = request.getfixturevalue("redis_server").url if request.param == "redis" else ""
    memory = Memory(open_memory_storage(Settings(redis=redis)), answers)
    await memory.storage.run("FLUSHDB")
    yield memory
    await memory.storage.close()
