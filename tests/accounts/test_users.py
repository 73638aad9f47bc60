"""Users and what goes with them (router-protocol 5.10)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.security.places import API_KEYS, CREDENTIALS

pytestmark = pytest.mark.asyncio(loop_scope="session")
DEFAULT = {"profileIds": ["default"]}


async def test_a_user_is_created_with_author_and_time(api: Any) -> None:
    kuid = api.name("user")
    made = await api.do("security:createUser", _id=kuid, body={"content": {**DEFAULT, "name": "Jane"}})
    assert (made["_id"], made["_source"]["name"], made["_source"]["profileIds"]) == (kuid, "Jane", ["default"])
    assert made["_source"]["_kuzzle_info"]["author"] == "-1"
    assert await api.do("security:getUser", _id=kuid) == made
    assert await api.do("security:getUserStrategies", _id=kuid) == {"strategies": [], "total": 0}
    admin = await api.new_user(profile_ids=("admin",))
    made = await api.do("security:createUser", jwt=admin.jwt, body={"content": DEFAULT})
    assert made["_source"]["_kuzzle_info"]["author"] == admin.kuid


async def test_ids_are_generated(api: Any) -> None:
    for action, content in (("createUser", DEFAULT), ("createRestrictedUser", {})):
        made = await api.do(f"security:{action}", body={"content": content})
        assert re.fullmatch(r"kuid-[a-z]+-[a-z]+-\d+", made["_id"])
        made = await api.do(f"security:{action}", kuid="uuid", body={"content": content})
        assert re.fullmatch(r"kuid-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["_id"])
    assert (
        await api.refused("security:createUser", kuid="x", body={"content": DEFAULT}) == "api.assert.invalid_argument"
    )


async def test_what_new_users_are_refused_for(api: Any) -> None:
    user = await api.new_user()
    create = "security:createUser"
    for kuid in (user.kuid, "-1", "anonymous"):
        assert await api.refused(create, _id=kuid, body={"content": DEFAULT}) == "security.user.already_exists"
    for content, id in (
        ({}, "api.assert.missing_argument"),
        ({"profileIds": "default"}, "api.assert.invalid_type"),
        ({"profileIds": [5]}, "api.assert.invalid_type"),
        ({"profileIds": []}, "api.assert.empty_argument"),
        ({"profileIds": ["default", "nope"]}, "security.profile.not_found"),
    ):
        for action, kuid in ((create, api.name()), ("security:upsertUser", api.name())):
            assert await api.refused(action, _id=kuid, body={"content": content}) == id
            assert await api.refused("security:getUser", _id=kuid) == "security.user.not_found"
    assert await api.refused(create) == "api.assert.body_required"


@pytest.mark.parametrize("action", ["createUser", "createRestrictedUser", "upsertUser"])
async def test_wrong_credentials_leave_no_user(api: Any, action: str) -> None:
    user, kuid = await api.new_user(), api.name("user")
    content = {} if action == "createRestrictedUser" else DEFAULT
    for credentials, id in (
        ({"nope": {}}, "security.credentials.unknown_strategy"),
        ({"local": {"username": "x"}}, "security.credentials.rejected"),
        ({"local": {"username": user.username, "password": "x"}}, "security.credentials.username_taken"),
    ):
        body: dict[str, Any] = {"content": content, "credentials": credentials}
        assert await api.refused(f"security:{action}", _id=kuid, body=body) == id
        assert await api.refused("security:getUser", _id=kuid) == "security.user.not_found"


async def test_restricted_users_get_the_profiles_that_the_server_says(api: Any) -> None:
    username = api.name("user")
    credentials = {"local": {"username": username, "password": f"secret-{username}"}}
    body = {"content": {"name": "Joe"}, "credentials": credentials}
    made = await api.do("security:createRestrictedUser", _id=username, body=body)
    assert (made["_source"]["profileIds"], made["_source"]["name"]) == (["default"], "Joe")
    assert await api.is_good(await api.login(username))
    create = "security:createRestrictedUser"
    assert await api.refused(create, body={"content": {"profileIds": ["admin"]}}) == "api.assert.forbidden_argument"
    assert await api.refused(create, _id=username, body={}) == "security.user.already_exists"


async def test_users_are_updated_and_replaced(api: Any) -> None:
    user = await api.new_user(name="Jane", age=40)
    updated = await api.do("security:updateUser", _id=user.kuid, body={"age": 41})
    assert {name: updated["_source"][name] for name in ("name", "age")} == {"name": "Jane", "age": 41}
    profile = await api.new_profile()
    updated = await api.do("security:updateUser", _id=user.kuid, body={"profileIds": [profile]})
    assert updated["_source"]["profileIds"] == [profile]
    assert (await api.ask("server:now", jwt=user.jwt))["status"] == 403, "rights change at once"
    replaced = await api.do("security:replaceUser", _id=user.kuid, body={**DEFAULT, "name": "J"})
    assert {name for name in replaced["_source"]} == {"profileIds", "name", "_kuzzle_info"}
    assert replaced["_source"]["_kuzzle_info"]["author"] == "-1"
    assert (await api.ask("server:now", jwt=user.jwt))["status"] == 200
    assert (await api.do("security:updateUser", _id=user.kuid, body={"name": "x"}, dryRun=True))["dryRun"] is True
    assert (await api.do("security:getUser", _id=user.kuid))["_source"]["name"] == "J"


async def test_upserting_updates_or_creates(api: Any) -> None:
    kuid = api.name("user")
    body = {
        "content": {**DEFAULT, "name": "Jane"},
        "default": {"name": "nobody", "age": 3},
        "credentials": {"local": {"username": kuid, "password": f"secret-{kuid}"}},
    }
    made = await api.do("security:upsertUser", _id=kuid, body=body)
    assert (made["_source"]["name"], made["_source"]["age"]) == ("Jane", 3)
    assert await api.is_good(await api.login(kuid))
    body = {"content": {"name": "Joan"}, "default": {"age": 9}}
    changed = await api.do("security:upsertUser", _id=kuid, body=body)
    assert (changed["_source"]["name"], changed["_source"]["age"]) == ("Joan", 3)


@pytest.mark.parametrize("action", ["updateUser", "replaceUser", "upsertUser", "deleteUser"])
async def test_the_anonymous_user_stays_as_it_is(api: Any, action: str) -> None:
    def body(content: dict[str, Any]) -> dict[str, Any]:
        return {"content": content} if action == "upsertUser" else content

    for kuid in ("-1", "anonymous"):
        anonymous = {"profileIds": ["anonymous"]}
        refused = await api.refused(f"security:{action}", _id=kuid, body=body(anonymous))
        assert refused == "security.user.prevent_overwrite"
        if action != "deleteUser":
            refused = await api.refused(f"security:{action}", _id=kuid, body=body({"profileIds": ["admin"]}))
            assert refused == "security.user.anonymous_profile_required"
    assert (await api.do("security:getUser", _id="anonymous"))["_id"] == "-1"


async def test_wrong_changes_of_users(api: Any) -> None:
    user = await api.new_user()
    for action in ("updateUser", "replaceUser"):
        name = f"security:{action}"
        assert await api.refused(name, _id="nobody", body=DEFAULT) == "security.user.not_found"
        for profile_ids, id in (
            (["nope"], "security.profile.not_found"),
            ("x", "api.assert.invalid_type"),
            ([], "api.assert.empty_argument"),
        ):
            assert await api.refused(name, _id=user.kuid, body={"profileIds": profile_ids}) == id
    assert await api.refused("security:replaceUser", _id=user.kuid, body={}) == "api.assert.missing_argument"
    for action in ("getUser", "deleteUser", "getUserStrategies", "revokeTokens"):
        assert await api.refused(f"security:{action}", _id="nobody") == "security.user.not_found"


async def test_with_a_user_goes_everything_that_is_theirs(api: Any) -> None:
    user = await api.new_user()
    assert await api.do("security:getUserStrategies", _id=user.kuid) == {"strategies": ["local"], "total": 1}
    made = await api.do("security:createApiKey", userId=user.kuid, body={"description": "x"})
    key = made["_source"]["token"]
    assert await api.is_good(user.jwt)
    assert await api.is_good(key)
    assert await api.do("security:deleteUser", _id=user.kuid, dryRun=True) == {"_id": user.kuid, "dryRun": True}
    assert await api.is_good(key)
    assert await api.do("security:deleteUser", _id=user.kuid) == {"_id": user.kuid}

    store = api.application.store
    assert await store.read([CREDENTIALS.key(user.username), API_KEYS.key(made["_id"])]) == {}
    assert [await api.is_good(token) for token in (user.jwt, key)] == [False, False]
    await api.do("security:createUser", _id=user.kuid, body={"content": DEFAULT})
    assert [await api.is_good(token) for token in (user.jwt, key)] == [False, False], "a new user of the id is another"


async def test_tokens_are_revoked(api: Any) -> None:
    user = await api.new_user()
    key = (await api.do("security:createApiKey", userId=user.kuid, body={"description": "x"}))["_source"]["token"]
    await api.do("security:revokeTokens", _id=user.kuid, dryRun=True)
    assert await api.is_good(user.jwt)
    assert await api.do("security:revokeTokens", _id=user.kuid) is None
    assert [await api.is_good(token) for token in (user.jwt, key)] == [False, True]
    assert await api.is_good(await api.login(user.username))


async def test_many_users(api: Any) -> None:
    first, second = await api.new_user(), await api.new_user()
    ids = [second.kuid, "nobody", first.kuid, "-1"]
    found = await api.do("security:mGetUsers", body={"ids": ids})
    assert [hit["_id"] for hit in found["hits"]] == [second.kuid, first.kuid, "-1"]
    answer = await api.client.get(f"/users/_mGet?ids={first.kuid},{second.kuid}")
    assert [hit["_id"] for hit in answer.json()["result"]["hits"]] == [first.kuid, second.kuid]

    envelope = await api.ask("security:mDeleteUsers", body={"ids": [first.kuid, "nobody"]})
    assert (envelope["status"], envelope["result"]) == (206, [first.kuid])
    assert (envelope["error"]["id"], envelope["error"]["count"]) == ("services.storage.incomplete_delete", 1)
    assert envelope["error"]["errors"][0]["_id"] == "nobody"
    assert await api.do("security:mDeleteUsers", body={"ids": [second.kuid]}) == [second.kuid]
    assert (await api.do("security:mGetUsers", body={"ids": [first.kuid, second.kuid]}))["hits"] == []


@pytest.mark.parametrize("what", ["Users", "Profiles", "Roles"])
async def test_lists_of_ids(api: Any, what: str) -> None:
    for action in (f"security:mGet{what}", f"security:mDelete{what}"):
        assert await api.refused(action) == "api.assert.missing_argument"
        assert await api.refused(action, body={"ids": 5}) == "api.assert.invalid_type"
        assert await api.refused(action, body={"ids": [5]}) == "api.assert.invalid_type"
    refused = await api.refused(f"security:mDelete{what}", body={"ids": ["x"] * 21})
    assert refused == "services.storage.write_limit_exceeded"
    refused = await api.refused(f"security:search{what}", size=10_001)
    assert refused == "services.storage.get_limit_exceeded"
    refused = await api.refused(f"security:search{what}", body={"sore": []})
    assert refused == "services.storage.invalid_search_query"


async def test_users_are_searched(api: Any) -> None:
    profile = await api.new_profile()
    users = [await api.new_user(profile_ids=(profile,)) for _ in range(3)]
    query = {"query": {"term": {"profileIds": profile}}}
    found = await api.do("security:searchUsers", body=query)
    assert {hit["_id"] for hit in found["hits"]} == {user.kuid for user in users}
    assert found["total"] == 3
    page = await api.do(
        "security:searchUsers", body={"query": {"equals": {"profileIds": profile}}}, lang="koncorde", size=2
    )
    assert (len(page["hits"]), page["total"]) == (2, 3)
    rest = await api.do("security:searchUsers", body=query, size=2, **{"from": 2})
    assert len(rest["hits"]) == 1


async def test_collections_are_refreshed(api: Any) -> None:
    profile = await api.new_profile()
    await api.do("security:createUser", refresh="false", body={"content": {"profileIds": [profile]}})
    for collection in ("users", "profiles", "roles"):
        assert await api.do("security:refresh", collection=collection) is None
    found = await api.do("security:searchUsers", body={"query": {"term": {"profileIds": profile}}})
    assert found["total"] == 1
    assert await api.refused("security:refresh", collection="config") == "api.assert.invalid_argument"


async def test_what_callers_hand_over_stays_theirs(api: Any) -> None:
    """Clients send back what they read, `_kuzzle_info` included; plugins may hold the same content."""
    users, kuid = api.application.security.accounts.users, (await api.new_user()).kuid
    info = {"author": "somebody else", "createdAt": 1}
    writes: tuple[Callable[[dict[str, Any]], Awaitable[Any]], ...] = (
        lambda content: users.update(kuid, content, Call()),
        lambda content: users.replace(kuid, content, Call()),
        lambda content: users.upsert(kuid, content, {}, {}, Call()),
        lambda content: users.create(api.name("user"), content, {}, Call()),
    )
    for write in writes:
        content = {"profileIds": ["default"], "name": "Jane", "_kuzzle_info": info}
        written = await write(content)
        assert content == {"profileIds": ["default"], "name": "Jane", "_kuzzle_info": info}
        assert written["_source"]["_kuzzle_info"]["author"] != "somebody else"
