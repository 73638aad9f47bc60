"""WebSocket messages: pings, answers with `room`, refusals (router-protocol 1.3, 1.4 and 9)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest


def message(**members: Any) -> bytes:
    return orjson.dumps({"controller": "test", "action": "echo", "requestId": "r1"} | members)


@pytest.mark.parametrize("ping", ['{"p":1}', '{"p": 1}', ' { "p" : 1 } ', '{\n"p":1\n}'])
async def test_ping_is_answered_with_the_exact_text(server: Any, raw: Any, ping: str) -> None:
    client = await raw.websocket(server.port)
    client.send_text(ping)
    assert await client.received() == (0x81, b'{"p":2}')


@pytest.mark.parametrize("text", ['{"p":2}', '{"p":true}', '{"p":1,"q":1}', '{"p":1.0}', '{"p":"1"}'])
async def test_what_only_resembles_a_ping_is_a_request(server: Any, raw: Any, text: str) -> None:
    client = await raw.websocket(server.port)
    client.send_text(text)
    assert (await client.answer())["status"] == 404


async def test_answer_carries_room_and_echoes(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text(message(volatile={"a": 1}, index="i", collection="c", unknown=[1], body={"x": 1}))
    answer = await client.answer()
    assert answer["room"] == answer["requestId"] == "r1"
    assert answer["volatile"] == {"a": 1}
    assert (answer["index"], answer["collection"]) == ("i", "c")
    assert answer["error"] is None
    assert answer["result"]["args"]["unknown"] == [1]


@pytest.mark.parametrize("first", [0x81, 0x82], ids=["text", "binary"])
async def test_text_and_binary_messages_are_requests(server: Any, raw: Any, first: int) -> None:
    client = await raw.websocket(server.port)
    client.send_text(message(), first)
    assert (await client.answer())["room"] == "r1"


async def test_fragments_and_control_frames_between_them(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    text = message()
    client.send_text(text[:10], 0x01)
    client.send_text(b"sign of life", 0x89)
    client.send_text(text[10:20], 0x00)
    client.send_text(text[20:], 0x80)
    assert await client.received() == (0x8A, b"sign of life")
    assert (await client.answer())["room"] == "r1"


async def test_a_byte_at_a_time(server: Any, raw: Any, masked: Any, eventually: Any) -> None:
    client = await raw.websocket(server.port)
    for byte in masked(message()):
        client.send(bytes((byte,)))
        await client.writer.drain()
    assert (await client.answer())["room"] == "r1"


async def test_empty_messages_are_ignored(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text("")
    client.send_text('{"p":1}')
    assert await client.answer() == {"p": 2}


@pytest.mark.parametrize(
    "text", ["null", "[]", "[null]", "1", '"text"', "true", "{", "\ufeff{}", "NaN", '{"a":1e999}', '{"a":"\\ud800"}']
)
async def test_what_is_no_object_is_refused_and_kills_nothing(server: Any, raw: Any, text: str) -> None:
    client = await raw.websocket(server.port)
    client.send_text(text)
    answer = await client.answer()
    assert answer["status"] == 400
    assert answer["error"]["id"] == "network.websocket.unexpected_error"
    assert answer["requestId"] is None
    assert "room" not in answer
    client.send_text('{"p":1}')
    assert await client.answer() == {"p": 2}


async def test_unreadable_message_is_answered_to_its_id(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text('{"controller":"server","action":"now","requestId":"broken \\u0031","body":{')
    answer = await client.answer()
    assert answer["error"]["id"] == "network.websocket.unexpected_error"
    assert answer["room"] == answer["requestId"] == "broken 1"


async def test_two_candidates_for_the_id_settle_nobody(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text('{"requestId":"a","body":{"requestId":"b"')
    assert "room" not in await client.answer()


@pytest.mark.parametrize(
    ("member", "value"),
    [("jwt", 1), ("controller", []), ("action", {}), ("body", "text"), ("body", 3), ("volatile", []), ("volatile", 1)],
)
async def test_wrongly_typed_members_are_refused_to_their_id(server: Any, raw: Any, member: str, value: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text(message(**{member: value}))
    answer = await client.answer()
    assert answer["status"] == 400
    assert answer["error"]["id"] == "api.assert.invalid_type"
    assert answer["error"]["props"][0] == member
    assert answer["room"] == "r1"


@pytest.mark.parametrize("depth", [199, 200, 5000, 100_000])
async def test_nesting_has_a_limit(server: Any, raw: Any, depth: int) -> None:
    client = await raw.websocket(server.port)
    inner = depth - 1
    client.send_text(
        '{"controller":"test","action":"echo","requestId":"deep","body":' + "[" * inner + "]" * inner + "}"
    )
    answer = await client.answer()
    assert answer["status"] == (200 if depth <= 200 else 400)
    assert answer["room"] == "deep"


async def test_wide_messages_are_not_deep(server: Any, raw: Any) -> None:
    client = await raw.websocket(server.port)
    client.send_text(message(body=[{"a": [1]}] * 1000))
    assert (await client.answer())["status"] == 200


@pytest.mark.parametrize("action", ["broken", "unserializable"])
async def test_failures_of_the_handler_are_answered(server: Any, raw: Any, action: str) -> None:
    client = await raw.websocket(server.port)
    client.send_text(message(action=action))
    answer = await client.answer()
    assert answer["status"] == 500
    assert answer["room"] == "r1"
    assert "Traceback" not in orjson.dumps(answer).decode()


async def test_requests_run_concurrently_within_the_bound(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(connection_running=4, connection_waiting=3)
    client = await raw.websocket(server.port)
    for number in range(10):
        client.send_text(message(action="wait", requestId=str(number)))
    refused = [await client.answer() for _ in range(3)]
    assert [answer["room"] for answer in refused] == ["7", "8", "9"]
    assert {answer["error"]["id"] for answer in refused} == {"api.process.overloaded"}
    assert {answer["status"] for answer in refused} == {503}
    client.send_text('{"p":1}')
    assert await client.answer() == {"p": 2}
    assert server.router.started == 4
    server.router.gate.set()
    served = {(await client.answer())["room"] for _ in range(7)}
    assert served == {str(number) for number in range(7)}
    assert server.router.most_running == 4


async def test_waiting_bytes_are_bounded(start: Any, raw: Any) -> None:
    server = await start(connection_running=1, connection_waiting_bytes=10_000)
    client = await raw.websocket(server.port)
    for number in range(3):
        client.send_text(message(action="wait", requestId=str(number), body={"fill": "x" * 6000}))
    assert (await client.answer())["room"] == "2"
    server.router.gate.set()
    assert {(await client.answer())["room"] for _ in range(2)} == {"0", "1"}


async def test_refusal_without_a_readable_id(start: Any, raw: Any) -> None:
    server = await start(connection_running=1, connection_waiting=0)
    client = await raw.websocket(server.port)
    client.send_text(message(action="wait"))
    for text in ("null", "[1]", '{"requestId":5}', "{", '{"requestId":"x\\"y"}'):
        client.send_text(text)
    answers = [await client.answer() for _ in range(5)]
    assert [answer.get("room") for answer in answers] == [None, None, None, None, 'x"y']
    assert {answer["status"] for answer in answers} == {503}


async def test_a_closed_connection_drops_only_what_waits(start: Any, raw: Any, eventually: Any) -> None:
    server = await start(connection_running=2)
    client = await raw.websocket(server.port)
    for _ in range(5):
        client.send_text(message(action="wait"))
    await eventually(lambda: server.router.started == 2)
    client.leave()
    await eventually(lambda: server.connections == 0)
    assert not server.router.requests[0].connection.alive
    server.router.gate.set()
    await eventually(lambda: server.router.finished == 2)
    assert server.router.started == 2
