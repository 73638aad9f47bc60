"""How WebSocket connections end: limits, malformed frames, idle and stalled peers (router-protocol 1.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
import websockets

NOW = '{"controller":"server","action":"now","requestId":"r"}'


def padded(size: int) -> bytes:
    head = b'{"controller":"server","action":"now","requestId":"r","fill":"'
    return head + b"x" * (size - len(head) - 2) + b'"}'


async def test_the_largest_message_passes_and_one_byte_more_ends_with_1009(start: Any, raw: Any) -> None:
    server = await start(max_message_bytes=100_000)
    client = await raw.websocket(server.port)
    client.send_text(padded(100_000))
    assert (await client.answer())["status"] == 200
    client.send_text(padded(100_001))
    assert await client.close_code() == 1009
    assert await client.closed() == b""


async def test_fragments_count_together(start: Any, raw: Any) -> None:
    server = await start(max_message_bytes=1000)
    client = await raw.websocket(server.port)
    client.send_text(b" " * 600, 0x01)
    client.send_text(b" " * 600, 0x80)
    assert await client.close_code() == 1009


async def test_the_default_limit_is_16_mb_and_the_close_code_survives_unread_data(server: Any) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{server.port}", max_size=None) as socket:
        await socket.send(padded(16 << 20).decode())
        assert orjson.loads(await socket.recv())["status"] == 200
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.send(padded(20_000_000).decode())
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", 1002),
        (b"\xc1\x80abcd", 1002),
        (b"\x83\x80abcd", 1002),
        (b"\x00\x80abcd", 1002),
        (b"\x09\x80abcd", 1002),
        (b"\x88\x81abcdx", 1002),
    ],
    ids=["not masked", "reserved bit", "unknown opcode", "stray continuation", "fragmented ping", "short close"],
)
async def test_malformed_frames_end_the_connection(server: Any, raw: Any, data: bytes, code: int) -> None:
    client = await raw.websocket(server.port)
    client.send(data)
    assert await client.close_code() == code


async def test_a_message_within_a_fragmented_one_ends_the_connection(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text(b"{", 0x01)
    client.send_text(NOW)
    assert await client.close_code() == 1002
    assert server.router.requests == []


@pytest.mark.parametrize("first", [0x81, 0x82], ids=["text", "binary"])
async def test_invalid_utf8_ends_the_connection_without_a_log_flood(
    server: Any, raw: Any, caplog: Any, first: int
) -> None:
    client = await raw.websocket(server.port)
    client.send_text(b'{"a":"\xff\xfe"}', first)
    assert await client.close_code() == 1007
    assert not [record for record in caplog.records if record.exc_info]


async def test_nothing_is_served_after_the_clients_close(server: Any, raw: Any, eventually: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text(b"\x03\xe8", 0x88)
    client.send_text(NOW)
    assert await client.close_code() == 1000
    assert await client.closed() == b""
    assert server.router.requests == []
    await eventually(lambda: server.connections == 0)


async def test_idle_client_is_closed_with_1001(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(idle_timeout=0.5)
    client = await raw.websocket(server.port)
    assert await client.close_code() == 1001
    await eventually(lambda: server.connections == 0)


async def test_ping_frames_are_a_sign_of_life(start: Any, raw: Any) -> None:
    server = await start(idle_timeout=0.8)
    client = await raw.websocket(server.port)
    begin = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < begin + 2:
        client.send_text(b"", 0x89)
        assert await client.received() == (0x8A, b"")
        await asyncio.sleep(0.1)
    client.send_text(NOW)
    assert (await client.answer())["status"] == 200


async def test_answers_do_not_keep_a_silent_client(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(idle_timeout=0.5)
    client = await raw.websocket(server.port)
    client.send_text('{"controller":"test","action":"wait","requestId":"r"}')
    await eventually(lambda: server.router.started == 1)
    assert await client.close_code() == 1001


async def test_a_close_that_is_not_echoed_is_followed_by_an_abort(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(idle_timeout=0.3)
    client = await raw.websocket(server.port)
    await client.close_code()
    await eventually(lambda: server.connections == 0)
    assert await client.closed() == b""


async def test_stalled_reader_is_cut_by_its_queue(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(connection_outgoing_bytes=1 << 20, connection_waiting=10)
    client = await raw.websocket(server.port, receive_buffer=4096)
    large = '{"controller":"test","action":"large","requestId":"r"}'
    other = await raw.websocket(server.port)
    for _ in range(400):
        client.send_text(large)
        if server.connections < 2:
            break
        await client.writer.drain()
    for _ in range(20_000):
        client.send_text(large)
    await eventually(lambda: server.connections == 1)
    other.send_text(NOW)
    assert (await other.answer())["status"] == 200


async def test_stalled_reader_is_cut_by_the_clock(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(stalled_reader_timeout=1.0)
    client = await raw.websocket(server.port, receive_buffer=4096)
    for _ in range(200):
        client.send_text('{"controller":"test","action":"large","requestId":"r"}')
    await eventually(lambda: len(server.router.requests) > 0)
    await eventually(lambda: server.connections == 0)


async def test_pongs_that_nobody_reads_are_bounded(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(connection_outgoing_bytes=1 << 16)
    client = await raw.websocket(server.port, receive_buffer=4096)
    pings = b"".join([b"\x89\xfdabcd" + b"x" * 125]) * 8000
    with pytest.raises((ConnectionError, TimeoutError)):
        async with asyncio.timeout(10):
            while True:
                client.send(pings)
                await client.writer.drain()
    await eventually(lambda: server.connections == 0)


async def test_slow_reader_of_large_answers_gets_them_all(start: Any, raw: Any) -> None:
    server = await start(connection_outgoing_bytes=1 << 20)
    client = await raw.websocket(server.port, receive_buffer=4096)
    for number in range(300):
        client.send_text(b'{"controller":"test","action":"large","requestId":"%d"}' % number)
    rooms = [(await client.answer())["room"] for _ in range(300)]
    assert rooms == [str(number) for number in range(300)]


async def test_one_answer_may_exceed_the_bound_on_what_waits(start: Any, raw: Any) -> None:
    server = await start(connection_outgoing_bytes=10_000)
    client = await raw.websocket(server.port)
    client.send_text('{"controller":"test","action":"large","requestId":"r"}')
    assert len((await client.answer())["result"]) == 100_000
