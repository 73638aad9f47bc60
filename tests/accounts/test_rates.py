"""How many requests a second users may make, and how many logins a connection (router-protocol 3.3)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from device_manager.security.rates import PerSecond

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def beginning_of_a_second() -> None:
    """Counts start anew with each second of this clock."""
    while time.monotonic() % 1 > 0.2:
        await asyncio.sleep(0.01)


async def test_only_the_present_second_is_kept() -> None:
    await beginning_of_a_second()
    rates = PerSecond()
    assert [rates.passes("ada", 2) for _ in range(3)] == [True, True, False]
    assert rates.passes("joe", 2)
    assert len(rates._counts) == 2
    await asyncio.sleep(1 - time.monotonic() % 1)
    assert rates.passes("ada", 2)
    assert len(rates._counts) == 1


async def limited_profile(api: Any, rate: int) -> str:
    id = await api.new_profile()
    await api.do("security:updateProfile", _id=id, body={"rateLimit": rate})
    return str(id)


async def outcomes(api: Any, jwt: str, count: int) -> Counter[str | None]:
    """What `count` requests within one second are answered."""
    await beginning_of_a_second()
    answers = await asyncio.gather(*(api.ask("auth:getCurrentUser", jwt=jwt) for _ in range(count)))
    return Counter(answer["error"] and answer["error"]["id"] for answer in answers)


async def test_the_most_generous_profile_counts(api: Any) -> None:
    low, high, unlimited = await limited_profile(api, 2), await limited_profile(api, 5), await api.new_profile()
    slow, fast = await api.new_user(profile_ids=(low,)), await api.new_user(profile_ids=(low, high))
    free = await api.new_user(profile_ids=(low, unlimited))
    assert await outcomes(api, slow.jwt, 6) == {None: 2, "api.process.too_many_requests": 4}
    assert await outcomes(api, fast.jwt, 7) == {None: 5, "api.process.too_many_requests": 2}
    assert await outcomes(api, free.jwt, 20) == {None: 20}


async def test_who_has_had_enough_may_leave(api: Any) -> None:
    user = await api.new_user(profile_ids=(await limited_profile(api, 1),))
    second = await api.login(user.username)
    await outcomes(api, user.jwt, 3)
    assert await api.do("auth:logout", jwt=user.jwt) == {"acknowledged": True}
    assert await api.do("auth:logout", jwt=second) == {"acknowledged": True}


async def test_what_is_asked_about_rights_is_not_counted(api: Any) -> None:
    user = await api.new_user(profile_ids=(await limited_profile(api, 2),))
    body = {"controller": "auth", "action": "getCurrentUser"}
    await beginning_of_a_second()
    for _ in range(5):
        assert await api.do("security:checkRights", userId=user.kuid, body=body) == {"allowed": True}
    assert (await api.do("auth:getCurrentUser", jwt=user.jwt))["_id"] == user.kuid


async def test_a_connection_logs_in_once_a_second(api: Any, sockets: Any) -> None:
    user = await api.new_user()
    body = {"username": user.username, "password": user.password}
    async with sockets(api) as socket, sockets(api) as other:
        await beginning_of_a_second()
        asked = [socket.ask("auth:login", strategy="local", body=body) for _ in range(3)]
        answers = await asyncio.gather(*asked, other.ask("auth:login", strategy="local", body=body))
        ids = [answer["error"] and answer["error"]["id"] for answer in answers]
        assert sorted(ids[:3], key=str) == [None, *["api.process.too_many_logins_requests"] * 2]
        assert ids[3] is None
    for _ in range(3):
        assert await api.login(user.username), "each request over HTTP is a connection of its own"
