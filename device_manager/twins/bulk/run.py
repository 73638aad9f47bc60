"""The run of a bulk action: its records in chunks, as if they were applied one by one in order (design 7)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.steps import RECORDER, step
from device_manager.twins.asking import ROUNDS
from device_manager.twins.bulk.action import Answers, Applied, BulkAction, NotAsked, R
from device_manager.twins.bulk.outcome import BulkOutcome, RecordRefusal, RecordSuccess, strict_refusal
from device_manager.twins.documents import stamp_now
from device_manager.twins.workspace import View, Workspace

LARGE = 100
"""Records from which on a chunk is decided beside the event loop."""
CHUNKS_AT_ONCE = 3
"""One is being written, the next one decided, and one more waits, so that neither the store nor this process idles."""


class Decided(NamedTuple):
    """What a transaction decided on one record.

    Attributes:
        applied: what holds now, or why it was refused.
        twins: the documents for the `after` pipes.
    """

    applied: Applied | ApiError
    twins: list[Document]


class Running(NamedTuple, Generic[R]):
    """A chunk under way.

    Attributes:
        chunk: its records.
        reach: the documents that it can change; None when that is not known.
        decided: what becomes of its records.
    """

    chunk: Sequence[R]
    reach: frozenset[Key] | None
    decided: asyncio.Task[list[Decided]]


class _AskAgain(Exception):
    """The transaction met questions that pipes have not answered; `documents` as it saw them."""

    def __init__(self, places: list[int], documents: dict[Key, Document]) -> None:
        super().__init__()
        self.places = places
        self.documents = documents


class BulkRun(Generic[R]):
    """One call of a bulk action.

    Args:
        store: where the twins are.
        action: what to do with each record.
        strict: refuse the call when any record is refused.
        chunk: records of one transaction.
    """

    def __init__(self, store: Store, action: BulkAction[R], *, strict: bool, chunk: int) -> None:
        self._store = store
        self._action = action
        self._strict = strict
        self._chunk = chunk

    async def run(self, records: Sequence[R]) -> BulkOutcome:
        """Apply the records in order: chunk by chunk, or all or none when the call is strict.

        A dry run decides on all records at once, because nothing of one chunk is there for the next to see.

        Raises:
            ApiError: what refuses the call as a whole; a store that fails before anything was written; when `strict`,
                a `device_manager.bulk.*` error whose `errors` names every refused record.
        """
        records = await self._action.prepare(records)
        whole = self._strict or self._action.call.dry_run
        size = max(len(records), 1) if whole else self._chunk
        waiting = deque(records[start : start + size] for start in range(0, len(records), size))
        running: deque[Running[R]] = deque()
        total = BulkOutcome([], [])
        failure: ApiError | None = None
        try:
            while running or (waiting and failure is None):
                while waiting and failure is None and self._may_start(reach := self._reach(waiting[0]), running):
                    chunk = waiting.popleft()
                    running.append(Running(chunk, reach, asyncio.create_task(self._commit(chunk))))
                chunk, _, decided = running.popleft()
                try:
                    outcome = await self._outcome(chunk, await decided)
                except ApiError as error:
                    if whole:
                        raise
                    outcome = BulkOutcome([], [RecordRefusal(record, error) for record in chunk])
                    failure = error if error.is_fault else failure
                total.successes.extend(outcome.successes)
                total.errors.extend(outcome.errors)
        finally:
            for left in running:
                left.decided.cancel()
        if failure is not None:
            if not total.successes:
                raise failure
            total.errors.extend(RecordRefusal(record, failure) for chunk in waiting for record in chunk)
        return total

    def _reach(self, chunk: Sequence[R]) -> frozenset[Key] | None:
        """The documents by which a chunk can be told from others; None when it has to run by itself.

        Pipes are asked about what the chunks before leave behind, and a request that may be retried goes step by step.
        """
        if self._action.listens_before or RECORDER.get() is not None:
            return None
        return self._action.reach(_usable(chunk, {}))

    @staticmethod
    def _may_start(reach: frozenset[Key] | None, running: Sequence[Running[R]]) -> bool:
        """Whether a chunk may begin before those that run are done: their order must not matter."""
        if not running or reach is None:
            return not running
        alone = [other for other in running if other.reach is None or not reach.isdisjoint(other.reach)]
        return not alone and len(running) < CHUNKS_AT_ONCE

    @step
    async def _commit(self, chunk: Sequence[R]) -> list[Decided]:
        """One transaction for all records of the chunk that can be applied."""
        refused = {place: record.refusal for place, record in enumerate(chunk) if record.refusal is not None}
        answers: dict[int, Answers] | None = None
        known: dict[Key, Document] = {}
        if self._action.listens_before:
            answers = {}
            view = View(self._action.places, call=self._action.call)
            for keys in self._action.rounds(_usable(chunk, refused), view):
                if keys:
                    view.documents.update(await self._store.read(keys))
            known = dict(view.documents)
            await self._ask(chunk, range(len(chunk)), view, answers, refused)
        for _ in range(ROUNDS):
            try:
                return await self._transact(chunk, refused, answers, known)
            except _AskAgain as again:
                view = View(self._action.places, again.documents, self._action.call)
                if answers is not None:
                    await self._ask(chunk, again.places, view, answers, refused)
        raise api_error("services.storage.too_many_changes", f"row {chunk[0].row}")

    async def _ask(
        self,
        chunk: Sequence[R],
        places: Sequence[int],
        view: View,
        answers: dict[int, Answers],
        refused: dict[int, ApiError],
    ) -> None:
        """Run the `before` pipes of several records at once and note what they say."""
        asked = [place for place in places if place not in refused]

        async def one(place: int) -> Answers:
            known = answers.get(place, {})
            return {**known, **await self._action.ask(chunk[place], view, known)}

        for place, answer in zip(asked, await self._action.events.each(one, asked), strict=True):
            if isinstance(answer, ApiError):
                refused[place] = answer
            else:
                answers[place] = answer

    async def _transact(
        self,
        chunk: Sequence[R],
        refused: dict[int, ApiError],
        answers: dict[int, Answers] | None,
        known: dict[Key, Document],
    ) -> list[Decided]:
        action = self._action
        usable = _usable(chunk, refused)

        def decide(tx: Transaction) -> list[Decided]:
            work = Workspace(tx, action.places, action.call)
            for keys in action.rounds(usable, work):
                work.load(keys)
            verdicts = self._verdicts(work, chunk, refused, answers)
            if self._strict and (refusals := _refusals(chunk, verdicts)):
                raise strict_refusal(refusals, len(chunk))
            return [_decided(verdict, work, told=action.listens_after) for verdict in verdicts]

        call = action.call
        return await self._store.transact(
            decide, known=known, dry_run=call.dry_run, refresh=call.refresh, large=len(chunk) >= LARGE
        )

    def _verdicts(
        self, work: Workspace, chunk: Sequence[R], refused: dict[int, ApiError], answers: dict[int, Answers] | None
    ) -> list[Applied | ApiError]:
        """Apply the records in order. Raises _AskAgain once all were tried."""
        stamp = stamp_now(self._action.call.user_id)
        verdicts: list[Applied | ApiError] = []
        unasked: list[int] = []
        for place, record in enumerate(chunk):
            if place in refused:
                verdicts.append(refused[place])
                continue
            said = None if answers is None else answers.get(place, {})
            try:
                with work.as_one():
                    verdicts.append(self._action.apply(work, record, said, stamp))
            except NotAsked:
                unasked.append(place)
            except ApiError as error:
                verdicts.append(error)
        if unasked:
            raise _AskAgain(unasked, dict(work.documents))
        return verdicts

    async def _outcome(self, chunk: Sequence[R], decided: Sequence[Decided]) -> BulkOutcome:
        """What became of the records; the `after` pipes of those that changed run several at once."""
        held = [
            (record, applied, twins)
            for record, (applied, twins) in zip(chunk, decided, strict=True)
            if not isinstance(applied, ApiError)
        ]
        failures: list[ApiError | None] = [None] * len(held)
        if self._action.listens_after and not self._action.call.dry_run:

            async def tell(item: tuple[R, Applied, list[Document]]) -> None:
                record, applied, twins = item
                if applied.changed:
                    await self._action.tell(record, applied, twins)

            failures = await self._action.events.each(tell, held)
        successes = [
            RecordSuccess(record, applied.changed, applied.members, failure)
            for (record, applied, _), failure in zip(held, failures, strict=True)
        ]
        return BulkOutcome(successes, _refusals(chunk, [verdict.applied for verdict in decided]))


def _usable(chunk: Sequence[R], refused: dict[int, ApiError]) -> list[R]:
    return [record for place, record in enumerate(chunk) if place not in refused and record.refusal is None]


def _refusals(chunk: Sequence[R], verdicts: Sequence[Applied | ApiError]) -> list[RecordRefusal]:
    return [
        RecordRefusal(record, verdict)
        for record, verdict in zip(chunk, verdicts, strict=True)
        if isinstance(verdict, ApiError)
    ]


def _decided(verdict: Applied | ApiError, work: Workspace, *, told: bool) -> Decided:
    """The verdict with its twins as they are once all records are applied, when anybody is told of them."""
    if isinstance(verdict, ApiError):
        return Decided(verdict, [])
    bare = verdict._replace(twins=())
    if not told or not verdict.changed:
        return Decided(bare, [])
    found = [twin if isinstance(twin, Document) else work.documents.get(twin) for twin in verdict.twins]
    return Decided(bare, [document for document in found if document is not None])
