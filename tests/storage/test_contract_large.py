"""Large decisions: they run beside the event loop, and are still made on top of each other; on both stores."""

from __future__ import annotations

import asyncio
import threading

import pytest

from device_manager.errors import ApiError
from device_manager.storage.contract import Key, Store, Transaction


@pytest.fixture
def counter(index: str) -> Key:
    return Key(index, "assets", "counter")


async def test_the_event_loop_goes_on_while_a_large_decision_runs(store: Store, counter: Key) -> None:
    deciding, ticked = threading.Event(), threading.Event()

    def decide(tx: Transaction) -> None:
        tx.read([counter])
        deciding.set()
        assert ticked.wait(30), "the event loop stood still"
        tx.create(*counter[:2], {"serial": 1}, counter.id)

    running = asyncio.create_task(store.transact(decide, large=True))
    await asyncio.to_thread(deciding.wait, 30)
    assert await store.read([counter]) == {}
    ticked.set()
    await running
    assert (await store.get(*counter)).source == {"serial": 1}


async def test_large_and_small_decisions_rest_on_each_other(store: Store, counter: Key) -> None:
    await store.transact(lambda tx: tx.create(*counter[:2], {"serial": 0}, counter.id))

    def decide(tx: Transaction) -> int:
        serial: int = tx.read([counter])[counter].source["serial"] + 1
        tx.replace(counter, {"serial": serial})
        return serial

    results = await asyncio.gather(*(store.transact(decide, large=number % 3 == 0) for number in range(60)))
    assert sorted(results) == list(range(1, 61))
    assert (await store.get(*counter)).source == {"serial": 60}


async def test_a_large_decision_that_raises_writes_nothing_and_holds_nobody_up(store: Store, counter: Key) -> None:
    def refuse(tx: Transaction) -> None:
        tx.create(*counter[:2], {"serial": 1}, counter.id)
        raise ApiError("no", status=412)

    with pytest.raises(ApiError, match="no"):
        await store.transact(refuse, large=True)
    await store.transact(lambda tx: tx.create(*counter[:2], {"serial": 2}, counter.id))
    assert (await store.get(*counter)).source == {"serial": 2}


async def test_mappings_change_before_or_after_a_large_decision(store: Store, counter: Key) -> None:
    deciding, go_on = threading.Event(), threading.Event()

    def decide(tx: Transaction) -> None:
        deciding.set()
        assert go_on.wait(30)
        tx.create(*counter[:2], {"serial": 1}, counter.id)

    running = asyncio.create_task(store.transact(decide, large=True))
    await asyncio.to_thread(deciding.wait, 30)
    adding = asyncio.create_task(
        store.create_collection(counter.index, "assets", {"properties": {"added": {"type": "keyword"}}})
    )
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(running, adding)
    await store.transact(lambda tx: tx.create(*counter[:2], {"added": "x"}, "later"))
