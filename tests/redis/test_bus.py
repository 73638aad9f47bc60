"""The bus between servers: one order, one numbering, and what becomes of both when a server or the Redis dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from device_manager.redis_connection import RedisConnection

PLACE = ("tenant-a", "assets")


async def test_all_servers_tell_the_same_in_the_same_order(start_bus: Callable[..., Any], until: Any) -> None:
    servers = [await start_bus() for _ in range(3)]
    first, second, third = servers
    assert not second.bus.is_followed(*PLACE)
    await asyncio.gather(first.bus.follow(*PLACE), third.bus.follow(*PLACE))
    assert all(server.bus.is_followed(*PLACE) for server in servers)
    start = first.bus.number
    for number in range(300):
        servers[number % 3].publish(f"d{number}")
    await until(lambda: len(first.noted.told) == len(third.noted.told) == 300)
    assert first.noted.told == third.noted.told
    assert [number for _, number in first.noted.told] == list(range(start + 1, start + 301))
    for server in range(3):
        assert [id for id in first.noted.ids if int(id[1:]) % 3 == server] == [
            f"d{number}" for number in range(server, 300, 3)
        ]
    # A server without followers tells its listener only of what it did itself, and can be gone on with.
    assert len(second.noted.told) == 100
    await second.bus.follow(*PLACE)
    middle = first.noted.told[149][1]
    assert [found.entry.id for found in second.bus.since(*PLACE, middle)] == first.noted.ids[150:]
    assert second.bus.since(*PLACE, start - 1) is None
    assert second.bus.since("tenant-b", "assets", middle) is None


async def test_a_server_that_starts_later_can_be_gone_on_with(start_bus: Callable[..., Any], until: Any) -> None:
    first = await start_bus()
    await first.bus.follow(*PLACE)
    start = first.bus.number
    first.publish("a", "b", "c")
    await until(lambda: len(first.noted.told) == 3)
    await first.bus.stop()
    later = await start_bus()
    await later.bus.follow(*PLACE)
    assert [found.entry.id for found in later.bus.since(*PLACE, start + 1)] == ["b", "c"]
    assert later.noted.told == []
    later.publish("d")
    await until(lambda: later.noted.told == [("d", start + 4)])


async def test_nobody_follows_any_more(start_bus: Callable[..., Any], until: Any) -> None:
    first, second = await start_bus(age=1.0), await start_bus(age=1.0)
    await first.bus.follow(*PLACE)
    number = first.bus.number
    first.bus.release(*PLACE)
    assert second.bus.is_followed(*PLACE)
    await until(lambda: not second.bus.is_followed(*PLACE))
    await until(lambda: second.bus.since(*PLACE, number) is None)
    await first.bus.follow(*PLACE)
    assert second.bus.is_followed(*PLACE)


async def test_the_oldest_of_too_many_released_places_are_let_go(start_bus: Callable[..., Any], until: Any) -> None:
    first, second = await start_bus(entries=5), await start_bus(entries=5)
    await second.bus.follow("shared", "assets")
    for name in ("shared", *(f"tenant-{number}" for number in range(20))):
        await first.bus.follow(name, "assets")
        first.bus.release(name, "assets")
    kept = [("shared", "assets"), *((f"tenant-{number}", "assets") for number in range(15, 20))]
    for server in (first, second):
        leases, log = server.bus._leases, server.bus._log
        await until(lambda leases=leases: sorted(leases._until) == kept)
        await until(lambda log=log: sorted(log._followed) == kept)
    assert len(first.bus._leases._released) == 5
    # What the other server follows stays in the log, and whoever comes back to what was let go follows it again.
    assert first.bus.is_followed("shared", "assets")
    await first.bus.follow("tenant-0", "assets")
    assert second.bus.is_followed("tenant-0", "assets")
    keys, redis = first.bus._keys, first.bus._connection
    assert await redis.run("HLEN", keys.followed) == 7
    assert await redis.run("SCARD", keys.holds) == 6


async def test_acknowledgements_that_nobody_awaits_are_not_kept(start_bus: Callable[..., Any], until: Any) -> None:
    first, second = await start_bus(), await start_bus()
    leases = first.bus._leases
    heard: list[bytes] = []
    hear = leases.hear_acknowledgement

    def note(signal: bytes, server: bytes) -> None:
        heard.append(signal)
        hear(signal, server)

    leases.hear_acknowledgement = note
    await asyncio.gather(first.bus.follow(*PLACE), first.bus.follow("tenant-b", "assets"), second.bus.follow(*PLACE))
    # Leases are announced by themselves too, as after a Redis that came back.
    await leases.announce(first.bus._keys, PLACE)
    await until(lambda: len(heard) == 3)
    assert not leases._early and not leases._awaited


async def test_rooms_are_counted_over_all_servers(start_bus: Callable[..., Any], until: Any) -> None:
    first, second = await start_bus(), await start_bus()
    first.bus.set_count("room", 2, b"what it is about")
    second.bus.set_count("room", 3, b"what it is about")
    second.bus.set_count("other", 1, b"another")

    async def counted(server: Any, room: str, count: int) -> None:
        deadline = time.monotonic() + 10
        while await server.bus.count(room) != count:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    await counted(first, "room", 5)
    await counted(second, "room", 5)
    await counted(first, "other", 1)
    assert await first.bus.describe("other") == b"another"
    assert await first.bus.describe("nowhere") is None
    assert await first.bus.rooms() == {"room": (5, b"what it is about"), "other": (1, b"another")}
    second.bus.set_count("room", 0, b"")
    await counted(first, "room", 2)
    first.bus.tell(b"news")
    await until(lambda: first.noted.signals == second.noted.signals == [b"news"])
    await second.bus.stop()
    await counted(first, "other", 0)


async def test_the_redis_goes_and_comes_back(start_bus: Callable[..., Any], until: Any, redis_server: Any) -> None:
    first, second = await start_bus(), await start_bus()
    await first.bus.follow(*PLACE)
    await second.bus.follow(*PLACE)
    first.bus.set_count("room", 2, b"")
    first.publish("a")
    await until(lambda: second.noted.ids == first.noted.ids == ["a"])
    number = first.noted.told[-1][1]
    redis_server.kill()
    try:
        await until(lambda: not first.bus.is_connected and not second.bus.is_connected)
        first.publish("b")
        assert first.noted.told[-1] == ("b", None)
        assert second.noted.ids == ["a"]
        await first.bus.follow("tenant-a", "devices")
        assert await second.bus.count("room") == 0
    finally:
        redis_server.start()
    await until(lambda: first.bus.is_connected and second.bus.is_connected)
    await until(lambda: first.noted.gaps and second.noted.gaps)
    await until(lambda: "b" in second.noted.ids)
    first.publish("c")
    second.publish("d", place=("tenant-a", "devices"))
    await until(lambda: sorted(second.noted.ids) == ["a", "b", "c", "d"])
    await until(lambda: first.noted.ids == second.noted.ids)
    assert number is not None
    assert first.noted.told[-1][1] > number
    assert first.bus.since(*PLACE, number) is None
    deadline = time.monotonic() + 15
    while await second.bus.count("room") != 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_somebody_empties_the_redis(start_bus: Callable[..., Any], until: Any, redis_server: Any) -> None:
    first, second = await start_bus(age=2.0), await start_bus(age=2.0)
    await first.bus.follow(*PLACE)
    await second.bus.follow(*PLACE)
    first.bus.set_count("room", 2, b"")
    first.publish("a")
    await until(lambda: second.noted.ids == ["a"])
    number = second.bus.number
    redis = RedisConnection(redis_server.url, "test")
    await redis.run("FLUSHALL")
    await redis.close()
    first.publish("b")
    await until(lambda: second.noted.ids == first.noted.ids == ["a", "b"])
    assert second.bus.number > number
    assert second.bus.since(*PLACE, number) is None
    deadline = time.monotonic() + 15
    while await second.bus.count("room") != 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    third = await start_bus(age=2.0)
    await until(lambda: third.bus.is_followed(*PLACE))


async def test_a_redis_that_hangs(start_bus: Callable[..., Any], until: Any, redis_server: Any) -> None:
    """It lost nothing when it goes on, so nobody has to fetch again."""
    first, second = await start_bus(deadline=0.3), await start_bus(deadline=0.3)
    await first.bus.follow(*PLACE)
    await second.bus.follow(*PLACE)
    number = first.bus.number
    redis_server.pause()
    try:
        first.publish("a", "b")
        await until(lambda: first.noted.told == [("a", None), ("b", None)])
        await until(lambda: not second.bus.is_connected)
    finally:
        redis_server.resume()
    await until(lambda: second.noted.ids == ["a", "b"])
    await until(lambda: first.bus.number == number + 2)
    assert first.noted.ids == ["a", "b"]
    assert first.noted.gaps == second.noted.gaps == 0
    assert [found.entry.id for found in first.bus.since(*PLACE, number)] == ["a", "b"]


async def test_a_server_starts_without_its_redis(start_bus: Callable[..., Any], until: Any) -> None:
    alone = await start_bus("redis://127.0.0.1:1")
    await alone.bus.follow(*PLACE)
    alone.publish("a")
    alone.bus.tell(b"news")
    alone.bus.set_count("room", 1, b"about")
    assert alone.noted.told == [("a", None)]
    assert alone.noted.signals == [b"news"]
    assert await alone.bus.rooms() == {"room": (1, b"about")}
    assert await alone.bus.describe("room") == b"about"
