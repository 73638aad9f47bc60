"""A connection to Redis that heeds its caller, whatever the client makes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import ResponseError

from device_manager.errors import ApiError
from device_manager.redis_connection import RedisConnection, Script


async def test_a_cancelled_caller_ends_although_the_client_swallows_it(redis_server: Any) -> None:
    connection = RedisConnection(redis_server.url, "test")
    waits = asyncio.Event()

    async def swallowing() -> int:
        waits.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return 1
        return 2

    asking = asyncio.create_task(connection.asked(swallowing()))
    await waits.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await connection.close()


async def test_scripts_and_refusals(redis_server: Any) -> None:
    connection = RedisConnection(redis_server.url, "test")
    script = Script("-- KEYS: none. ARGV: a word.\nreturn ARGV[1]")
    for _ in range(2):
        assert await connection.run_script(script, [], ["again"]) == b"again"
        await connection.run("SCRIPT", "FLUSH")
    with pytest.raises(ResponseError, match="unknown command"):
        await connection.run("NONSENSE")
    replies = await connection.run_together([("PING",), ("NONSENSE",), ("PING",)], atomic=False)
    assert [isinstance(reply, ResponseError) for reply in replies] == [False, True, False]
    await connection.close()


async def test_callers_are_refused_at_once_while_it_is_away() -> None:
    connection = RedisConnection("redis://127.0.0.1:1", "test")
    for _ in range(3):
        with pytest.raises(ApiError) as refused:
            await connection.run("PING")
        assert refused.value.is_unavailable
    assert connection.is_away and connection.losses == 1
    await connection.close()
