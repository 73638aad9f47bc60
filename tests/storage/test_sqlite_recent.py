"""What the embedded store keeps of its rows in memory is what its file holds, and stays within its limit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Document, Key, Put, PutKind, Store, Transaction
from device_manager.storage.opening import open_store
from device_manager.storage.sqlite.recent import OVERHEAD, RecentRows, Row

MAPPINGS: dict[str, Any] = {"dynamic": "false", "properties": {"n": {"type": "integer"}}}
LIMIT = 4 * OVERHEAD
"""Room for a few rows only, so that they come and go."""
KEYS = [Key("farm", collection, str(number)) for collection in ("barns", "fields") for number in range(6)]


@pytest.mark.parametrize("seed", range(5))
async def test_reads_find_what_the_file_holds(tmp_path: Path, seed: int) -> None:
    directory = tmp_path / "data"
    store = open_store(Settings(store=f"sqlite:{directory}", sqlite_rows_bytes=LIMIT))
    await store.start()
    randomness = random.Random(seed)
    expected: dict[Key, int] = {}
    for collection in ("barns", "fields"):
        await store.create_collection("farm", collection, MAPPINGS)
    for n in range(400):
        await _change(store, randomness, n, expected)
        assert await _read(store) == expected
    await store.close()
    store = open_store(Settings(store=f"sqlite:{directory}"))
    await store.start()
    assert await _read(store) == expected
    await store.close()


async def _change(store: Store, randomness: random.Random, n: int, expected: dict[Key, int]) -> None:
    key = randomness.choice(KEYS)
    match randomness.randrange(6):
        case 0:
            await store.put([Put(PutKind.INDEX, key, {"n": n})])
            expected[key] = n
        case 1 if key in expected:
            await store.transact(lambda tx: _delete(tx, key))
            del expected[key]
        case 2 if key in expected:
            with pytest.raises(ApiError):
                await store.transact(lambda tx: _refused(tx, key))
        case 3 if n % 10 == 0:
            await store.drop_collection("farm", key.collection)
            await store.create_collection("farm", key.collection, MAPPINGS)
            for gone in [known for known in expected if known.collection == key.collection]:
                del expected[gone]
        case _:
            await store.transact(lambda tx: _write(tx, key, n))
            expected[key] = n


async def _read(store: Store) -> dict[Key, int]:
    return {key: document.source["n"] for key, document in (await store.read(KEYS)).items()}


def _write(tx: Transaction, key: Key, n: int) -> Document:
    if tx.read((key,)):
        return tx.replace(key, {"n": n})
    return tx.create(key.index, key.collection, {"n": n}, key.id)


def _delete(tx: Transaction, key: Key) -> None:
    tx.read((key,))
    tx.delete(key)


def _refused(tx: Transaction, key: Key) -> None:
    tx.read((key,))
    tx.replace(key, {"n": "none"})


async def test_who_changes_what_was_read_changes_nothing_for_others(tmp_path: Path) -> None:
    store = open_store(Settings(store=f"sqlite:{tmp_path / 'data'}"))
    await store.start()
    await store.create_collection("farm", "barns", MAPPINGS)
    key = KEYS[0]
    await store.put([Put(PutKind.INDEX, key, {"n": 1, "doors": ["north"]})])
    for _ in range(2):
        document = (await store.read((key,)))[key]
        assert document.source == {"n": 1, "doors": ["north"]}
        document.source["doors"].append("south")
    await store.close()


def test_rows_that_nobody_asks_for_go_first() -> None:
    rows = RecentRows(100 * OVERHEAD)
    for number in range(1000):
        rows.keep((1, str(number)), _row(number))
        assert rows.get((1, "0")) is not None
    assert rows.get((1, "999")) is not None
    assert sum(rows.get((1, str(number))) is not None for number in range(1000)) <= 100


def test_a_forgotten_row_is_unknown() -> None:
    rows = RecentRows(100 * OVERHEAD)
    for number in range(60):
        rows.keep((1, str(number)), _row(number))
    for number in range(60):
        rows.forget((1, str(number)))
        assert rows.get((1, str(number))) is None


def _row(number: int) -> Row:
    return (str(number), number, 1, number, 1, "{}")
