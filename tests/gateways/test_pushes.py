"""What a server tells WebSocket clients unasked, and who hears when they leave (router-protocol 1.4, 1.5)."""

from __future__ import annotations

from typing import Any

from device_manager.router.request import Connection


async def test_pushed_messages_follow_the_answer_that_lets_them(start: Any, raw: Any) -> None:
    running = await start()
    client = await raw.websocket(running.port)
    client.send_text('{"controller":"test","action":"wait","requestId":"one"}')
    client.send_text('{"controller":"server","action":"now","requestId":"two"}')
    assert (await client.answer())["room"] == "two"
    waiting = next(request for request in running.router.requests if request.id == "one")
    connection: Connection = waiting.connection
    push = connection.push
    assert push is not None
    waiting.on_answer = lambda succeeded: push(b'{"room":"behind"}') if succeeded else None
    push(b'{"room":"before"}')
    running.router.gate.set()
    assert [(await client.answer())["room"] for _ in range(3)] == ["before", "one", "behind"]


async def test_what_follows_an_answer_is_told_of_errors(start: Any, raw: Any) -> None:
    running = await start()
    told: list[bool] = []
    handle = running.router.handle

    def noting(request: Any) -> Any:
        request.on_answer = told.append
        return handle(request)

    running.router.handle = noting
    client = await raw.websocket(running.port)
    for action in ("now", "nowhere", "broken"):
        client.send_text(f'{{"controller":"test","action":"{action}","requestId":"r"}}')
        await client.answer()
    assert told == [True, False, False]


async def test_listeners_hear_once_that_a_client_has_left(start: Any, raw: Any, eventually: Any) -> None:
    running = await start()
    client = await raw.websocket(running.port)
    client.send_text('{"controller":"server","action":"now","requestId":"r"}')
    await client.answer()
    connection: Connection = running.router.requests[0].connection
    left: list[str] = []

    def note(connection: Connection) -> None:
        left.append(connection.id)

    connection.on_close(note)
    connection.on_close(note)
    client.leave()
    await eventually(lambda: left)
    assert left == [connection.id] and not connection.alive and connection.push is None
    connection.on_close(note)
    assert left == [connection.id] * 2


async def test_client_that_does_not_read_what_is_pushed_is_cut(start: Any, raw: Any, eventually: Any) -> None:
    running = await start(connection_outgoing_bytes=1 << 20, stalled_reader_timeout=60.0)
    client = await raw.websocket(running.port, receive_buffer=4096)
    client.send_text('{"controller":"server","action":"now","requestId":"r"}')
    await client.answer()
    connection: Connection = running.router.requests[0].connection
    assert connection.push is not None
    for _ in range(512):
        connection.push(b'"' + b"x" * 65_536 + b'"')
    assert await client.close_code() == 1011
    await eventually(lambda: not connection.alive)
