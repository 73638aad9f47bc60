"""A burst on one socket does not starve the others, and what it used is given back."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import orjson
import pytest

pytestmark = pytest.mark.alone

BURST = 20_000


async def test_a_burst_on_one_socket_leaves_the_others_their_latency(start: Any, raw: Any) -> None:
    server = await start(connection_waiting=BURST)
    server.router.gate.set()
    noisy, quiet = await raw.websocket(server.port), await raw.websocket(server.port)
    for number in range(BURST):
        noisy.send_text(b'{"controller":"test","action":"wait","requestId":"%d"}' % number)

    async def read_all() -> set[str]:
        return {(await noisy.answer())["room"] for _ in range(BURST)}

    reading = asyncio.create_task(read_all())
    delays = []
    while not reading.done():
        begin = time.perf_counter()
        quiet.send_text('{"controller":"server","action":"now","requestId":"q"}')
        await quiet.answer()
        delays.append(time.perf_counter() - begin)
    assert len(await reading) == BURST
    assert server.router.most_running <= 64
    # The client of the burst shares this loop and core, so the bound is far above what the server alone causes.
    assert max(delays) < 1.0
    assert sorted(delays)[len(delays) // 2] < 0.1


async def test_a_burst_past_the_bound_is_refused_to_its_ids(start: Any, raw: Any) -> None:
    server = await start(connection_waiting=1000)
    noisy = await raw.websocket(server.port)
    for number in range(5000):
        noisy.send_text(b'{"controller":"test","action":"wait","requestId":"%d"}' % number)
    refused = [await noisy.answer() for _ in range(5000 - 1000 - 64)]
    assert {answer["status"] for answer in refused} == {503}
    server.router.gate.set()
    served = [await noisy.answer() for _ in range(1064)]
    assert {answer["status"] for answer in served} == {200}
    assert {answer["room"] for answer in refused + served} == {str(number) for number in range(5000)}


async def test_a_cut_connection_leaves_nothing_behind(start: Any, raw: Any, eventually: Any) -> None:
    from device_manager.gateways.websocket import WebSocketProtocol

    server = await start(stalled_reader_timeout=1.0)
    client = await raw.websocket(server.port, receive_buffer=4096)
    for _ in range(3000):
        client.send_text(orjson.dumps({"controller": "test", "action": "large", "requestId": "r"}))
    await eventually(lambda: len(server.router.requests) > 0)
    await eventually(lambda: server.connections == 0)

    def freed() -> bool:
        gc.collect()
        return not any(isinstance(thing, WebSocketProtocol) for thing in gc.get_objects())

    await eventually(freed)
    assert len(server.router.requests) < 300


async def test_messages_a_second_are_limited(start: Any, raw: Any) -> None:
    server = await start(connection_rate=5)
    greedy, modest = await raw.websocket(server.port), await raw.websocket(server.port)
    for _ in range(20):
        greedy.send_text('{"controller":"server","action":"now","requestId":"r"}')
    answers = [await greedy.answer() for _ in range(20)]
    refused = [answer["error"]["id"] for answer in answers if answer["status"] == 429]
    assert len(refused) >= 10
    assert set(refused) == {"network.websocket.ratelimit_exceeded"}
    assert {answer["room"] for answer in answers} == {"r"}
    modest.send_text('{"p":1}')
    assert await modest.answer() == {"p": 2}
