"""Searching users, profiles and roles, page by page, and by fields of one's own (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHAT = ("users", "profiles", "roles")
ACTIONS = {
    "users": ("searchUsers", "scrollUsers", "getUserMapping", "updateUserMapping"),
    "profiles": ("searchProfiles", "scrollProfiles", "getProfileMapping", "updateProfileMapping"),
    "roles": ("searchRoles", None, "getRoleMapping", "updateRoleMapping"),
}
CONTENTS: dict[str, dict[str, Any]] = {
    "users": {"profileIds": ["default"]},
    "profiles": {"policies": [{"roleId": "default"}]},
    "roles": {"controllers": {"auth": {"actions": {"login": True}}}},
}


async def make(api: Any, what: str, **content: Any) -> str:
    """A user, a profile or a role with fields of its own."""
    id = str(api.name("found"))
    body: dict[str, Any] = CONTENTS[what] | content
    if what == "users":
        await api.do("security:createUser", _id=id, body={"content": body})
    else:
        await api.do(f"security:create{what[:-1].title()}", _id=id, body=body)
    return id


@pytest.mark.parametrize("what", WHAT)
async def test_fields_of_ones_own_are_searched_once_they_are_mapped(api: Any, what: str) -> None:
    search, scroll, get, update = ACTIONS[what]
    before = (await api.do(f"security:{get}"))["mapping"]
    field = api.name("field").replace("-", "_")
    mapping = {"properties": {field: {"type": "keyword"}, "extra": {"properties": {"age": {"type": "integer"}}}}}
    dry = await api.do(f"security:{update}", body=mapping, dryRun=True)
    assert dry["dryRun"] is True
    assert (await api.do(f"security:{get}"))["mapping"] == before
    updated = await api.do(f"security:{update}", body=mapping)
    assert updated["properties"] == before | mapping["properties"]
    assert (await api.do(f"security:{get}"))["mapping"] == updated["properties"]
    changed = {"properties": {field: {"type": "integer"}}}
    assert await api.refused(f"security:{update}", body=changed) == "services.storage.cannot_change_mapping"
    wrongs: list[dict[str, Any]] = [{"properties": {"x": {"type": "nonsense"}}}, {"nonsense": {}}]
    for wrong in wrongs:
        assert (await api.ask(f"security:{update}", body=wrong))["status"] == 400

    ids = sorted([await make(api, what, **{field: "red" if number < 5 else "blue"}) for number in range(7)])
    red = {"query": {"term": {field: "red"}}}
    assert (await api.do(f"security:{search}", body=red, size=2))["total"] == 5
    koncorde = await api.do(f"security:{search}", body={"query": {"equals": {field: "blue"}}}, lang="koncorde")
    assert koncorde["total"] == len(koncorde["hits"]) == 2
    body = red | {"aggregations": {"colors": {"terms": {"field": field}}}, "sort": [{"_id": "desc"}]}
    found = await api.do(f"security:{search}", body=body)
    assert [bucket["doc_count"] for bucket in found["aggregations"]["colors"]["buckets"]] == [5]
    listed = [hit["_id"] for hit in found["hits"]]
    assert listed == sorted(listed, reverse=True)
    assert set(listed) < set(ids)
    if scroll is None:
        return

    page = await api.do(f"security:{search}", body={"query": {"exists": {"field": field}}}, size=3, scroll="30s")
    hits = page["hits"]
    assert (page["total"], page["remaining"]) == (7, 4)
    other = await api.new_user()
    assert await api.refused(f"security:{scroll}", scrollId=page["scrollId"], jwt=other.jwt) == (
        "services.storage.unknown_scroll_id"
    ), "nobody goes on with the scroll of somebody else"
    while page["remaining"]:
        page = await api.do(f"security:{scroll}", scrollId=page["scrollId"], scroll="30s")
        hits += page["hits"]
    assert sorted(hit["_id"] for hit in hits) == ids
    assert all(hit["_source"][field] in ("red", "blue") for hit in hits)
    for id, duration, refused in (
        (page["scrollId"], None, "services.storage.unknown_scroll_id"),
        ("x", "2h", "services.storage.scroll_duration_too_great"),
        ("x", "soon", "api.assert.invalid_argument"),
    ):
        assert await api.refused(f"security:{scroll}", scrollId=id, scroll=duration) == refused
        if duration:
            assert await api.refused(f"security:{search}", body={}, scroll=duration) == refused


async def test_one_user_has_a_few_scrolls_at_once(strict_api: Any) -> None:
    user, _ = await strict_api.new_user(profile_ids=("admin",)), await strict_api.new_user()
    for action in ("searchUsers", "searchProfiles", "searchUsers"):
        page = await strict_api.do(f"security:{action}", jwt=user.jwt, size=1, scroll="5s")
        assert page["remaining"] > 0
    for action in ("searchUsers", "searchProfiles"):
        refused = await strict_api.refused(f"security:{action}", jwt=user.jwt, size=1, scroll="5s")
        assert refused == "services.storage.too_many_scrolls"


async def test_over_their_own_routes(api: Any) -> None:
    for path, name in (("users", "getUserMapping"), ("profiles", "getProfileMapping"), ("roles", "getRoleMapping")):
        answer = (await api.client.get(f"/{path}/_mapping")).json()
        assert (answer["action"], set(answer["result"])) == (name, {"mapping"})
    page = (await api.client.post("/users/_search?size=1&scroll=30s", json={})).json()["result"]
    answer = (await api.client.get(f"/users/_scroll/{page['scrollId']}")).json()
    assert (answer["action"], answer["status"]) == ("scrollUsers", 200)


async def test_what_other_servers_add_to_profiles_is_neither_kept_nor_shown(api: Any) -> None:
    policies = [{"roleId": "default"}]
    id = await make(api, "profiles", optimizedPolicies=[{"roleId": "admin"}], note="mine")
    put = {"policies": policies, "optimizedPolicies": []}
    for action, body in (("createOrReplaceProfile", put), ("updateProfile", {"optimizedPolicies": [], "note": "ours"})):
        shown = (await api.do(f"security:{action}", _id=id, body=body))["_source"]
        assert set(shown) - {"note"} == {"policies", "rateLimit", "_kuzzle_info"}
    found = await api.do("security:searchProfiles", body={"query": {"ids": {"values": [id]}}})
    sources = [hit["_source"] for hit in found["hits"]]
    sources += [(await api.do("security:getProfile", _id=id))["_source"]]
    sources += [hit["_source"] for hit in (await api.do("security:mGetProfiles", body={"ids": [id]}))["hits"]]
    assert len(sources) == 3
    assert all("optimizedPolicies" not in source and source["policies"] == policies for source in sources)
