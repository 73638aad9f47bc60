"""The queue of transactions and the rounds that carry them out, one after another (transactions 1, step 1)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

import structlog

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Change, Key
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.client import Cluster, NoAnswer
from device_manager.storage.elasticsearch.deadlines import Deadlines
from device_manager.storage.elasticsearch.direct import DirectFlush
from device_manager.storage.elasticsearch.flush import Flush
from device_manager.storage.elasticsearch.flushids import FlushIds
from device_manager.storage.elasticsearch.job import Job, too_many_changes
from device_manager.storage.elasticsearch.reads import Reader
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.round import Decided, Round
from device_manager.storage.elasticsearch.settlement import Settlement
from device_manager.storage.elasticsearch.units import Failure, Failures, StepObserver, Unit
from device_manager.storage.watching import RoundTrips

AnyFlush = Flush | DirectFlush

_log = structlog.get_logger(__name__)

BATCH = 512
"""Transactions that one round takes at most."""
REMEMBERED_WRITES = 10_000
CLEANING = "/cleaning"
"""Follows the name of a flush in the name under which its tombstones are awaited."""
FIRST_PAUSE = 0.005
"""Seconds that a transaction waits before its second attempt, doubled for each further one, with jitter."""


class Writer:
    """Takes transactions in the order they come; one flush is in flight at a time."""

    def __init__(
        self,
        cluster: Cluster,
        catalogue: Catalogue,
        reader: Reader,
        settlement: Settlement,
        recovery: Recovery,
        deadlines: Deadlines,
        ids: FlushIds,
        round_trips: RoundTrips,
        *,
        settings: Settings,
        tell: Callable[[Sequence[Change]], None],
        on_step: StepObserver,
    ) -> None:
        self._cluster = cluster
        self._catalogue = catalogue
        self._reader = reader
        self._settlement = settlement
        self._recovery = recovery
        self._deadlines = deadlines
        self._ids = ids
        self._round_trips = round_trips
        self._retries = settings.transaction_retries
        self._grace = settings.recovery_grace
        self._deadline = settings.store_deadline
        self._tell = tell
        self._on_step = on_step
        self._waiting: deque[Job] = deque()
        self._busy: dict[Key, str] = {}
        self._newest: OrderedDict[Key, int] = OrderedDict()
        self._lane: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flight: tuple[AnyFlush, list[Unit]] | None = None

    def submit(self, job: Job) -> None:
        """Queue a transaction; its future is answered in the end."""
        self._deadlines.watch(job.future, lambda: self._expire(job))
        self._enqueue(job)

    async def close(self, patience: float) -> None:
        """Finish what is queued, for at most `patience` seconds, then give up."""
        tasks = {task for task in (self._lane, *self._tasks) if task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in self._waiting:
            job.fail(NoAnswer("the store is being closed"))

    def _enqueue(self, job: Job) -> None:
        self._waiting.append(job)
        if self._lane is None:
            self._lane = asyncio.create_task(self._run())  # starts in the next turn: who asks in this one joins

    def _background(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Carry out rounds until nobody waits; a large one is decided while the flush before it is in flight."""
        writing: asyncio.Task[None] | None = None
        try:
            while self._waiting:
                if writing is not None and not self._waiting[0].may_run_ahead:
                    await writing
                    writing = None
                batch = self._take(1 if writing is not None else BATCH)
                name = self._ids.next()
                decided = await self._decide(name, batch) if batch else None
                if decided is None:
                    continue
                if writing is not None:
                    await writing
                writing = self._start_writing(name, decided)
            if writing is not None:
                await writing
        finally:
            self._lane = None
            if self._waiting:
                self._lane = asyncio.create_task(self._run())

    def _take(self, most: int) -> list[Job]:
        """The next transactions: one that has to be alone comes alone, and a large one is the last of its round."""
        batch: list[Job] = []
        while self._waiting and len(batch) < most:
            job = self._waiting[0]
            if job.is_alone and batch and not job.future.done():
                break
            self._waiting.popleft()
            if not job.future.done():
                batch.append(job)
                if job.is_alone or job.large:
                    break
        return batch

    async def _decide(self, name: str, batch: list[Job]) -> Decided | None:
        """Run the transactions; None when there is nothing to write."""
        round_ = Round(name, self._catalogue, self._reader, self._settlement, self._recovery)
        try:
            decided = await round_.decide(batch, self._busy | self._in_flight(), self._newest)
        except ApiError as error:
            for job in batch:
                job.fail(error)
            return None
        except Exception as error:
            _log.exception("a round of transactions failed")
            for job in batch:
                job.fail(error)
            return None
        self._waiting.extendleft(reversed(decided.left_over))
        for job, blocker in decided.blocked:
            self._wait_for(job, blocker)
        for outcome in decided.outcomes:
            outcome.settle()
        return decided if decided.units else None

    def _in_flight(self) -> dict[Key, str]:
        """The documents of the flush in flight, with its name."""
        if self._flight is None:
            return {}
        flush, units = self._flight
        return {write.key: flush.name for unit in units for write in unit.writes}

    def _start_writing(self, name: str, decided: Decided) -> asyncio.Task[None] | None:
        units = [unit for unit in decided.units if unit.writes]
        for unit in decided.units:
            if not unit.writes:
                self._settle(unit)
        if not units:
            return None
        flush = self._flush(name, units)
        self._settlement.begin(name)
        self._flight = (flush, units)
        writing = asyncio.create_task(self._write(flush, units))
        self._background(writing)
        return writing

    def _flush(self, name: str, units: list[Unit]) -> AnyFlush:
        if all(len(unit.writes) == 1 for unit in units):
            return DirectFlush(name, units, self._cluster, on_step=self._on_step, count=self._count_commit)
        return Flush(
            name,
            units,
            self._cluster,
            self._recovery,
            process=self._ids.process,
            grace=self._grace,
            on_step=self._on_step,
            count=self._count_commit,
        )

    async def _write(self, flush: AnyFlush, units: list[Unit]) -> None:
        failures: Failures | None = None
        try:
            failures = await flush.run(lambda: self._doomed(units))
        except Exception as error:
            _log.exception("a flush failed", flush=flush.name)
            for unit in units:
                for outcome in unit.outcomes:
                    outcome.job.fail(error)
        finally:
            self._flight = None
            self._settlement.end(flush.name, kept=flush.is_kept or failures is None)
        if failures is not None:
            self._finish(flush, units, failures)

    def _count_commit(self) -> None:
        self._round_trips.commits += 1

    def _doomed(self, units: list[Unit]) -> Failures:
        """The units of callers who were already told that nothing is written."""
        return {
            unit.number: Failure(NoAnswer("the caller did not wait"))
            for unit in units
            if any(outcome.job.is_expired for outcome in unit.outcomes)
        }

    def _finish(self, flush: AnyFlush, units: list[Unit], failures: Failures) -> None:
        needs_cleaning = False
        for key, (seq_no, _) in flush.seq_nos.items():
            self._newest[key] = seq_no
            self._newest.move_to_end(key)
        while len(self._newest) > REMEMBERED_WRITES:
            self._newest.popitem(last=False)
        for unit in units:
            failure = failures.get(unit.number)
            if failure is None:
                self._settle(unit)
                needs_cleaning = needs_cleaning or any(write.is_tombstone for write in unit.writes)
            else:
                self._retry(unit, failure)
        if needs_cleaning or flush.has_parts:
            self._clean(flush, units)

    def _settle(self, unit: Unit) -> None:
        """Tell listeners, then callers, of a committed unit."""
        changes = [change for outcome in unit.outcomes for change in outcome.changes]
        if changes:
            self._tell(changes)
        for outcome in unit.outcomes:
            outcome.settle()

    def _retry(self, unit: Unit, failure: Failure) -> None:
        for index, collection in failure.collections:
            self._catalogue.forget(index, collection)
        jobs = [outcome.job for outcome in unit.outcomes]
        is_late = isinstance(failure.problem, NoAnswer)
        for job in jobs:
            if is_late and time.monotonic() - job.started > self._deadline:
                job.fail(failure.problem)
                continue
            if failure.is_final and (len(jobs) == 1 or job.is_alone):
                job.fail(failure.problem)
            elif failure.is_final:
                job.is_alone = True
                job.known = None
                self._enqueue(job)
            elif job.try_again(failure.problem, self._retries):
                self._round_trips.retries += 1
                pause = FIRST_PAUSE * 2**job.attempts * random.random()  # noqa: S311  # spreads retries, keeps no secret
                asyncio.get_running_loop().call_later(pause, self._enqueue, job)

    def _wait_for(self, job: Job, flush: str) -> None:
        job.known = None
        if job.waited() > max(2 * self._grace, self._deadline):
            job.fail(too_many_changes(flush))
            return
        self._background(asyncio.create_task(self._resume(job, flush)))

    async def _resume(self, job: Job, flush: str) -> None:
        try:
            await self._recovery.wait_until_decided(flush)
        except ApiError as error:
            job.fail(error)
            return
        if not job.future.done():
            self._enqueue(job)

    def _clean(self, flush: AnyFlush, units: list[Unit]) -> None:
        """Remove tombstones in the background; their documents take part in no other flush meanwhile."""
        keys = [write.key for unit in units for write in unit.writes if write.is_tombstone]
        name = flush.name + CLEANING
        self._busy.update(dict.fromkeys(keys, name))
        self._settlement.begin(name)
        self._background(asyncio.create_task(self._clean_up(flush, keys, name)))

    async def _clean_up(self, flush: AnyFlush, keys: list[Key], name: str) -> None:
        try:
            await flush.clean()
        except ApiError as error:
            _log.warning("tombstones are left behind", flush=flush.name, reason=error.message)
        finally:
            for key in keys:
                del self._busy[key]
            self._settlement.end(name, kept=False)

    def _expire(self, job: Job) -> None:
        """The cluster does not answer and this caller has waited long enough."""
        job.is_expired = True
        if self._flight is not None:
            flush, units = self._flight
            if flush.is_deciding and any(outcome.job is job for unit in units for outcome in unit.outcomes):
                job.fail(NoAnswer("no answer to a commit, so that its outcome is not known"))
                return
        job.fail(NoAnswer("no answer to a transaction, nothing is written"))
