"""How many requests a second users may make, and how many logins a connection (router-protocol 3.3)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from device_manager.security.rates import PerSecond

pytestmark = pytest.mark.asyncio(loop_scope="session")


T = TypeVar("T")


async def within_a_second(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives when all of it falls into one second of the clock by which requests are counted."""
    while True:
        while time.monotonic() % 1 > 0.2:
            await asyncio.sleep(0.01)
        second = int(time.monotonic())
        result = await work()
        if int(time.monotonic()) == second:
            return result


async def test_only_the_present_second_is_kept() -> None:
    now = 10.0
    rates = PerSecond(lambda: now)
    assert [rates.passes("ada", 2) for _ in range(3)] == [True, True, False]
    assert rates.passes("joe", 2)
    assert len(rates._counts) == 2
    now = 11.0
    assert rates.passes("ada", 2)
    assert len(rates._counts) == 1


async def limited_profile(api: Any, rate: int) -> str:
    id = await api.new_profile()
    await api.do("security:updateProfile", _id=id, body={"rateLimit": rate})
    return str(id)


async def outcomes(api: Any, counts: dict[str, int]) -> list[Counter[str | None]]:
    """What numbers of requests, by token, within one second are answered, for each token."""

    async def ask_as(jwt: str, count: int) -> Counter[str | None]:
        answers = await asyncio.gather(*(api.ask("auth:getCurrentUser", jwt=jwt) for _ in range(count)))
        return Counter(answer["error"] and answer["error"]["id"] for answer in answers)

    return await within_a_second(lambda: asyncio.gather(*(ask_as(jwt, count) for jwt, count in counts.items())))


async def test_the_most_generous_profile_counts(api: Any) -> None:
    low, high, unlimited = await limited_profile(api, 2), await limited_profile(api, 5), await api.new_profile()
    slow, fast = await api.new_user(profile_ids=(low,)), await api.new_user(profile_ids=(low, high))
    free = await api.new_user(profile_ids=(low, unlimited))
    assert await outcomes(api, {slow.jwt: 4, fast.jwt: 7, free.jwt: 9}) == [
        {None: 2, "api.process.too_many_requests": 2},
        {None: 5, "api.process.too_many_requests": 2},
        {None: 9},
    ]


async def test_who_has_had_enough_may_leave(api: Any) -> None:
    user = await api.new_user(profile_ids=(await limited_profile(api, 1),))
    second = await api.login(user.username)
    await outcomes(api, {user.jwt: 3})
    assert await api.do("auth:logout", jwt=user.jwt) == {"acknowledged": True}
    assert await api.do("auth:logout", jwt=second) == {"acknowledged": True}


async def test_what_is_asked_about_rights_is_not_counted(api: Any) -> None:
    user = await api.new_user(profile_ids=(await limited_profile(api, 2),))
    body = {"controller": "auth", "action": "getCurrentUser"}

    async def ask() -> None:
        for _ in range(5):
            assert await api.do("security:checkRights", userId=user.kuid, body=body) == {"allowed": True}
        assert (await api.do("auth:getCurrentUser", jwt=user.jwt))["_id"] == user.kuid

    await within_a_second(ask)


async def test_a_connection_logs_in_once_a_second(api: Any, sockets: Any) -> None:
    user = await api.new_user()
    body = {"username": user.username, "password": user.password}
    async with sockets(api) as socket, sockets(api) as other:

        async def log_in() -> list[Any]:
            asked = [socket.ask("auth:login", strategy="local", body=body) for _ in range(3)]
            return await asyncio.gather(*asked, other.ask("auth:login", strategy="local", body=body))

        answers = await within_a_second(log_in)
        ids = [answer["error"] and answer["error"]["id"] for answer in answers]
        assert sorted(ids[:3], key=str) == [None, *["api.process.too_many_logins_requests"] * 2]
        assert ids[3] is None
    for _ in range(3):
        assert await api.login(user.username), "each request over HTTP is a connection of its own"
