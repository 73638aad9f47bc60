"""Settings, sizes, re-indexing and removal of collections and indices (router-protocol 5.3, 5.4, 6.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.documents import collections

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_settings_of_a_collection(platform: Any, free: str) -> None:
    here = {"index": free, "collection": "c"}
    heard: list[Any] = []
    for event in ("index:create", "index:delete", "index:mDelete", "collection:create", "collection:delete"):
        platform.bus.add_hook(
            f"core:storage:{event}:after",
            lambda payload, event=event: heard.append((event, payload)),
            owner="t",
            inline=True,
        )
    platform.bus.compile()
    settings = {"number_of_shards": 1, "index": {"number_of_replicas": 0}, "index.refresh_interval": "2s"}
    for body, id in (
        ({"settings": {"number_of_shards": 1, "blocks.write": True}}, "api.assert.invalid_argument"),
        ({"settings": {"index": 3}}, "api.assert.invalid_type"),
        ({"settings": 3}, "api.assert.invalid_type"),
    ):
        assert (await platform.refused("collection:create", **here, body=body))["id"] == id
    await platform.do("collection:create", **here, body={"settings": settings})
    shown = await platform.do("collection:getSettings", **here)
    assert (shown["number_of_shards"], shown["number_of_replicas"]) == ("1", "0")
    if platform.settings.store.startswith("elasticsearch"):
        assert shown["refresh_interval"] == "2s"
    assert await platform.do("collection:update", **here, body={"settings": {"refresh_interval": "1s"}}) is None
    assert (await platform.do("collection:getSettings", **here)).get("refresh_interval", "1s") == "1s"
    assert await platform.do("collection:create", **here, body={"settings": settings}) == {"acknowledged": True}
    error = await platform.refused("collection:update", **here, body={"settings": {"number_of_shards": 2}})
    assert (error["id"], error["props"]) == ("services.storage.wrong_es_static_settings", ["number_of_shards"])
    error = await platform.refused("collection:update", **here, body={"settings": {"refresh": 1}})
    assert (error["id"], error["props"][0]) == ("api.assert.invalid_argument", "body.settings.refresh")
    for place, id in (({"index": "nowhere"}, "unknown_index"), ({"collection": "nowhere"}, "unknown_collection")):
        assert (await platform.refused("collection:getSettings", **(here | place)))["id"] == f"services.storage.{id}"
    await platform.do("collection:delete", **here)
    await platform.do("index:delete", index=free)
    await platform.ask("index:create", index=free)
    assert await platform.do("index:mDelete", body={"indexes": [free]}) == {"deleted": [free]}
    place = here | {"scope": "public"}
    async with asyncio.timeout(10):
        while len(heard) < 5:
            await asyncio.sleep(0)
    assert heard == [
        ("collection:create", place),
        ("collection:delete", place),
        ("index:delete", {"index": free, "scope": "public"}),
        ("index:create", {"index": free, "scope": "public"}),
        ("index:mDelete", {"indexes": [free], "scope": "public"}),
    ]


async def test_several_indices_go_at_once(platform: Any, free: str) -> None:
    await platform.ask("index:create", index=free)
    body = {"indexes": ["nowhere", free, free, "%kuzzle", "device-manager-internal"]}
    assert await platform.do("index:mDelete", body=body, dryRun=True) == {"deleted": [free], "dryRun": True}
    error = await platform.refused("index:mDelete", body={"indexes": [free, platform.engine]})
    assert error["id"] == "device_manager.native.managed_collection"
    platform_index = platform.settings.platform_index
    error = await platform.refused("index:mDelete", body={"indexes": [free, platform_index]})
    assert error["id"] == "services.storage.index_protected"
    assert await platform.do("index:exists", index=free) is True
    assert await platform.do("index:mDelete", body=body) == {"deleted": [free]}
    assert await platform.do("index:mDelete", body=body) == {"deleted": []}
    assert (await platform.refused("index:mDelete", body={"indexes": "all"}))["id"] == "api.assert.invalid_type"


async def test_sizes(stations: Any) -> None:
    await stations.add("a", "b", "c")
    stats = await stations.platform.do("index:stats")
    names = [index["name"] for index in stats["indexes"]]
    assert names == sorted(names)
    assert not any(name.startswith("%") or name == "device-manager-internal" for name in names)
    assert stats["size"] == sum(index["size"] for index in stats["indexes"])
    (mine,) = (index for index in stats["indexes"] if index["name"] == stations.index)
    (collection,) = (part for part in mine["collections"] if part["name"] == "stations")
    assert collection["documentCount"] == 3
    assert 0 < collection["size"] <= mine["size"]


async def test_no_collection_is_left_out_where_they_are_counted_in_groups(
    platform: Any, free: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await platform.do("collection:create", index=free, collection=f"c{number}")
        await platform.do("document:create", index=free, collection=f"c{number}", body={}, refresh="wait_for")
    monkeypatch.setattr(collections, "AT_ONCE", 2)
    stats = await platform.do("index:stats")
    (mine,) = (index for index in stats["indexes"] if index["name"] == free)
    assert [(part["name"], part["documentCount"]) for part in mine["collections"]] == [("c0", 1), ("c1", 1), ("c2", 1)]


async def test_old_documents_are_found_by_a_new_mapping(platform: Any, free: str) -> None:
    here = {"index": free, "collection": "c"}
    await platform.do("collection:create", **here, body={"mappings": {"properties": {"inner": {"properties": {}}}}})
    documents = [{"_id": f"d{number}", "body": {"height": number, "inner": {"deep": "x"}}} for number in range(7)]
    await platform.do("document:mCreate", **here, body={"documents": documents}, refresh="wait_for")

    async def found(query: Any) -> int:
        await platform.do("collection:refresh", **here)
        return int((await platform.do("document:count", **here, body={"query": query}))["count"])

    high = {"range": {"height": {"gte": 4}}}
    assert await found(high) == 0
    mapped = {"mappings": {"properties": {"height": {"type": "integer"}}}}
    await platform.do("collection:update", **here, body=mapped | {"reindexCollection": True}, dryRun=True)
    await platform.do("collection:update", **here, body=mapped | {"reindexCollection": True})
    assert await found(high) == 3
    await platform.do("collection:update", **here, body={"mappings": {"dynamic": "true"}})
    assert await found({"match": {"inner.deep": "x"}}) == 7
    mapping = await platform.do("collection:getMapping", **here)
    assert (mapping["dynamic"], "deep" in mapping["properties"]["inner"]["properties"]) == ("true", True)
    await platform.do("document:create", **here, _id="new", body={"height": 9, "more": 1}, refresh="wait_for")
    error = await platform.refused("collection:update", **here, body={"reindexCollection": "yes"})
    assert error["id"] == "api.assert.invalid_type"
    error = await platform.refused(
        "collection:update", **here, body={"mappings": {"properties": {"height": {"type": "date"}}}}
    )
    assert error["id"] == "services.storage.cannot_change_mapping"
    strict = {"mappings": {"dynamic": "strict"}, "reindexCollection": True}
    await platform.do("collection:update", **here, body=strict)
    assert (await platform.refused("document:create", **here, body={"other": 1}))["id"].endswith(
        "strict_mapping_rejection"
    )
    assert await found(high) == 4


async def test_followed_collections_are_listed(stations: Any) -> None:
    async def followed(index: str) -> list[str]:
        return ["a-followed", "stations"] if index == stations.index else []

    platform, index = stations.platform, stations.index
    platform.documents.collections.followed = followed
    ours, theirs = {"name": "stations", "type": "stored"}, {"name": "a-followed", "type": "realtime"}
    assert await platform.do("collection:list", index=index) == {"type": "all", "collections": [theirs, ours]}
    assert (await platform.do("collection:list", index=index, type="stored"))["collections"] == [ours]
    both = [theirs, {"name": "stations", "type": "realtime"}]
    assert (await platform.do("collection:list", index=index, type="realtime"))["collections"] == both
    paged = {"type": "all", "collections": [ours], "from": 1, "size": 5}
    assert await platform.do("collection:list", index=index, **{"from": 1, "size": 5}) == paged
