"""The deciding half of a round: runs the waiting transactions on top of each other (transactions 1, steps 1 to 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.documents import (
    Stored,
    create_line,
    index_line,
    marked,
    tombstone,
)
from device_manager.storage.elasticsearch.job import Job, Outcome
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.protocol import Image, Mark, Verdict, parse_mark
from device_manager.storage.elasticsearch.reads import GoneAlias, Reader
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.settlement import Settlement
from device_manager.storage.elasticsearch.state import (
    Absent,
    Blocked,
    Draft,
    MissingCollection,
    MissingDocuments,
    RoundState,
)
from device_manager.storage.elasticsearch.units import Unit, Write
from device_manager.storage.elasticsearch.view import View

ENOUGH_DOCUMENTS = 1000
"""Changed documents with which a flush leaves; further transactions go with the next one."""


class Decided(NamedTuple):
    """What a round came to.

    Attributes:
        units: what has to be written.
        outcomes: transactions that wrote nothing and rest on nothing that is still to be written.
    """

    units: list[Unit]
    outcomes: list[Outcome]


class Round:
    """Decides transactions on top of each other, as long as it is open."""

    def __init__(
        self, flush: str, catalogue: Catalogue, reader: Reader, settlement: Settlement, recovery: Recovery
    ) -> None:
        self.state = RoundState(flush, catalogue)
        self._catalogue = catalogue
        self._reader = reader
        self._settlement = settlement
        self._recovery = recovery
        self._outcomes: list[tuple[Outcome, frozenset[int]]] = []
        self._writers: dict[Key, int] = {}
        self._blocked: list[tuple[Job, str]] = []
        self._missing: set[Key] = set()
        self._collections: set[tuple[str, str]] = set()

    @property
    def is_full(self) -> bool:
        """Whether further transactions go with the next round."""
        return len(self.state.drafts) >= ENOUGH_DOCUMENTS

    async def add(self, jobs: Iterable[Job], busy: dict[Key, str], newest: dict[Key, int]) -> list[Job]:
        """Run every job until it has a result, fetching what they miss in one request for all.

        Args:
            jobs: in the order in which they came.
            busy: documents that take part in another flush of this process, with its name.
            newest: sequence numbers of documents that this process wrote lately.

        Returns:
            Those for which there is no room any more.

        Raises:
            NoAnswer: the cluster does not answer; the round is of no use any more.
        """
        self.state.forget_undrafted()
        self.state.blocked.update(busy)
        waiting = list(jobs)
        await self._adopt_known(waiting, newest)
        while True:
            waiting = [job for job in waiting if not await self._run(job)]
            if not waiting or self.is_full:
                return waiting
            await self._fetch_missing()

    def take_blocked(self) -> list[tuple[Job, str]]:
        """The jobs that met an undecided flush since the last call, with its name: they are not part of the round."""
        blocked, self._blocked = self._blocked, []
        return blocked

    def unblock(self, flush: str) -> None:
        """A flush that kept documents busy is decided."""
        for key in [key for key, name in self.state.blocked.items() if name == flush]:
            del self.state.blocked[key]

    def close(self) -> Decided:
        """What it came to; nothing is added any more."""
        units, outcomes = self._units()
        return Decided(units, outcomes)

    async def _adopt_known(self, jobs: list[Job], newest: dict[Key, int]) -> None:
        """Take over what was read for them, unless it is known to be out of date."""
        suspects: dict[Key, Stored] = {}
        for job in jobs:
            for key, document in (job.known or {}).items():
                if document is None:
                    self._adopt_absence(key, newest)
                    continue
                stored = document.token
                if not isinstance(stored, Stored) or stored.seq_no < newest.get(key, -1):
                    continue
                present = self.state.base.get(key) or suspects.get(key)
                if isinstance(present, Stored) and present.seq_no >= stored.seq_no:
                    continue
                if self._settlement.is_settled(stored.mark):
                    self.state.base[key] = stored
                else:
                    suspects[key] = stored
        if suspects:
            verdicts = await self._settlement.judge(stored.mark for stored in suspects.values() if stored.mark)
            for key, stored in suspects.items():
                if verdicts.get(stored.mark or "") is Verdict.SETTLED:
                    self.state.base[key] = stored

    def _adopt_absence(self, key: Key, newest: dict[Key, int]) -> None:
        if key not in newest:  # nor has this process written it since
            self.state.base.setdefault(key, Absent.CERTAIN)

    async def _run(self, job: Job) -> bool:
        """Run one job; False when it misses something."""
        if job.future.done():
            return True
        view = View(self.state, must_read=job.dry_run or job.attempts > 0, origin=job.origin)
        result: object = None
        error: Exception | None = None
        try:
            result = await asyncio.to_thread(job.decide, view) if job.large else job.decide(view)
        except MissingDocuments as signal:
            self._missing.update(signal.keys)
            return False
        except MissingCollection as signal:
            self._collections.add(signal.name)
            return False
        except Blocked as signal:
            self._blocked.append((job, signal.flush))
            return True
        except Exception as raised:
            error = raised
        self._accept(job, view, result, error)
        return True

    def _accept(self, job: Job, view: View, result: object, error: Exception | None) -> None:
        rests_on = frozenset(self._writers[key] for key in view.follows)
        if error is not None or job.dry_run:
            self._outcomes.append((Outcome(job, result, error, ()), rests_on if error else frozenset()))
            return
        number = len(self._outcomes)
        job.collections = {(key.index, key.collection) for key in view.drafts}
        self._outcomes.append((Outcome(job, result, None, view.changes), rests_on))
        for key in view.assumed:
            self.state.base.setdefault(key, Absent.ASSUMED)
        self.state.drafts.update(view.drafts)
        self._writers.update(dict.fromkeys(view.drafts, number))

    async def _fetch_missing(self) -> None:
        for index, collection in self._collections:
            try:
                await self._catalogue.look_up(index, collection)
            except ApiError as error:
                if error.is_fault:
                    raise
                self.state.unknown[index, collection] = error
        self._collections.clear()
        wanted, self._missing = self._missing - self.state.base.keys(), set()
        while wanted:
            wanted = await self._fetch(wanted)

    async def _fetch(self, wanted: set[Key]) -> set[Key]:
        """Read documents and judge their marks; return those to read again after an undo (step 2)."""
        addresses = {key: (alias_name(key.index, key.collection), key.id) for key in wanted}
        try:
            found = await self._reader.read(addresses.values())
        except GoneAlias as gone:
            for key in wanted:
                if addresses[key][0] == gone.args[0]:
                    self._catalogue.forget(key.index, key.collection)
            return set()
        doubtful: dict[Key, str] = {}
        for key, address in addresses.items():
            stored = found.get(address)
            self.state.base[key] = stored or Absent.CERTAIN
            if stored is not None and stored.mark is not None and not self._settlement.is_settled(stored.mark):
                doubtful[key] = stored.mark
        return await self._judge(doubtful) if doubtful else set()

    async def _judge(self, doubtful: dict[Key, str]) -> set[Key]:
        verdicts = await self._settlement.judge(doubtful.values())
        again: set[Key] = set()
        for key, mark in doubtful.items():
            if verdicts[mark] is Verdict.OPEN:
                self.state.blocked[key] = parse_mark(mark).flush
                del self.state.base[key]
            elif verdicts[mark] is Verdict.ABORTED:
                del self.state.base[key]
                again.add(key)
        for flush in {parse_mark(doubtful[key]).flush for key in again}:
            await self._recovery.wait_until_decided(flush)
        return again

    def _units(self) -> tuple[list[Unit], list[Outcome]]:
        """Group transactions that share documents, or rest on one another, into units."""
        roots = list(range(len(self._outcomes)))

        def root(number: int) -> int:
            while roots[number] != number:
                roots[number] = roots[roots[number]]
                number = roots[number]
            return number

        for number, (_, rests_on) in enumerate(self._outcomes):
            for other in rests_on:
                roots[root(number)] = root(other)
        writes: dict[int, list[tuple[Key, Draft]]] = {}
        for key, draft in self.state.drafts.items():
            writes.setdefault(root(self._writers[key]), []).append((key, draft))
        units = {place: Unit(str(number), [], []) for number, place in enumerate(writes)}
        free: list[Outcome] = []
        for number, (outcome, _) in enumerate(self._outcomes):
            unit = units.get(root(number))
            (unit.outcomes if unit else free).append(outcome)
        for place, drafts in writes.items():
            mark = str(Mark(self.state.flush, units[place].number))
            units[place].writes.extend(write for key, draft in drafts if (write := self._write(key, draft, mark)))
        return list(units.values()), free

    def _write(self, key: Key, draft: Draft, mark: str) -> Write | None:
        """The one write of a document; None when it neither existed nor exists."""
        base = self.state.base[key]
        is_tombstone = draft.document is None
        if is_tombstone and base is Absent.CERTAIN:
            return None
        alias = alias_name(key.index, key.collection)
        body = tombstone(mark) if is_tombstone else marked(draft.body, mark)
        if isinstance(base, Absent):
            return Write(key, create_line(alias, key.id, body), Image(alias, key.id), is_tombstone)
        line = index_line(alias, key.id, body, base.seq_no, base.primary_term)
        image = Image(alias, key.id, base.seq_no, base.primary_term, base.raw())
        return Write(key, line, image, is_tombstone)
