"""Stopping under load: running requests are answered, WebSockets closed with 1001, nobody can hold it up (design 9)."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

WAIT = '{"controller":"test","action":"wait","requestId":"%s"}'
HTTP_WAIT = b"GET /_wait HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_running_requests_are_answered_and_new_ones_refused(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(connection_running=2, shutdown_timeout=10.0)
    socket, http, idle = (
        await raw.websocket(server.port),
        await raw.connect(server.port),
        await raw.connect(server.port),
    )
    for name in ("one", "two", "waits"):
        socket.send_text(WAIT % name)
    http.send(HTTP_WAIT)
    await eventually(lambda: server.router.started == 3)
    stopping = asyncio.create_task(server.gateway.stop())
    assert await idle.closed() == b""
    socket.send_text(WAIT % "late")
    late = await socket.answer()
    assert (late["room"], late["status"], late["error"]["id"]) == ("late", 503, "network.entrypoint.shutting_down")
    socket.send_text('{"p":1}')
    assert await socket.answer() == {"p": 2}
    with pytest.raises(OSError, match="Connect"):
        await raw.connect(server.port)
    server.router.gate.set()
    assert {(await socket.answer())["room"] for _ in range(3)} == {"one", "two", "waits"}
    assert await socket.close_code() == 1001
    socket.send_text(b"\x03\xe9", 0x88)
    status, headers, body = await http.response()
    assert (status, headers["connection"], orjson.loads(body)["result"]) == (200, "close", "waited")
    assert await http.closed() == b""
    await stopping
    assert server.connections == 0


async def test_http_requests_on_open_connections_are_refused(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(shutdown_timeout=10.0)
    client = await raw.connect(server.port)
    client.send(b"POST /_wait HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    await client.head()
    busy = await raw.websocket(server.port)
    busy.send_text(WAIT % "r")
    await eventually(lambda: server.router.started == 1)
    stopping = asyncio.create_task(server.gateway.stop())
    await eventually(lambda: server.gateway._service.draining)
    client.send(b"{}")
    status, headers, body = await client.response()
    assert (status, headers["connection"]) == (503, "close")
    assert orjson.loads(body)["error"]["id"] == "network.entrypoint.shutting_down"
    server.router.gate.set()
    await stopping


async def test_stalled_and_endless_ones_cannot_hold_it_up(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(shutdown_timeout=0.5)
    stalled = await raw.websocket(server.port, receive_buffer=4096)
    for _ in range(100):
        stalled.send_text('{"controller":"test","action":"large","requestId":"r"}')
    endless = await raw.websocket(server.port)
    endless.send_text(WAIT % "never")
    half = await raw.connect(server.port)
    half.send(b"POST /_now HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    await eventually(lambda: server.router.started == 1 and server.connections == 3)
    async with asyncio.timeout(6):
        await server.gateway.stop()
    assert server.connections == 0
    assert await endless.close_code() == 1001


async def test_a_departed_clients_request_is_finished(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(shutdown_timeout=10.0)
    client = await raw.websocket(server.port)
    client.send_text(WAIT % "r")
    await eventually(lambda: server.router.started == 1)
    client.leave()
    await eventually(lambda: server.connections == 0)
    stopping = asyncio.create_task(server.gateway.stop())
    await eventually(lambda: server.gateway._service.draining)
    server.router.gate.set()
    await stopping
    assert server.router.finished == 1


async def test_stop_twice_and_without_start(start: Any) -> None:
    server = await start()
    await server.gateway.stop()
    await server.gateway.stop()


async def test_a_taken_port_is_an_error(start: Any) -> None:
    server = await start()
    with pytest.raises(OSError, match="in use"):
        await start(port=server.port)
