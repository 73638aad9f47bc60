"""What each open scroll needs to go on, in the internal index, bounded in number for each user (design 6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from device_manager.errors import ApiError, api_error
from device_manager.query.tree import Range, Scalar
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store, Transaction
from device_manager.storage.ids import derived_id
from device_manager.storage.removal import remove_matching

T = TypeVar("T")

SCROLLS = "scrolls"
MAPPING: dict[str, Any] = {"dynamic": "false", "properties": {"expiresAt": {"type": "long"}}}
CLEARING = 60.0
"""Seconds between two removals of what users left behind who do not scroll any more."""


class Place(msgspec.Struct):
    """How far a scroll is in one collection.

    Attributes:
        index: where.
        collection: where.
        snapshot: name of the snapshot that is read, see `Store.open_snapshot`.
        after: sort values of the last hit that was shown; None before the first one.
    """

    index: str
    collection: str
    snapshot: str
    after: tuple[Scalar, ...] | None = None


class ScrollContext(msgspec.Struct):
    """One open scroll.

    Attributes:
        kind: which action continues it.
        owner: id of the user who began it; None for the product itself.
        places: the collections.
        body: the search body.
        lang: the language of its query.
        size: hits of a page.
        total: hits of all pages.
        fetched: hits of the pages so far, with those that were left out.
        keep: seconds that it waits for the next page.
    """

    kind: str
    owner: str | None
    places: list[Place]
    body: dict[str, Any]
    lang: str
    size: int
    total: int = 0
    fetched: int = 0
    keep: float = 0.0

    @property
    def remaining(self) -> int:
        """Hits of the pages to come."""
        return self.total - self.fetched


class ScrollContexts:
    """Opens, keeps and ends contexts.

    A ledger for each user says which are open, so that their number is exact on any number of servers.

    Args:
        store: where they are, for all servers.
        limit: most open scrolls of one user.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._cleared = time.monotonic()

    async def open(self, id: str, context: ScrollContext, keep: float) -> None:
        """Store a new context.

        Raises:
            ApiError: `services.storage.too_many_scrolls` (429); the store does not answer.
        """
        context.keep = keep
        source = _source(context)
        await self._transact(lambda tx: self._open(tx, id, source, _ledger_key(context.owner)))
        if time.monotonic() - self._cleared > CLEARING:
            self._cleared = time.monotonic()
            await remove_matching(self._store, INTERNAL_INDEX, SCROLLS, Range("expiresAt", lte=_now()))

    def _open(self, tx: Transaction, id: str, source: dict[str, Any], ledger_key: Key) -> None:
        now = _now()
        ledger = tx.read((ledger_key,)).get(ledger_key)
        listed: dict[str, int] = dict(ledger.source["open"]) if ledger else {}
        doubtful = {name: _key(name) for name, expires_at in listed.items() if expires_at <= now}
        found = tx.read(doubtful.values()) if doubtful else {}
        for name, key in doubtful.items():
            document = found.get(key)
            if document is not None and document.source["expiresAt"] > now:
                listed[name] = document.source["expiresAt"]
                continue
            del listed[name]
            if document is not None:
                tx.delete(key)
        if len(listed) >= self._limit:
            raise api_error("services.storage.too_many_scrolls", self._limit)
        listed[id] = source["expiresAt"]
        _write_ledger(tx, ledger_key, ledger, listed)
        tx.create(INTERNAL_INDEX, SCROLLS, source, id)

    async def get(self, id: str) -> ScrollContext | None:
        """The context, None when it does not exist or has expired. Raises ApiError when the store does not answer."""
        key = _key(id)
        try:
            document = (await self._store.read((key,))).get(key)
        except ApiError as error:
            if error.is_unknown_place:
                return None
            raise
        if document is None or "state" not in document.source or document.source["expiresAt"] <= _now():
            return None
        return msgspec.json.decode(document.source["state"], type=ScrollContext)

    async def keep(self, id: str, context: ScrollContext, keep: float) -> None:
        """Store how far a scroll is. Raises ApiError when the store does not answer."""
        context.keep = keep
        source, key = _source(context), _key(id)

        def decide(tx: Transaction) -> None:
            if key in tx.read((key,)):
                tx.replace(key, source)

        await self._store.transact(decide)

    async def end(self, id: str, context: ScrollContext) -> None:
        """Forget a scroll. Raises ApiError when the store does not answer."""
        key, ledger_key = _key(id), _ledger_key(context.owner)

        def decide(tx: Transaction) -> None:
            found = tx.read((key, ledger_key))
            if key in found:
                tx.delete(key)
            ledger = found.get(ledger_key)
            if ledger is not None and id in ledger.source["open"]:
                listed = {name: until for name, until in ledger.source["open"].items() if name != id}
                _write_ledger(tx, ledger_key, ledger, listed)

        await self._store.transact(decide)

    async def _transact(self, decide: Callable[[Transaction], T]) -> T:
        try:
            return await self._store.transact(decide)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
        await self._store.create_collection(INTERNAL_INDEX, SCROLLS, MAPPING)
        return await self._store.transact(decide)


def _write_ledger(tx: Transaction, key: Key, ledger: Document | None, listed: dict[str, int]) -> None:
    if ledger is not None and not listed:
        tx.delete(key)
        return
    source = {"open": listed, "expiresAt": max(listed.values())}
    if ledger is None:
        tx.create(key.index, key.collection, source, key.id)
    else:
        tx.replace(key, source)


def _source(context: ScrollContext) -> dict[str, Any]:
    # As text: members of somebody's query may have names that no document can have.
    return {"expiresAt": _now() + int(context.keep * 1000), "state": msgspec.json.encode(context).decode()}


def _key(id: str) -> Key:
    return Key(INTERNAL_INDEX, SCROLLS, id)


def _ledger_key(owner: str | None) -> Key:
    return _key(derived_id("scrolls", owner or "", "product" if owner is None else "user"))


def _now() -> int:
    return time.time_ns() // 1_000_000
