"""Credentials of the strategy `local`, the caller's own and those of others (router-protocol 5.2, 5.10)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINE = {
    "create": "auth:createMyCredentials",
    "update": "auth:updateMyCredentials",
    "delete": "auth:deleteMyCredentials",
    "get": "auth:getMyCredentials",
    "exists": "auth:credentialsExist",
    "validate": "auth:validateMyCredentials",
}
THEIRS = {
    "create": "security:createCredentials",
    "update": "security:updateCredentials",
    "delete": "security:deleteCredentials",
    "get": "security:getCredentials",
    "exists": "security:hasCredentials",
    "validate": "security:validateCredentials",
}


@pytest.fixture(params=["mine", "theirs"])
def names(request: pytest.FixtureRequest) -> dict[str, str]:
    """The actions on credentials, of one's own or of somebody."""
    return MINE if request.param == "mine" else THEIRS


def about(names: dict[str, str], user: Any) -> dict[str, Any]:
    """The arguments that say whose credentials."""
    return {"strategy": "local"} | ({"jwt": user.jwt} if names is MINE else {"_id": user.kuid})


async def test_credentials_come_change_and_go(api: Any, names: dict[str, str]) -> None:
    user = await api.new_user()
    whose = about(names, user)
    info = {"username": user.username, "kuid": user.kuid}
    assert await api.do(names["get"], **whose) == info
    assert await api.do(names["exists"], **whose) is True

    assert await api.do(names["update"], **whose, body={"password": "new"}) == info
    body = {"username": user.username, "password": user.password}
    assert await api.refused("auth:login", strategy="local", body=body) == "plugin.strategy.missing_user"
    assert (await api.do("auth:login", strategy="local", body=body | {"password": "new"}))["_id"] == user.kuid

    renamed = api.name("renamed")
    info = {"username": renamed, "kuid": user.kuid}
    assert await api.do(names["update"], **whose, body={"username": renamed}) == info
    assert await api.do(names["get"], **whose) == info
    body = {"username": renamed, "password": "new"}
    assert (await api.do("auth:login", strategy="local", body=body))["_id"] == user.kuid
    refused = await api.refused("auth:login", strategy="local", body=body | {"username": user.username})
    assert refused == "plugin.strategy.missing_user"

    assert await api.do(names["delete"], **whose) == {"acknowledged": True}
    assert await api.do(names["exists"], **whose) is False
    assert await api.refused("auth:login", strategy="local", body=body) == "plugin.strategy.missing_user"
    for action in ("get", "delete", "update"):
        more = {"body": {"password": "x"}} if action == "update" else {}
        assert await api.refused(names[action], **whose, **more) == "security.credentials.not_found"

    assert await api.do(names["create"], **whose, body=body) == info
    assert (await api.do("auth:login", strategy="local", body=body))["_id"] == user.kuid


async def test_a_user_has_one_name_and_a_name_one_user(api: Any, names: dict[str, str]) -> None:
    user, other = await api.new_user(), await api.new_user()
    whose = about(names, user)
    body = {"username": api.name(), "password": "x"}
    assert await api.refused(names["create"], **whose, body=body) == "security.credentials.already_exist"
    taken = {"username": other.username, "password": "x"}
    assert await api.refused(names["update"], **whose, body=taken) == "security.credentials.username_taken"
    assert await api.refused(names["validate"], **whose, body=taken) == "security.credentials.username_taken"
    await api.do(names["delete"], **whose)
    assert await api.refused(names["create"], **whose, body=taken) == "security.credentials.username_taken"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": ""},
        {"username": 5, "password": "x"},
        {"username": "x", "password": None},
        {"username": "x", "password": "x", "kuid": "y"},
    ],
)
async def test_unusable_credentials_are_rejected(api: Any, names: dict[str, str], body: dict[str, Any]) -> None:
    user = await api.new_user()
    for action in ("create", "update", "validate"):
        refused = await api.refused(names[action], **about(names, user), body=body)
        assert refused == "security.credentials.rejected"
    assert await api.is_good(await api.login(user.username))


async def test_new_credentials_need_both_fields(api: Any, names: dict[str, str]) -> None:
    user = await api.new_user()
    for body in ({"username": "x"}, {"password": "x"}):
        assert await api.refused(names["create"], **about(names, user), body=body) == "security.credentials.rejected"


async def test_credentials_can_be_validated(api: Any, names: dict[str, str]) -> None:
    user = await api.new_user()
    for body in ({"username": user.username, "password": "x"}, {"username": api.name()}, {"password": "y"}):
        assert await api.do(names["validate"], **about(names, user), body=body) is True


async def test_a_dry_run_changes_nothing(api: Any, names: dict[str, str]) -> None:
    user = await api.new_user()
    await api.do(names["delete"], **about(names, user), dryRun=True)
    await api.do(names["update"], **about(names, user), body={"password": "x"}, dryRun=True)
    assert await api.is_good(await api.login(user.username))


