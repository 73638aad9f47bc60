"""Reading and changing documents, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store, Transaction

Refused = Callable[[str], Any]
Put = Callable[..., Callable[[Transaction], Document]]


async def test_create_and_get(store: Store, a: Key) -> None:
    source = {
        "model": "m",
        "serial": 5,
        "linkedMeasures": [{"deviceId": "d"}],
        "metadata": {"name": 'é\n"', "free": [1.5, None, {}]},
    }
    created = await store.transact(lambda tx: tx.create(a.index, a.collection, source, "a"))
    assert (created.id, created.version, created.source) == ("a", 1, source)
    found = await store.get(*a)
    assert (found.id, found.version, found.source) == ("a", 1, source)


async def test_a_document_that_is_not_there(store: Store, a: Key, refused: Refused) -> None:
    assert await store.read([a]) == {}
    with refused("not_found") as error:
        await store.get(*a)
    assert error.value.status == 404
    assert error.value.props == ("a", a.index, "assets")


async def test_ids_that_no_document_can_have_are_absent_and_hurt_nobody_else(store: Store, a: Key) -> None:
    await store.transact(lambda tx: tx.create(a.index, a.collection, {"serial": 1}, a.id))
    odd = [a._replace(id=id) for id in ("", "x" * 2000, "\0", "é/ ?#%", "_id", "*")]
    reads = await asyncio.gather(*(store.read([key]) for key in [*odd, a]))
    assert reads[:-1] == [{}] * len(odd)
    assert set(reads[-1]) == {a}
    assert set(await store.transact(lambda tx: tx.read([*odd, a]))) == {a}


async def test_reading_many_from_several_collections(store: Store, index: str) -> None:
    await store.create_collection(index, "devices", {"properties": {"n": {"type": "integer"}}})
    keys = [Key(index, name, f"{n}") for name in ("assets", "devices") for n in range(30)]

    def decide(tx: Transaction) -> None:
        for key in keys:
            tx.create(*key[:2], {"serial" if key.collection == "assets" else "n": int(key.id)}, key.id)

    await store.transact(decide)
    found = await store.read([*keys, Key(index, "assets", "30"), keys[0]])
    assert set(found) == set(keys)
    assert all(document.id == key.id and int(key.id) in document.source.values() for key, document in found.items())


async def test_generated_ids_differ_and_sort_by_time(store: Store, index: str) -> None:
    def decide(tx: Transaction) -> list[str]:
        return [tx.create(index, "assets", {"serial": n}).id for n in range(50)]

    first, second = await store.transact(decide), await store.transact(decide)
    assert len({*first, *second}) == 100
    assert max(first) < min(second)
    assert all(len(id) >= 20 and id.replace("-", "").replace("_", "").isalnum() for id in first)
    assert set(await store.read([Key(index, "assets", id) for id in first])) == {
        Key(index, "assets", id) for id in first
    }


async def test_an_id_is_taken_once(store: Store, a: Key, refused: Refused, put: Put) -> None:
    await store.transact(put(a, model="first"))
    with refused("document_already_exists") as error:
        await store.transact(lambda tx: tx.create(a.index, a.collection, {"model": "second"}, "a"))
    assert error.value.status == 400
    assert (await store.get(*a)).source == {"model": "first"}


@pytest.mark.parametrize("id", ["", "x" * 513, "é" * 257])
async def test_unusable_ids(store: Store, index: str, id: str) -> None:
    with pytest.raises(ApiError, check=lambda error: error.status == 400):
        await store.transact(lambda tx: tx.create(index, "assets", {}, id))


@pytest.mark.parametrize("id", ["x" * 512, "é" * 256, "a/b?c&d#e%20", " ", "_id", "日本", "a,b", "*", '"', "\\"])
async def test_unusual_ids(store: Store, index: str, id: str, put: Put) -> None:
    key = Key(index, "assets", id)
    await store.transact(put(key, model="m"))
    assert (await store.get(*key)).source == {"model": "m"}
    await store.transact(put(key, model="n"))
    assert (await store.read([key]))[key].version == 2


async def test_versions_count_the_writes(store: Store, a: Key, put: Put) -> None:
    for version in range(1, 4):
        written = await store.transact(put(a, serial=version))
        assert written.version == version
        assert (await store.get(*a)).version == version


async def test_several_writes_of_a_document_in_a_transaction_are_one(store: Store, a: Key, b: Key, put: Put) -> None:
    await store.transact(put(a, serial=0))

    def decide(tx: Transaction) -> tuple[Document, Document]:
        tx.read([a, b])
        tx.create(*b[:2], {"serial": 1}, b.id)
        for serial in (2, 3):
            tx.replace(a, {"serial": serial})
            tx.replace(b, {"serial": serial})
        found = tx.read([a, b])
        return found[a], found[b]

    inside = await store.transact(decide)
    outside = await store.read([a, b])
    for mine, stored in zip(inside, (outside[a], outside[b]), strict=True):
        assert (mine.version, mine.source) == (stored.version, stored.source)
    assert (outside[a].version, outside[b].version) == (2, 1)
    assert outside[a].source == outside[b].source == {"serial": 3}


async def test_a_transaction_sees_its_own_changes(store: Store, a: Key, b: Key, refused: Refused, put: Put) -> None:
    await store.transact(put(a, serial=1))

    def decide(tx: Transaction) -> None:
        assert set(tx.read([a, b])) == {a}
        tx.create(*b[:2], {"serial": 2}, b.id)
        assert set(tx.read([a, b])) == {a, b}
        tx.delete(a)
        assert set(tx.read([a, b])) == {b}
        with refused("document_already_exists"):
            tx.create(*b[:2], {}, b.id)

    await store.transact(decide)
    assert set(await store.read([a, b])) == {b}


async def test_delete_and_create_again(store: Store, a: Key, refused: Refused, put: Put) -> None:
    await store.transact(put(a, serial=1))

    def delete(tx: Transaction) -> None:
        tx.read([a])
        tx.delete(a)

    def delete_twice(tx: Transaction) -> None:
        tx.delete(a)
        tx.delete(a)

    await store.transact(delete)
    assert await store.read([a]) == {}
    await store.transact(put(a, serial=2))
    assert (await store.get(*a)).source == {"serial": 2}
    with refused("not_found"):
        await store.transact(delete_twice)
    assert (await store.get(*a)).source == {"serial": 2}


async def test_deleting_and_creating_in_one_transaction_replaces(store: Store, a: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))

    def decide(tx: Transaction) -> None:
        tx.read([a])
        tx.delete(a)
        tx.create(*a[:2], {"model": "new"}, a.id)

    await store.transact(decide)
    assert (await store.get(*a)).source == {"model": "new"}
    await store.refresh(a.index, "assets")
    assert (await store.search(a.index, "assets", Search(query=Term("serial", 1)))).total == 0
    assert (await store.search(a.index, "assets", Search(query=Term("model", "new")))).total == 1


async def test_changing_what_is_not_there(store: Store, a: Key, refused: Refused) -> None:
    changes: list[Callable[[Transaction], object]] = [
        lambda tx: tx.replace(a, {}),
        lambda tx: tx.touch(a),
        lambda tx: tx.delete(a),
    ]
    for change in changes:
        with refused("not_found") as error:
            await store.transact(change)
        assert error.value.props == ("a", a.index, "assets")


async def test_the_store_says_that_it_is_healthy(store: Store) -> None:
    assert await store.is_healthy()


async def test_fields_that_appear_where_they_may(empty_store: Store, index: str) -> None:
    await empty_store.create_collection(index, "free", {"dynamic": "true"})
    source = {
        "name": "x",
        "n": 5,
        "ok": True,
        "inner": {"f": 1.5, "list": ["a", "b"]},
        "at": "2020-01-01T00:00:00Z",
        "none": None,
    }
    await empty_store.transact(lambda tx: tx.create(index, "free", source, "a"), refresh=True)
    for field, value in (("n", 5), ("ok", True), ("inner.f", 1.5), ("inner.list.keyword", "b"), ("name.keyword", "x")):
        assert (await empty_store.search(index, "free", Search(query=Term(field, value)))).total == 1, field
    properties = (await empty_store.mappings(index, "free"))["properties"]
    text = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
    del properties["_kuzzle_info"]
    assert properties == {
        "name": text,
        "n": {"type": "long"},
        "ok": {"type": "boolean"},
        "inner": {"properties": {"f": {"type": "float"}, "list": text}},
        "at": {"type": "date"},
    }
