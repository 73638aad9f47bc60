"""A streaming answer has a slot of its own until it has ended, and goes over HTTP only (router-protocol 1.9)."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from device_manager.errors import ApiError, api_error
from device_manager.events import EventBus
from device_manager.router.controller import Controller, action
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.router import Router

OpenRouter = Callable[..., Router]


class Export(Controller):
    name = "export"

    def __init__(self) -> None:
        self.ended = 0

    async def rows(self) -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            self.ended += 1

    @action()
    async def later(self, request: Request) -> Response:
        return Response(request, stream=self.rows())

    @action()
    def at_once(self, request: Request) -> Response:
        return Response(request, stream=self.rows())


@pytest.fixture
async def export() -> Export:
    return Export()


async def ask(router: Router, action: str, protocol: str = "http") -> Response:
    outcome = router.handle(Request("export", action, args={}, id="r", connection=Connection("c", protocol)))
    return await outcome if isinstance(outcome, Awaitable) else outcome


@pytest.mark.parametrize("name", ["later", "atOnce"])
async def test_the_slot_is_held_to_the_end(open_router: OpenRouter, export: Export, name: str) -> None:
    router = open_router(export, streams=1)
    response = await ask(router, name)
    assert response.stream is not None
    assert (router.streams.running, router.admission.running) == (1, 0)
    assert (await ask(router, name)).status == 503
    assert [chunk async for chunk in response.stream] == [b"a", b"b"]
    assert router.streams.running == 0


@pytest.mark.parametrize("name", ["later", "atOnce"])
@pytest.mark.parametrize("begun", [False, True])
async def test_closing_gives_the_slot_back(open_router: OpenRouter, export: Export, name: str, begun: bool) -> None:
    router = open_router(export, streams=1)
    stream: Any = (await ask(router, name)).stream
    if begun:
        assert await anext(stream) == b"a"
    await stream.aclose()
    assert (router.streams.running, export.ended) == (0, int(begun))


async def test_a_forgotten_stream_leaks_no_slot(open_router: OpenRouter, export: Export) -> None:
    router = open_router(export, streams=1)
    assert (await ask(router, "later")).stream is not None
    gc.collect()
    assert router.streams.running == 0


@pytest.mark.parametrize("name", ["later", "atOnce"])
async def test_other_protocols_are_refused(open_router: OpenRouter, export: Export, name: str) -> None:
    router = open_router(export, streams=1)
    response = await ask(router, name, "websocket")
    assert response.error is not None
    assert (response.status, response.error.id) == (500, "api.assert.unsupported_protocol")
    assert response.error.props == ("websocket", f"export:{name}")
    assert response.stream is None
    with pytest.raises(ApiError, match='"internal" cannot be used'):
        await router.call("export", name)
    assert router.streams.running == 0


async def test_an_error_behind_the_action_wins(open_router: OpenRouter, export: Export, bus: EventBus) -> None:
    async def refuse(request: Request) -> None:
        raise api_error("security.rights.forbidden", "export", "later", "x")

    bus.add_pipe("export:afterLater", refuse, owner="test")
    router = open_router(export, streams=1)
    assert (await ask(router, "later")).status == 403
    assert router.streams.running == 0
