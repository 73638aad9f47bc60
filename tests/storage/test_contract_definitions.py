"""Indices, collections and their mappings, on both stores."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.query.search import Search
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store

Refused = Callable[[str], Any]


async def test_an_empty_index_is_listed_until_it_is_dropped(empty_store: Store, index: str) -> None:
    await empty_store.create_index(index)
    assert index in await empty_store.indices()
    assert await empty_store.collections(index) == []
    await empty_store.drop_index(index)
    assert index not in await empty_store.indices()


async def test_indices_are_sorted(empty_store: Store, index: str) -> None:
    other = f"a{index}"
    for name in (index, other):
        await empty_store.create_index(name)
    listed = await empty_store.indices()
    await empty_store.drop_index(other)
    assert listed == sorted(listed)
    assert {index, other} <= set(listed)


async def test_an_index_is_created_once(empty_store: Store, index: str, refused: Refused) -> None:
    await empty_store.create_index(index)
    with refused("index_already_exists") as error:
        await empty_store.create_index(index)
    assert error.value.status == 412
    assert "already exists" in error.value.message
    assert error.value.props == ("public", index)


@pytest.mark.parametrize(
    "name", ["", "Upper", "_all", "a b", "a.b", "a:b", "a,b", "é" * 64, "a" * 127, "a/b", "a&b", "a%b", "a#"]
)
async def test_unusable_index_names(empty_store: Store, name: str, refused: Refused) -> None:
    with refused("invalid_index_name"):
        await empty_store.create_index(name)
    with refused("invalid_index_name"):
        await empty_store.create_collection(name, "assets", {})


@pytest.mark.parametrize("name", ["", "Upper", "_all", "a b", "a.b", "a" * 127])
async def test_unusable_collection_names(empty_store: Store, index: str, name: str, refused: Refused) -> None:
    with refused("invalid_collection_name"):
        await empty_store.create_collection(index, name, {})
    assert index not in await empty_store.indices()


async def test_a_reserved_collection_name(empty_store: Store, index: str, refused: Refused) -> None:
    with refused("collection_reserved"):
        await empty_store.create_collection(index, "_kuzzle_keep", {})


async def test_creating_a_collection_creates_its_index(empty_store: Store, index: str) -> None:
    await empty_store.create_collection(index, "measures", {})
    await empty_store.create_collection(index, "assets-history", {})
    assert index in await empty_store.indices()
    assert await empty_store.collections(index) == ["assets-history", "measures"]


async def test_an_index_with_collections_exists(store: Store, index: str, refused: Refused) -> None:
    with refused("index_already_exists"):
        await store.create_index(index)


async def test_an_index_keeps_existing_without_collections(store: Store, index: str) -> None:
    await store.drop_collection(index, "assets")
    assert await store.collections(index) == []
    assert index in await store.indices()
    await store.create_collection(index, "assets", {})
    assert await store.collections(index) == ["assets"]


async def test_dropping_a_collection_removes_its_documents(store: Store, index: str, refused: Refused) -> None:
    await store.transact(lambda tx: tx.create(index, "assets", {"model": "m"}, "a"))
    await store.drop_collection(index, "assets")
    with refused("unknown_collection"):
        await store.read([Key(index, "assets", "a")])
    await store.create_collection(index, "assets", {"properties": {"model": {"type": "keyword"}}})
    assert await store.read([Key(index, "assets", "a")]) == {}
    assert (await store.search(index, "assets", Search())).total == 0


async def test_dropping_what_is_not_there(store: Store, index: str, refused: Refused) -> None:
    await store.drop_collection(index, "nothing")
    with refused("unknown_index"):
        await store.drop_index(f"{index}-nothing")


async def test_unknown_index_and_collection(store: Store, index: str, refused: Refused) -> None:
    for place, name, id in ((f"{index}-x", "assets", "unknown_index"), (index, "nothing", "unknown_collection")):
        with refused(id):
            await store.read([Key(place, name, "a")])
        with refused(id):
            await store.get(place, name, "a")
        with refused(id):
            await store.search(place, name, Search())
        with refused(id):
            await store.refresh(place, name)
        with refused(id):
            await store.mappings(place, name)
        with refused(id):
            await store.transact(lambda tx, place=place, name=name: tx.create(place, name, {}))  # type: ignore[misc]
        with refused(id):
            await store.transact(lambda tx, place=place, name=name: tx.read([Key(place, name, "a")]))  # type: ignore[misc]
        with refused(id):
            async for _ in store.scan(place, name):
                pass
    with refused("unknown_index"):
        await store.collections(f"{index}-x")


@pytest.mark.parametrize("private", [INTERNAL_INDEX, "%tests", "%plugin-tests"])
async def test_private_indices_are_never_listed(store: Store, private: str) -> None:
    await store.create_collection(private, "tests", {})
    try:
        assert private not in await store.indices()
        assert await store.collections(private) == ["tests"] or private == INTERNAL_INDEX
        await store.transact(lambda tx: tx.create(private, "tests", {"a": 1}, "x"))
        assert (await store.get(private, "tests", "x")).source == {"a": 1}
    finally:
        await store.drop_collection(private, "tests")


async def test_no_client_can_make_a_private_index(store: Store, refused: Refused) -> None:
    with refused("invalid_index_name"):
        await store.create_index("%tests")


async def test_every_mapping_has_the_common_part(empty_store: Store, index: str) -> None:
    mine = {"properties": {"_kuzzle_info": {"properties": {"author": {"type": "integer"}}}, "a": {"type": "keyword"}}}
    await empty_store.create_collection(index, "assets", mine)
    mappings = await empty_store.mappings(index, "assets")
    assert mappings["dynamic"] == "false"
    assert mappings["properties"]["a"] == {"type": "keyword"}
    assert mappings["properties"]["_kuzzle_info"] == {
        "properties": {
            "author": {"type": "keyword"},
            "createdAt": {"type": "date"},
            "updater": {"type": "keyword"},
            "updatedAt": {"type": "date"},
        }
    }


async def test_mappings_are_given_back(store: Store, index: str) -> None:
    mappings = await store.mappings(index, "assets")
    assert mappings["dynamic"] == "strict"
    assert mappings["properties"]["model"] == {"type": "keyword", "fields": {"text": {"type": "text"}}}
    assert mappings["properties"]["metadata"] == {"dynamic": "false", "properties": {"name": {"type": "keyword"}}}
    assert mappings["properties"]["place"] == {"type": "geo_point"}


async def test_creating_again_adds_to_the_mapping(store: Store, index: str) -> None:
    before = await store.mappings(index, "assets")
    more = {
        "properties": {
            "metadata": {"properties": {"size": {"type": "long"}}},
            "model": {"type": "keyword", "fields": {"raw": {"type": "keyword"}}},
        }
    }
    await store.create_collection(index, "assets", more)
    after = await store.mappings(index, "assets")
    assert after["dynamic"] == "strict"
    assert after["properties"]["metadata"]["properties"] == {"name": {"type": "keyword"}, "size": {"type": "long"}}
    assert set(after["properties"]["model"]["fields"]) == {"text", "raw"}
    assert set(after["properties"]) == set(before["properties"])
    await store.create_collection(index, "assets", {"dynamic": False, "_meta": {"by": "me"}})
    changed = await store.mappings(index, "assets")
    assert (changed["dynamic"], changed["_meta"]) == ("false", {"by": "me"})
    assert changed["properties"] == after["properties"]


async def test_creating_the_same_again_changes_nothing(store: Store, index: str) -> None:
    before = await store.mappings(index, "assets")
    await store.create_collection(index, "assets", before)
    await store.create_collection(index, "assets", {})
    assert await store.mappings(index, "assets") == before


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"model": {"type": "integer"}}, "model"),
        ({"metadata": {"type": "keyword"}}, "metadata"),
        ({"metadata": {"properties": {"name": {"type": "text"}}}}, "metadata.name"),
        ({"serial": {"properties": {"a": {"type": "keyword"}}}}, "serial"),
        ({"linkedMeasures": {"type": "nested", "properties": {}}}, "linkedMeasures"),
        ({"model": {"type": "keyword", "fields": {"text": {"type": "keyword"}}}}, "model.text"),
    ],
)
async def test_a_field_keeps_its_type(
    store: Store, index: str, more: dict[str, Any], field: str, refused: Refused
) -> None:
    before = await store.mappings(index, "assets")
    with refused("cannot_change_mapping") as error:
        await store.create_collection(index, "assets", {"properties": {"another": {"type": "keyword"}} | more})
    assert error.value.props == (field,)
    assert await store.mappings(index, "assets") == before


@pytest.mark.parametrize(
    ("mappings", "id", "named"),
    [
        ({"propeties": {}}, "invalid_mapping", "mappings.propeties"),
        ({"type": "object"}, "invalid_mapping", "mappings.type"),
        ({"dynamic": "maybe"}, "invalid_mapping", "mappings.dynamic"),
        ({"properties": []}, "invalid_mapping", "properties"),
        ({"properties": {"a": {"properties": {}, "propertis": {}}}}, "invalid_mapping", "mappings.a.propertis"),
        ({"properties": {"a": {"properties": {"b": {"dynamic": "x"}}}}}, "invalid_mapping", "mappings.a.b.dynamic"),
        ({"properties": {"a": "keyword"}}, "invalid_mapping", "mappings.a"),
        ({"properties": {"a": {}}}, "invalid_mapping", "mappings.a"),
        ({"properties": {"": {"type": "keyword"}}}, "invalid_mapping", ""),
        ({"properties": {"a": {"type": "word"}}}, "invalid_mapping_type", "word"),
        ({"properties": {"a": {"type": "keyword", "colour": 1}}}, "unexpected_properties", "colour"),
        ({"properties": {f"f{n}": {"type": "keyword"} for n in range(996)}}, "invalid_mapping", "1000"),
    ],
)  # fmt: skip
async def test_malformed_mappings(
    empty_store: Store, index: str, mappings: dict[str, Any], id: str, named: str, refused: Refused
) -> None:
    with refused(id) as error:
        await empty_store.create_collection(index, "assets", mappings)
    assert error.value.status == 400
    assert re.search(re.escape(named), error.value.message)
    assert index not in await empty_store.indices()


async def test_the_most_fields_and_the_deepest_object(empty_store: Store, index: str, refused: Refused) -> None:
    await empty_store.create_collection(
        index, "wide", {"properties": {f"f{n}": {"type": "keyword"} for n in range(995)}}
    )
    deep: dict[str, Any] = {"type": "keyword"}
    for _ in range(19):
        deep = {"properties": {"o": deep}}
    await empty_store.create_collection(index, "deep", {"properties": {"o": deep}})
    with refused("invalid_mapping"):
        await empty_store.create_collection(index, "deeper", {"properties": {"o": {"properties": {"o": deep}}}})
