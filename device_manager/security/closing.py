"""Closing what is about to be deleted: nothing new may refer to it meanwhile (router-protocol 5.10).

A search cannot be a part of a transaction. So the document is marked first, from then on nothing new may refer to it,
then its users are looked for, and the decision removes the document or the mark. A mark whose server died is taken back
by the first who meets it: at once where one process has the store for itself, otherwise when it stays for too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.security.documents import USERS
from device_manager.security.memory import raise_generation
from device_manager.storage.contract import Decide, Document, Key, Store, Transaction
from device_manager.storage.stamps import INFO
from device_manager.storage.steps import unrecorded

Found = TypeVar("Found")
T = TypeVar("T")

CLOSING = "closing"
"""The member of `_kuzzle_info` with the mark, a text that no other mark is like."""
ATTEMPTS = 10
"""Searches of one decision; each but the first because somebody else took the mark back meanwhile."""
MOST_MET = 1000
"""Marks of others that are remembered."""

log = structlog.get_logger("closing")


class BeingClosed(ApiError):
    """Something refers to a document that is closing: `security.role.closing`, `profile.closing`, `user.closing` (409).

    Attributes:
        key: the document.
        mark: its mark.
    """

    def __init__(self, key: Key, mark: str) -> None:
        error = api_error(f"security.{key.collection.removesuffix('s')}.closing", key.id)
        super().__init__(error.message, status=error.status, id=error.id, code=error.code, props=error.props)
        self.key = key
        self.mark = mark


class _Reopened(Exception):  # no error: it only ends a transaction with nothing written
    """The mark that the search relied on is gone."""


def check_open(key: Key, document: Document) -> None:
    """Refuse to refer to a user, a profile or a role that is closing. Raises `BeingClosed`."""
    mark = _mark_of(document)
    if mark is not None:
        raise BeingClosed(key, mark)


def opened(source: dict[str, Any]) -> dict[str, Any]:
    """A content without the mark."""
    info = source.get(INFO)
    if not isinstance(info, dict) or CLOSING not in info:
        return source
    return source | {INFO: {name: value for name, value in info.items() if name != CLOSING}}


def _mark_of(document: Document | None) -> str | None:
    info = document.source.get(INFO) if document is not None else None
    mark = info.get(CLOSING) if isinstance(info, dict) else None
    return mark if isinstance(mark, str) else None


class Closings:
    """Makes the decisions that need something closed, and the transactions that refer to what may be closing.

    Args:
        store: where users, profiles and roles are.
        grace: seconds after which a mark of another server that does not go away counts as left behind.
    """

    def __init__(self, store: Store, grace: float) -> None:
        self._store = store
        self._grace = grace if store.shared else 0.0
        self._own: set[str] = set()
        self._met: OrderedDict[str, float] = OrderedDict()

    async def decide(
        self,
        key: Key,
        find: Callable[[], Awaitable[Found]],
        decide: Callable[[Transaction, Found], T],
        call: Call,
    ) -> T:
        """Close a document, search, then decide in a transaction what becomes of it.

        Args:
            key: the user, profile or role. When there is none, it is up to `decide` to refuse that.
            find: searches for what refers to it; it must see every acknowledged write.
            decide: the decision, pure as `Store.transact` wants it; it deletes the document or gives it a content
                without the mark (`opened`). When it raises, the mark is taken back.
            call: the caller. A dry run marks nothing.

        Raises:
            ApiError: what `find` and `decide` raise; `services.storage.too_many_changes` when others take the mark back
                again and again.
        """
        if call.dry_run:
            found = await find()
            return await self._store.transact(lambda tx: decide(tx, found), dry_run=True)
        for _ in range(ATTEMPTS):
            with contextlib.suppress(_Reopened):
                return await self._decide_once(key, find, decide, call)
        raise api_error("services.storage.too_many_changes", key.id)

    async def _decide_once(
        self, key: Key, find: Callable[[], Awaitable[Found]], decide: Callable[[Transaction, Found], T], call: Call
    ) -> T:
        new = uuid.uuid4().hex
        self._own.add(new)
        mark: str | None = new
        try:
            mark = await self._close(key, new)
            found = await find()

            def run(tx: Transaction) -> T:
                if _mark_of(tx.read((key,)).get(key)) != mark:
                    raise _Reopened
                return decide(tx, found)

            return await self._store.transact(run, refresh=call.refresh)
        except (ApiError, asyncio.CancelledError):
            if mark is not None:
                await self._take_back(key, mark)
            raise
        finally:
            self._own.discard(new)

    async def _close(self, key: Key, new: str) -> str | None:
        """Mark a document; the mark that it has then, maybe that of somebody else, or None without a document."""

        def decide(tx: Transaction) -> str | None:
            stored = tx.read((key,)).get(key)
            mark = _mark_of(stored)
            if stored is None or mark is not None:
                return mark
            tx.replace(key, stored.source | {INFO: (stored.source.get(INFO) or {}) | {CLOSING: new}})
            _order(tx, key)
            return new

        with unrecorded():
            return await self._store.transact(decide)

    async def _take_back(self, key: Key, mark: str) -> None:
        """Take a mark back, if it is still there. What keeps it from that is no matter of the caller's."""

        def decide(tx: Transaction) -> None:
            stored = tx.read((key,)).get(key)
            if stored is not None and _mark_of(stored) == mark:
                tx.replace(key, opened(stored.source))
                _order(tx, key)

        try:
            with unrecorded():
                await self._store.transact(decide)
        except ApiError as error:
            log.warning("what was closed could not be opened again", document=str(key), reason=error.message)

    async def transact(self, decide: Decide[T], call: Call, *, refresh: bool | None = None) -> T:
        """`Store.transact` for a decision that calls `check_open`: marks that were left behind do not stand in its way.

        Args:
            decide: the decision.
            call: the caller, with `dry_run` and `refresh`.
            refresh: instead of the caller's.

        Raises:
            ApiError: what `Store.transact` raises, `BeingClosed` among it.
        """
        for attempt in range(ATTEMPTS + 1):
            try:
                return await self._store.transact(
                    decide, dry_run=call.dry_run, refresh=call.refresh if refresh is None else refresh
                )
            except BeingClosed as refused:
                if call.dry_run or attempt == ATTEMPTS or not self._is_left_behind(refused.mark):
                    raise
                await self._take_back(refused.key, refused.mark)
        raise AssertionError("the last attempt returns or raises")

    def _is_left_behind(self, mark: str) -> bool:
        """Whether nobody is going to take a mark back but us."""
        if mark in self._own:
            return False
        now = time.monotonic()
        since = self._met.setdefault(mark, now)
        while len(self._met) > MOST_MET:
            self._met.popitem(last=False)
        return now - since >= self._grace


def _order(tx: Transaction, key: Key) -> None:
    """Let those who refer to a profile or a role decide either before this or after: they all raise the generation.

    Those who add to a user write the user's document, so that needs nothing.
    """
    if key.collection != USERS:
        raise_generation(tx)
