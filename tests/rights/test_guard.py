"""Rights are checked on every message, as they are stored at that moment (router-protocol 3.1, 5.8, 5.10, design 8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.errors import ApiError
from device_manager.security.definitions import DOMAIN_ROLES
from device_manager.security.memory import SecurityMemory

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNAUTHORIZED, FORBIDDEN = "security.rights.unauthorized", "security.rights.forbidden"
NOW_ONLY = {"controllers": {"server": {"actions": {"now": True}}}}

LOAD = "admin:loadSecurities"
PROFILE = {"policies": [{"roleId": "watch"}], "optimizedPolicies": [{"roleId": "left over"}]}
USER: dict[str, Any] = {
    "content": {"profileIds": ["watch"], "name": "Eve"},
    "credentials": {"local": {"username": "eve", "password": "a long sentence"}},
}
BODY = {"roles": {"watch": NOW_ONLY}, "profiles": {"watch": PROFILE}, "users": {"eve": USER}}


async def allow(site: Any, name: str, role: dict[str, Any], *restricted_to: dict[str, Any]) -> None:
    """A role and a profile of one name."""
    await site.do("security:createOrReplaceRole", _id=name, body=role)
    policy = {"roleId": name} | ({"restrictedTo": list(restricted_to)} if restricted_to else {})
    await site.do("security:createOrReplaceProfile", _id=name, body={"policies": [policy]})


async def test_a_fresh_platform_is_open_and_says_so(site: Any) -> None:
    assert (await site.ask("server:now"))["status"] == 200
    assert await site.refused("nothing:here") == "api.process.controller_not_found"
    rights = await site.do("auth:getMyRights")
    everything = {"controller": "*", "action": "*", "index": "*", "collection": "*", "value": "allowed"}
    assert rights == {"hits": [everything], "total": 1}
    profile = await site.do("security:getProfile", _id="anonymous")
    assert profile["_source"]["policies"] == [{"roleId": "anonymous"}]
    assert site.application.security.is_open


async def test_the_roles_of_the_domain_are_there(site: Any) -> None:
    stored = await site.do("security:mGetRoles", body={"ids": sorted(DOMAIN_ROLES)})
    assert [hit["_id"] for hit in stored["hits"]] == sorted(DOMAIN_ROLES)
    for hit in stored["hits"]:
        assert hit["_source"]["controllers"] == DOMAIN_ROLES[hit["_id"]]["controllers"]
    assert DOMAIN_ROLES["group.admin"] == DOMAIN_ROLES["groups.admin"]


async def test_the_first_administrator_closes_the_platform(site: Any) -> None:
    async with Client(site.url) as before:
        assert await site.refused_by_socket(before, "server:now") is None
        await site.close_to_strangers()
        assert not site.application.security.is_open
        assert await site.refused_by_socket(before, "server:now") == UNAUTHORIZED
        assert await site.refused_by_socket(before, "auth:getCurrentUser") is None
        assert await site.refused_by_socket(before, "server:now", jwt=site.admin) is None
    error = (await site.ask("server:now"))["error"]
    assert (error["status"], error["id"], error["props"]) == (401, UNAUTHORIZED, ["server", "now", "-1"])
    assert await site.refused("nothing:here") == UNAUTHORIZED
    assert await site.refused("nothing:here", token=site.admin) == "api.process.controller_not_found"
    assert await site.refused("server:nothing", token=site.admin) == "api.process.action_not_found"
    over_http = await site.http.get("/_now")
    assert (over_http.status_code, over_http.json()["error"]["id"]) == (401, UNAUTHORIZED)
    assert (await site.http.get("/_now", headers={"authorization": f"Bearer {site.admin}"})).status_code == 200
    assert (await site.http.get("/_healthcheck")).status_code == 200
    user = await site.do("auth:getCurrentUser")
    assert (user["_id"], user["_source"]["profileIds"], user["strategies"]) == ("ada", ["admin"], ["local"])


async def test_there_is_one_first_administrator(site: Any) -> None:
    tries = await asyncio.gather(*(site.ask("security:createFirstAdmin", _id=f"a{n}", body={}) for n in range(5)))
    assert sorted(answer["status"] for answer in tries) == [200, 412, 412, 412, 412]
    assert {answer["error"]["id"] for answer in tries if answer["error"]} == {"api.process.admin_exists"}
    assert (await site.ask("server:now"))["status"] == 200  # without `reset` the platform stays open


async def test_the_first_administrator_has_to_be_a_new_user(site: Any) -> None:
    refused = site.refused
    taken = {"local": {"username": "eve", "password": "a long sentence"}}
    body: dict[str, Any] = {"content": {"profileIds": ["default"]}, "credentials": taken}
    await site.do("security:createUser", _id="eve", body=body)
    assert await refused("security:createFirstAdmin", _id="eve", body={}) == "security.user.already_exists"
    assert await refused("security:createFirstAdmin", body={"credentials": taken}) == (
        "security.credentials.username_taken"
    )
    body = {"content": {"profileIds": ["default"]}}
    assert await refused("security:createFirstAdmin", body=body) == "api.assert.forbidden_argument"
    body = {"credentials": {"palm": {}}}
    assert await refused("security:createFirstAdmin", body=body) == "security.credentials.unknown_strategy"
    body = {"credentials": {"local": {"username": "u"}}}
    assert await refused("security:createFirstAdmin", body=body) == "security.credentials.rejected"
    tried = await site.do("security:createFirstAdmin", reset=True, dryRun=True, body={"content": {"name": "Ada"}})
    assert tried["dryRun"] is True and tried["_source"]["profileIds"] == ["admin"]
    assert site.application.security.is_open
    made = await site.do("security:createFirstAdmin", kuid="uuid", body={"content": {"name": "Ada"}})
    assert made["_id"].startswith("kuid-") and made["_source"]["name"] == "Ada"


async def test_default_rights_can_be_restricted_by_themselves(site: Any) -> None:
    admin = await site.make_user("root", "admin")
    user = await site.make_user("someone", "default")
    assert (await site.ask("server:now", token=user))["status"] == 200
    await site.ask("security:restrictDefaultRights", dryRun=True)
    assert (await site.ask("server:now"))["status"] == 200
    assert "result" not in await site.ask("security:restrictDefaultRights")
    assert await site.refused("server:now") == UNAUTHORIZED
    error = (await site.ask("server:now", token=user))["error"]
    assert (error["status"], error["id"], error["props"]) == (403, FORBIDDEN, ["server", "now", "someone"])
    assert (await site.ask("auth:updateSelf", token=user, body={"name": "S"}))["status"] == 200
    profile = await site.do("security:getProfile", token=admin, _id="anonymous")
    assert profile["_source"]["rateLimit"] == 200
    role = await site.do("security:getRole", token=admin, _id="anonymous")
    assert role["_source"]["controllers"] == {
        "auth": {"actions": {"checkToken": True, "getCurrentUser": True, "getMyRights": True, "login": True}},
        "server": {"actions": {"openapi": True, "publicApi": True}},
    }


async def test_a_change_of_rights_holds_for_the_next_message(site: Any) -> None:
    await site.close_to_strangers()
    await allow(site, "watch", NOW_ONLY)
    user = await site.make_user("eve", "watch")
    async with Client(site.url, token=user) as client:
        assert await site.refused_by_socket(client, "server:now") is None
        assert await site.refused_by_socket(client, "server:info") == FORBIDDEN
        more = {"controllers": {"server": {"actions": {"info": True}}}}
        await site.do("security:createOrReplaceRole", _id="watch", body=more)
        assert await site.refused_by_socket(client, "server:now") == FORBIDDEN
        assert await site.refused_by_socket(client, "server:info") is None
        await site.do("security:createOrReplaceProfile", _id="watch", body={"policies": [{"roleId": "default"}]})
        assert await site.refused_by_socket(client, "server:info") == FORBIDDEN
        await site.do("security:updateUser", _id="eve", body={"profileIds": ["watch", "admin"]})
        assert await site.refused_by_socket(client, "server:info") is None
        await site.do("security:deleteUser", _id="eve")
        assert await site.refused_by_socket(client, "server:info") == "security.token.invalid"


async def test_another_process_notices_a_change_of_rights(site: Any) -> None:
    store = site.application.store
    listeners = store._listeners[:]
    other = SecurityMemory(store)
    store._listeners[:] = listeners
    await other.start()
    await other.close()  # it looks when the test says so, not every second
    await allow(site, "watch", NOW_ONLY)
    await site.make_user("eve", "watch")
    assert other.profile("watch") is None
    await other.generation.look()
    assert other.profile("watch") is not None and await other.user("eve") is not None
    await site.do("security:updateUser", _id="eve", body={"profileIds": ["default"]})
    version = other.version
    await other.generation.look()
    user = await other.user("eve")
    assert other.version > version and user is not None and user.profile_ids == ("default",)


async def test_unknown_tokens_are_refused_whatever_strangers_may(site: Any) -> None:
    for token in ("nonsense", "kauth-nonsense", "kapikey-a.b.c"):
        assert await site.refused("server:now", token=token) == "security.token.invalid"


async def test_plugins_call_with_the_rights_of_a_user_when_they_ask_for_it(site: Any) -> None:
    index = site.application.settings.platform_index
    await allow(site, "keeper", {"controllers": {"*": {"actions": {"*": True}}}}, {"index": index})
    await site.make_user("eve", "keeper")
    call = site.application.router.call
    args = {"engineId": "nosuchengine", "_id": "a"}
    with pytest.raises(ApiError) as refused:
        await call("device-manager/assets", "get", args=args, as_user="eve", check_rights=True)
    assert refused.value.id == FORBIDDEN
    for unchecked in ({"as_user": "eve"}, {"check_rights": True}, {"as_user": "-1", "check_rights": True}):
        with pytest.raises(ApiError) as refused:
            await call("device-manager/assets", "get", args=dict(args), **unchecked)
        assert refused.value.id == "services.storage.unknown_index"
    assert await call("index", "list", as_user="eve", check_rights=True) == {"indexes": [index]}


async def test_rights_can_be_asked_for(site: Any) -> None:
    await allow(site, "watch", NOW_ONLY, {"index": "a", "collections": ["x"]})
    await site.make_user("eve", "watch")
    right = {"controller": "server", "action": "now", "index": "a", "collection": "x", "value": "allowed"}
    assert await site.do("security:getUserRights", _id="eve") == {"hits": [right], "total": 1}
    assert await site.do("security:getProfileRights", _id="watch") == {"hits": [right], "total": 1}
    assert await site.refused("security:getUserRights", _id="nobody") == "security.user.not_found"
    assert await site.refused("security:getProfileRights", _id="nothing") == "security.profile.not_found"
    ask = {"controller": "server", "action": "now"}
    assert await site.do("security:checkRights", userId="eve", body=ask) == {"allowed": True}
    ask = {"controller": "server", "action": "info"}
    assert await site.do("security:checkRights", userId="eve", body=ask) == {"allowed": False}


async def test_documents_say_who_wrote_them(site: Any) -> None:
    await site.close_to_strangers()
    models = "device-manager/models"
    mapping = {"temperature": {"type": "float"}}
    measure = await site.do(f"{models}:writeMeasure", body={"type": "temperature", "valuesMappings": mapping})
    assert measure["_source"]["_kuzzle_info"]["author"] == "ada"
    slots = [{"name": "t", "type": "temperature"}]
    made = await site.do(f"{models}:writeDevice", body={"model": "Probe", "measures": slots})
    assert made["_source"]["_kuzzle_info"]["author"] == "ada"
    index = site.application.settings.platform_index
    body = {"model": "Probe", "reference": "1", "metadata": {}}
    device = await site.do("device-manager/devices:create", engineId=index, body=body)
    assert device["_source"]["_kuzzle_info"]["author"] == "ada"
    await site.do("device-manager/engine:create", index=f"{index}x")
    engine = await site.do("document:get", index=index, collection="config", _id=f"engine-device-manager--{index}x")
    assert engine["_source"]["_kuzzle_info"]["author"] == "ada"
    await site.do("device-manager/devices:attachEngine", engineId=f"{index}x", _id="Probe-1")
    await site.do("device-manager/engine:delete", index=f"{index}x")
    freed = await site.do("device-manager/devices:get", engineId=index, _id="Probe-1")
    assert (freed["_source"]["engineId"], freed["_source"]["_kuzzle_info"]["updater"]) == (None, "ada")
    role = await site.do("security:createRole", _id="mine", body=NOW_ONLY)
    assert role["_source"]["_kuzzle_info"]["author"] == "ada"


async def test_all_three_are_made_in_order(site: Any) -> None:
    await site.close_to_strangers()
    assert await site.do(LOAD, body=BODY) == {"acknowledge": True}
    token = (await site.do("auth:login", strategy="local", body=USER["credentials"]["local"], token=None))["jwt"]
    assert (await site.ask("server:now", token=token))["status"] == 200
    assert (await site.ask("server:info", token=token))["status"] == 403
    for kind in ("Role", "Profile"):
        assert (await site.do(f"security:get{kind}", _id="watch"))["_source"]["_kuzzle_info"]["author"] == "ada"
    assert (await site.do("security:getUser", _id="eve"))["_source"]["_kuzzle_info"]["author"] == "ada"


async def test_nothing_has_to_be_loaded(site: Any) -> None:
    assert await site.do(LOAD) == {"acknowledge": True}
    assert await site.do(LOAD, body={}) == {"acknowledge": True}
    over_http = await site.http.post("/admin/_loadSecurities", json={"roles": {"watch": NOW_ONLY}})
    assert over_http.json()["result"] == {"acknowledge": True}


async def test_existing_users_are_refused_left_alone_or_made_again(site: Any) -> None:
    await site.do(LOAD, body=BODY)
    other = {
        **BODY,
        "roles": {"other": NOW_ONLY},
        "users": {"eve": {"content": {"profileIds": ["watch"], "name": "New"}}},
    }

    assert await site.refused(LOAD, body=other) == "security.user.prevent_overwrite"
    assert await site.refused("security:getRole", _id="other") == "security.role.not_found"
    assert await site.refused(LOAD, body=other, onExistingUsers="ask") == "api.assert.invalid_argument"

    await site.do(LOAD, body=other, onExistingUsers="skip")
    assert (await site.do("security:getUser", _id="eve"))["_source"]["name"] == "Eve"

    await site.do(LOAD, body=other, onExistingUsers="overwrite")
    assert (await site.do("security:getUser", _id="eve"))["_source"]["name"] == "New"
    credentials = USER["credentials"]["local"]
    assert await site.refused("auth:login", strategy="local", body=credentials) == "plugin.strategy.missing_user"


async def test_roles_may_name_what_a_plugin_brings_later_when_forced(site: Any) -> None:
    body = {"roles": {"watch": {"controllers": {"plugin/of-tomorrow": {"actions": {"*": True}}}}}}
    assert await site.refused(LOAD, body=body) == "security.role.unknown_controller"
    await site.do(LOAD, body=body, force=True)
    assert (await site.do("security:getRole", _id="watch"))["_source"]["controllers"] == body["roles"]["watch"][
        "controllers"
    ]


async def test_a_dry_run_stores_nothing(site: Any) -> None:
    assert await site.do(LOAD, body=BODY, dryRun=True) == {"acknowledge": True, "dryRun": True}
    assert await site.refused("security:getRole", _id="watch") == "security.role.not_found"
    assert await site.refused("security:getUser", _id="eve") == "security.user.not_found"


async def test_each_part_is_a_request_of_its_own_with_its_events(site: Any) -> None:
    heard: list[tuple[str, str | None]] = []
    bus = site.application.events
    await site.close_to_strangers()
    for event in ("security:beforeCreateOrReplaceRole", "security:afterCreateOrReplaceProfile"):
        bus.add_hook(event, lambda request, event=event: heard.append((event, request.user_id)), owner="test")
    bus.add_pipe("security:beforeCreateUser", forbid, owner="test")
    bus.compile()
    refused = await site.ask(LOAD, body=BODY, token=site.admin)
    assert refused["error"]["id"] == "plugin.runtime.unexpected_error"
    assert heard == [("security:beforeCreateOrReplaceRole", "ada"), ("security:afterCreateOrReplaceProfile", "ada")]


def forbid(request: Any) -> None:
    raise ValueError("not this one")
