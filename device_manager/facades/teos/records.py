"""Where the interface keeps what has no counterpart among twins (facades 1.4, 3.6, 3.11).

One collection holds what changes: `<engine>:<kind>:<id>`. The blocks of the ledgers are in one of their own, which
nothing but appending is ever done to.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.query.tree import Bool, Query, Term
from device_manager.security.places import Place
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store
from device_manager.storage.removal import remove_matching

Source = dict[str, Any]

TEXTS = (
    *("type", "hash", "correlation", "gasPrice", "gasUsed", "asset", "address", "amount"),
    *("transaction", "documentHash"),
)
TIMES = (
    *("updatedAt", "placedAt", "onSubmitted", "onCommitted", "onConfirmed"),
    *("onRevokedByUser", "onRevokedByTxServer", "onRevokedByBlockchain"),
)
RECORDS = Place(
    INTERNAL_INDEX,
    "teos",
    {
        "dynamic": "false",
        "properties": {
            "engine": {"type": "keyword"},
            "kind": {"type": "keyword"},
            "state": {"type": "keyword"},
            "signedBy": {"type": "keyword"},
            "kuid": {"type": "keyword"},
            "links": {"type": "keyword"},
            "createdAt": {"type": "long"},
            "version": {"type": "long"},
            **{name: {"type": "keyword"} for name in TEXTS},
            **{name: {"type": "long"} for name in TIMES},
        },
    },
)
LEDGER = Place(
    INTERNAL_INDEX,
    "teos-ledger",
    {"dynamic": "false", "properties": {"engine": {"type": "keyword"}, "number": {"type": "long"}}},
)
ASSET, TRANSACTION, WALLET, ADDRESS, SIGNER, RAW, HEAD, BALANCE, VERSION = (
    "asset",
    "transaction",
    "wallet",
    "address",
    "signer",
    "raw",
    "head",
    "balance",
    "version",
)
"""Kinds of records: assets with their links; transactions; wallets, and whose an address is; the next nonce of a
signer; the raw transactions that were submitted, by their hash; the newest block; the sparks that an address has of an
asset; what the versions of assets changed."""


class Member(NamedTuple):
    """A record and its id among those of its kind."""

    id: str
    source: Source


def record_key(engine: str, kind: str, id: str) -> Key:
    """Where a record is."""
    return RECORDS.key(f"{engine}:{kind}:{id}")


def balance_key(engine: str, asset: str, address: str) -> Key:
    """Where it is written down how many sparks of an asset an address has."""
    return record_key(engine, BALANCE, f"{asset}:{address.lower()}")


def version_key(engine: str, asset: str, number: int) -> Key:
    """Where it is written down what a version of an asset changed; the first one has the number 1."""
    return record_key(engine, VERSION, f"{asset}:{number}")


def block_key(engine: str, number: int) -> Key:
    """Where a block is."""
    return LEDGER.key(f"{engine}:{number:012d}")


def records_of(engine: str, kind: str, *further: Query) -> Query:
    """Finds the records of one kind."""
    return Bool(filter=(Term("engine", engine), Term("kind", kind), *further))


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def instant(milliseconds: int | None) -> str | None:
    """A time as clients get it."""
    if milliseconds is None:
        return None
    read = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return read.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def is_made(store: Store, place: Place) -> bool:
    """Whether the collection exists: nobody has used the interface before it does."""
    try:
        return place.collection in await store.collections(place.index)
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return False


async def forget_engine(store: Store, engine: str) -> None:
    """Remove the records and the ledger of an engine that was deleted."""
    for place in (RECORDS, LEDGER):
        if await is_made(store, place):
            await remove_matching(store, *place[:2], Term("engine", engine))
