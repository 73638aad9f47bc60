"""Decisions that rest on a search: made again when something that the search could have missed was written since."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Store, Transaction

Found = TypeVar("Found")
T = TypeVar("T")

PATIENCE = 15.0
"""Seconds of searching again before the request is refused because others are always faster."""

_turns: WeakKeyDictionary[Store, WeakValueDictionary[Key, asyncio.Lock]] = WeakKeyDictionary()
"""The locks that somebody holds or waits for."""


class _Moved(Exception):  # no error: it only ends a transaction with nothing written
    """The watched document was written between the search and the commit."""


async def decide_on_findings(
    store: Store,
    watched: Key,
    find: Callable[[], Awaitable[Found]],
    decide: Callable[[Transaction, Found], T],
    *,
    dry_run: bool = False,
    refresh: bool = False,
) -> T:
    """Search, then decide in a transaction that is on the same state of the `watched` document as the search.

    Whoever writes what `find` looks for writes the watched document in the same commit, and so must `decide`.

    Args:
        store: where everything is.
        watched: the document that stands for all that can be found.
        find: the search; it must see every acknowledged write.
        decide: the decision, pure as `Store.transact` wants it.
        dry_run: see `Store.transact`.
        refresh: see `Store.transact`.

    Raises:
        ApiError: what `find` and `decide` raise, `services.storage.too_many_changes`.
    """
    # In turn within this process: each decision that commits makes the searches of all others void.
    async with _turns.setdefault(store, WeakValueDictionary()).setdefault(watched, asyncio.Lock()):
        give_up_at = time.monotonic() + PATIENCE
        while True:
            seen = _version((await store.read((watched,))).get(watched))
            found = await find()

            def run(tx: Transaction, found: Found = found, seen: int = seen) -> T:
                if _version(tx.read((watched,)).get(watched)) != seen:
                    raise _Moved
                return decide(tx, found)

            with contextlib.suppress(_Moved):
                return await store.transact(run, dry_run=dry_run, refresh=refresh)
            if time.monotonic() > give_up_at:
                raise api_error("services.storage.too_many_changes", watched.id)


def _version(document: Document | None) -> int:
    return document.version if document else 0