@pytest.mark.parametrize("action", sorted({*MINE.values(), *THEIRS.values()}))
async def test_unknown_strategies(api: Any, action: str) -> None:
    user = await api.new_user()
    payload: dict[str, Any] = {"jwt": user.jwt} if action.startswith("auth:") else {"_id": user.kuid}
    envelope = await api.ask(action, strategy="nope", body={"password": "x"}, **payload)
    assert (envelope["status"], envelope["error"]["id"]) == (400, "security.credentials.unknown_strategy")


async def test_users_who_do_not_exist_have_no_credentials(api: Any) -> None:
    body = {"username": api.name(), "password": "x"}
    nobody = {"strategy": "local", "_id": api.name("nobody")}
    assert await api.refused("security:createCredentials", **nobody, body=body) == "security.user.not_found"
    assert await api.refused("security:updateCredentials", **nobody, body=body) == "security.user.not_found"
    assert await api.refused("security:deleteCredentials", **nobody) == "security.user.not_found"
    assert await api.refused("security:getCredentials", **nobody) == "security.credentials.not_found"
    assert await api.do("security:hasCredentials", **nobody) is False


async def test_simultaneous_creations_leave_one(api: Any) -> None:
    user = await api.new_user()
    await api.do("security:deleteCredentials", strategy="local", _id=user.kuid)
    bodies = [{"username": api.name(), "password": "x"} for _ in range(6)]
    envelopes = await asyncio.gather(
        *(api.ask("security:createCredentials", strategy="local", _id=user.kuid, body=body) for body in bodies)
    )
    made = [envelope["result"]["username"] for envelope in envelopes if envelope["error"] is None]
    assert len(made) == 1
    assert (await api.do("security:getCredentials", strategy="local", _id=user.kuid))["username"] == made[0]
    name = api.name()
    users = [await api.new_user() for _ in range(4)]
    envelopes = await asyncio.gather(
        *(
            api.ask("security:updateCredentials", strategy="local", _id=user.kuid, body={"username": name})
            for user in users
        )
    )
    assert sum(envelope["error"] is None for envelope in envelopes) == 1


async def test_what_strategies_say_of_themselves(api: Any) -> None:
    assert await api.do("security:getCredentialFields", strategy="local") == ["username", "password"]
    assert await api.do("security:getAllCredentialFields") == {"local": ["username", "password"]}
    refused = await api.refused("security:getCredentialFields", strategy="nope")
    assert refused == "security.credentials.unknown_strategy"


async def test_credentials_are_found_by_username(api: Any) -> None:
    user = await api.new_user()
    info = {"username": user.username, "kuid": user.kuid}
    assert await api.do("security:getCredentialsById", strategy="local", _id=user.username) == info
    refused = await api.refused("security:getCredentialsById", strategy="local", _id="x" * 600)
    assert refused == "security.credentials.not_found"
    refused = await api.refused("security:getCredentialsById", strategy="nope", _id="x")
    assert refused == "security.credentials.unknown_strategy"
    search = "security:searchUsersByCredentials"
    for query in ({"term": {"username": user.username}}, {"prefix": {"username": user.username[:-1]}}):
        assert await api.do(search, strategy="local", body={"query": query}) == {"hits": [info], "total": 1}
    equals = {"query": {"equals": {"username": user.username}}}
    assert (await api.do(search, strategy="local", body=equals, lang="koncorde"))["total"] == 1
    assert (await api.do(search, strategy="local", body={"query": {"exists": {"field": "password"}}}))["total"] == 0
    await api.new_user()
    page = await api.do(search, strategy="local", size=1)
    assert (len(page["hits"]), page["total"] >= 2) == (1, True)
    assert await api.refused(search, strategy="local", size=10_001) == "services.storage.get_limit_exceeded"
    assert await api.refused(search, strategy="nope") == "security.credentials.unknown_strategy"


async def test_no_answer_tells_a_password_or_a_hash(api: Any) -> None:
    user = await api.new_user()
    answers = [
        await api.ask("auth:getMyCredentials", jwt=user.jwt, strategy="local"),
        await api.ask("auth:getCurrentUser", jwt=user.jwt),
        await api.ask("security:getUser", _id=user.kuid),
        await api.ask("security:searchUsersByCredentials", strategy="local"),
        await api.ask("security:createCredentials", strategy="local", _id=user.kuid, body={"password": user.password}),
        await api.ask("document:search", index="%plugin-kuzzle-plugin-auth-passport-local", collection="users"),
        await api.ask("document:get", index="%kuzzle", collection="config", _id="security.jwt.secret"),
    ]
    text = json.dumps(answers)
    assert user.password not in text
    assert "argon2" not in text
    assert "seed" not in text
