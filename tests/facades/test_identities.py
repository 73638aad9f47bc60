"""Twins are found by foreign ids, whoever created them; an id that nobody has costs little (facades 1.3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from device_manager.facades import identities
from device_manager.facades.identities import Identities
from device_manager.storage.contract import Document, Key, Put, PutKind, Store

MAPPINGS = {"dynamic": "false", "properties": {}}


def names(engine: str, twin: Document) -> Iterable[str]:
    """Two names for each twin."""
    return f"{engine}/{twin.id}", f"number-{twin.source['number']}"


async def create(store: Store, engine: str, *numbers: int, at: int | None = None) -> list[Document]:
    """Assets with numbers, as another client may create them."""
    await store.create_collection(engine, "assets", MAPPINGS)
    created = at or time.time_ns() // 1_000_000
    info = {"author": None, "createdAt": created, "updatedAt": None, "updater": None}
    sources = {f"Room-{number}": {"number": number, "_kuzzle_info": info} for number in numbers}
    await store.put([Put(PutKind.INDEX, Key(engine, "assets", id), source) for id, source in sources.items()])
    return [Document(id, source, 1) for id, source in sources.items()]


async def test_twins_of_any_age_are_found(store: Store, engine: str) -> None:
    await create(store, engine, 1, 2, at=1)
    found = Identities(store, "sitewise", "assets", names)
    assert await found.find_many(engine, [f"{engine}/Room-1", "number-2", "number-3"]) == {
        f"{engine}/Room-1": "Room-1",
        "number-2": "Room-2",
    }
    await create(store, engine, 3)
    another = Identities(store, "sitewise", "assets", names)
    assert await another.find(engine, "number-3") == "Room-3"
    assert await Identities(store, "teos", "assets", names).find(engine, "number-3") == "Room-3"


async def test_an_id_that_nobody_has_costs_one_look_a_second(store: Store, engine: str) -> None:
    await create(store, engine, 1)
    found = Identities(store, "sitewise", "assets", names)
    assert await found.find(engine, "number-9") is None
    searches, began = store.round_trips.searches, time.monotonic()
    for _ in range(20):
        await asyncio.gather(*(found.find(engine, f"number-{number}") for number in range(2, 12)))
    looks = 2 * (1 + (time.monotonic() - began) / identities.INTERVAL)  # a look opens a scan and reads its one page
    assert store.round_trips.searches <= searches + looks


async def test_known_ids_cost_one_round_trip_however_many(store: Store, engine: str) -> None:
    await create(store, engine, *range(100))
    found = Identities(store, "sitewise", "assets", names)
    await found.find(engine, "number-1")
    for asked in (1, 100):
        before = store.round_trips.reads, store.round_trips.searches
        assert len(await found.find_many(engine, [f"number-{number}" for number in range(asked)])) == asked
        assert (store.round_trips.reads, store.round_trips.searches) == (before[0] + 1, before[1])


async def test_what_was_remembered_needs_no_look(store: Store, engine: str) -> None:
    found = Identities(store, "sitewise", "assets", names)
    await create(store, engine, 1)
    assert await found.find(engine, "number-1") == "Room-1"
    twins = await create(store, engine, 2, at=1)  # older than any look will see
    await found.remember(engine, twins)
    searches = store.round_trips.searches
    assert await found.find(engine, "number-2") == "Room-2"
    assert store.round_trips.searches == searches


async def test_only_what_was_created_and_not_remembered_is_looked_for_at_once(store: Store, engine: str) -> None:
    found = Identities(store, "sitewise", "assets", names)
    await store.create_collection(engine, "assets", MAPPINGS)

    async def commit(number: int) -> Document:
        source = {"number": number, "_kuzzle_info": {"createdAt": time.time_ns() // 1_000_000}}
        return await store.transact(lambda tx: tx.create(engine, "assets", source, f"Room-{number}"))

    await commit(1)
    assert await found.find(engine, "number-1") == "Room-1"
    found._looks[engine] = time.monotonic() + 60, found._looks[engine][1]
    await found.remember(engine, [await commit(2)])
    searches = store.round_trips.searches
    assert await found.find(engine, "number-9") is None
    assert store.round_trips.searches == searches, "all of its own twins are written down"
    await commit(3)
    assert await found.find(engine, "number-3") == "Room-3"


async def test_engines_do_not_share_ids(store: Store, engine: str) -> None:
    other = f"{engine}-b"
    await create(store, engine, 1)
    await create(store, other, 2)
    found = Identities(store, "sitewise", "assets", names)
    assert await found.find(engine, "number-2") is None
    assert await found.find(other, "number-2") == "Room-2"
    await store.drop_index(other)
