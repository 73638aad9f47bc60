"""The real router behind the port: a stream keeps its slot until it ends or its client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from device_manager.events import EventBus
from device_manager.gateways.server import Gateway
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.router import Router
from device_manager.settings import Settings

GET = b"GET /_/export/rows HTTP/1.1\r\nHost: a\r\n\r\n"


class Export(Controller):
    name = "export"

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def produce(self) -> AsyncIterator[bytes]:
        yield b"first\n"
        await self.go_on.wait()
        yield b"last\n"

    @action(http=["GET export/rows"])
    async def rows(self, request: Request) -> Response:
        return Response(request, stream=self.produce())


@pytest.fixture
async def export() -> Export:
    return Export()


@pytest.fixture
async def router(export: Export) -> AsyncIterator[Router]:
    bus = EventBus()
    router = Router(bus, streams=1)
    router.register(export)
    router.compile()
    yield router
    await bus.close()


@pytest.fixture
async def port(router: Router, export: Export) -> AsyncIterator[int]:
    settings = Settings(port=0, shutdown_timeout=2.0)
    gateway = Gateway(router, settings, ready=lambda: True, events=router.bus)
    await gateway.start()
    yield gateway.port
    export.go_on.set()
    await gateway.stop()


async def test_a_reader_holds_the_slot(port: int, router: Router, export: Export, raw: Any) -> None:
    client, other = await raw.connect(port), await raw.connect(port)
    client.send(GET)
    await client.response()
    assert router.streams.running == 1
    other.send(GET)
    assert (await other.response())[0] == 503
    export.go_on.set()
    assert await client.chunks() == [b"first\n", b"last\n"]
    assert router.streams.running == 0
    other.send(GET)
    assert (await other.response())[0] == 200
    assert len(await other.chunks()) == 2


async def test_a_client_that_leaves_gives_it_back(port: int, router: Router, raw: Any, eventually: Any) -> None:
    for _ in range(3):
        client = await raw.connect(port)
        client.send(GET)
        assert (await client.response())[0] == 200
        client.leave()
        await eventually(lambda: router.streams.running == 0)


async def test_websockets_are_refused(port: int, router: Router, raw: Any) -> None:
    client = await raw.websocket(port)
    client.send_text('{"controller":"export","action":"rows","requestId":"r"}')
    answer = await client.answer()
    assert (answer["status"], answer["room"]) == (500, "r")
    assert answer["error"]["id"] == "api.assert.unsupported_protocol"
    assert router.streams.running == 0
    http = await raw.connect(port)
    query = orjson.dumps({"controller": "export", "action": "rows"})
    http.send(b"POST /_query HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(query) + query)
    assert (await http.response())[1]["transfer-encoding"] == "chunked"
