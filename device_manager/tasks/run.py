"""One task at work in this process: steps, one after another, each followed by a note of how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from device_manager.errors import ApiError, unexpected
from device_manager.storage.contract import Store
from device_manager.tasks.kinds import Interrupted, TaskKind
from device_manager.tasks.records import TaskRecord, TaskState, advance_task

T = TypeVar("T")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two attempts at a step; they double."""
CONTENDED = "services.storage.too_many_changes"
ATTEMPTS = 10
"""Attempts at a step that others are faster than each time."""

log = structlog.get_logger("tasks")


class TaskRun:
    """Works on one task; a `Progress`.

    Args:
        store: where its record is.
        kind: what is to be done.
        record: where it begins.
        process: name of this process, which owns the task.

    Attributes:
        task_id: id of the task.
        kind: name of its kind.
        user_id: who started it.
        begun: how often a task of this id was started.
        over: set once this process has nothing more to do with it.
    """

    def __init__(self, store: Store, kind: TaskKind, record: TaskRecord, process: str) -> None:
        self.task_id = record.id
        self.kind = kind.name
        self.user_id = record.user_id
        self.begun = record.begun
        self.done = record.done
        self.total = record.total
        self.result = record.result
        self.over = asyncio.Event()
        self._store = store
        self._kind = kind
        self._record = record
        self._process = process
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let the step that runs be the last one in this process."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until the task is over, somebody else has it, or `stop` was called."""
        with contextlib.suppress(Interrupted):
            while not self._stopping.is_set():
                await self._advance()

    async def _advance(self) -> None:
        """Run one step and note what it did. Raises `Interrupted` when there is not going to be another one."""
        record = self._record
        try:
            record.cursor = await self._persist(self._step)
            if record.cursor is None:
                record.state = TaskState.FINISHED
        except Interrupted:
            raise
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("a task failed", task=record.id, kind=record.kind)
            record.state, record.error = TaskState.FAILED, unexpected(error).to_dict()
        await self._persist(self._note)

    async def save(self) -> None:
        """See `Progress.save`."""
        await self._note()
        if self._stopping.is_set():
            raise Interrupted

    async def _step(self) -> Any:
        return await self._kind.step(self._record.arguments, self._record.cursor, self)

    async def _note(self) -> None:
        record = self._record
        record.done, record.total, record.result = self.done, self.total, self.result
        stored = await self._store.transact(lambda tx: advance_task(tx, record, self._process))
        if stored is None:
            log.warning("another process has taken a task over", task=record.id, kind=record.kind)
            raise Interrupted
        if stored.is_over:
            raise Interrupted

    async def _persist(self, act: Callable[[], Awaitable[T]]) -> T:
        """What `act` returns, however long the store is away meanwhile."""
        pause = FIRST_PAUSE
        for attempt in itertools.count(1):
            try:
                return await act()
            except ApiError as error:
                if not error.is_unavailable and (error.id != CONTENDED or attempt >= ATTEMPTS):
                    raise
                log.warning("a task waits", task=self.task_id, kind=self._kind.name, reason=error.message)
            await self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Interrupted
