"""What bounds the memory of the process, what keeps ours apart in a Redis, and what happens while that is away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.memory_storage import open_memory_storage
from device_manager.memory_storage.patterns import name_pattern
from device_manager.redis_connection import RedisConnection
from device_manager.settings import InvalidSettings, Settings


async def test_the_memory_of_the_process_is_bounded() -> None:
    storage = open_memory_storage(Settings(memory_storage_bytes=100_000))
    for number in range(9):
        await storage.run("SET", f"key{number}", "x" * 10_000)
    with pytest.raises(ApiError) as refused:
        await storage.run("SET", "another", "x" * 10_000)
    assert (refused.value.status, refused.value.id) == (507, "services.cache.memory_exceeded")
    assert await storage.run("GET", "another") is None
    # What is removed, or was written over, does not count any more.
    await storage.run("DEL", "key1", "key2")
    for _ in range(20):
        await storage.run("SET", "key1", "x" * 9_000)
        await storage.run("DEL", "nothing")
    await storage.run("RPUSH", "list", *(["y" * 100] * 50))
    # Copies are counted by what they copy.
    await storage.run("SADD", "set", *(f"{number:0100}" for number in range(10)))
    with pytest.raises(ApiError, match="There is no room"):
        for number in range(20):
            await storage.run("SUNIONSTORE", f"copy{number}", "set")
    # So are names: a value that moves takes the length of its new one.
    await storage.run("FLUSHDB")
    for command in (("RENAME",), ("RENAMENX",), ("RPOPLPUSH",), ("SMOVE", "x")):
        with pytest.raises(ApiError, match="There is no room"):
            for number in range(20):
                await storage.run("DEL", "short")
                await storage.run("SADD" if command[0] == "SMOVE" else "RPUSH", "short", "x")
                await storage.run(command[0], "short", f"{number:010000}", *command[1:])
        await storage.run("FLUSHDB")
    await storage.run("FLUSHDB")
    await storage.run("SET", "another", "x" * 90_000)
    await storage.close()


async def test_large_values_do_not_keep_others_waiting() -> None:
    """Sorting what is large happens beside the event loop, and others wait for it there too."""
    storage = open_memory_storage(Settings())
    await storage.run("SADD", "large", *(f"member{number}" for number in range(20_000)))
    sorting = asyncio.create_task(storage.run("SORT", "large", "ALPHA", "LIMIT", 0, 1))
    others = [asyncio.create_task(storage.run("INCR", "counter")) for _ in range(20)]
    turns = 0
    while not sorting.done():
        await asyncio.sleep(0)
        turns += 1
    assert await sorting == ["member0"]
    assert turns > 1
    assert sorted(await asyncio.gather(*others)) == list(range(1, 21))


def test_patterns_of_names() -> None:
    for pattern, fitting, others in (
        ("*", ["", "a"], []),
        ("h?llo", ["hello", "hallo"], ["hllo", "heello"]),
        ("h[ae]llo", ["hello", "hallo"], ["hillo"]),
        ("h[^e]llo", ["hallo"], ["hello"]),
        ("h[a-c]llo", ["hbllo"], ["hdllo"]),
        (r"h\*llo", ["h*llo"], ["hallo"]),
        (r"[\]x]", ["]", "x"], ["\\"]),
        ("[a", ["a"], ["b"]),
        ("a*b*c", ["abc", "axxbxxc", "abcbc"], ["acb", "ab"]),
    ):
        matches = name_pattern(pattern)
        assert all(map(matches, fitting)), pattern
        assert not any(map(matches, others)), pattern
    started = time.perf_counter()
    assert not name_pattern("*a" * 50 + "*b")("a" * 20_000)
    assert time.perf_counter() - started < 10


async def test_our_own_keys_are_out_of_reach(redis_server: Any) -> None:
    with pytest.raises(InvalidSettings, match="redis_memory_database"):
        open_memory_storage(Settings(redis=f"{redis_server.url}/5"))
    with pytest.raises(InvalidSettings, match='setting "redis"'):
        open_memory_storage(Settings(redis="localhost:6379"))
    ours = RedisConnection(redis_server.url, "test")
    await ours.run("SET", "ours", "kept")
    storage = open_memory_storage(Settings(redis=redis_server.url))
    assert "ours" not in await storage.run("KEYS", "*")
    await storage.run("FLUSHDB")
    assert await ours.run("GET", "ours") == b"kept"
    await ours.run("DEL", "ours")
    await ours.close()
    await storage.close()


async def test_a_redis_that_goes_and_comes_back(redis_server: Any) -> None:
    storage = open_memory_storage(Settings(redis=redis_server.url))
    await storage.run("SET", "greeting", "Hello")
    assert await storage.is_healthy()
    redis_server.kill()
    try:
        for _ in range(3):
            with pytest.raises(ApiError) as refused:
                await storage.run("GET", "greeting")
            assert (refused.value.status, refused.value.id) == (503, "services.cache.not_connected")
        with pytest.raises(ApiError):
            await storage.run_together([("GET", "greeting")])
        assert not await storage.is_healthy()
    finally:
        redis_server.start()
    deadline = time.monotonic() + 10
    while not await storage.is_healthy():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await storage.run("GET", "greeting") is None
    await storage.close()
