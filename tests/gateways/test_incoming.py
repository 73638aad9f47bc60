"""The memory for unfinished and waiting messages is bounded over all connections (design 8)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from device_manager.gateways.incoming import FREE_BYTES, IncomingMemory, Share

MB = 1 << 20
NOW = '{"controller":"server","action":"now","requestId":"r"}'
HEAD = b"POST /_%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def test_shares_of_the_memory() -> None:
    memory = IncomingMemory(1000)
    one, other = Share(memory), Share(memory)
    assert one.hold(FREE_BYTES + 600)
    assert other.hold(FREE_BYTES)
    assert memory.held_bytes == 600
    assert not other.hold(FREE_BYTES + 401)
    assert other.hold(FREE_BYTES + 400)
    assert one.hold(10)
    assert memory.held_bytes == 400
    assert other.hold(0)
    assert memory.held_bytes == 0


def half(size: int, first: int = 0x81) -> bytes:
    """The beginning of a frame of twice that size."""
    return bytes((first, 0xFF)) + (2 * size).to_bytes(8) + bytes(4) + b" " * size


async def fill(server: Any, raw: Any, eventually: Any, connections: int = 3) -> list[Any]:
    """Hold 3 MB in three unfinished messages."""
    clients = []
    for number in range(connections):
        clients.append(await raw.websocket(server.port))
        clients[-1].send(half(MB))
        await eventually(lambda held=(number + 1) * MB: server.incoming.held_bytes > 0.95 * held)
    return clients


async def test_a_websocket_past_the_bound_is_told_to_come_later(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * MB)
    holding = await fill(server, raw, eventually)
    late = await raw.websocket(server.port)
    late.send_text(NOW)
    assert (await late.answer())["status"] == 200
    late.send(half(MB))
    assert await late.close_code() == 1013
    for client in holding:
        client.leave()
    late.leave()
    await eventually(lambda: server.incoming.held_bytes == 0)
    again = await raw.websocket(server.port)
    again.send(half(MB))
    again.send(b" " * (MB - len(NOW)) + NOW.encode())
    assert (await again.answer())["status"] == 200
    await eventually(lambda: server.incoming.held_bytes == 0)


async def test_fragments_count(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * MB)
    client = await raw.websocket(server.port)
    for number in range(40):
        client.send_text(b" " * 100_000, 0x01 if number == 0 else 0x00)
    assert await client.close_code() == 1013


async def test_a_message_of_very_many_fragments_is_refused(server: Any, raw: Any, masked: Any) -> None:
    client = await raw.websocket(server.port)
    client.send(masked(b" ", 0x01) + masked(b" ", 0x00) * 70_000)
    assert await client.close_code() == 1008


async def test_http_bodies_past_the_bound_are_refused(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * MB)
    await fill(server, raw, eventually)
    client = await raw.connect(server.port)
    client.send(HEAD % (b"now", 2) + b"{}")
    assert (await client.response())[0] == 200
    client.send(HEAD % (b"now", MB) + b" " * (MB // 2))
    status, headers, body = await client.response()
    assert (status, headers["connection"]) == (503, "close")
    assert orjson.loads(body)["error"]["id"] == "api.process.overloaded"


async def test_http_bodies_count_until_they_are_answered(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * MB)
    waiting = []
    for _ in range(2):
        client = await raw.connect(server.port)
        client.send(HEAD % (b"wait", MB) + b"[" + b" " * (MB - 2) + b"]")
        waiting.append(client)
    await eventually(lambda: server.router.started == 2)
    assert server.incoming.held_bytes > 1.9 * MB
    server.router.gate.set()
    for client in waiting:
        assert (await client.response())[0] == 200
    await eventually(lambda: server.incoming.held_bytes == 0)


async def test_whole_messages_past_the_bound_get_503(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * (MB + 14 - FREE_BYTES))
    await fill(server, raw, eventually)
    client = await raw.websocket(server.port)
    client.send_text(b" " * (FREE_BYTES + 1000) + NOW.encode())
    answer = await client.answer()
    assert (answer["status"], answer["room"], answer["error"]["id"]) == (503, "r", "api.process.overloaded")
    client.send_text(NOW)
    assert (await client.answer())["status"] == 200


async def test_waiting_and_running_messages_count(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(max_incoming_bytes=3 * MB, connection_running=1)
    client = await raw.websocket(server.port)
    for name in ("running", "waiting"):
        client.send_text(b" " * MB + b'{"controller":"test","action":"wait","requestId":"%b"}' % name.encode())
    await eventually(lambda: server.incoming.held_bytes > 1.9 * MB and server.router.started == 1)
    server.router.gate.set()
    assert [(await client.answer())["room"] for _ in range(2)] == ["running", "waiting"]
    await eventually(lambda: server.incoming.held_bytes == 0)


@pytest.mark.parametrize("piece", [half(1000), half(0, 0x01)[:5], b"\x01\x82abcdxx"], ids=["body", "head", "fragment"])
async def test_the_rest_of_a_message_has_to_arrive(start: Any, raw: Any, piece: bytes) -> None:
    server = await start(body_timeout=0.5)
    idle, client = await raw.websocket(server.port), await raw.websocket(server.port)
    client.send(piece)
    assert await client.close_code() == 1008
    idle.send_text(NOW)
    assert (await idle.answer())["status"] == 200
