"""Values of which there may be one owner only, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.unique import (
    UniqueKey,
    claim,
    exchange,
    owners,
    prepare_unique_keys,
    release,
    release_of_engine,
)


@pytest.fixture
async def unique(store: Store, index: str) -> Callable[[str], UniqueKey]:
    """Names of groups in an engine of the test's own."""
    await prepare_unique_keys(store)
    return lambda value: UniqueKey("group-name", value, index)


def taken() -> Any:
    return pytest.raises(ApiError, check=lambda error: error.id == "services.storage.unique_key_taken")


async def test_a_value_has_one_owner(store: Store, unique: Callable[[str], UniqueKey]) -> None:
    red, blue = unique("red"), unique("blue" * 20_000)
    await store.transact(lambda tx: claim(tx, "one", [red, blue, red]))
    await store.transact(lambda tx: claim(tx, "one", [red]))
    with taken() as refusal:
        await store.transact(lambda tx: claim(tx, "two", [unique("green"), red]))
    assert refusal.value.status == 409
    assert refusal.value.message == 'The group-name "red" belongs to "one" already.'
    assert await owners(store, [red, blue, unique("green")]) == {red: "one", blue: "one"}
    await store.transact(lambda tx: claim(tx, "two", [red._replace(scope="other"), red._replace(engine="")]))
    await store.transact(lambda tx: release(tx, "two", [red._replace(engine="")]))


async def test_claims_are_released_and_exchanged_with_the_transaction(
    store: Store, index: str, unique: Callable[[str], UniqueKey]
) -> None:
    red, blue, green = unique("red"), unique("blue"), unique("green")
    await store.transact(lambda tx: claim(tx, "one", [red, blue]))
    await store.transact(lambda tx: release(tx, "two", [red]))
    assert await owners(store, [red]) == {red: "one"}
    reads = store.round_trips.reads
    await store.transact(lambda tx: exchange(tx, "one", [red, blue], [blue, green]))
    assert store.round_trips.reads - reads == 1
    assert await owners(store, [red, blue, green]) == {blue: "one", green: "one"}
    await store.transact(lambda tx: claim(tx, "two", [red]))

    def fails(tx: Transaction) -> None:
        exchange(tx, "one", [blue], [unique("white")])
        tx.create(index, "assets", {"unknown": 1}, "refused by the mapping")

    with pytest.raises(ApiError):
        await store.transact(fails)
    with taken():
        await store.transact(lambda tx: exchange(tx, "one", [blue], [red]))
    everything = [red, blue, green, unique("white")]
    assert await owners(store, everything) == {red: "two", blue: "one", green: "one"}
    assert await release_of_engine(store, index) == 3
    assert await owners(store, everything) == {}


async def test_of_simultaneous_claims_one_succeeds(
    store: Store, index: str, unique: Callable[[str], UniqueKey]
) -> None:
    red = unique("red")

    async def create(number: int) -> str:
        owner = f"asset-{number}"

        def decide(tx: Transaction) -> None:
            claim(tx, owner, [red])
            tx.create(index, "assets", {"serial": number}, owner)

        await store.transact(decide)
        return owner

    outcomes = await asyncio.gather(*map(create, range(12)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(winners) == 1
    assert all(isinstance(o, ApiError) and o.status == 409 for o in outcomes if not isinstance(o, str))
    assert await owners(store, [red]) == {red: winners[0]}
    assert set(await store.read(Key(index, "assets", f"asset-{n}") for n in range(12))) == {
        Key(index, "assets", winners[0])
    }


async def test_owners_swap_their_values_in_one_transaction(store: Store, unique: Callable[[str], UniqueKey]) -> None:
    red, blue = unique("red"), unique("blue")
    await store.transact(lambda tx: claim(tx, "one", [red]))
    await store.transact(lambda tx: claim(tx, "two", [blue]))

    def swap(tx: Transaction) -> None:
        release(tx, "one", [red])
        release(tx, "two", [blue])
        claim(tx, "one", [blue])
        claim(tx, "two", [red])

    await store.transact(swap)
    assert await owners(store, [red, blue]) == {red: "two", blue: "one"}
