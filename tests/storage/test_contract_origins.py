"""Changes name what they were made for, on both stores (router-protocol 5.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from device_manager.storage.contract import Change, Decide, Document, Key, Put, PutKind, Store, Transaction
from device_manager.storage.origin import ORIGIN

Writes = Callable[..., Decide[Document]]


async def test_changes_name_the_origin_of_their_writer(store: Store, a: Key, b: Key, put: Writes) -> None:
    heard: list[Change] = []
    store.on_commit(heard.extend)

    async def write(origin: object, key: Key, serial: int, *, large: bool = False) -> None:
        ORIGIN.set(origin)
        await store.transact(put(key, serial=serial), large=large)

    async def place(origin: object, key: Key, serial: int) -> None:
        ORIGIN.set(origin)
        await store.put([Put(PutKind.INDEX, key, {"serial": serial})])

    # Each task has a context of its own; they share commits, and some of them have to be decided twice.
    writers = [asyncio.create_task(write(f"of {n}", a if n % 2 else b, n, large=n == 5)) for n in range(8)]
    await asyncio.gather(*writers)
    await asyncio.gather(*(asyncio.create_task(place(f"of {n}", Key(*a[:2], f"c{n}"), n)) for n in range(8, 12)))
    assert ORIGIN.get() is None

    def remove(tx: Transaction) -> None:
        tx.read((a,))
        tx.delete(a)

    await store.transact(remove)
    made = {change.after.source["serial"]: change.origin for change in heard if change.after is not None}
    assert made == {n: f"of {n}" for n in range(12)}
    assert heard[-1].after is None and heard[-1].origin is None
