"""What puts promise: each stands alone, the conditions hold, transactions and puts see each other; on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.storage.contract import Change, ChangeKind, Document, Key, Put, PutKind, PutResult, Store

WRITTEN, EXISTS, OLDER, STALE = PutResult.WRITTEN, PutResult.EXISTS, PutResult.OLDER, PutResult.STALE
VERSION = 1_700_000_000_000 << 20

Decides = Callable[..., Any]


def create(key: Key, serial: int) -> Put:
    return Put(PutKind.CREATE, key, {"serial": serial})


def newest(key: Key, serial: int, version: int) -> Put:
    return Put(PutKind.NEWEST, key, {"serial": serial}, version)


def refusal(result: PutResult | ApiError) -> str:
    assert isinstance(result, ApiError) and result.id is not None
    return result.id


@pytest_asyncio.fixture
async def records(store: Store, index: str) -> AsyncIterator[Key]:
    """A key in a collection that forgets what was removed."""
    properties = {"serial": {"type": "integer"}}
    await store.create_collection(
        index, "records", {"dynamic": "strict", "properties": properties}, forgets_removed=True
    )
    yield Key(index, "records", "r")


async def test_each_kind_and_its_condition(store: Store, a: Key, b: Key) -> None:
    assert await store.put([]) == []
    assert await store.put([create(a, 1), Put(PutKind.INDEX, b, {"serial": 2})]) == [WRITTEN, WRITTEN]
    assert await store.put([create(a, 3), Put(PutKind.INDEX, b, {"serial": 4})]) == [EXISTS, WRITTEN]
    found = await store.read([a, b])
    assert (found[a].source, found[b].source) == ({"serial": 1}, {"serial": 4})
    assert (found[a].version, found[b].version) == (1, 2)

    assert await store.put([Put(PutKind.REPLACE, a, {"serial": 5}, expected=found[a])]) == [WRITTEN]
    assert await store.put([Put(PutKind.REPLACE, a, {"serial": 6}, expected=found[a])]) == [STALE]
    assert (await store.get(*a)).source == {"serial": 5}

    assert (
        await store.put([Put(PutKind.REMOVE, a, {}), Put(PutKind.REMOVE, a._replace(id="none"), {})]) == [WRITTEN] * 2
    )
    assert await store.read([a]) == {}
    expected = found[b]
    await store.put([Put(PutKind.REMOVE, b, {})])
    assert await store.put([Put(PutKind.REPLACE, b, {"serial": 7}, expected=expected)]) == [STALE]


async def test_the_highest_version_wins_in_whatever_order(store: Store, a: Key) -> None:
    assert await store.put([newest(a, 2, VERSION + 2)]) == [WRITTEN]
    assert await store.put([newest(a, 1, VERSION + 1)]) == [OLDER]
    assert await store.put([newest(a, 2, VERSION + 2)]) == [WRITTEN]
    results = await asyncio.gather(*(store.put([newest(a, n, VERSION + n)]) for n in (5, 9, 3, 8, 4)))
    assert results[1] == [WRITTEN]
    document = await store.get(*a)
    assert (document.source, document.version) == ({"serial": 9}, VERSION + 9)


async def test_a_record_can_be_reset_to_an_older_version(store: Store, records: Key) -> None:
    others = [records._replace(id=str(n)) for n in range(3)]
    assert await store.put([newest(records, 2, VERSION + 2)]) == [WRITTEN]
    assert await store.reset([newest(key, 1, VERSION + 1) for key in (records, *others)]) == [WRITTEN] * 4
    found = await store.read([records, *others])
    assert {document.source["serial"] for document in found.values()} == {1}
    assert await store.put([newest(records, 0, VERSION)]) == [OLDER]


async def test_a_collection_becomes_forgetful_later(store: Store, a: Key) -> None:
    await store.create_collection(a.index, a.collection, {}, forgets_removed=True)
    await store.put([newest(a, 2, VERSION + 2), Put(PutKind.REMOVE, a, {})])
    assert await store.reset([newest(a, 1, VERSION + 1)]) == [WRITTEN]


async def test_a_refused_put_leaves_the_others_alone(store: Store, a: Key, b: Key) -> None:
    results = await store.put(
        [
            create(a, 1),
            Put(PutKind.CREATE, a._replace(id="bad"), {"serial": "x"}),
            Put(PutKind.CREATE, a._replace(id="strict"), {"unknown": 1}),
            Put(PutKind.CREATE, a._replace(id="i" * 513), {"serial": 1}),
            Put(PutKind.CREATE, a._replace(id=""), {"serial": 1}),
            Put(PutKind.NEWEST, a._replace(id="negative"), {"serial": 1}, -1),
            Put(PutKind.NEWEST, a._replace(id="huge"), {"serial": 1}, 1 << 63),
            Put(PutKind.INDEX, a._replace(id="nojson"), {"metadata": {"x": object()}}),
            Put(PutKind.INDEX, a._replace(collection="none"), {}),
            Put(PutKind.INDEX, a._replace(index="nowhere"), {}),
            create(b, 2),
        ]
    )
    bad, unknown = "services.storage.unexpected_bad_request", "services.storage.unknown_"
    assert (results[0], results[-1]) == (WRITTEN, WRITTEN)
    assert [refusal(result) for result in results[1:-1]] == [
        bad,
        "services.storage.strict_mapping_rejection",
        bad,
        bad,
        bad,
        bad,
        bad,
        unknown + "collection",
        unknown + "index",
    ]
    assert set(await store.read([a, b])) == {a, b}


async def test_concurrent_callers_share_requests_and_get_their_own_results(store: Store, a: Key) -> None:
    await store.put([create(a, 0)])
    before = store.round_trips.puts
    calls = [
        store.put([create(a._replace(id=f"n{n}"), n), create(a, n), Put(PutKind.INDEX, a._replace(id=""), {})])
        for n in range(200)
    ]
    for results in await asyncio.gather(*calls):
        assert results[:2] == [WRITTEN, EXISTS]
        assert refusal(results[2]) == "services.storage.unexpected_bad_request"
    assert not store.shared or store.round_trips.puts - before <= 6
    assert len(await store.read(a._replace(id=f"n{n}") for n in range(200))) == 200


async def test_one_creation_of_an_id_wins(store: Store, a: Key) -> None:
    results = await asyncio.gather(*(store.put([create(a, n), create(a, n)]) for n in range(20)))
    flat = [result for pair in results for result in pair]
    assert (flat.count(WRITTEN), flat.count(EXISTS)) == (1, 39)


async def test_replacements_at_once_lose_nothing(store: Store, a: Key) -> None:
    await store.put([create(a, 0)])

    async def add() -> None:
        while True:
            document = await store.get(*a)
            source = {"serial": document.source["serial"] + 1}
            if await store.put([Put(PutKind.REPLACE, a, source, expected=document)]) == [WRITTEN]:
                return

    await asyncio.gather(*(add() for _ in range(20)))
    assert (await store.get(*a)).source == {"serial": 20}


async def test_puts_and_transactions_on_one_document_lose_nothing(store: Store, a: Key, put: Decides) -> None:
    await store.put([create(a, 0)])

    async def by_put() -> None:
        while True:
            document = await store.get(*a)
            source = {"serial": document.source["serial"] + 1}
            if await store.put([Put(PutKind.REPLACE, a, source, expected=document)]) == [WRITTEN]:
                return

    def add(tx: Any) -> None:
        tx.replace(a, {"serial": tx.read([a])[a].source["serial"] + 1})

    await asyncio.gather(*(work() for _ in range(5) for work in (by_put, lambda: store.transact(add))))
    assert (await store.get(*a)).source == {"serial": 10}


async def test_what_a_transaction_deleted_can_be_created_at_once(store: Store, a: Key) -> None:
    for turn in range(3):
        assert await store.put([create(a, turn)]) == [WRITTEN]

        def delete(tx: Any) -> None:
            tx.read([a])
            tx.delete(a)

        await store.transact(delete)
    assert await store.put([create(a, 9)]) == [WRITTEN]
    assert (await store.get(*a)).source == {"serial": 9}


async def test_transactions_build_on_puts(store: Store, a: Key, put: Decides) -> None:
    await store.put([newest(a, 1, VERSION)])
    document: Document = await store.transact(put(a, serial=2))
    assert (await store.get(*a)).source == {"serial": 2} == document.source
    assert await store.put([newest(a, 1, VERSION)]) == [OLDER]


async def test_new_fields_are_mapped(store: Store, index: str) -> None:
    await store.create_collection(index, "free", {"dynamic": "true", "properties": {}})
    keys = [Key(index, "free", str(n)) for n in range(3)]
    results = await store.put([Put(PutKind.CREATE, key, {"level": n, f"f{n}": "x"}) for n, key in enumerate(keys)])
    assert results == [WRITTEN] * 3
    assert refusal((await store.put([Put(PutKind.INDEX, keys[0], {"level": "high"})]))[0]).endswith("bad_request")
    assert {"level", "f0", "f1", "f2"} <= (await store.mappings(index, "free"))["properties"].keys()


async def test_listeners_hear_of_what_was_written(store: Store, a: Key, b: Key) -> None:
    heard: list[Change] = []
    store.on_commit(heard.extend)
    await store.put([create(a, 1), create(a._replace(id=""), 1)])
    await store.put([create(a, 2), newest(b, 1, VERSION)])
    await store.put([newest(b, 0, VERSION - 1)])
    read = await store.get(*b)
    await store.put([Put(PutKind.REPLACE, b, {"serial": 3}, expected=read), Put(PutKind.REMOVE, a, {})])
    heard = [change for change in heard if change.key in (a, b)]
    assert [(change.kind, change.key) for change in heard] == [
        (ChangeKind.CREATE, a),
        (ChangeKind.CREATE, b),
        (ChangeKind.UPDATE, b),
        (ChangeKind.DELETE, a),
    ]
    assert [change.after and change.after.source for change in heard] == [
        {"serial": 1},
        {"serial": 1},
        {"serial": 3},
        None,
    ]
    assert heard[2].before is not None and heard[2].before.source == {"serial": 1}


async def test_searches_find_what_was_put(store: Store, a: Key) -> None:
    await store.put([Put(PutKind.INDEX, a, {"serial": 1, "reference": "old"})])
    await store.put([Put(PutKind.INDEX, a, {"serial": 1, "reference": "new"}), create(a._replace(id="z"), 1)])
    await store.refresh(a.index, a.collection)
    found = {document.id: document.source async for page in store.scan(*a[:2]) for document in page}
    assert found == {"a": {"serial": 1, "reference": "new"}, "z": {"serial": 1}}


async def test_puts_that_have_to_be_acceptable_as_a_whole(store: Store, a: Key, b: Key) -> None:
    refused = Put(PutKind.CREATE, b, {"unknown": 1})
    with pytest.raises(ApiError) as error:
        await store.put([create(a, 1), refused], whole=2)
    assert error.value.id == "services.storage.strict_mapping_rejection"
    assert await store.read([a, b]) == {}
    result, strange = await store.put([create(a, 1), refused], whole=1)
    assert (result, refusal(strange)) == (WRITTEN, "services.storage.strict_mapping_rejection")
    assert await store.put([create(a, 2), create(b, 2)], whole=2) == [EXISTS, WRITTEN]
