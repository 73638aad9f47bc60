"""A Redis that hangs and dies again and again while servers publish: nothing is told twice, lost, or out of order."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

PLACE = ("tenant-a", "assets")
SECONDS = 15


@pytest.mark.soak
@pytest.mark.parametrize("deadly", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost(
    seed: int, deadly: bool, start_bus: Callable[..., Any], until: Any, redis_server: Any
) -> None:
    chance = random.Random(seed)
    servers = [await start_bus(deadline=0.3, entries=100_000, most_bytes=64 << 20) for _ in range(3)]
    for server in servers:
        await server.bus.follow(*PLACE)
    published: list[list[str]] = [[], [], []]
    end = time.monotonic() + SECONDS

    async def publish() -> None:
        while time.monotonic() < end:
            number = chance.randrange(3)
            ids = [f"{number}-{len(published[number]) + more}" for more in range(chance.randrange(1, 20))]
            servers[number].publish(*ids)
            published[number] += ids
            await asyncio.sleep(chance.random() * 0.01)

    async def disturb() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(chance.random() * 1.5)
            (redis_server.kill if deadly else redis_server.pause)()
            try:
                await asyncio.sleep(chance.random())
            finally:
                (redis_server.start if deadly else redis_server.resume)()

    await asyncio.gather(publish(), disturb())
    count = sum(map(len, published))
    await until(lambda: all(len(server.noted.told) >= count for server in servers), 60)
    for server in servers:
        for number, ids in enumerate(published):
            assert [id for id in server.noted.ids if id is not None and id.startswith(f"{number}-")] == ids
        numbers = [number for _, number in server.noted.told if number is not None]
        assert numbers == sorted(set(numbers))
        assert bool(server.noted.gaps) == deadly
