"""Groups one at a time: created, read, changed, moved, deleted; on both stores (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_group_is_created_and_read(groups: Any) -> None:
    envelope = await groups.platform.ask("groups:create", _id="site", body={"name": "Site"})
    made = envelope["result"]
    assert (envelope["index"], envelope["collection"]) == (groups.engine, "groups")
    info = made["_source"].pop("_kuzzle_info")
    assert (info["author"], info["updater"]) == ("-1", None)
    assert made == {
        "_id": "site",
        "_version": 1,
        "_source": {"name": "Site", "path": "site", "model": None, "lastUpdate": info["createdAt"], "metadata": {}},
    }
    made["_source"]["_kuzzle_info"] = info
    below = await groups.do("groups:create", _id="site-hall", body={"name": "Hall", "path": "site"})
    assert below["_source"]["path"] == "site.site-hall"
    generated = await groups.do("groups:create", body={"name": "Other", "path": "site.site-hall", "metadata": {"a": 1}})
    assert generated["_id"].startswith("group-") and generated["_source"]["metadata"] == {}
    assert generated["_source"]["path"] == f"site.site-hall.{generated['_id']}"
    found = await groups.do("groups:get", _id="site")
    assert found == {"_id": "site", "_source": made["_source"], "_version": found["_version"]}
    await groups.platform.do("collection:refresh", index=groups.engine, collection="groups")
    search = {"query": {"prefix": {"path": "site."}}, "sort": [{"path": "asc"}]}
    result = await groups.do("groups:search", body=search)
    assert [hit["_id"] for hit in result["hits"]] == ["site-hall", generated["_id"]]
    assert (result["total"], result["fetched"]) == (2, 2)
    assert await groups.refusal("groups:search", body={"query": {"nonsense": {}}})
    assert (await groups.refusal("groups:search", size=20_000))[0] == 413
    assert await groups.refusal("groups:get", _id="x") == groups.platform.not_found(groups.engine, "groups", "x")
    await groups.check()


async def test_what_creating_refuses(groups: Any) -> None:
    await groups.create("a", "a.b")

    async def refusal(id: str, **body: Any) -> tuple[int, str]:
        answer: tuple[int, str] = await groups.refusal("groups:create", _id=id, body=body)
        return answer

    assert await groups.refusal("groups:create", _id="x", body=...) == (400, "The request must specify a body.")
    assert await refusal("x") == (400, 'Missing argument "body.name".')
    assert await refusal("x", name=5) == (400, 'Wrong type for argument "body.name" (expected: string)')
    assert await refusal("x", name="") == (400, "A group name must be a non-empty string")
    assert await refusal("x", name="A", path=5) == (400, "The path property should be a string")
    wrong_end = 'The last part of the path "{0}" should be the group ID "{1}"'
    assert await refusal("x", name="A", path="x.b") == (400, wrong_end.format("x.b", "x"))
    assert await refusal("x.y", name="A") == (400, wrong_end.format("x.y", "x.y"))
    unknown = 'The closest parent group "{0}" does not exist'
    assert await refusal("x", name="A", path="nope.x") == (400, unknown.format("nope"))
    assert await refusal("x", name="A", path="a..x") == (400, unknown.format(""))
    assert await refusal("x", name="A", path="b.x") == (400, "The parent path does not match")
    assert await refusal("x", name="A", model="Nope") == (400, 'A group with name "A" already exist')
    assert await refusal("x", name="X", model="Nope") == (404, 'Unknown Group model "Nope".')
    assert await refusal("x", name="X", model="Foreign") == (404, 'Unknown Group model "Foreign".')
    assert await refusal("a", name="X") == (400, "Document already exists.")
    assert await refusal("x", name="X", metadata=[]) == (
        400,
        'Wrong type for argument "body.metadata" (expected: object)',
    )
    assert await groups.refusal("groups:create", engineId="nowhere", body={"name": "X"}) == (
        groups.platform.unknown_engine()
    )
    assert await groups.paths() == {"a": "a", "b": "a.b"}
    await groups.create("x")


async def test_metadata_follows_the_model(groups: Any) -> None:
    given = {"places": 0, "open": False, "owner": ""}
    made = await groups.do("groups:create", _id="p", body={"name": "P", "model": "Parking", "metadata": given})
    assert made["_source"]["metadata"] == given | {"address": None}
    made = await groups.do("groups:create", _id="q", body={"name": "Q", "model": "Parking"})
    assert made["_source"]["metadata"] == {"places": 5, "open": None, "owner": "us", "address": None}
    unknown = (400, 'The metadata "color" is no field of the group model "Parking".')
    body = {"name": "R", "model": "Parking", "metadata": {"color": "red"}}
    assert await groups.refusal("groups:create", _id="r", body=body) == unknown
    changed = await groups.do("groups:update", _id="q", body={"metadata": {"places": 7, "address": {"city": "Bonn"}}})
    assert changed["_source"]["metadata"] == {"places": 7, "open": None, "owner": "us", "address": {"city": "Bonn"}}
    changed = await groups.do("groups:update", _id="q", body={"metadata": {"address": {}}})
    assert changed["_source"]["metadata"]["address"] == {}
    assert await groups.refusal("groups:update", _id="q", body={"metadata": {"color": "red"}}) == unknown
    assert (await groups.refusal("groups:update", _id="q", body={"metadata": {"places": "many"}}))[0] == 400
    await groups.create("plain")
    changed = await groups.do("groups:update", _id="plain", body={"metadata": {"color": "red"}, "model": "Parking"})
    assert (changed["_source"]["metadata"], changed["_source"]["model"]) == ({}, None)


async def test_a_group_is_changed_and_keeps_its_author(groups: Any) -> None:
    await groups.create("a", "a.b")
    before = (await groups.do("groups:get", _id="b"))["_source"]
    changed = await groups.do("groups:update", _id="b", body={"name": "Bee"})
    source = changed["_source"]
    assert (source["name"], source["path"]) == ("Bee", "a.b")
    assert source["lastUpdate"] >= before["lastUpdate"]
    assert source["_kuzzle_info"]["createdAt"] == before["_kuzzle_info"]["createdAt"]
    assert (source["_kuzzle_info"]["author"], source["_kuzzle_info"]["updater"]) == ("-1", "-1")
    assert await groups.do("groups:get", _id="b") == changed
    assert (await groups.do("groups:update", _id="b", body={}))["_source"]["name"] == "Bee"
    taken = (400, 'A group with name "A" already exist')
    assert await groups.refusal("groups:update", _id="b", body={"name": "A", "path": 5}) == taken
    await groups.do("groups:update", _id="a", body={"name": "A"})
    assert await groups.refusal("groups:update", _id="b", body={"name": "a"}) == (
        400,
        'A group with name "a" already exist',
    )
    assert (await groups.do("groups:update", _id="b", body={"name": "bee"}))["_source"]["name"] == "bee"
    await groups.do("groups:create", _id="c", body={"name": "b"})
    assert await groups.refusal("groups:update", _id="b", body={"name": ""}) == (
        400,
        "A group name must be a non-empty string",
    )
    assert await groups.refusal("groups:update", _id="x", body={}) == groups.platform.not_found(
        groups.engine, "groups", "x"
    )
    assert await groups.refusal("groups:update", _id="b", body=...) == (400, "The request must specify a body.")
    for path, reason in (
        (5, "The path property should be a string"),
        ("a", 'The last part of the path "a" should be the group ID "b"'),
        ("x.b", 'The closest parent group "x" does not exist'),
        ("x.a.b", "The parent path does not match"),
    ):
        assert await groups.refusal("groups:update", _id="b", body={"path": path}) == (400, reason)
    await groups.check()


async def test_names_are_compared_whole_and_without_case(groups: Any) -> None:
    await groups.do("groups:create", _id="1", body={"name": "Hall (1.*)"})
    await groups.do("groups:create", _id="2", body={"name": "Hall 1"})
    await groups.do("groups:create", _id="3", body={"name": "Halle Straße"})
    for name in ("hall (1.*)", "HALL 1", "HALLE STRASSE"):
        assert await groups.refusal("groups:create", body={"name": name}) == (
            400,
            f'A group with name "{name}" already exist',
        )
    await groups.do("groups:delete", _id="2")
    await groups.do("groups:create", _id="4", body={"name": "HALL 1"})


async def test_moving_a_group_takes_its_whole_subtree_along(groups: Any) -> None:
    await groups.create("a", "a.b", "a.b.c", "a.b.c.d", "a.bc", "e", "e.b-a")
    assets = [await groups.platform.asset(f"{number}") for number in range(30)]
    devices = [await groups.platform.device(f"{number}") for number in range(30)]
    for twins in (assets, devices):
        await groups.add("a.b", *twins[:12])
        await groups.add("a.b.c.d", *twins[:25])
        await groups.add("a.bc", *twins[25:])
    many = [f"k{number}" for number in range(15)]
    body = {"groups": [{"_id": id, "name": id, "path": "a.b.c"} for id in many]}
    assert len((await groups.do("groups:mCreate", body=body))["successes"]) == 15
    before = await groups.platform.source("assets", assets[0])
    untouched = await groups.platform.source("assets", assets[29])

    moved = await groups.do("groups:update", _id="b", body={"path": "e.b"})

    assert moved["_source"]["path"] == "e.b"
    paths = await groups.paths()
    assert paths.pop("a") == "a" and paths.pop("e") == "e"
    assert paths.pop("bc") == "a.bc" and paths.pop("b-a") == "e.b-a"
    assert paths == {"b": "e.b", "c": "e.b.c", "d": "e.b.c.d", **{id: f"e.b.c.{id}" for id in many}}
    for twins in (assets, devices):
        assert [await groups.of(id) for id in twins[:12]] == [["e.b", "e.b.c.d"]] * 12
        assert [await groups.of(id) for id in twins[12:25]] == [["e.b.c.d"]] * 13
        assert [await groups.of(id) for id in twins[25:]] == [["a.bc"]] * 5
    assert await groups.platform.source("assets", assets[29]) == untouched
    after = await groups.platform.source("assets", assets[0])
    assert after["_kuzzle_info"]["createdAt"] == before["_kuzzle_info"]["createdAt"]
    assert after["groups"][0]["date"] >= before["groups"][0]["date"]
    assert (await groups.platform.history(assets[0]))[-1]["event"] == {
        "name": "groups",
        "groups": {"added": ["e.b", "e.b.c.d"], "removed": ["a.b", "a.b.c.d"]},
    }
    assert await groups.refusal("groups:update", _id="b", body={"path": "e.b.c.d.b"}) == (
        400,
        'The group "b" cannot move to "e.b.c.d.b", which is below itself.',
    )
    await groups.check()

    await groups.do("groups:update", _id="b", body={"path": "b"})
    assert (await groups.paths())["d"] == "b.c.d"
    assert await groups.of(assets[0]) == ["b", "b.c.d"]
    await groups.check()


async def test_deleting_a_group_makes_roots_of_what_is_below(groups: Any) -> None:
    await groups.create("a", "a.b", "a.b.c", "a.b.c.d", "a.b.e", "a.bc")
    assets = [await groups.platform.asset(f"{number}") for number in range(3)]
    device = await groups.platform.device("1")
    for path in ("a", "a.b", "a.b.c.d", "a.bc"):
        await groups.add(path, *assets)
        await groups.add(path, device)
    assert await groups.do("groups:delete", _id="b") is None
    assert await groups.paths() == {"a": "a", "c": "c", "d": "c.d", "e": "e", "bc": "a.bc"}
    for id in (*assets, device):
        assert await groups.of(id) == ["a", "c.d", "a.bc"]
    entry = (await groups.platform.history(assets[0]))[-1]
    assert entry["event"] == {"name": "groups", "groups": {"added": ["c.d"], "removed": ["a.b", "a.b.c.d"]}}
    assert await groups.refusal("groups:delete", _id="b") == groups.platform.not_found(groups.engine, "groups", "b")
    await groups.create("b")
    await groups.check()


async def test_upsert_creates_what_is_missing(groups: Any) -> None:
    made = await groups.do("groups:upsert", _id="a", body={"name": "A", "model": "Parking"})
    assert (made["_version"], made["_source"]["model"]) == (1, "Parking")
    changed = await groups.do("groups:upsert", _id="a", body={"metadata": {"places": 9}})
    assert (changed["_source"]["name"], changed["_source"]["metadata"]["places"]) == ("A", 9)
    generated = await groups.do("groups:upsert", body={"name": "B", "path": "a"})
    assert generated["_source"]["path"] == f"a.{generated['_id']}"
    assert await groups.refusal("groups:upsert", _id="c", body={}) == (400, 'Missing argument "body.name".')
    assert await groups.refusal("groups:upsert", _id="c", body={"name": "C", "path": "a.d.c.e"}) == (
        400,
        'The last part of the path "a.d.c.e" should be the group ID "c"',
    )
    assert await groups.refusal("groups:upsert", _id="c", body={"name": "b"}) == (
        400,
        'A group with name "b" already exist',
    )
    assert await groups.refusal("groups:upsert", engineId="nowhere", body={"name": "X"}) == (
        groups.platform.unknown_engine()
    )
    await groups.check()


async def test_a_dry_run_stores_nothing(groups: Any) -> None:
    await groups.create("a", "a.b", "c")
    asset = await groups.platform.asset("1")
    await groups.add("a.b", asset)
    paths, twin = await groups.paths(), await groups.platform.source("assets", asset)
    for action, arguments in (
        ("create", {"_id": "x", "body": {"name": "X", "path": "a"}}),
        ("update", {"_id": "b", "body": {"path": "c.b"}}),
        ("upsert", {"_id": "y", "body": {"name": "Y"}}),
        ("addAssets", {"body": {"path": "c", "assetIds": [asset]}}),
        ("removeAssets", {"body": {"path": "a.b", "assetIds": [asset]}}),
        ("mCreate", {"body": {"groups": [{"_id": "z", "name": "Z"}]}}),
        ("mUpdate", {"body": {"groups": [{"_id": "a", "name": "Z"}]}}),
        ("mUpsert", {"body": {"groups": [{"_id": "z", "name": "Z"}]}}),
        ("delete", {"_id": "a"}),
    ):
        result = await groups.do(f"groups:{action}", **arguments, dryRun=True)
        assert result["dryRun"] is True, action
        assert not result.get("errors"), result
    assert await groups.paths() == paths
    assert await groups.platform.source("assets", asset) == twin
    for name in ("X", "Y", "Z"):
        await groups.do("groups:create", body={"name": name})


async def test_a_subtree_that_is_too_large_is_refused_whole(groups: Any, make_platform: Any) -> None:
    await groups.create("a", "a.b", "c")
    assets = [await groups.platform.asset(f"{number}") for number in range(4)]
    await groups.add("a.b", *assets)
    small = await make_platform(bulk_records=5)
    reason = (
        "6 documents belong to these groups and what is below them; 5 can change at once. Move or delete smaller "
        'parts first, or raise the setting "bulk_records".'
    )
    assert await small.refusal("groups:update", _id="a", body={"path": "c.a"}) == (413, reason)
    assert await small.refusal("groups:delete", _id="a") == (413, reason)
    many = {"groups": [{"_id": "a", "path": "c.a"}]}
    for action in ("mUpdate", "mUpsert"):
        assert await small.refusal(f"groups:{action}", body=many) == (413, reason)
    assert await groups.paths() == {"a": "a", "b": "a.b", "c": "c"}
    await small.do("groups:update", _id="b", body={"path": "c.b"})
    await groups.check()


async def test_listing_what_is_in_a_group(groups: Any) -> None:
    await groups.create("a", "a.b", "a.bc")
    assets = sorted([await groups.platform.asset(f"{number}") for number in range(12)])
    device = await groups.platform.device("1")
    await groups.add("a", *assets[:11])
    await groups.add("a.b", assets[11])
    await groups.add("a.b", device)
    await groups.add("a.bc", device)
    for collection in ("assets", "devices"):
        await groups.platform.do("collection:refresh", index=groups.engine, collection=collection)

    async def listed(id: str, **more: Any) -> tuple[list[str], int, list[str], int]:
        result = await groups.do("groups:listItems", _id=id, **more)
        assert result.keys() == {"assets", "devices"}
        ids = {name: [hit["_id"] for hit in found["hits"]] for name, found in result.items()}
        return ids["assets"], result["assets"]["total"], ids["devices"], result["devices"]["total"]

    assert await listed("a") == (assets[:10], 11, [], 0)
    assert await listed("a", **{"from": 10, "size": 5}) == (assets[10:11], 11, [], 0)
    for more in ({"includeChildren": True}, {"body": {"includeChildren": True}}):
        assert await listed("a", size=20, **more) == (assets, 12, [device], 1)
    assert await listed("b", includeChildren=True) == (assets[11:], 1, [device], 1)
    hit = (await groups.do("groups:listItems", _id="b"))["devices"]["hits"][0]
    assert (hit["index"], hit["collection"]) == (groups.engine, "devices")
    assert [entry["path"] for entry in hit["_source"]["groups"]] == ["a.b", "a.bc"]
    assert await groups.refusal("groups:listItems", _id="x") == groups.platform.not_found(groups.engine, "groups", "x")
    assert (await groups.refusal("groups:listItems", _id="a", size=20_000))[0] == 413
    for arguments in ({"from": -1}, {"size": -1}):
        assert (await groups.refusal("groups:listItems", _id="a", **arguments))[0] == 400
