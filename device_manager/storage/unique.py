"""Unique keys: values of which there may be one owner only, claimed in the transaction that uses them (design 6).

A claim is a document whose id follows from scope and value, so of two claims at once only one can be committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from device_manager.errors import api_error
from device_manager.query.tree import Term
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.ids import derived_id
from device_manager.storage.removal import remove_matching

UNIQUE = "unique"
UNIQUE_MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {"scope": {"type": "keyword"}, "engine": {"type": "keyword"}, "owner": {"type": "keyword"}},
}
"""Values are not mapped, hence not indexed: they may be of any length."""


class UniqueKey(NamedTuple):
    """A value that one owner may have.

    Attributes:
        scope: what the value is, such as `group-name`.
        value: the value, compared as it is: fold case before if case does not count.
        engine: the engine in which it is unique and with which it goes; empty for the whole platform.
    """

    scope: str
    value: str
    engine: str = ""

    @property
    def address(self) -> Key:
        """Where the claim is kept."""
        return Key(INTERNAL_INDEX, UNIQUE, derived_id(*self))


async def prepare_unique_keys(store: Store) -> None:
    """Make the collection; needed once before the first claim."""
    await store.create_collection(INTERNAL_INDEX, UNIQUE, UNIQUE_MAPPING)


def claim(tx: Transaction, owner: str, keys: Iterable[UniqueKey]) -> None:
    """Make `owner` the owner of all `keys`; nothing happens for those that it has already.

    Raises:
        ApiError: `services.storage.unique_key_taken` (409), which names scope, value and owner.
    """
    wanted = list(dict.fromkeys(keys))
    found = tx.read([key.address for key in wanted])
    for key in wanted:
        taken = found.get(key.address)
        if taken is None:
            tx.create(*key.address[:2], key._asdict() | {"owner": owner}, key.address.id)
        elif taken.source["owner"] != owner:
            raise api_error("services.storage.unique_key_taken", key.scope, key.value, taken.source["owner"])
        else:
            tx.touch(key.address)  # the commit rests on its being there still


def release(tx: Transaction, owner: str, keys: Iterable[UniqueKey]) -> None:
    """Give up those of `keys` that `owner` has; nothing happens for the others."""
    addresses = [key.address for key in dict.fromkeys(keys)]
    for address, taken in tx.read(addresses).items():
        if taken.source["owner"] == owner:
            tx.delete(address)


def exchange(tx: Transaction, owner: str, old: Iterable[UniqueKey], new: Iterable[UniqueKey]) -> None:
    """Claim `new` and release those of `old` that are not among them, with one read.

    Raises:
        ApiError: what `claim` raises.
    """
    kept = dict.fromkeys(new)
    gone = [key for key in old if key not in kept]
    tx.read([key.address for key in (*kept, *gone)])
    claim(tx, owner, kept)
    release(tx, owner, gone)


async def owners(store: Store, keys: Iterable[UniqueKey]) -> dict[UniqueKey, str]:
    """Who has those of `keys` that somebody has, in one round trip."""
    addresses = {key.address: key for key in keys}
    found: dict[Key, Document] = await store.read(addresses)
    return {addresses[address]: document.source["owner"] for address, document in found.items()}


async def release_of_engine(store: Store, engine: str) -> int:
    """Remove the claims inside an engine that is gone; how many there were."""
    return await remove_matching(store, INTERNAL_INDEX, UNIQUE, Term("engine", engine))
