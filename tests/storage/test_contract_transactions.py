"""What transactions promise: all or nothing, nothing lost, everybody told; on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.storage.contract import Change, ChangeKind, Document, Key, Store, Transaction

Refused = Callable[[str], Any]
Put = Callable[..., Callable[[Transaction], Document]]


async def test_two_creations_of_one_id_at_once(store: Store, a: Key) -> None:
    outcomes = await asyncio.gather(
        *(store.transact(lambda tx, n=n: tx.create(a.index, a.collection, {"serial": n}, "a")) for n in range(10)),  # type: ignore[misc]
        return_exceptions=True,
    )
    created = [outcome for outcome in outcomes if isinstance(outcome, Document)]
    assert len(created) == 1
    assert all(
        isinstance(o, ApiError) and o.id == "services.storage.document_already_exists"
        for o in outcomes
        if o not in created
    )
    assert (await store.get(*a)).source == created[0].source


async def test_nothing_is_written_when_decide_raises(store: Store, a: Key, b: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))

    def decide(tx: Transaction) -> None:
        tx.read([a])
        tx.replace(a, {"serial": 2})
        tx.create(*b[:2], {}, b.id)
        raise ApiError("no", status=412)

    with pytest.raises(ApiError, match="no"):
        await store.transact(decide)
    assert {key: document.source for key, document in (await store.read([a, b])).items()} == {a: {"serial": 1}}


async def test_a_refused_document_ends_the_transaction(store: Store, a: Key, b: Key, refused: Refused) -> None:
    def decide(tx: Transaction) -> None:
        tx.create(*a[:2], {"serial": 1}, a.id)
        tx.create(*b[:2], {"unknown": 1}, b.id)

    with refused("strict_mapping_rejection") as error:
        await store.transact(decide)
    assert error.value.props == ("unknown", a.index, "assets")
    assert await store.read([a, b]) == {}


async def test_decide_may_catch_a_refusal_and_go_on(store: Store, a: Key, b: Key, refused: Refused) -> None:
    def decide(tx: Transaction) -> None:
        with refused("unexpected_bad_request"):
            tx.create(*a[:2], {"serial": "x"}, a.id)
        tx.create(*b[:2], {"serial": 1}, b.id)

    await store.transact(decide)
    assert set(await store.read([a, b])) == {b}


async def test_fifty_changes_of_one_document_at_once_are_all_kept(store: Store, a: Key, put: Put) -> None:
    await store.transact(put(a, linkedMeasures=[]))

    async def link(n: int) -> Document:
        def decide(tx: Transaction) -> Document:
            links = tx.read([a])[a].source["linkedMeasures"]
            tx.create(a.index, "assets", {"serial": n}, f"entry-{n}")
            return tx.replace(a, {"linkedMeasures": [*links, {"deviceId": f"device-{n}"}]})

        return await store.transact(decide)

    await asyncio.gather(*map(link, range(50)))
    stored = await store.get(*a)
    assert sorted(link["deviceId"] for link in stored.source["linkedMeasures"]) == sorted(
        f"device-{n}" for n in range(50)
    )
    entries = [Key(a.index, "assets", f"entry-{n}") for n in range(50)]
    assert set(await store.read(entries)) == set(entries)
    await store.refresh(a.index, "assets")
    found = await store.search(a.index, "assets", Search(query=Term("linkedMeasures.deviceId", "device-49")))
    assert [hit.id for hit in found.hits] == ["a"]


async def test_concurrent_moves_between_documents_keep_the_sum(store: Store, index: str, put: Put) -> None:
    keys = [Key(index, "assets", f"account-{n}") for n in range(5)]
    for key in keys:
        await store.transact(put(key, serial=100))

    async def move(n: int) -> None:
        source, target = keys[n % 5], keys[(n * 3 + 1) % 5]

        def decide(tx: Transaction) -> None:
            found = tx.read([source, target])
            if source == target:
                return
            tx.replace(source, {"serial": found[source].source["serial"] - n})
            tx.replace(target, {"serial": found[target].source["serial"] + n})

        await store.transact(decide)

    await asyncio.gather(*map(move, range(60)))
    assert sum(document.source["serial"] for document in (await store.read(keys)).values()) == 500


async def test_known_documents_are_used(store: Store, a: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))
    known = await store.read([a])

    def decide(tx: Transaction) -> Document:
        return tx.replace(a, {"serial": tx.read([a])[a].source["serial"] + 1})

    reads = store.round_trips.reads
    assert (await store.transact(decide, known=known)).source == {"serial": 2}
    assert store.round_trips.reads == reads


async def test_a_stale_known_document_is_read_again(store: Store, a: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))
    known = await store.read([a])
    await store.transact(put(a, serial=10))

    def decide(tx: Transaction) -> Document:
        return tx.replace(a, {"serial": tx.read([a])[a].source["serial"] + 1})

    assert (await store.transact(decide, known=known)).source == {"serial": 11}
    assert (await store.get(*a)).source == {"serial": 11}


async def test_a_stale_touched_document_is_read_again(store: Store, a: Key, b: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))
    known = await store.read([a])
    await store.transact(put(a, serial=2))

    def decide(tx: Transaction) -> Document:
        serial = tx.read([a])[a].source["serial"]
        tx.touch(a)
        return tx.create(*b[:2], {"serial": serial}, b.id)

    assert (await store.transact(decide, known=known)).source == {"serial": 2}
    assert (await store.get(*a)).source == {"serial": 2}


async def test_a_dry_run_decides_and_writes_nothing(store: Store, a: Key, b: Key, refused: Refused, put: Put) -> None:
    await store.transact(put(a, serial=1))
    changes: list[Change] = []
    store.on_commit(changes.extend)

    def decide(tx: Transaction) -> Document:
        tx.read([a])
        tx.create(*b[:2], {"serial": 2}, b.id)
        return tx.replace(a, {"serial": 2})

    assert (await store.transact(decide, dry_run=True)).source == {"serial": 2}
    assert {key: document.source for key, document in (await store.read([a, b])).items()} == {a: {"serial": 1}}
    assert changes == []
    with refused("strict_mapping_rejection"):
        await store.transact(put(a, nothing=1), dry_run=True)


async def test_listeners_hear_of_commits_before_the_writer_does(store: Store, a: Key, b: Key, put: Put) -> None:
    heard: list[Change] = []
    store.on_commit(heard.extend)
    await store.transact(put(a, serial=1))
    assert [(c.kind, c.key, c.before, c.after and c.after.source) for c in heard] == [
        (ChangeKind.CREATE, a, None, {"serial": 1})
    ]
    heard.clear()

    def decide(tx: Transaction) -> None:
        tx.read([a])
        tx.replace(a, {"serial": 2})
        tx.create(*b[:2], {"serial": 3}, b.id)

    await store.transact(decide)
    update, creation = sorted(heard)
    if update.kind is not ChangeKind.UPDATE:
        update, creation = creation, update
    assert (update.kind, update.key) == (ChangeKind.UPDATE, a)
    assert update.before is not None and update.before.source == {"serial": 1} and update.before.version == 1
    assert update.after is not None and update.after.source == {"serial": 2} and update.after.version == 2
    assert (creation.kind, creation.key) == (ChangeKind.CREATE, b)
    heard.clear()
    await store.transact(lambda tx: tx.delete(a))
    (deletion,) = heard
    assert (deletion.kind, deletion.key, deletion.after) == (ChangeKind.DELETE, a, None)
    assert deletion.before is not None and deletion.before.source == {"serial": 2}


async def test_listeners_hear_of_the_commits_of_a_document_in_order(store: Store, a: Key, put: Put) -> None:
    await store.transact(put(a, serial=0))
    versions: list[int] = []
    store.on_commit(lambda changes: versions.extend(c.after.version for c in changes if c.after and c.key == a))

    def raise_serial(tx: Transaction) -> Document:
        return tx.replace(a, {"serial": tx.read([a])[a].source["serial"] + 1})

    await asyncio.gather(*(store.transact(raise_serial) for _ in range(20)))
    assert versions == sorted(versions)
    assert (await store.get(*a)).source == {"serial": 20}


async def test_round_trips_of_one_transaction(store: Store, store_url: str, a: Key, b: Key, put: Put) -> None:
    await store.transact(put(a, serial=1))
    before = store.round_trips.reads, store.round_trips.commits

    def decide(tx: Transaction) -> None:
        tx.read([a, b])
        tx.replace(a, {"serial": 2})
        tx.create(*b[:2], {}, b.id)

    await store.transact(decide)
    commit = 1 if store_url.startswith("sqlite:") else 3  # the intent, the writes, the commit of the intent
    assert (store.round_trips.reads - before[0], store.round_trips.commits - before[1]) == (1, commit)
    await store.read([a, b])
    assert store.round_trips.reads - before[0] == 2


async def test_a_thousand_documents_in_one_transaction(store: Store, index: str) -> None:
    keys = [Key(index, "assets", f"{n:04}") for n in range(1000)]

    def decide(tx: Transaction) -> None:
        found = tx.read(keys)
        for place, key in enumerate(keys):
            if key in found:
                tx.replace(key, {"serial": place + 1, "model": "x" * 300})
            else:
                tx.create(*key[:2], {"serial": place, "model": "x" * 300}, key.id)

    await store.transact(decide)
    await store.transact(decide)
    found = await store.read(keys)
    assert [found[key].source["serial"] for key in keys] == list(range(1, 1001))
