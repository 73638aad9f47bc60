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
        self._arrival: asyncio.Future[None] | None = None
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
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if self._lane is None:
            self._lane = asyncio.create_task(self._run())  # starts in the next turn: who asks in this one joins

    def _background(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Carry out rounds until nobody waits; each is decided while the flush before it is in flight."""
        writing: asyncio.Task[None] | None = None
        try:
            while self._waiting or writing is not None:
                name = self._ids.next()
                decided = await self._decide(name, writing)
                if writing is not None:
                    await writing
                writing = self._start_writing(name, decided) if decided is not None else None
        finally:
            self._lane = None
            if self._waiting:
                self._lane = asyncio.create_task(self._run())

    async def _decide(self, name: str, writing: asyncio.Task[None] | None) -> Decided | None:
        """Run the transactions of a round; None when it failed, and with it all of them."""
        round_ = Round(name, self._catalogue, self._reader, self._settlement, self._recovery)
        jobs: list[Job] = []
        try:
            await self._fill(round_, jobs, writing)
        except Exception as error:
            if not isinstance(error, ApiError):
                _log.exception("a round of transactions failed")
            for job in jobs:
                job.fail(error)
            return None
        decided = round_.close()
        for outcome in decided.outcomes:
            outcome.settle()
        return decided

    async def _fill(self, round_: Round, jobs: list[Job], writing: asyncio.Task[None] | None) -> None:
        """Add who waits to a round, and who comes until the flush in flight is through; they are among `jobs` then.

        Those that need documents of that flush are decided when it is through.
        """
        flush = self._flight[0].name if self._flight is not None else None
        later: list[Job] = []
        while True:
            batch = self._take(len(jobs))
            jobs += batch
            later += await self._add(round_, batch, flush)
            is_complete = round_.is_full or (jobs and jobs[-1].is_last) or (self._waiting and not batch)
            if is_complete or writing is None or writing.done():
                break
            if not self._waiting:
                await self._wait_for_more(writing)
        if writing is not None:
            await writing
        if flush is not None and later:
            round_.unblock(flush)
            await self._add(round_, later, None)

    async def _add(self, round_: Round, batch: list[Job], flush: str | None) -> list[Job]:
        """Decide transactions as part of a round; returns those that wait for the flush in flight, named `flush`."""
        left_over = await round_.add(batch, self._busy | self._in_flight(), self._newest)
        self._waiting.extendleft(reversed(left_over))
        later: list[Job] = []
        for job, blocker in round_.take_blocked():
            if blocker == flush:
                job.known = None
                later.append(job)
            else:
                self._wait_for(job, blocker)
        return later

    async def _wait_for_more(self, writing: asyncio.Task[None]) -> None:
        """Wait until a transaction comes or the flush in flight is through."""
        self._arrival = asyncio.get_running_loop().create_future()
        await asyncio.wait({writing, self._arrival}, return_when=asyncio.FIRST_COMPLETED)
        self._arrival = None

    def _take(self, taken: int) -> list[Job]:
        """The next transactions for a round that has some already.

        One that has to be alone comes alone, and a large one is the last of its round.
        """
        batch: list[Job] = []
        while self._waiting and taken + len(batch) < BATCH:
            job = self._waiting[0]
            if job.is_alone and (taken or batch) and not job.future.done():
                break
            self._waiting.popleft()
            if not job.future.done():
                batch.append(job)
                if job.is_last:
                    break
        return batch

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
