"""Routers with small controllers, asked in-process: decoded message in, decoded envelope out."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from device_manager.events import EventBus
from device_manager.router.controller import Controller
from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection, HttpMessage
from device_manager.router.router import Router

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    bus = EventBus(warning=0.5, deadline=5)
    yield bus
    await bus.close()


@pytest.fixture
def open_router(bus: EventBus) -> OpenRouter:
    """Makes a compiled router with controllers; listeners are hung into `bus` before."""

    def make(*controllers: Controller, **options: Any) -> Router:
        router = Router(bus, None, **options)
        for controller in controllers:
            router.register(controller)
        router.compile()
        return router

    return make


@pytest.fixture
def ask() -> Ask:
    """Sends one message and returns the envelope; `http` is the verb of an HTTP request."""

    async def send(router: Router, action: str, /, *, http: str | None = None, **payload: Any) -> dict[str, Any]:
        controller, _, name = action.rpartition(":")
        message = None if http is None else HttpMessage(http, b"/", (), b"")
        connection = Connection("c1", "websocket" if http is None else "http")
        try:
            request = parse({"controller": controller, "action": name, **payload}, connection, http=message)
            outcome = router.handle(request)
            response = await outcome if inspect.isawaitable(outcome) else outcome
        except Refused as refused:
            response = refused.response
        envelope: dict[str, Any] = orjson.loads(encode(response, room=http is None))
        return envelope

    return send
