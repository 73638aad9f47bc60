"""One flush of units that hold a document each: the conditional write of the document is the commit itself.

The protocol of several documents (transactions 1) keeps them together; a document alone needs no intent, for the
cluster writes it whole or not at all. What it does need is an answer when the one of the cluster is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch import bulks
from device_manager.storage.elasticsearch.client import Cluster, NoAnswer
from device_manager.storage.elasticsearch.documents import Stored, index_line, parse_stored
from device_manager.storage.elasticsearch.protocol import Mark, Undo, undo_step
from device_manager.storage.elasticsearch.units import (
    Failure,
    Failures,
    StepObserver,
    Unit,
    Write,
    failure_of,
    tombstone_lines,
    until_answered,
)

NOT_WRITTEN = "no answer to a write, nothing is written"
NOT_KNOWN = "no answer to a write, so that its outcome is not known"


class DirectFlush:
    """Writes the one document of each unit. `run` returns only when what became of each is known, or cannot be.

    The documents carry the mark of a flush that never has a flush document, which counts as settled (step 2).

    Attributes:
        seq_nos: the new sequence number of each document written.
        is_deciding: from here on only the cluster knows what is committed.
        is_kept: always false, as no flush document stays.
        has_parts: always false.
    """

    is_kept = False
    has_parts = False

    def __init__(
        self,
        name: str,
        units: list[Unit],
        cluster: Cluster,
        *,
        on_step: StepObserver,
        count: Callable[[], None],
    ) -> None:
        self.name = name
        self.seq_nos: dict[Key, tuple[int, int]] = {}
        self.is_deciding = False
        self._units = units
        self._cluster = cluster
        self._on_step = on_step
        self._count = count
        self._bulks = 0

    async def run(self, doomed: Callable[[], Failures]) -> Failures:
        """Commit what can be committed.

        Args:
            doomed: units whose callers were told meanwhile that nothing is written.

        Returns:
            The units that are not committed. The callers of one whose outcome cannot be known have been told so.
        """
        failures = doomed()
        units = [unit for unit in self._units if unit.number not in failures]
        self.is_deciding = True
        self._on_step("committing")
        doubtful = await self._send(units, failures)
        while doubtful:
            doubtful = await self._find_out(doubtful, failures)
        self._on_step("committed")
        return failures

    async def _send(self, units: list[Unit], failures: Failures) -> list[Unit]:
        """Write the documents; returns the units of which it is not known whether they are written."""
        try:
            results = await bulks.write(self._cluster, [unit.writes[0].line for unit in units], self._count_bulk)
        except NoAnswer as error:
            if self._bulks > 1 or not error.is_untaken:
                return units
            failures.update((unit.number, Failure(error)) for unit in units)
            return []
        doubtful: list[Unit] = []
        for unit, result in zip(units, results, strict=True):
            (write,) = unit.writes
            if result.is_done:
                self.seq_nos[write.key] = (result.seq_no, result.primary_term)
            elif result.is_decided:
                failures[unit.number] = failure_of(write, result)
            else:
                doubtful.append(unit)
        return doubtful

    async def _count_bulk(self) -> None:
        self._bulks += 1
        self._count()

    async def _find_out(self, units: list[Unit], failures: Failures) -> list[Unit]:
        """Look what became of writes without an answer; returns those to look at again."""
        addresses = [(unit.writes[0].image.index, unit.writes[0].key.id) for unit in units]
        items = await until_answered(lambda: self._cluster.mget(addresses))
        fences: list[tuple[Unit, bytes]] = []
        for unit, item in zip(units, items, strict=True):
            (write,) = unit.writes
            stored = None if "error" in item else parse_stored(item)
            if stored is None:
                failures[unit.number] = _give_up(unit)
                continue
            mark = str(Mark(self.name, unit.number))
            match undo_step(write.image, mark, stored.mark, stored.seq_no):  # tells whether it was made; it stays
                case Undo.REMOVE | Undo.RESTORE:
                    self.seq_nos[write.key] = (stored.seq_no, stored.primary_term)
                case Undo.FENCE:
                    fences.append((unit, _unchanged(write, stored)))
                case Undo.NOTHING:
                    failures[unit.number] = _give_up(unit)
        return await self._fence(fences, failures)

    async def _fence(self, fences: list[tuple[Unit, bytes]], failures: Failures) -> list[Unit]:
        """Write documents back unchanged, so that the late write cannot land and the transaction can start again."""
        results = await until_answered(lambda: bulks.write(self._cluster, [line for _, line in fences]))
        again = []
        for (unit, _), result in zip(fences, results, strict=True):
            if result.is_done:
                failures[unit.number] = Failure(NoAnswer(NOT_WRITTEN))
            elif result.is_conflict:
                again.append(unit)
            else:
                failures[unit.number] = _give_up(unit)
        return again

    async def clean(self) -> None:
        """Step 11: remove the tombstones.

        Raises:
            NoAnswer: some may be left; they do no harm.
        """
        await bulks.write(self._cluster, tombstone_lines(self._units, self.seq_nos))


def _unchanged(write: Write, stored: Stored) -> bytes:
    return index_line(write.image.index, write.key.id, orjson.dumps(stored.raw()), stored.seq_no, stored.primary_term)


def _give_up(unit: Unit) -> Failure:
    """Tell the callers what is known: somebody else may have built on the write, or it may still arrive."""
    problem = NoAnswer(NOT_KNOWN)
    for outcome in unit.outcomes:
        outcome.job.fail(problem)
    return Failure(problem)
