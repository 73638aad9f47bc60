"""The WebSocket handshake (router-protocol 1.2), its failures included."""

from __future__ import annotations

from typing import Any

import pytest
import websockets


@pytest.mark.parametrize(
    ("offered", "echoed"), [(None, None), ("null", "null"), ("first, second", "first"), ("kuzzle", "kuzzle")]
)
async def test_first_subprotocol_is_echoed(server: Any, raw: Any, upgrade: bytes, offered: str, echoed: str) -> None:
    client = await raw.connect(server.port)
    client.send(upgrade % (f"Sec-WebSocket-Protocol: {offered}\r\n".encode() if offered else b""))
    status, headers, _ = await client.response()
    assert status == 101
    assert headers.get("sec-websocket-protocol") == echoed


async def test_compression_is_declined(server: Any, raw: Any, upgrade: bytes) -> None:
    client = await raw.connect(server.port)
    client.send(upgrade % b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    status, headers, _ = await client.response()
    assert status == 101
    assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize("target", [b"/any/path", b"*", b"http://localhost/x", b"//", b"/%zz"])
async def test_any_path_is_upgraded(server: Any, raw: Any, upgrade: bytes, target: bytes) -> None:
    client = await raw.connect(server.port)
    client.send((upgrade % b"").replace(b"GET /", b"GET " + target, 1))
    assert (await client.head()).startswith(b"HTTP/1.1 101")


async def test_upgrade_headers_reach_the_requests(server: Any) -> None:
    address = f"ws://127.0.0.1:{server.port}/"
    async with websockets.connect(
        address, additional_headers={"Cookie": "a=1", "X-Own": "2", "X-Forwarded-For": "9.9.9.9"}
    ) as socket:
        await socket.send('{"controller":"test","action":"echo","requestId":"r"}')
        await socket.recv()
    connection = server.router.requests[0].connection
    assert connection.headers["cookie"] == "a=1"
    assert connection.headers["x-own"] == "2"
    assert connection.ips == ("127.0.0.1",)
    assert connection.protocol == "websocket"


async def test_frames_in_the_segment_of_the_upgrade_are_served(
    server: Any, raw: Any, upgrade: bytes, masked: Any
) -> None:
    client = await raw.connect(server.port)
    client.send(upgrade % b"" + masked(b'{"p":1}'))
    await client.head()
    assert await client.answer() == {"p": 2}


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: %b\r\n\r\n"
            % (b"c" * 9000),
            431,
        ),
        (
            HEAD + b"%b\r\n" % (b"a: b\r\n" * 130),
            431,
        ),
        (HEAD.replace(b"GET", b"POST") + b"Content-Length: 0\r\n\r\n", 405),
        (HEAD + b"\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            400,
        ),
    ],
    ids=["fat cookie", "many headers", "POST", "no key", "old version"],
)
async def test_failed_upgrade_is_answered_and_closed(
    server: Any, raw: Any, eventually: Any, request_head: bytes, status: int
) -> None:
    client = await raw.connect(server.port)
    client.send(request_head)
    answer = await client.closed()
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    await eventually(lambda: server.connections == 0)
