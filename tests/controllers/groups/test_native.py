"""Native writes to groups, and to the groups of twins; on both stores (device-manager 2.4, design 6)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEMBER = "device_manager.native.managed_member"


async def test_names_stay_unique_and_paths_in_order(groups: Any) -> None:
    platform = groups.platform
    place = {"index": groups.engine, "collection": "groups"}
    await platform.do("document:create", **place, _id="a", body={"name": "A"})
    await platform.do("document:create", **place, _id="b", body={"name": "B", "path": "a.b"})
    assert await groups.paths() == {"a": "a", "b": "a.b"}
    taken = (400, 'A group with name "a" already exist')
    assert await groups.refusal("document:create", **place, _id="c", body={"name": "a"}) == taken
    assert await groups.refusal("document:update", **place, _id="b", body={"name": "a"}) == taken
    assert await groups.refusal("groups:create", _id="c", body={"name": "a"}) == taken
    assert await groups.refusal("document:create", **place, body={"name": "C"}) == (400, 'Missing argument "_id".')
    for body in ({}, {"name": 5}):
        assert (await groups.refusal("document:create", **place, _id="c", body=body))[0] == 400
    for path in ("b.c", "x.c"):
        assert (await groups.refusal("document:create", **place, _id="c", body={"name": "C", "path": path}))[0] == 400
    await platform.do("document:update", **place, _id="b", body={"name": "Bee"})
    await groups.do("groups:create", _id="c", body={"name": "B"})
    error = await platform.refused("document:update", **place, _id="b", body={"path": "b"})
    assert error["id"] == MEMBER
    error = await platform.refused("document:delete", **place, _id="a")
    assert error["id"] == "device_manager.native.managed_collection"
    await groups.check()


async def test_twins_come_into_groups_by_their_actions_only(groups: Any) -> None:
    platform = groups.platform
    await groups.create("a")
    twins = {"assets": await platform.asset("1"), "devices": await platform.device("1")}
    for collection, id in twins.items():
        body = {"groups": [{"path": "a", "date": 1}]}
        error = await platform.refused("document:update", index=groups.engine, collection=collection, _id=id, body=body)
        assert (error["id"], error["props"][0]) == (MEMBER, "groups")
        await groups.add("a", id)
        await platform.do("document:update", index=groups.engine, collection=collection, _id=id, body={"metadata": {}})
        assert await groups.of(id) == ["a"]


async def test_groups_that_were_written_by_force_do_not_keep_their_names(groups: Any) -> None:
    platform = groups.platform
    place = {"index": groups.engine, "collection": "groups", "force": True}
    await groups.create("a", "b")
    await platform.do("document:delete", **place, _id="a")
    await platform.do("document:update", **place, _id="b", body={"name": "other"})
    await groups.do("groups:create", _id="c", body={"name": "A"})
    await groups.do("groups:create", _id="d", body={"name": "b"})
    await groups.check()


async def test_groups_of_another_make_have_their_names(groups: Any) -> None:
    """Data that was not written here claims its names before the first group is."""
    platform = groups.platform
    place = {"index": groups.engine, "collection": "groups", "force": True}
    for id, name in (("a", "Hall"), ("b", "HALL"), ("c", "Site")):
        await platform.do("document:create", **place, _id=id, body={"name": name, "path": id})
    for name in ("hall", "site"):
        assert (await groups.refusal("groups:create", body={"name": name}))[0] == 400
    await groups.do("groups:update", _id="b", body={"name": "Barn"})
    await groups.do("groups:update", _id="a", body={"path": "a", "name": "hall"})
    await groups.check()
