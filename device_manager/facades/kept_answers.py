"""Answers to requests with a token of the client's, given again to its retries (facades 2.7)."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.router.turns import Turns
from device_manager.storage.contract import Store
from device_manager.storage.ids import derived_id
from device_manager.storage.journal import Journal, JournalHead, prepare_journal

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
    """

    def __init__(self, store: Store, *, kept: float, patience: float) -> None:
        self._store = store
        self._kept = kept
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
        async with contextlib.AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self._turns.alone(head.id))
            except TimeoutError:
                raise api_error("api.process.idempotent_request_running", token.text) from None
            return await self._answer(Journal(self._store, head), run)

    async def _answer(self, journal: Journal, run: Callable[[], Awaitable[str]]) -> str:
        if not self._is_prepared:
            await prepare_journal(self._store)
            self._is_prepared = True
        kept = await journal.open()
        if kept is not None:
            return kept
        answer = await run()
        try:
            await journal.complete(answer)
        except ApiError as error:
            log.warning("an answer was not kept for retries, which repeat the request instead", reason=error.message)
        return answer
