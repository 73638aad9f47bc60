"""Transactions that meet in one flush: merged where they share documents, untouched by each other's faults."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from proxy import Gate

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.settings import Settings
from device_manager.storage.contract import Change, Key, Transaction
from device_manager.storage.elasticsearch import bulks
from device_manager.storage.elasticsearch.client import Cluster
from device_manager.storage.elasticsearch.documents import create_line
from device_manager.storage.elasticsearch.names import alias_name, physical_name
from device_manager.storage.elasticsearch.store import ElasticsearchStore


def appender(index: str, id: str, name: str) -> Any:
    """A decide function that adds `name` to one asset."""

    def decide(tx: Transaction) -> int:
        key = Key(index, "assets", id)
        source = tx.read([key])[key].source
        return len(tx.replace(key, {**source, "links": [*source["links"], name]}).source["links"])

    return decide


async def test_fifty_transactions_on_one_document_share_a_write(store: ElasticsearchStore, index: str) -> None:
    told: list[Change] = []
    store.on_commit(told.extend)
    await store.transact(appender(index, "a", "first"))
    commits, started = store.round_trips.commits, time.monotonic()
    counts = await asyncio.gather(*(store.transact(appender(index, "a", f"n{number}")) for number in range(50)))
    assert time.monotonic() - started < 2
    assert sorted(counts) == list(range(2, 52))
    document = await store.get(index, "assets", "a")
    assert len(set(document.source["links"])) == 51
    assert document.version == 3, "one write for the fifty"
    assert store.round_trips.commits - commits == 1, "which needs no intent"
    assert len(told) == 51


async def test_transactions_of_one_document_each_share_a_round_trip(store: ElasticsearchStore, index: str) -> None:
    def creator(id: str) -> Callable[[Transaction], object]:
        return lambda tx: tx.create(index, "assets", {}, id)

    before = store.round_trips.reads, store.round_trips.commits
    await asyncio.gather(*(store.transact(creator(f"new-{number}")) for number in range(50)))
    assert (store.round_trips.reads - before[0], store.round_trips.commits - before[1]) == (0, 1)


async def test_the_next_flush_is_decided_while_one_is_in_flight(
    store: ElasticsearchStore, index: str, gate: Gate
) -> None:
    """Except for what needs documents of that one, which is decided on top of it and leaves with the others."""
    events: list[str] = []
    started: list[asyncio.Task[object]] = []

    def begin(name: str, decide: Callable[[Transaction], object]) -> None:
        def noted(tx: Transaction) -> object:
            result = decide(tx)
            events.append(name)
            if name == "stranger":
                gate.is_open.set()
            return result

        started.append(asyncio.create_task(other.transact(noted)))

    def on_step(step: str) -> None:
        events.append(step)
        if step == "intended":
            gate.is_open.clear()
            begin("follower", appender(index, "first", "follower"))
            begin("stranger", lambda tx: tx.create(index, "assets", {"links": []}, "stranger"))
            asyncio.get_running_loop().call_soon(begin, "latecomer", appender(index, "second", "latecomer"))

    other = ElasticsearchStore(gate.url, Settings(), on_step=on_step)
    await other.start()
    before = other.round_trips.commits
    await other.transact(lambda tx: [tx.create(index, "assets", {"links": []}, id) for id in ("first", "second")])
    await asyncio.gather(*started)
    assert events[0] == "intended"
    first_end = events.index("committed")
    assert events.index("stranger") < first_end < min(events.index("follower"), events.index("latecomer"))
    assert other.round_trips.commits - before == 3 + 1, "the three of them share a flush of one request"
    keys = [Key(index, "assets", id) for id in ("first", "second", "stranger")]
    assert [stored.source["links"] for stored in (await store.read(keys)).values()] == [["follower"], ["latecomer"], []]
    await other.close()


async def test_who_joins_an_open_round_sees_what_others_did_until_then(
    store: ElasticsearchStore, index: str, gate: Gate
) -> None:
    """An earlier transaction of the round found no document; then another process makes it and somebody asks for it."""
    key, path = Key(index, "assets", "ghost"), f"/{alias_name(index, 'assets').replace('&', '%26')}/_doc/ghost"
    events: list[str] = []
    started: list[asyncio.Task[bool]] = []

    def early(tx: Transaction) -> bool:
        present = key in tx.read([key])
        events.append("early")
        httpx.put(gate.cluster + path, json={"links": ["theirs"]}).raise_for_status()
        started.append(asyncio.create_task(other.transact(late)))
        return present

    def late(tx: Transaction) -> bool:
        present = key in tx.read([key])
        events.append("late")
        gate.is_open.set()
        return present

    def on_step(step: str) -> None:
        events.append(step)
        if step == "intended":
            gate.is_open.clear()
            started.append(asyncio.create_task(other.transact(early)))

    other = ElasticsearchStore(gate.url, Settings(), on_step=on_step)
    await other.start()
    await other.transact(lambda tx: [tx.create(index, "assets", {"links": []}, id) for id in ("first", "second")])
    assert await started[0] is False
    assert await started[1] is True
    assert events.index("late") < events.index("committed"), "both were in one round"
    await other.close()


async def test_large_transactions_leave_one_by_one(store: ElasticsearchStore, index: str) -> None:
    """So that each is written while the next one is decided; all of them read at most once."""

    def creator(ids: list[str]) -> Callable[[Transaction], object]:
        return lambda tx: [tx.create(index, "assets", {"links": []}, id) for id in ids]

    def rewriter(ids: list[str]) -> Callable[[Transaction], object]:
        keys = [Key(index, "assets", id) for id in ids]
        return lambda tx: [tx.replace(key, {"links": [document.id]}) for key, document in tx.read(keys).items()]

    groups = [[f"large-{group}-{number}" for number in range(2)] for group in range(3)]
    for ids in groups:
        await store.transact(creator(ids))
    before = store.round_trips.reads, store.round_trips.commits
    await asyncio.gather(*(store.transact(rewriter(ids), large=True) for ids in groups))
    assert 1 <= store.round_trips.reads - before[0] <= 3
    assert store.round_trips.commits - before[1] == 9, "three for each"
    stored = await store.read([Key(index, "assets", id) for ids in groups for id in ids])
    assert all(document.source == {"links": [document.id]} for document in stored.values())
    assert len(stored) == 6


async def test_a_large_transaction_reads_once_whether_there_are_documents_or_not(
    store: ElasticsearchStore, index: str
) -> None:
    keys = [Key(index, "assets", f"new-{number}") for number in range(3)]

    def upsert(tx: Transaction) -> None:
        found = tx.read(keys)
        for key in keys:
            if key in found:
                tx.replace(key, {"links": [*found[key].source["links"], "again"]})
            else:
                tx.create(index, "assets", {"links": []}, key.id)

    for _ in range(2):
        before = store.round_trips.reads, store.round_trips.commits
        await store.transact(upsert, large=True)
        assert (store.round_trips.reads - before[0], store.round_trips.commits - before[1]) == (1, 3)
    stored = await store.read(keys)
    assert [stored[key].source for key in keys] == [{"links": ["again"]}] * 3


async def test_what_was_read_ahead_may_be_out_of_date(
    store: ElasticsearchStore, index: str, elasticsearch_url: str
) -> None:
    keys, moments = [Key(index, "assets", id) for id in ("late", "later")], iter(["read ahead", "decided"])

    def upsert(tx: Transaction) -> None:
        if next(moments, None) == "decided":  # and somebody else creates one before it is written
            path = f"{elasticsearch_url}/{alias_name(index, 'assets').replace('&', '%26')}/_doc/late"
            httpx.put(path, json={"links": ["theirs"]}).raise_for_status()
        found = tx.read(keys)
        for key in keys:
            if key in found:
                tx.replace(key, {"links": [*found[key].source["links"], "ours"]})
            else:
                tx.create(index, "assets", {"links": ["ours"]}, key.id)

    await store.transact(upsert, large=True)
    stored = await store.read(keys)
    assert [stored[key].source for key in keys] == [{"links": ["theirs", "ours"]}, {"links": ["ours"]}]


async def test_refused_write_hurts_nobody_else(store: ElasticsearchStore, index: str, elasticsearch_url: str) -> None:
    alias = alias_name(index, "assets")
    mapping = {"properties": {"size": {"type": "integer"}}}  # behind the back of the store, which lets all sizes pass
    async with httpx.AsyncClient(base_url=elasticsearch_url) as client:
        (await client.put(f"/{alias.replace('&', '%26')}/_mapping", json=mapping)).raise_for_status()

    def wrong(tx: Transaction) -> None:
        key = Key(index, "assets", "a")
        tx.replace(key, tx.read([key])[key].source | {"size": "large"})

    names = [f"n{number}" for number in range(10)]
    results = await asyncio.gather(
        store.transact(wrong), *(store.transact(appender(index, "a", name)) for name in names), return_exceptions=True
    )
    assert isinstance(results[0], ApiError)
    assert results[0].id == "services.storage.unexpected_bad_request"
    assert sorted(results[1:]) == list(range(1, 11))
    document = await store.get(index, "assets", "a")
    assert sorted(document.source["links"]) == sorted(names)
    assert "size" not in document.source


async def test_bulk_refused_as_a_whole_is_split(store: ElasticsearchStore, index: str, elasticsearch_url: str) -> None:
    cluster = Cluster(elasticsearch_url, 4)
    alias = alias_name(index, "assets")
    ids = ["x0", "x1", "y" * 513, "x2", "x3"]
    results = await bulks.write(cluster, [create_line(alias, id, b"{}") for id in ids])
    await cluster.close()
    assert [result.status for result in results] == [201, 201, 400, 201, 201]
    assert "513" in results[2].problem


@pytest.mark.parametrize("id", ["", "y" * 513])
async def test_unusable_id_is_refused_before_it_joins(store: ElasticsearchStore, index: str, id: str) -> None:
    commits = store.round_trips.commits
    with pytest.raises(ApiError) as caught:
        await store.transact(lambda tx: tx.create(index, "assets", {}, id))
    assert caught.value.status == 400
    assert store.round_trips.commits == commits


async def test_write_to_a_collection_that_another_process_dropped(
    store: ElasticsearchStore, index: str, elasticsearch_url: str
) -> None:
    other = ElasticsearchStore(elasticsearch_url, Settings())
    await other.start()
    await other.drop_collection(index, "assets")
    await other.close()
    with pytest.raises(ApiError) as caught:
        await store.transact(lambda tx: [tx.create(index, "assets", {}, "x"), tx.create(index, "history", {}, "y")])
    assert caught.value.id == "services.storage.unknown_collection"
    async with httpx.AsyncClient(base_url=elasticsearch_url) as client:
        assert (await client.get(f"/{alias_name(index, 'assets').replace('&', '%26')}")).status_code == 404
    assert await store.read([Key(index, "history", "y")]) == {}


async def test_deleted_document_is_nowhere_and_can_be_made_again(store: ElasticsearchStore, index: str) -> None:
    key = Key(index, "assets", "a")
    await store.transact(lambda tx: tx.delete(key), refresh=True)
    again = asyncio.create_task(store.transact(lambda tx: tx.create(index, "assets", {"links": ["again"]}, "a")))
    assert (await again).source == {"links": ["again"]}
    assert (await store.get(index, "assets", "a")).source == {"links": ["again"]}
    await store.transact(lambda tx: tx.delete(key), refresh=True)
    assert await store.read([key]) == {}
    found = await store.search(index, "assets", Search(size=100))
    assert found.total == len(found.hits) == 7
    assert "a" not in {hit.id for hit in found.hits}


async def test_data_of_others_opens_as_it_is(elasticsearch_url: str) -> None:
    index = f"test-{uuid.uuid4().hex[:12]}"
    physical = physical_name(index, "assets")
    body = {"mappings": {"dynamic": "strict", "properties": {"name": {"type": "keyword"}}}}
    async with httpx.AsyncClient(base_url=elasticsearch_url) as client:
        path = "/" + physical.replace("&", "%26")
        (await client.put(path, json=body)).raise_for_status()
        (await client.put(f"{path}/_doc/old?refresh=true", json={"name": "old"})).raise_for_status()
    store = ElasticsearchStore(elasticsearch_url, Settings())
    await store.start()
    key = Key(index, "assets", "old")
    assert (await store.read([key]))[key].source == {"name": "old"}
    await store.transact(lambda tx: tx.replace(key, {"name": tx.read([key])[key].source["name"] + "er"}), refresh=True)
    hits = (await store.search(index, "assets", Search())).hits
    assert [hit.source for hit in hits] == [{"name": "older"}]
    assert set((await store.mappings(index, "assets"))["properties"]) == {"name", "_kuzzle_info"}
    await store.drop_index(index)
    await store.close()


async def test_a_collection_that_cannot_be_read_yet_is_waited_for_by_its_own_readers(
    store: ElasticsearchStore, index: str, elasticsearch_url: str
) -> None:
    """Between making an index and being able to read it the cluster takes a moment, here until it is let."""
    physical = physical_name(index, "late").replace("&", "%26")
    place = "index.routing.allocation.require._name"
    body = {"aliases": {alias_name(index, "late"): {}}, "settings": {place: "nowhere"}}
    async with httpx.AsyncClient(base_url=elasticsearch_url, timeout=30) as client:
        made = await client.put(f"/{physical}", params={"wait_for_active_shards": "0"}, json=body)
        made.raise_for_status()
        late = Key(index, "late", "x")
        waiting = asyncio.create_task(store.read((late,)))
        assert (await store.get(index, "assets", "a")).id == "a"
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        (await client.put(f"/{physical}/_settings", json={place: None})).raise_for_status()
        assert await waiting == {}
