"""Answers to requests with a token of the client's, given again to its retries (facades 2.7).

Whoever answers a request first says so in the store, for half a minute at a time. Others who get the same request
meanwhile, in whatever process, wait for the answer. The note of a process that died is over after that while.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.router.turns import Turns
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store, Transaction
from device_manager.storage.ids import derived_id
from device_manager.storage.journal import JOURNAL, Journal, JournalHead, prepare_journal

LEASE = 30.0
"""Seconds for which a note says that a request is being answered; it is renewed while that is so."""
PAUSE = 0.1
"""Seconds between two looks for the answer of another process."""

log = structlog.get_logger("foreign")


class Token(NamedTuple):
    """What makes a request the same as an earlier one.

    Attributes:
        engine: with which its answer goes.
        scope: within which the token counts: interface, account, operation and so on.
        text: the token.
        content: all else that was asked for; the same token with other content is a mistake.
    """

    engine: str
    scope: tuple[str, ...]
    text: str
    content: bytes


class KeptAnswers:
    """Keeps answers in the store, until their time is over.

    Args:
        store: where they are kept.
        kept: seconds for which.
        patience: seconds that a second request waits for the first one.
        lease: seconds after which somebody who says nothing any more is taken for dead.
    """

    def __init__(self, store: Store, *, kept: float, patience: float, lease: float = LEASE) -> None:
        self._store = store
        self._kept = kept
        self._patience = patience
        self._lease = lease
        self._turns = Turns(patience)
        self._is_prepared = False

    async def answer(self, token: Token, run: Callable[[], Awaitable[str]]) -> str:
        """The answer that an earlier request with the token got; else what `run` gives, which is kept.

        What `run` raises is not kept.

        Raises:
            ApiError: `api.process.idempotency_mismatch` (409), `idempotent_request_running` (429), a store that does
                not answer.
        """
        head = JournalHead(
            derived_id(token.engine, *token.scope, token.text),
            hashlib.sha256(token.content).hexdigest(),
            token.text,
            token.engine,
            int((time.time() + self._kept) * 1000),
        )
        deadline = time.monotonic() + self._patience
        async with contextlib.AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self._turns.alone(head.id))
            except TimeoutError:
                raise api_error("api.process.idempotent_request_running", token.text) from None
            return await self._answer(head, run, deadline)

    async def _answer(self, head: JournalHead, run: Callable[[], Awaitable[str]], deadline: float) -> str:
        if not self._is_prepared:
            await prepare_journal(self._store)
            self._is_prepared = True
        journal, note = Journal(self._store, head), RunningNote(self._store, head, self._lease)
        while (state := await note.take()) is State.RUNNING:
            if time.monotonic() > deadline:
                raise api_error("api.process.idempotent_request_running", head.key)
            await asyncio.sleep(PAUSE)
        if state is State.ANSWERED:
            kept = await journal.open()
            if kept is not None:
                return kept
        async with note.kept():
            answer = await run()
        try:
            await journal.complete(answer)
        except ApiError as error:
            log.warning("an answer was not kept for retries, which repeat the request instead", reason=error.message)
            await note.drop()
        return answer


class State(enum.Enum):
    """What is known of a request."""

    ANSWERED = "answered"
    RUNNING = "running"
    OURS = "ours"


class RunningNote:
    """The note that a request is being answered.

    Args:
        store: where it is.
        head: the request.
        lease: seconds for which the note counts, unless it is renewed.
    """

    def __init__(self, store: Store, head: JournalHead, lease: float) -> None:
        self._store = store
        self._head = head
        self._lease = lease
        self._owner = uuid.uuid4().hex
        self._answer = Key(INTERNAL_INDEX, JOURNAL, head.id)
        self._key = Key(INTERNAL_INDEX, JOURNAL, f"{head.id}-running")

    async def take(self) -> State:
        """Make the note, unless somebody else answers the request or has done so.

        Raises:
            ApiError: `api.process.idempotency_mismatch`, a store that does not answer.
        """
        now = time.time_ns() // 1_000_000

        def decide(tx: Transaction) -> State:
            found = tx.read((self._answer, self._key))
            for document in found.values():
                if document.source["fingerprint"] != self._head.fingerprint:
                    if document.id == self._key.id and document.source["until"] <= now:
                        continue  # what died has not used the token up
                    raise api_error("api.process.idempotency_mismatch", self._head.key)
            if self._answer in found:
                return State.ANSWERED
            if self._key not in found:
                tx.create(self._key.index, self._key.collection, self._source(), self._key.id)
                return State.OURS
            if found[self._key].source["until"] > now:
                return State.RUNNING
            tx.replace(self._key, self._source())
            return State.OURS

        return await self._store.transact(decide)

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the note while the request is answered inside; what fails gives the token free at once."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        except BaseException:
            renewing.cancel()
            await self.drop()
            raise
        finally:
            renewing.cancel()

    async def drop(self) -> None:
        """Take the note back, as far as it is still this one."""

        def decide(tx: Transaction) -> None:
            document = tx.read((self._key,)).get(self._key)
            if document is not None and document.source["owner"] == self._owner:
                tx.delete(self._key)

        try:
            await self._store.transact(decide)
        except ApiError as error:
            log.warning("a token stays in use for a while", seconds=self._lease, reason=error.message)

    async def _renew(self) -> None:
        def decide(tx: Transaction) -> None:
            document = tx.read((self._key,)).get(self._key)
            if document is not None and document.source["owner"] == self._owner:
                tx.replace(self._key, self._source())

        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await self._store.transact(decide)
            except ApiError as error:
                log.warning("cannot say that a request is still being answered", reason=error.message)

    def _source(self) -> dict[str, object]:
        until = int((time.time() + self._lease) * 1000)
        return {
            "expires": until + 60_000,
            "engine": self._head.engine,
            "fingerprint": self._head.fingerprint,
            "owner": self._owner,
            "until": until,
        }
