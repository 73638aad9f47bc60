"""Who may follow what, and what becomes of subscriptions when rights or tokens end (router-protocol 9, 33 and 34)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

OURS, THEIRS = "ours", "theirs"
PASSWORD = "correct horse"
Message = dict[str, Any]


def account(user: str, *profiles: str) -> Message:
    content = {"profileIds": list(profiles)} if profiles else {}
    return {"content": content, "credentials": {"local": {"username": user, "password": PASSWORD}}}


def policy(role: str) -> Message:
    return {"policies": [{"roleId": role, "restrictedTo": [{"index": OURS}]}]}


@pytest.fixture(scope="module")
def tokens(server: ServerProcess) -> Iterator[dict[str, str]]:
    """Tokens of `root` and of two users who may follow one index."""

    async def prepare() -> dict[str, str]:
        async with Client(server.url) as client:
            for index in (OURS, THEIRS):
                await client.call("index", "create", index=index)
                await client.call("collection", "create", index=index, collection="things")
            controllers = {"realtime": {"actions": {"*": True}}, "auth": {"actions": {"*": True}}}
            await client.call("security", "createRole", _id="following", body={"controllers": controllers})
            await client.call("security", "createProfile", _id="follower", body=policy("following"))
            for user in ("ada", "bob"):
                await client.call("security", "createUser", _id=user, body=account(user, "follower"))
            await client.call("security", "createFirstAdmin", _id="root", reset=True, body=account("root"))
            found = {}
            for user in ("ada", "bob", "root"):
                body = {"username": user, "password": PASSWORD}
                async with Client(server.url) as other:
                    found[user] = (await other.call("auth", "login", strategy="local", body=body))["jwt"]
            return found

    yield asyncio.run(prepare())


async def test_only_collections_of_one_s_own_can_be_followed(
    server: ServerProcess, connect_to: Any, tokens: dict[str, str]
) -> None:
    root, ada, nobody = [await connect_to(server, tokens.get(user)) for user in ("root", "ada", "nobody")]
    theirs = await root.subscribe(THEIRS, "things")
    ours = await ada.subscribe(OURS, "things")
    for peer, status in ((ada, 403), (nobody, 401)):
        answer = await peer.ask("realtime:subscribe", index=THEIRS, collection="things", body={})
        assert answer["status"] == status, answer
    assert await ada.do("realtime:list") == {OURS: {"things": {ours["roomId"]: 1}}}
    assert (await root.do("realtime:list")).keys() == {OURS, THEIRS}
    room = {"roomId": theirs["roomId"]}
    assert await ada.do("realtime:count", body=room) == {"count": 0}
    assert await root.do("realtime:count", body=room) == {"count": 1}
    answer = await ada.ask("realtime:join", body=room)
    assert (answer["status"], answer["error"]["id"]) == (404, "core.realtime.room_not_found")
    # Searching takes the right to search, and a subscription whose search is refused has not been made.
    answer = await ada.ask("realtime:subscribe", index=OURS, collection="things", body={"exists": "a"}, search={})
    assert (answer["status"], answer["error"]["id"]) == (403, "security.rights.forbidden")
    assert await ada.do("realtime:list") == {OURS: {"things": {ours["roomId"]: 1}}}


async def test_subscriptions_end_with_the_right_to_them(
    server: ServerProcess, connect_to: Any, tokens: dict[str, str], eventually: Callable[..., Any]
) -> None:
    root, ada, bob = [await connect_to(server, tokens[user]) for user in ("root", "ada", "bob")]
    room = (await root.subscribe(OURS, "things", users="out"))["roomId"]
    await ada.subscribe(OURS, "things")
    await bob.subscribe(OURS, "things")
    place = {"index": OURS, "collection": "things"}
    await root.do("document:create", **place, _id="one", body={"n": 1})
    for peer in (root, ada, bob):
        assert (await peer.news(1))[0]["result"]["_id"] == "one"
    await root.do("security:createOrReplaceProfile", _id="left", body=policy("default"))
    await root.do("security:updateUser", _id="ada", body={"profileIds": ["left"]})
    # Not even the very next change is told.
    await root.do("document:create", **place, _id="two", body={"n": 2})
    assert (await bob.news(1))[0]["result"]["_id"] == "two"
    told = await root.news(2)
    assert sorted(message["type"] for message in told) == ["document", "user"]
    assert await root.do("realtime:count", body={"roomId": room}) == {"count": 2}
    assert [message for message in ada.log if isinstance(message, dict) and message["result"]["_id"] == "two"] == []
    # A token that is revoked takes its subscriptions with it, and says so.
    await root.do("security:revokeTokens", _id="bob")
    (message,) = await bob.news(1)
    assert message["type"] == "TokenExpired"
    await root.do("document:create", **place, _id="three", body={"n": 3})
    assert await root.do("realtime:count", body={"roomId": room}) == {"count": 1}
    assert [message["type"] for message in bob.log if isinstance(message, dict)].count("document") == 2
    # So does one that logs out.
    await root.do("auth:logout")
    other = await connect_to(server, tokens["root"])
    assert (await other.ask("realtime:list"))["error"]["id"] == "security.token.invalid"
