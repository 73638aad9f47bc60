"""What a token gave ends with it, on every connection that acts on it (router-protocol 5.2, 5.7; 9 item 34)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 10.0


async def wait_for(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def listeners(api: Any, room: str) -> int:
    """How many connections are in a room."""
    return int((await api.do("realtime:count", body={"roomId": room}))["count"])


async def until_told(*told: Any) -> None:
    """Wait until each of some sockets heard that its token has ended."""

    async def heard() -> bool:
        return all(socket.endings == 1 for socket in told)

    await wait_for(heard)


async def until_empty(api: Any, room: str) -> None:
    async def is_empty() -> bool:
        return await listeners(api, room) == 0

    await wait_for(is_empty)


async def test_tokens_expire(api: Any, sockets: Any) -> None:
    """Side by side, as each of these has to wait for tokens to end."""
    await asyncio.gather(everybody_is_told_that_a_token_has_expired(api, sockets), refreshed_ones_go_on(api, sockets))


async def everybody_is_told_that_a_token_has_expired(api: Any, sockets: Any) -> None:
    user = await api.new_user()
    brief, lasting = await api.login(user.username, expiresIn=5000), user.jwt
    place = api.name()
    async with sockets(api) as first, sockets(api) as second, sockets(api) as other:
        room = await first.subscribe(brief, place)
        await second.subscribe(brief, place)
        await other.subscribe(lasting, place)
        assert await listeners(api, room) == 3
        await until_told(first, second)
        assert await listeners(api, room) == 1
        [told] = first.told
        assert set(told) == {"status", "info", "message", "type", "node", "room"}
        assert (told["status"], told["room"]) == (200, "kuzzle:notification:server")
        answer = await first.ask("server:now", jwt=brief)
        assert (answer["error"]["id"], answer["error"]["message"]) == (
            "security.token.invalid",
            "The token has expired.",
        )
        state = (await api.do("auth:checkToken", body={"token": brief}))["state"]
        assert state == "The token has expired."
        assert await first.subscribe(lasting, place) == room
        assert await listeners(api, room) == 2
        assert (first.endings, other.endings) == (1, 0)


async def test_a_logout_ends_what_every_connection_has_by_the_token(api: Any, sockets: Any) -> None:
    user = await api.new_user()
    place = api.name()
    async with sockets(api) as leaving, sockets(api) as sharing, sockets(api) as other:
        room = await leaving.subscribe(user.jwt, place)
        await sharing.subscribe(user.jwt, place)
        await other.subscribe(await api.login(user.username), place)
        assert await leaving.do("auth:logout", jwt=user.jwt) == {"acknowledged": True}
        await until_told(sharing)
        assert (leaving.endings, other.endings) == (0, 0)
        assert await listeners(api, room) == 1
        assert (await leaving.do("auth:checkToken", body={}))["kuid"] == "-1"


async def test_deleted_users_and_keys_end_subscriptions(api: Any, sockets: Any) -> None:
    user = await api.new_user()
    made = await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body={"description": "x"})
    place = api.name()
    async with sockets(api) as by_key, sockets(api) as by_session:
        room = await by_key.subscribe(made["_source"]["token"], place)
        await by_session.subscribe(user.jwt, place)
        await by_key.do("auth:logout", jwt=made["_source"]["token"])
        assert await listeners(api, room) == 2, "API keys are never revoked by a logout"
        await api.do("auth:deleteApiKey", jwt=user.jwt, _id=made["_id"])
        await until_told(by_key)
        assert (by_session.endings, await listeners(api, room)) == (0, 1)
        await api.do("security:deleteUser", _id=user.kuid)
        await until_told(by_session)
        await until_empty(api, room)
        assert (await by_session.ask("server:now", jwt=user.jwt))["error"]["id"] == "security.token.invalid"


async def refreshed_ones_go_on(api: Any, sockets: Any) -> None:
    """Subscriptions of a token that was refreshed, or of a connection that logged in again, rest on the new one."""
    user = await api.new_user()
    brief = await api.login(user.username, expiresIn=6000)
    place = api.name()
    async with sockets(api) as refreshing, sockets(api) as again, sockets(api) as watching:
        room = await refreshing.subscribe(brief, place)
        await watching.subscribe(brief, place)
        refreshed = await refreshing.do("auth:refreshToken", jwt=brief)
        body = {"username": user.username, "password": user.password}
        old = await api.login(user.username, expiresIn=4000)
        await again.subscribe(old, place)
        await again.do("auth:login", strategy="local", body=body)

        async def both_are_over() -> bool:
            return not (await api.is_good(brief) or await api.is_good(old))

        await wait_for(both_are_over)
        assert await listeners(api, room) == 3
        assert not any(socket.endings for socket in (refreshing, again, watching))
        await api.do("auth:logout", jwt=refreshed["jwt"])
        await until_told(refreshing, watching)
        assert await listeners(api, room) == 1


async def test_a_second_user_of_a_connection_keeps_what_is_theirs(api: Any, sockets: Any) -> None:
    first, second = await api.new_user(), await api.new_user()
    theirs, ours = api.name(), api.name()
    async with sockets(api) as shared:
        gone = await shared.subscribe(first.jwt, theirs)
        kept = await shared.subscribe(second.jwt, ours)
        assert await listeners(api, gone) == 1
        await api.do("security:revokeTokens", _id=first.kuid)
        await until_empty(api, gone)
        assert (await listeners(api, kept), shared.endings) == (1, 0)
        await api.do("security:revokeTokens", _id=second.kuid)
        await until_told(shared)
        await until_empty(api, kept)


async def test_a_connection_keeps_the_lasting_token_that_it_acts_on(api: Any, sockets: Any) -> None:
    user, other = await api.new_user(), await api.new_user()
    made = await api.do("auth:createApiKey", jwt=user.jwt, expiresIn="1h", body={"description": "x"})
    key = made["_source"]["token"]
    async with sockets(api) as socket:
        await socket.do("server:now", jwt=key)
        body = {"username": user.username, "password": user.password}
        result = await socket.do("auth:login", strategy="local", body=body)
        assert (result["jwt"], result["_id"]) == (key, user.kuid)
    async with sockets(api) as socket:
        await socket.do("server:now", jwt=key)
        body = {"username": other.username, "password": other.password}
        assert (await socket.do("auth:login", strategy="local", body=body))["jwt"] != key


async def test_nothing_is_kept_of_connections_that_are_gone(api: Any, sockets: Any) -> None:
    links = api.application.security.tokens.links
    users = [await api.new_user() for _ in range(3)]
    async with sockets(api) as socket, sockets(api) as other:
        for user in users:
            await socket.subscribe(user.jwt, api.name())
            await other.do("server:now", jwt=await api.login(user.username))
        assert [len(former) for former in links._former.values()] == [2], "only who has something there is kept"
        assert len(links._held) == 4

    async def forgotten() -> bool:
        return not links._held and not links._former and not links._of_user

    await wait_for(forgotten)
    assert not any(links._seconds.values())
