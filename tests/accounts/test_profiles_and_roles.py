"""Profiles and roles (router-protocol 5.10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOGIN = {"controllers": {"auth": {"actions": {"login": True}}}}


def policies(*roles: str) -> dict[str, Any]:
    """The body of a profile."""
    return {"policies": [{"roleId": role} for role in roles]}


async def test_a_profile_is_created_changed_and_read(api: Any) -> None:
    role, other, id = await api.new_role(), await api.new_role(), api.name("crew.admin")
    body = {"policies": [{"roleId": role, "restrictedTo": [{"index": "harbour", "collections": ["assets"]}]}]}
    made = await api.do("security:createProfile", _id=id, body={**body, "rateLimit": 50, "team": "x"})
    source = made["_source"]
    assert made["_id"] == id
    assert (source["policies"], source["rateLimit"], source["team"]) == (body["policies"], 50, "x")
    assert "optimizedPolicies" not in source
    assert await api.do("security:getProfile", _id=id) == made
    refused = await api.refused("security:createProfile", _id=id, body=body)
    assert refused == "services.storage.document_already_exists"

    changed = await api.do("security:updateProfile", _id=id, body={"rateLimit": 3})
    assert (changed["_source"]["rateLimit"], changed["_source"]["team"]) == (3, "x")
    assert changed["_source"]["policies"] == body["policies"]
    replaced = await api.do("security:createOrReplaceProfile", _id=id, body=policies(other))
    assert set(replaced["_source"]) == {"policies", "rateLimit", "_kuzzle_info"}
    assert replaced["_source"]["rateLimit"] == 0
    new = api.name()
    await api.do("security:createOrReplaceProfile", _id=new, body=policies(other))
    found = await api.do("security:mGetProfiles", body={"ids": [new, id]})
    assert [hit["_id"] for hit in found["hits"]] == [new, id]
    for action in ("getProfile", "deleteProfile"):
        assert await api.refused(f"security:{action}", _id="nope") == "security.profile.not_found"
    assert await api.refused("security:mGetProfiles", body={"ids": [id, "nope"]}) == "security.profile.not_found"
    assert await api.refused("security:updateProfile", _id="nope", body={}) == "security.profile.not_found"


async def test_wrong_profiles(api: Any) -> None:
    role = await api.new_role()
    id = await api.new_profile(role)
    for body, error in (
        ({"policies": {}}, "api.assert.invalid_type"),
        ({"policies": []}, "api.assert.empty_argument"),
        ({"policies": ["x"]}, "api.assert.invalid_type"),
        ({"policies": [{}]}, "api.assert.missing_argument"),
        ({"policies": [{"roleId": role, "foo": 1}]}, "api.assert.unexpected_argument"),
        ({"policies": [{"roleId": role, "restrictedTo": {}}]}, "api.assert.invalid_type"),
        ({"policies": [{"roleId": role, "restrictedTo": [{}]}]}, "api.assert.missing_argument"),
        ({"policies": [{"roleId": role, "restrictedTo": [{"index": "i", "x": 1}]}]}, "api.assert.unexpected_argument"),
        (
            {"policies": [{"roleId": role, "restrictedTo": [{"index": "i", "collections": "c"}]}]},
            "api.assert.invalid_type",
        ),
        ({**policies(role), "rateLimit": 1.5}, "api.assert.invalid_type"),
        ({**policies(role), "rateLimit": -1}, "api.assert.invalid_argument"),
        (policies(role, "nope"), "security.role.not_found"),
    ):
        for action, name in (("createProfile", api.name()), ("createOrReplaceProfile", id), ("updateProfile", id)):
            assert await api.refused(f"security:{action}", _id=name, body=body) == error, (action, body)
    for action in ("createProfile", "createOrReplaceProfile"):
        assert await api.refused(f"security:{action}", _id=api.name(), body={}) == "api.assert.missing_argument"
    for action in ("createOrReplaceProfile", "updateProfile"):
        refused = await api.refused(f"security:{action}", _id="anonymous", body=policies(role))
        assert refused == "security.profile.missing_anonymous_role"


async def test_strict_profiles_name_what_exists(api: Any) -> None:
    role, index = await api.new_role(), api.name("index")
    await api.do("collection:create", index=index, collection="things")

    def restricted(**place: Any) -> dict[str, Any]:
        return {"policies": [{"roleId": role, "restrictedTo": [place]}]}

    try:
        for action in ("createProfile", "createOrReplaceProfile", "updateProfile"):
            id = await api.new_profile(role) if action == "updateProfile" else api.name("profile")
            for place, error in (
                ({"index": "nowhere-at-all"}, "services.storage.unknown_index"),
                ({"index": "%kuzzle"}, "services.storage.unknown_index"),
                ({"index": index, "collections": ["nope"]}, "services.storage.unknown_collection"),
            ):
                body = restricted(**place)
                assert await api.refused(f"security:{action}", _id=id, strict=True, body=body) == error
            body = restricted(index=index, collections=["things"])
            await api.do(f"security:{action}", _id=id, strict=True, body=body)
            await api.do("security:updateProfile", _id=id, body=restricted(index="nowhere-at-all"))
    finally:
        await api.do("index:delete", index=index)


@pytest.mark.parametrize("id", ["admin", "default", "anonymous"])
async def test_what_is_always_there_cannot_be_deleted(api: Any, id: str) -> None:
    assert await api.refused("security:deleteProfile", _id=id) == "security.profile.cannot_delete"
    assert await api.refused("security:deleteRole", _id=id) == "security.role.cannot_delete"


async def test_a_profile_that_somebody_has_stays(api: Any) -> None:
    id = await api.new_profile()
    only, one_of_two = await api.new_user(profile_ids=(id,)), await api.new_user(profile_ids=("default", id))
    assert await api.refused("security:deleteProfile", _id=id) == "security.profile.in_use"
    refused = await api.refused("security:deleteProfile", _id=id, onAssignedUsers="x")
    assert refused == "api.assert.invalid_argument"
    refused = await api.refused("security:mDeleteProfiles", body={"ids": [id]}, onAssignedUsers="x")
    assert refused == "api.assert.invalid_argument"
    envelope = await api.ask("security:mDeleteProfiles", body={"ids": [id]})
    assert (envelope["status"], envelope["result"]) == (206, [])
    assert envelope["error"]["id"] == "services.storage.incomplete_delete"

    assert await api.do("security:deleteProfile", _id=id, onAssignedUsers="remove") == {"_id": id}
    users = (await api.do("security:mGetUsers", body={"ids": [only.kuid, one_of_two.kuid]}))["hits"]
    assert [user["_source"]["profileIds"] for user in users] == [["anonymous"], ["default"]]
    assert await api.refused("security:getProfile", _id=id) == "security.profile.not_found"
    ids = [await api.new_profile(), await api.new_profile()]
    assert await api.do("security:mDeleteProfiles", body={"ids": ids}) == ids


async def test_no_user_gets_a_profile_that_is_being_deleted(api: Any) -> None:
    role = await api.new_role()
    for _ in range(5):
        id, kuid = await api.new_profile(role), api.name("user")
        deleted, created = await asyncio.gather(
            api.ask("security:deleteProfile", _id=id),
            api.ask("security:createUser", _id=kuid, body={"content": {"profileIds": [id]}}),
        )
        assert (deleted["error"] is None) != (created["error"] is None)


async def test_profiles_are_searched(api: Any) -> None:
    role = await api.new_role()
    ids = {await api.new_profile(role), await api.new_profile(role)}
    await api.do("security:refresh", collection="profiles")
    for body in ({"roles": [role]}, {"query": {"term": {"policies.roleId": role}}}):
        found = await api.do("security:searchProfiles", body=body)
        assert ({hit["_id"] for hit in found["hits"]}, found["total"]) == (ids, 2)
    assert len((await api.do("security:searchProfiles", body={"roles": [role]}, size=1))["hits"]) == 1
    assert (await api.do("security:searchProfiles"))["total"] >= 5
    both = {"roles": [role], "query": {}}
    assert await api.refused("security:searchProfiles", body=both) == "api.assert.mutually_exclusive"
    assert await api.refused("security:searchProfiles", body={"roles": "x"}) == "api.assert.invalid_type"


async def test_a_role_is_created_changed_and_read(api: Any) -> None:
    id = api.name("role")
    body = {"controllers": {"document": {"actions": {"get": True, "delete": False}}}, "team": "x"}
    made = await api.do("security:createRole", _id=id, body=body)
    assert (made["_id"], made["_source"]["controllers"]) == (id, body["controllers"])
    assert await api.do("security:getRole", _id=id) == made
    assert await api.refused("security:createRole", _id=id, body=body) == "services.storage.document_already_exists"
    changed = await api.do("security:updateRole", _id=id, body=LOGIN)
    assert set(changed["_source"]) == {"controllers", "_kuzzle_info"}, "the whole content is replaced"
    assert changed["_source"]["controllers"] == LOGIN["controllers"]
    new = api.name("role")
    for name in (id, new):
        await api.do("security:createOrReplaceRole", _id=name, body=body)
    found = await api.do("security:mGetRoles", body={"ids": [new, id]})
    assert [hit["_source"]["team"] for hit in found["hits"]] == ["x", "x"]
    assert await api.do("security:deleteRole", _id=id, dryRun=True) == {"_id": id, "dryRun": True}
    assert await api.do("security:deleteRole", _id=id) == {"_id": id}
    assert await api.do("security:mDeleteRoles", body={"ids": [new]}) == [new]
    for action in ("getRole", "deleteRole"):
        assert await api.refused(f"security:{action}", _id=id) == "security.role.not_found"
    assert await api.refused("security:mGetRoles", body={"ids": ["default", id]}) == "security.role.not_found"
    assert await api.refused("security:updateRole", _id=id, body=LOGIN) == "security.role.not_found"


async def test_wrong_roles(api: Any) -> None:
    id = await api.new_role()
    for body, error in (
        ({}, "api.assert.missing_argument"),
        ({"controllers": []}, "api.assert.invalid_type"),
        ({"controllers": {}}, "api.assert.empty_argument"),
        ({"controllers": {"auth": True}}, "api.assert.invalid_type"),
        ({"controllers": {"auth": {}}}, "api.assert.missing_argument"),
        ({"controllers": {"auth": {"actions": {"login": True}, "x": 1}}}, "api.assert.unexpected_argument"),
        ({"controllers": {"auth": {"actions": {}}}}, "api.assert.empty_argument"),
        ({"controllers": {"auth": {"actions": {"login": "yes"}}}}, "api.assert.invalid_type"),
        ({"controllers": {"auth": {"actions": {"logon": True}}}}, "security.role.unknown_action"),
        (
            {"controllers": {"*": {"actions": {"*": True}}, "nope": {"actions": {"*": True}}}},
            "security.role.unknown_controller",
        ),
    ):
        for action, name in (("createRole", api.name()), ("createOrReplaceRole", id), ("updateRole", id)):
            assert await api.refused(f"security:{action}", _id=name, body=body) == error, (action, body)
    closed = {"controllers": {"auth": {"actions": {"checkToken": True}}}}
    for action in ("createOrReplaceRole", "updateRole"):
        assert await api.refused(f"security:{action}", _id="anonymous", body=closed) == "security.role.login_required"


async def test_roles_may_name_what_a_plugin_will_bring(api: Any) -> None:
    body = {"controllers": {"plugin/later": {"actions": {"do": True}}, "ms": {"actions": {"get": True}}}}
    for action in ("createRole", "createOrReplaceRole", "updateRole"):
        id = await api.new_role() if action == "updateRole" else api.name("role")
        made = await api.do(f"security:{action}", _id=id, force=True, body=body)
        assert made["_source"]["controllers"] == body["controllers"]
    typo = {"controllers": {"auth": {"actions": {"logon": True}}}}
    refused = await api.refused("security:createRole", _id=api.name(), force=True, body=typo)
    assert refused == "security.role.unknown_action"
    known = {
        "controllers": {
            "realtime": {"actions": {"subscribe": True}},
            "device-manager/assets": {"actions": {"get": True}},
        }
    }
    await api.do("security:createRole", _id=api.name("role"), body=known)


async def test_a_role_that_a_profile_has_stays(api: Any) -> None:
    role = await api.new_role()
    profile = await api.new_profile(role)
    assert await api.refused("security:deleteRole", _id=role) == "security.role.in_use"
    envelope = await api.ask("security:mDeleteRoles", body={"ids": [role]})
    assert (envelope["status"], envelope["error"]["id"]) == (206, "services.storage.incomplete_delete")
    await api.do("security:deleteProfile", _id=profile)
    assert await api.do("security:deleteRole", _id=role) == {"_id": role}


async def test_roles_are_searched(api: Any) -> None:
    role = await api.new_role(server=["now"])
    await api.do("security:refresh", collection="roles")
    found = await api.do("security:searchRoles", body={"controllers": ["server"]})
    ids = [hit["_id"] for hit in found["hits"]]
    assert role in ids
    assert "admin" in ids, "it says something about all controllers"
    found = await api.do("security:searchRoles", body={"controllers": ["bulk"]})
    assert role not in [hit["_id"] for hit in found["hits"]]
    found = await api.do("security:searchRoles", body={"query": {"ids": {"values": [role]}}})
    assert ([hit["_id"] for hit in found["hits"]], found["total"]) == ([role], 1)
    page = await api.do("security:searchRoles", body={"controllers": ["server"]}, size=1, **{"from": 1})
    assert [hit["_id"] for hit in page["hits"]] == ids[1:2]
    both = {"controllers": ["auth"], "query": {}}
    assert await api.refused("security:searchRoles", body=both) == "api.assert.mutually_exclusive"
    assert await api.refused("security:searchRoles", body={"controllers": 5}) == "api.assert.invalid_type"
