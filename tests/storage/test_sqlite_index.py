"""The inverted table of the embedded store: it always holds exactly what the mapping says of the documents."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest_asyncio

from device_manager.query.search import Search
from device_manager.query.tree import Exists, Term
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Transaction
from device_manager.storage.mappings import Mapping
from device_manager.storage.sqlite.layout import DATABASE
from device_manager.storage.sqlite.store import SqliteStore

MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "model": {"type": "keyword", "fields": {"text": {"type": "text"}}},
        "n": {"type": "integer"},
        "at": {"type": "date"},
        "links": {"properties": {"id": {"type": "keyword"}}},
    },
}
MORE: dict[str, Any] = {
    "properties": {"late": {"type": "integer"}, "links": {"properties": {"slot": {"type": "keyword"}}}}
}


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path, Settings())
    await store.start()
    await store.create_collection("t", "assets", MAPPING)
    yield store
    await store.close()


async def rows(store: SqliteStore, sql: str) -> list[tuple[Any, ...]]:
    return await store.run_job(lambda connection: [tuple(row) for row in connection.execute(sql)])


async def check_terms(store: SqliteStore, stale: frozenset[str] = frozenset()) -> None:
    """Compare the table with what the mapping finds; documents in `stale` are older than parts of the mapping."""
    mapping = Mapping.compile(await store.mappings("t", "assets"))
    stored: dict[str, set[tuple[str, Any]]] = {}
    for id, path, value in await rows(
        store, "SELECT d.id, field.path, term.v FROM term JOIN field USING (f) JOIN doc d USING (rid)"
    ):
        stored.setdefault(id, set()).add((path, value))
    async for page in store.scan("t", "assets"):
        for document in page:
            if document.id not in stale:
                expected = {(mapping.slots[slot], value) for slot, value in mapping.index_values(document.source)}
                assert stored.get(document.id, set()) == expected
    assert (await rows(store, "SELECT count(*) FROM term WHERE rid NOT IN (SELECT rid FROM doc)")) == [(0,)]


async def test_random_changes_keep_the_table_exact(store: SqliteStore) -> None:
    dice = random.Random(7)
    keys = [Key("t", "assets", f"{n}") for n in range(12)]

    def source() -> dict[str, Any]:
        links = [{"id": f"d{dice.randrange(5)}", "slot": f"s{dice.randrange(3)}"} for _ in range(dice.randrange(4))]
        return {
            "model": dice.choice(["a", "b", None, ["a", "b"]]),
            "n": dice.choice([1, "1", 1.5, None]),
            "at": dice.choice(["2020", 2020, 5]),
            "links": links,
            "late": dice.choice([5, "6"]),
            "other": 1,
        }

    for step in range(60):

        def decide(tx: Transaction) -> None:
            found = tx.read(keys)
            for key in dice.sample(keys, 4):
                if key not in found:
                    tx.create(*key[:2], source(), key.id)
                elif dice.random() < 0.3:
                    tx.delete(key)
                else:
                    tx.replace(key, source())

        await asyncio.gather(*(store.transact(decide) for _ in range(5)))
        if step == 30:
            await check_terms(store)
            before = frozenset(key.id for key in await store.read(keys))
            versions = {key.id: document.version for key, document in (await store.read(keys)).items()}
            await store.create_collection("t", "assets", MORE)
            await check_terms(store, stale=before)
    unchanged = {
        key.id for key, document in (await store.read(keys)).items() if versions.get(key.id) == document.version
    }
    await check_terms(store, stale=frozenset(unchanged))


async def test_a_document_older_than_a_field_that_refuses_it(store: SqliteStore) -> None:
    key = Key("t", "assets", "a")
    await store.transact(
        lambda tx: tx.create(*key[:2], {"late": "text", "n": 1, "links": [{"id": "d", "slot": {}}]}, "a")
    )
    await store.create_collection("t", "assets", MORE)

    def decide(tx: Transaction) -> None:
        tx.read([key])
        tx.replace(key, {"n": 2})

    await store.transact(decide)
    await check_terms(store)
    assert (await store.search("t", "assets", Search(query=Term("n", 1)))).total == 0
    assert (await store.search("t", "assets", Search(query=Exists("links")))).total == 0


async def test_a_text_multi_field_shares_the_rows_of_its_keyword(store: SqliteStore) -> None:
    await store.transact(
        lambda tx: (tx.create("t", "assets", {"model": "m"}, "a"), tx.create("t", "assets", {"n": 1}, "b"))
    )
    found = await store.search("t", "assets", Search(query=Exists("model.text")))
    assert [hit.id for hit in found.hits] == ["a"]
    assert await rows(store, "SELECT path FROM field WHERE path LIKE 'model%'") == [("model",)]


async def test_dropped_collections_leave_no_rows(store: SqliteStore) -> None:
    def fill(tx: Transaction) -> None:
        for n in range(3000):
            tx.create("t", "assets", {"n": n, "model": "m"})

    await store.transact(fill)
    (cid,) = (await rows(store, "SELECT cid FROM collection"))[0]
    await store.drop_index("t")
    await store.create_collection("t", "assets", MAPPING)
    await store.transact(lambda tx: tx.create("t", "assets", {"n": 1}, "a"))
    assert (await store.search("t", "assets", Search())).total == 1
    while await rows(store, f"SELECT 1 FROM collection WHERE cid = {cid}"):
        pass
    assert await rows(store, "SELECT (SELECT count(*) FROM doc), (SELECT count(*) FROM term)") == [(1, 1)]
    ((new_cid,),) = await rows(store, "SELECT cid FROM collection")
    assert new_cid > cid
    await check_terms(store)


async def test_sweeping_goes_on_after_a_restart(tmp_path: Path, store: SqliteStore) -> None:
    def fill(tx: Transaction) -> None:
        for n in range(3000):
            tx.create("t", "assets", {"n": n, "model": "m"})

    await store.transact(fill)
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute("UPDATE collection SET dropped = 1")
    connection.close()
    await store.start()
    with_rows = "SELECT count(*) FROM doc UNION ALL SELECT count(*) FROM term UNION ALL SELECT count(*) FROM field"
    while await rows(store, with_rows) != [(0,), (0,), (0,)]:
        pass
    assert await store.collections("t") == []


async def test_everything_is_there_after_a_restart(store: SqliteStore) -> None:
    await store.transact(lambda tx: tx.create("t", "assets", {"n": 1}, "a"))
    mappings = await store.mappings("t", "assets")
    await store.close()
    await store.start()
    assert await store.mappings("t", "assets") == mappings
    first = await store.get("t", "assets", "a")
    await store.transact(lambda tx: (tx.read([Key("t", "assets", "a")]), tx.replace(Key("t", "assets", "a"), {"n": 2})))
    await store.transact(lambda tx: tx.create("t", "assets", {"n": 2}))
    assert first.version == 1
    assert (await store.search("t", "assets", Search(query=Term("n", 2)))).total == 2
    await check_terms(store)
