"""Indices, collections and fixtures by name (router-protocol 5.3, 5.4, 5.8)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRIVATE = ("device-manager-internal", "%kuzzle", "%device-manager-internal")
MAPPINGS = {"dynamic": "strict", "properties": {"name": {"type": "keyword"}}, "_meta": {"note": "ours"}}


async def test_an_index_comes_is_listed_and_goes(platform: Any, free: str) -> None:
    assert await platform.do("index:exists", index=free) is False
    dry = await platform.ask("index:create", index=free, dryRun=True)
    assert (dry["error"], "result" in dry) == (None, False)
    assert await platform.do("index:exists", index=free) is False
    made = await platform.ask("index:create", index=free)
    assert (made["status"], "result" in made) == (200, False)
    assert await platform.do("index:exists", index=free) is True
    for options in ({}, {"dryRun": True}):
        error = await platform.refused("index:create", index=free, **options)
        assert (error["id"], error["status"], error["props"]) == (
            "services.storage.index_already_exists",
            412,
            ["public", free],
        )
    listed = await platform.do("index:list", countCollection=True)
    assert free in listed["indexes"]
    assert listed["collections"][free] == 0
    assert (await platform.do("index:list")).keys() == {"indexes"}
    assert await platform.do("index:delete", index=free, dryRun=True) == {"acknowledged": True, "dryRun": True}
    assert await platform.do("index:delete", index=free) == {"acknowledged": True}
    for options in ({}, {"dryRun": True}):
        assert (await platform.refused("index:delete", index=free, **options))["id"] == "services.storage.unknown_index"


async def test_indices_have_usable_names(platform: Any) -> None:
    for name in ("Upper", "a.b", "a b", "x" * 127, "_all", "a*"):
        for options in ({}, {"dryRun": True}):
            error = await platform.refused("index:create", index=name, **options)
            assert (error["id"], error["props"]) == ("services.storage.invalid_index_name", [name])
        error = await platform.refused("collection:create", index=name, collection="c")
        assert error["id"] == "services.storage.invalid_index_name"


async def test_private_indices_do_not_exist(platform: Any) -> None:
    listed = (await platform.do("index:list"))["indexes"]
    for index in PRIVATE:
        assert index not in listed
        assert await platform.do("index:exists", index=index) is False
        assert await platform.do("collection:exists", index=index, collection="cache") is False
        for action in ("list", "getMapping", "refresh", "delete", "truncate", "update", "updateMapping"):
            error = await platform.refused(f"collection:{action}", index=index, collection="cache", body={})
            assert error["id"] == "services.storage.unknown_index"
        assert (await platform.refused("index:delete", index=index))["id"] == "services.storage.unknown_index"
        fixtures = {index: {"cache": [{"delete": {"_id": "generation"}}]}}
        assert (await platform.refused("admin:loadFixtures", body=fixtures))["status"] == 412
        assert (await platform.refused("admin:loadMappings", body={index: {"cache": {}}}))["status"] in (400, 412)
        assert (await platform.refused("collection:create", index=index, collection="c"))["status"] in (400, 412)
    for index in ("kuzzle", "device-manager-internal"):
        error = await platform.refused("index:create", index=index)
        assert (error["id"], error["props"]) == ("services.storage.index_already_exists", ["private", index])


async def test_names_have_to_be_given(platform: Any) -> None:
    for action in ("create", "exists", "delete"):
        for index in ("", ...):
            assert (await platform.refused(f"index:{action}", index=index))["props"] == ["index"]
    for action in ("create", "exists", "getMapping", "refresh", "delete", "truncate", "update", "updateMapping"):
        error = await platform.refused(f"collection:{action}", index="", collection="c", body={})
        assert (error["id"], error["props"]) == ("api.assert.missing_argument", ["index"])
        error = await platform.refused(f"collection:{action}", index="i", collection="", body={})
        assert (error["id"], error["props"]) == ("api.assert.missing_argument", ["collection"])


async def test_a_collection_comes_grows_and_goes(platform: Any, free: str) -> None:
    here = {"index": free, "collection": "stations"}
    assert await platform.do("collection:exists", **here) is False
    dry = await platform.do("collection:create", **here, body={"mappings": MAPPINGS}, dryRun=True)
    assert dry == {"acknowledged": True, "dryRun": True}
    assert await platform.do("index:exists", index=free) is False
    made = await platform.do("collection:create", **here, body={"mappings": MAPPINGS, "settings": {}})
    assert made == {"acknowledged": True}
    assert await platform.do("collection:exists", **here) is True
    assert await platform.do("collection:getMapping", **here) == MAPPINGS
    with_info = await platform.do("collection:getMapping", **here, includeKuzzleMeta=True)
    assert with_info["properties"]["_kuzzle_info"]["properties"].keys() == {
        "author",
        "createdAt",
        "updater",
        "updatedAt",
    }
    again = {"properties": {"height": {"type": "integer"}}}
    assert await platform.do("collection:create", **here, body=again) == {"acknowledged": True}
    assert await platform.do("collection:update", **here, body={"mappings": {"dynamic": False}}) is None
    more = await platform.do("collection:updateMapping", **here, body={"properties": {"tags": {"type": "keyword"}}})
    assert more["dynamic"] == "false"
    assert more["properties"].keys() == {"name", "height", "tags"}
    assert await platform.do("collection:delete", **here, dryRun=True) is None
    assert await platform.do("collection:exists", **here) is True
    assert await platform.do("collection:delete", **here) is None
    assert await platform.do("collection:exists", **here) is False
    assert await platform.do("index:exists", index=free) is True


async def test_mappings_are_checked(platform: Any, stations: Any) -> None:
    here = {"index": stations.index, "collection": "stations"}
    changed = {"properties": {"height": {"type": "keyword"}}}
    for options in ({}, {"dryRun": True}):
        for action, body in (
            ("create", {"mappings": changed}),
            ("update", {"mappings": changed}),
            ("updateMapping", changed),
        ):
            error = await platform.refused(f"collection:{action}", **here, body=body, **options)
            assert error["id"] == "services.storage.cannot_change_mapping"
        for action in ("create", "update", "updateMapping"):
            unusable: list[Any] = ["sometimes", ["true"], {}, 1]
            for dynamic in unusable:
                error = await platform.refused(f"collection:{action}", **here, body={"dynamic": dynamic}, **options)
                assert error["id"] == "services.storage.invalid_mapping"
    for name in ("mappings", "settings"):
        assert (await platform.refused("collection:create", **here, body={name: 3}))["props"] == [
            f"body.{name}",
            "object",
        ]
    for action in ("update", "updateMapping", "getMapping", "refresh", "delete", "truncate"):
        error = await platform.refused(f"collection:{action}", index=stations.index, collection="nowhere", body={})
        assert error["id"] == "services.storage.unknown_collection"
        error = await platform.refused(f"collection:{action}", index="nowhere", collection="stations", body={})
        assert error["id"] == "services.storage.unknown_index"
    for name, id in (("_kuzzle_keep", "collection_reserved"), ("a.b", "invalid_collection_name")):
        for options in ({}, {"dryRun": True}):
            error = await platform.refused("collection:create", index=stations.index, collection=name, **options)
            assert error["id"] == f"services.storage.{id}"


async def test_collections_are_listed_by_page(platform: Any) -> None:
    index = platform.settings.platform_index
    names = ["config", "devices", "models", "payloads"]
    everything = await platform.do("collection:list", index=index)
    assert everything == {"type": "all", "collections": [{"name": name, "type": "stored"} for name in names]}
    page = await platform.do("collection:list", index=index, **{"from": 1}, size=2, type="stored")
    assert page == {
        "type": "stored",
        "from": 1,
        "size": 2,
        "collections": [{"name": name, "type": "stored"} for name in names[1:3]],
    }
    assert (await platform.do("collection:list", index=index, type="realtime"))["collections"] == []
    for wrong in ({"type": "x"}, {"size": -1}, {"from": -1}):
        error = await platform.refused("collection:list", index=index, **wrong)
        assert error["id"] == "api.assert.invalid_argument"
    assert (await platform.refused("collection:list", index="nowhere"))["id"] == "services.storage.unknown_index"


async def test_truncate_empties_and_refresh_shows(stations: Any) -> None:
    platform, here = stations.platform, {"index": stations.index, "collection": "stations"}
    await stations.do("create", _id="a", body={})
    assert await platform.do("collection:refresh", **here) is None
    assert await stations.do("count") == {"count": 1}
    assert (await platform.do("collection:truncate", **here, dryRun=True))["dryRun"] is True
    assert await stations.do("exists", _id="a") is True
    assert await platform.do("collection:truncate", **here) == {"acknowledged": True}
    assert await stations.sources() == {}


async def test_mappings_are_loaded_for_several_indices(platform: Any, free: str, weather: str) -> None:
    body = {free: {"one": {"properties": {"a": {"type": "keyword"}}}}, weather: {"stations": {"properties": {}}}}
    assert await platform.do("admin:loadMappings", body=body, dryRun=True) == {"acknowledge": True, "dryRun": True}
    assert await platform.do("index:exists", index=free) is False
    assert await platform.do("admin:loadMappings", body=body) == {"acknowledge": True}
    assert (await platform.do("collection:getMapping", index=free, collection="one"))["properties"] == {
        "a": {"type": "keyword"}
    }
    for wrong, id in (
        ({"A": {"one": {}}}, "services.storage.invalid_index_name"),
        ({free: {"a.b": {}}}, "services.storage.invalid_collection_name"),
        ({free: {"_kuzzle_keep": {}}}, "services.storage.collection_reserved"),
        ({free: {"one": {"dynamic": "x"}}}, "services.storage.invalid_mapping"),
        ({free: {"one": {"properties": {"a": {"type": "long"}}}}}, "services.storage.cannot_change_mapping"),
        ({free: []}, "api.assert.invalid_type"),
        ({free: {"one": []}}, "api.assert.invalid_type"),
    ):
        assert (await platform.refused("admin:loadMappings", body=wrong))["id"] == id
    assert (await platform.refused("admin:loadMappings"))["id"] == "api.assert.body_required"


async def test_fixtures_are_loaded_by_lines(stations: Any) -> None:
    platform, index = stations.platform, stations.index
    await stations.add("old", "gone")
    lines = [
        {"create": {"_id": "new"}},
        {"name": "N"},
        {"index": {"_id": "old"}},
        {"height": 1, "_kuzzle_info": {"author": "x"}},
        {"update": {"_id": "old"}},
        {"doc": {"tags": "t"}},
        {"delete": {"_id": "gone"}},
        {"index": {}},
        {"name": "without id"},
    ]
    body = {index: {"stations": lines}}
    dry = await platform.ask("admin:loadFixtures", body=body, dryRun=True)
    assert (dry["error"], len(await stations.sources())) == (None, 2)
    answer = await platform.ask("admin:loadFixtures", body=body)
    assert (answer["status"], answer["error"], "result" in answer) == (200, None, False)
    assert await stations.do("count") == {"count": 3}
    sources = await stations.sources()
    assert sources.pop("new") == {"name": "N"}
    assert sources.pop("old") == {"height": 1, "tags": "t"}
    assert list(sources.values()) == [{"name": "without id"}]
    info = (await stations.do("get", _id="new"))["_source"]["_kuzzle_info"]
    assert (info["author"], info["updatedAt"]) == ("-1", None)


async def test_fixtures_that_fail_are_named(stations: Any) -> None:
    platform, index = stations.platform, stations.index
    await stations.add("a")
    lines = [{"create": {"_id": "a"}}, {}, {"create": {"_id": "b"}}, {"unheardOf": 1}, {"create": {"_id": "c"}}, {}]
    error = await platform.refused("admin:loadFixtures", body={index: {"stations": lines}})
    assert (error["id"], error["status"], error["count"]) == ("services.storage.import_failed", 206, 2)
    assert [failure["create"]["_id"] for failure in error["errors"]] == ["a", "b"]
    assert error["errors"][1]["create"]["status"] == 400
    assert (await stations.sources()).keys() == {"a", "c"}


NO_BULKS: list[Any] = [
    [3],
    [{"create": {"_id": "a"}}],
    [{"create": 3}, {}],
    [{"paint": {}}, {}],
    [{"create": {}, "index": {}}, {}],
    [{"create": {"_id": 5}}, {}],
    [{"update": {"_id": "a"}}, {"name": "no doc"}],
    [{"create": {"_id": "a"}}, 3],
]


async def test_what_is_no_bulk_is_refused(stations: Any) -> None:
    for lines in NO_BULKS:
        error = await stations.platform.refused("admin:loadFixtures", body={stations.index: {"stations": lines}})
        wrong = ("invalid_type", "invalid_argument", "unexpected_argument")
        assert error["id"].removeprefix("api.assert.") in wrong
        assert error["props"][0].startswith(f"body.{stations.index}.stations[")
        assert await stations.sources() == {}


async def test_fixtures_need_their_collections(stations: Any) -> None:
    fixture = [{"create": {"_id": "a"}}, {}]
    for body, id in (
        ({"nowhere": {"stations": fixture}}, "unknown_index"),
        ({stations.index: {"stations": fixture, "nowhere": fixture}}, "unknown_collection"),
    ):
        error = await stations.platform.refused("admin:loadFixtures", body=body)
        assert error["id"] == f"services.storage.{id}"
    assert await stations.sources() == {}
