"""What is kept of a request with an idempotency key: its committed steps, then its answer (design 9).

There is nothing to claim and nothing to take over. The n-th step of a request commits together with a document of its
own, whose id follows from the key: of two attempts, in whatever process, only one can commit it, and the other one
finds what was recorded. So a retry may start while the first attempt is still alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.query.tree import Query, Range, Term
from device_manager.storage.contract import INTERNAL_INDEX, Decide, Document, Key, Store, Transaction
from device_manager.storage.removal import remove_matching
from device_manager.storage.steps import RECORDER
from device_manager.storage.typed_json import decode, encode

T = TypeVar("T")

JOURNAL = "journal"
JOURNAL_MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {"expires": {"type": "long"}, "engine": {"type": "keyword"}},
}
"""Texts are not mapped, hence not indexed: they may be of any size."""
PIECE = 1 << 20
"""Characters of text in one document; longer texts go on in further documents."""


class JournalHead(NamedTuple):
    """Whose journal it is.

    Attributes:
        id: from user, engine, action and key.
        fingerprint: of what was asked for; the same key with another request is a mistake.
        key: the idempotency key, for messages.
        engine: the engine of the request, with which its journal goes; empty when there is none.
        expires: milliseconds since 1970 from which on it may be removed.
    """

    id: str
    fingerprint: str
    key: str
    engine: str
    expires: int


class Journal:
    """The record of one request while it runs; a `steps.Recorder`.

    Attributes:
        is_unfinished: a step failed for a reason that may pass, so the answer is not final even if it is a success.
    """

    def __init__(self, store: Store, head: JournalHead) -> None:
        self.head = head
        self._store = store
        self.is_unfinished = False
        self._steps = 0
        self._is_retry = False

    async def open(self) -> str | None:
        """The answer that an earlier attempt was given; None when the request has to run, or to go on.

        Raises:
            ApiError: `api.process.idempotency_mismatch` for another request with the same key.
        """
        answer, first = self._key(""), self._key("-0")
        found = await self._read((answer, first))
        self._is_retry = first in found
        for document in found.values():
            self._check(document)
        return await self._text(answer, found[answer]) if answer in found else None

    async def complete(self, answer: str) -> None:
        """Keep the answer; does nothing when another attempt was faster."""
        key = self._key("")

        def decide(tx: Transaction) -> None:
            if key not in tx.read((key,)):
                self._write(tx, "", answer)

        await self._store.transact(decide)

    async def step(self, name: str, run: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See `Recorder.step`."""
        suffix = f"-{self._steps}"
        self._steps += 1
        if self._is_retry:
            recorded = await self._recorded(suffix, name)
            if recorded is not None:
                result: T = recorded[0]
                return result
            self._is_retry = False
        token = RECORDER.set(_OpenStep(self, suffix, name))
        try:
            result = await run()
        except Exception as error:
            # Another attempt may have committed this very step, and what it did is in the way of ours.
            was_unfinished, self.is_unfinished = self.is_unfinished, True  # should the look fail too
            recorded = await self._recorded(suffix, name)
            self.is_unfinished = was_unfinished
            if recorded is None:
                self.is_unfinished |= not isinstance(error, ApiError) or error.is_fault
                raise
            result = recorded[0]
        finally:
            RECORDER.reset(token)
        return result

    def recording(self, decide: Decide[T]) -> Decide[T]:
        """See `Recorder.recording`."""
        return decide

    def write_step(self, tx: Transaction, suffix: str, name: str, result: Any) -> None:
        """Add the record of a step to its transaction."""
        self._write(tx, suffix, encode(result), name)

    async def _recorded(self, suffix: str, name: str) -> tuple[Any] | None:
        """What the step returned when it was committed, in a tuple; None when it was not."""
        key = self._key(suffix)
        document = (await self._read((key,))).get(key)
        if document is None:
            return None
        self._check(document)
        if document.source["step"] != name:
            raise api_error("api.process.idempotency_mismatch", self.head.key)
        return (decode(await self._text(key, document)),)

    async def _read(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """The documents among `keys` that are committed: a plain read may show what a transaction takes back."""
        token = RECORDER.set(None)
        try:
            return await self._store.transact(lambda tx: tx.read(keys))
        finally:
            RECORDER.reset(token)

    def _key(self, suffix: str) -> Key:
        return Key(INTERNAL_INDEX, JOURNAL, self.head.id + suffix)

    def _check(self, document: Document) -> None:
        if document.source["fingerprint"] != self.head.fingerprint:
            raise api_error("api.process.idempotency_mismatch", self.head.key)

    def _write(self, tx: Transaction, suffix: str, text: str, name: str = "") -> None:
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        head = self.head
        for number, piece in enumerate(pieces):
            key = self._key(f"{suffix}.{number}" if number else suffix)
            source = {"expires": head.expires, "engine": head.engine, "text": piece}
            if not number:
                source |= {"fingerprint": head.fingerprint, "step": name, "pieces": len(pieces)}
            tx.create(key.index, key.collection, source, key.id)

    async def _text(self, key: Key, document: Document) -> str:
        rest = [key._replace(id=f"{key.id}.{number}") for number in range(1, document.source["pieces"])]
        found = await self._read(rest) if rest else {}
        return "".join([document.source["text"], *(found[piece].source["text"] for piece in rest)])


class _OpenStep:
    """The recorder inside of a step."""

    def __init__(self, journal: Journal, suffix: str, name: str) -> None:
        self._journal = journal
        self._suffix = suffix
        self._name = name

    def recording(self, decide: Decide[T]) -> Decide[T]:
        """See `Recorder.recording`."""

        def recorded(tx: Transaction) -> T:
            result = decide(tx)
            self._journal.write_step(tx, self._suffix, self._name, result)
            return result

        return recorded

    def step(self, name: str, run: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
        """See `Recorder.step`: a step inside a step is part of it."""
        return run()


async def prepare_journal(store: Store) -> None:
    """Make the collection; needed before the first journal is opened."""
    await store.create_collection(INTERNAL_INDEX, JOURNAL, JOURNAL_MAPPING)


async def remove_expired(store: Store) -> int:
    """Remove the journals whose time is over; how many documents that were."""
    return await _remove(store, Range("expires", lt=time.time_ns() // 1_000_000))


async def remove_of_engine(store: Store, engine: str) -> int:
    """Remove the journals of an engine that is gone; how many documents that were."""
    return await _remove(store, Term("engine", engine))


async def _remove(store: Store, query: Query) -> int:
    try:
        return await remove_matching(store, INTERNAL_INDEX, JOURNAL, query)
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return 0  # no request had a key yet
