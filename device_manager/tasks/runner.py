"""The runner of tasks: starts them, finds those that nobody works on any more, and removes old ones (design 9).

A task's document is its lease: whoever works on it writes the document every few seconds. No clocks are compared: a
process that has seen a document unchanged for the grace time takes the task over, by a conditional write.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, Sort
from device_manager.query.tree import MATCH_ALL, Bool, Query, Range, Term
from device_manager.storage.contract import INTERNAL_INDEX, Change, Document, Store
from device_manager.storage.removal import remove_matching
from device_manager.tasks.kinds import TaskKind
from device_manager.tasks.records import (
    TASKS,
    TASKS_MAPPING,
    TaskPlan,
    TaskRecord,
    TaskState,
    add_task,
    ask_to_end,
    claim_task,
    now,
    read_task,
    release_leases,
    renew_leases,
    task_key,
    unknown_task,
)
from device_manager.tasks.run import TaskRun

LONGEST_LOOK = 5.0
"""Seconds between two looks for tasks that nobody works on."""
PRUNE_INTERVAL = 3600.0
KEPT = 86_400.0
"""Seconds for which a task can be read after its end."""
AT_ONCE = 8
"""Tasks that run at once in this process; further ones wait for their turn."""
STOP_PATIENCE = 5.0
"""Seconds that the steps which run get to finish when the server stops."""
POLL = 0.2
"""Seconds between two looks at a task of another process that somebody waits for."""

log = structlog.get_logger("tasks")


class Tasks:
    """Runs tasks of registered kinds.

    Args:
        store: where they are kept.
        grace: seconds after which a task whose document does not change counts as given up; the same in all processes.
    """

    def __init__(self, store: Store, *, grace: float) -> None:
        self._store = store
        self._grace = grace
        self._process = uuid.uuid4().hex
        self._kinds: dict[str, TaskKind] = {}
        self._runs: dict[str, TaskRun] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._seen: dict[str, tuple[int, float]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._background: list[asyncio.Task[None]] = []
        self._renewing: asyncio.Task[None] | None = None
        self._is_closed = False
        store.on_commit(self._on_commit)

    @property
    def running(self) -> Counter[str]:
        """How many tasks this process works on, by kind."""
        return Counter(run.kind for run in self._runs.values())

    def register(self, kind: TaskKind) -> None:
        """Make a kind known; before `open`, so that what an earlier process began goes on."""
        self._kinds[kind.name] = kind

    async def prepare(self) -> None:
        """Make the collection; needed once before the first task."""
        await self._store.create_collection(INTERNAL_INDEX, TASKS, TASKS_MAPPING)

    async def open(self) -> None:
        """Go on with what was begun, and keep looking for tasks that nobody works on.

        Raises:
            ApiError: the store does not answer.
        """
        await self.prepare()
        await self._take_over(at_start=True)
        self._background = [asyncio.create_task(self._keep_looking()), asyncio.create_task(self._keep_pruning())]

    async def close(self) -> None:
        """Finish the steps that run, then leave the tasks to others, or to the next start."""
        self._is_closed = True
        background = [*self._background, *([self._renewing] if self._renewing else [])]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        ids = list(self._runs)
        for run in self._runs.values():
            run.stop()
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=STOP_PATIENCE)
            for work in late:
                work.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if ids:
            with contextlib.suppress(ApiError):  # then the grace time tells others
                await self._store.transact(lambda tx: release_leases(tx, ids, self._process))

    def plan(
        self,
        kind: str,
        arguments: dict[str, Any],
        call: Call,
        *,
        id: str | None = None,
        engine: str = "",
        again: bool = True,
    ) -> TaskPlan:
        """A task, for a transaction that adds it with `add_task`; it begins by itself once that is committed.

        Args:
            kind: name of a registered kind.
            arguments: JSON for its steps.
            call: the caller.
            id: at most one task of an id runs at a time; None for a new id.
            engine: the engine that it is about; empty for the platform.
            again: when a task of this id has ended, begin anew; otherwise that one is the answer.
        """
        assert kind in self._kinds, f"nobody registered the kind of task {kind}"  # noqa: S101
        moment = now()
        record = TaskRecord(
            id=id or uuid.uuid4().hex,
            kind=kind,
            arguments=arguments,
            engine=engine,
            owner=self._process,
            user_id=call.user_id,
            created_at=moment,
            updated_at=moment,
        )
        return TaskPlan(record, again)

    async def start(
        self,
        kind: str,
        arguments: dict[str, Any],
        call: Call,
        id: str | None = None,
        *,
        engine: str = "",
        again: bool = True,
    ) -> TaskRecord:
        """Start a task, or find the one that runs under its id; in a dry run the answer is all there is.

        Args: see `plan`.

        Raises:
            ApiError: the store does not answer.
        """
        plan = self.plan(kind, arguments, call, id=id, engine=engine, again=again)
        return await self._store.transact(lambda tx: add_task(tx, plan), dry_run=call.dry_run)

    async def wait(self, id: str, seconds: float) -> TaskRecord:
        """The task as it is once it is over, or when `seconds` have passed.

        Raises:
            ApiError: `device_manager.tasks.unknown`, a store that does not answer.
        """
        deadline = time.monotonic() + seconds
        while True:
            run = self._runs.get(id)
            if run is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(run.over.wait(), max(0.0, deadline - time.monotonic()))
            record = await self.get(id)
            left = deadline - time.monotonic()
            if record.is_over or left <= 0:
                return record
            if id not in self._runs:
                await asyncio.sleep(min(POLL, left))

    async def get(self, id: str) -> TaskRecord:
        """A task. Raises `device_manager.tasks.unknown`."""
        key = task_key(id)
        document = (await self._store.read((key,))).get(key)
        if document is None:
            raise unknown_task(id)
        return read_task(document)

    async def list(
        self, *, engines: Iterable[str] | None = None, state: TaskState | None = None, size: int = 1000
    ) -> Sequence[TaskRecord]:
        """Tasks, the newest first.

        Args:
            engines: only those about one of these engines, the empty name standing for the platform.
            state: only those in this state.
            size: the most to return.
        """
        filters: list[Query] = []
        if engines is not None:
            filters.append(Bool(should=tuple(Term("engine", engine) for engine in engines)))
        if state is not None:
            filters.append(Term("state", state.value))
        search = Search(
            Bool(filter=tuple(filters)) if filters else MATCH_ALL, sort=(Sort("createdAt", "desc"),), size=size
        )
        await self._store.refresh(INTERNAL_INDEX, TASKS)
        found = await self._store.search(INTERNAL_INDEX, TASKS, search)
        return [read_task(Document(hit.id, hit.source or {}, 0)) for hit in found.hits]

    async def cancel(self, id: str, call: Call) -> TaskRecord:
        """Ask a task to end after the batch that runs; one that is over stays as it is.

        Raises:
            ApiError: `device_manager.tasks.unknown`, `device_manager.tasks.not_cancellable`.
        """
        kind = self._kinds.get((await self.get(id)).kind)
        if kind is not None and not kind.cancellable:
            raise api_error("device_manager.tasks.not_cancellable", id, kind.name)
        return await self._store.transact(lambda tx: ask_to_end(tx, id), dry_run=call.dry_run)

    def _on_commit(self, changes: Sequence[Change]) -> None:
        """Begin what was added, or taken over, by this process."""
        if self._is_closed:
            return
        for change in changes:
            if change.key.index == INTERNAL_INDEX and change.key.collection == TASKS and change.after is not None:
                source = change.after.source
                run = self._runs.get(change.key.id)
                is_ours = source["owner"] == self._process and source["state"] == TaskState.RUNNING
                if is_ours and (run is None or run.begun != source["begun"]):
                    self._begin(read_task(change.after))

    def _begin(self, record: TaskRecord) -> None:
        run = self._runs[record.id] = TaskRun(self._store, self._kinds[record.kind], record, self._process)
        # Not in the context of the request that happened to start it: its idempotency key is not about our steps.
        work = asyncio.get_running_loop().create_task(self._work(run), context=contextvars.Context())
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(
                self._keep_renewing(), context=contextvars.Context()
            )

    async def _work(self, run: TaskRun) -> None:
        try:
            async with self._turns:
                await run.run()
        except Exception:
            log.exception("a task is left to whoever looks for it next", task=run.task_id)
        finally:
            if self._runs.get(run.task_id) is run:
                del self._runs[run.task_id]
            run.over.set()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._grace / 4)
            ids = list(self._runs)
            if not ids:
                continue
            try:
                await self._store.transact(lambda tx, ids=ids: renew_leases(tx, ids, self._process))  # type: ignore[misc]
            except ApiError as error:
                log.warning("cannot tell other processes that tasks are being worked on", reason=error.message)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(min(LONGEST_LOOK, self._grace / 4))
            try:
                await self._take_over()
            except ApiError as error:
                log.warning("cannot look for tasks that nobody works on", reason=error.message)

    async def _take_over(self, *, at_start: bool = False) -> None:
        """Claim the tasks whose process is gone; at the start of the only process, all that run."""
        await self._store.refresh(INTERNAL_INDEX, TASKS)
        query = Term("state", TaskState.RUNNING.value)
        running = [document async for page in self._store.scan(INTERNAL_INDEX, TASKS, query) for document in page]
        self._seen = {document.id: self._seen.get(document.id, (-1, 0.0)) for document in running}
        for document in running:
            source, version = document.source, document.version
            if document.id in self._runs or source["kind"] not in self._kinds:
                continue
            if self._is_given_up(document) or (at_start and not self._store.shared):
                log.info("going on with a task", task=document.id, kind=source["kind"])
                await self._store.transact(
                    lambda tx, id=document.id, version=version: claim_task(tx, id, version, self._process)  # type: ignore[misc]
                )

    def _is_given_up(self, document: Document) -> bool:
        if not document.source["owner"]:
            return True
        version, since = self._seen[document.id]
        if version != document.version:
            self._seen[document.id] = (document.version, time.monotonic())
            return False
        return time.monotonic() - since >= self._grace

    async def _keep_pruning(self) -> None:
        while True:
            try:
                await self.prune()
            except ApiError as error:
                log.warning("cannot remove tasks that ended long ago", reason=error.message)
            await asyncio.sleep(PRUNE_INTERVAL)

    async def prune(self, kept: float = KEPT) -> int:
        """Remove the tasks that ended more than `kept` seconds ago, or as long ago as their kind says; how many."""
        own = {kind.name: kind.kept for kind in self._kinds.values() if kind.kept is not None}
        usual = Bool(filter=(_ended_before(kept),), must_not=tuple(Term("kind", name) for name in own))
        removed = await remove_matching(self._store, INTERNAL_INDEX, TASKS, usual)
        for name, seconds in own.items():
            query = Bool(filter=(_ended_before(seconds), Term("kind", name)))
            removed += await remove_matching(self._store, INTERNAL_INDEX, TASKS, query)
        return removed


def _ended_before(seconds: float) -> Query:
    return Range("endedAt", lt=now() - int(seconds * 1000))
