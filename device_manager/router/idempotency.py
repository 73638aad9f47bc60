"""Requests with an idempotency key: one effect, one answer, however often they are sent (design 9)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import orjson
import structlog

from device_manager.errors import ApiError, api_error
from device_manager.router.registry import BoundAction
from device_manager.router.request import Request
from device_manager.router.response import ABSENT, Response
from device_manager.router.turns import Turns
from device_manager.storage.contract import Store
from device_manager.storage.ids import derived_id
from device_manager.storage.journal import Journal, JournalHead, prepare_journal, remove_expired
from device_manager.storage.steps import RECORDER

ARGUMENT = "idempotencyKey"
LONGEST_KEY = 255
SWEEP_INTERVAL = 600.0
"""Seconds between two looks for records whose time is over."""
NOT_COMPARED = frozenset({ARGUMENT, "requestId", "timestamp", "refresh", "index", "collection", "dryRun"})
"""Arguments in which a request may differ from the one before with the same key; the engine is in the key's scope."""

log = structlog.get_logger("idempotency")


class Idempotency:
    """Answers requests that have a key.

    Args:
        store: where what they did is recorded.
        kept: seconds for which an answer is kept.
        patience: seconds that a second call waits for the first one.
    """

    def __init__(self, store: Store, *, kept: float, patience: float) -> None:
        self._store = store
        self._kept = kept
        self._turns = Turns(patience)
        self._is_prepared = False
        self._sweeping: asyncio.Task[None] | None = None

    def takes(self, bound: BoundAction, request: Request) -> bool:
        """Whether `request`, for an action that writes, has a key that counts: a dry run leaves nothing to repeat.

        Raises:
            ApiError: `api.assert.forbidden_argument` for an action whose answers are not kept.
        """
        if ARGUMENT not in request.args or request.dry_run:
            return False
        if bound.declaration.secret:
            raise api_error("api.assert.forbidden_argument", ARGUMENT)
        return True

    async def start(self) -> None:
        """Begin to remove what is out of date, now and then."""
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Stop removing."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def answer(self, bound: BoundAction, request: Request, run: Callable[[], Awaitable[Response]]) -> Response:
        """The answer that the key was given before; else what `run` answers, continuing what was begun.

        Only successes are kept. A failure that wrote nothing leaves nothing; one that wrote leaves its steps, so that
        sending it again goes on behind them.

        Raises:
            ApiError: `api.process.idempotency_mismatch` (409), `idempotent_request_running` (429), an unusable key, a
                store that does not answer.
        """
        head = self._head(bound, request)
        async with self._alone(head):
            if not self._is_prepared:
                await prepare_journal(self._store)
                self._is_prepared = True
            journal = Journal(self._store, head)
            kept = await journal.open()
            if kept is not None:
                bound.echo(request.args)
                return _restored(request, kept)
            token = RECORDER.set(journal)
            try:
                response = await run()
            finally:
                RECORDER.reset(token)
            if response.error is None and response.stream is None and not journal.is_unfinished:
                await self._keep(journal, response)
            return response

    def _head(self, bound: BoundAction, request: Request) -> JournalHead:
        args = request.args
        key = args[ARGUMENT]
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
            raise api_error("api.assert.invalid_argument", ARGUMENT, f"a text of 1 to {LONGEST_KEY} characters")
        engine = str(args.get("engineId") or "")
        compared = {name: value for name, value in args.items() if name not in NOT_COMPARED}
        content = orjson.dumps([compared, request.body], default=repr, option=orjson.OPT_SORT_KEYS)
        action = f"{bound.controller}:{bound.action}"
        return JournalHead(
            derived_id(request.user_id or "", engine or str(args.get("index") or ""), action, key),
            hashlib.sha256(content).hexdigest(),
            key,
            engine,
            int((time.time() + self._kept) * 1000),
        )

    @contextlib.asynccontextmanager
    async def _alone(self, head: JournalHead) -> AsyncIterator[None]:
        """Let one request with a key run at a time in this process; others need no protection, only less work."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._turns.alone(head.id))
            except TimeoutError:
                raise api_error("api.process.idempotent_request_running", head.key) from None
            yield

    async def _keep(self, journal: Journal, response: Response) -> None:
        """Keep the answer. What it tells of is done, so no failure to keep it may turn it into another answer."""
        result = response.result
        content = [response.status, result is ABSENT, None if result is ABSENT else result, response.headers]
        try:
            await journal.complete(orjson.dumps([*content, response.raw], default=msgspec.to_builtins).decode())
        except (ApiError, TypeError) as error:
            log.warning("an answer was not kept for retries, which repeat the request instead", reason=str(error))

    async def _sweep(self) -> None:
        while True:
            try:
                await remove_expired(self._store)
            except ApiError as error:
                log.warning("cannot remove what was kept for retries", reason=error.message)
            await asyncio.sleep(min(SWEEP_INTERVAL, self._kept))


def _restored(request: Request, kept: str) -> Response:
    status, is_absent, result, headers, raw = orjson.loads(kept)
    answer: Any = ABSENT if is_absent else result
    return Response(request, status=status, result=answer, headers=headers, raw=raw)
