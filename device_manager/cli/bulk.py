"""The run of a bulk command: batches of the file go through the job in order, refused rows to the errors file."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device_manager.cli.client import Client, ServerUnreachable
from device_manager.cli.exit_codes import Exit
from device_manager.cli.jobs import NO_ANSWER, Applied, BatchRefused, Job, Outcomes
from device_manager.cli.progress import Progress
from device_manager.cli.rows import ErrorsFile, InputFile, Refusal, Row

BATCH = 2000
"""Records of one call."""
STRICT_BATCH = 20_000
"""Records of one strict call, when the whole file fits into it."""
STRICT_BYTES = 12_000_000
"""Size of the largest file that fits into one strict call."""
BATCH_CHARACTERS = 4_000_000
"""Characters of the values of one call: wide rows make smaller calls, so that no message gets too large."""
MOST_REASONS = 10
"""Different reasons that the summary keeps apart."""


@dataclass(slots=True)
class Summary:
    """What a run did.

    Attributes:
        rows: read from the file.
        changed: applied, and not true before.
        unchanged: already true.
        refused: by the server, or unusable as they stand in the file.
        not_sent: left over when the run ended early.
        unknown: sent, but no answer came.
        calls: batches sent.
        seconds: how long it took.
        ended_early: why the rest of the file was not sent, None when it was.
        exit: the status to exit with when it ended early.
        reasons: how often each reason came, the first ones apart, further ones together.
    """

    rows: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    not_sent: int = 0
    unknown: int = 0
    calls: int = 0
    seconds: float = 0.0
    ended_early: str | None = None
    exit: Exit = Exit.DONE
    reasons: Counter[str] = field(default_factory=Counter)

    def note(self, outcome: Applied | Refusal) -> None:
        """Count the outcome of one row."""
        if isinstance(outcome, Applied):
            self.changed += outcome.changed
            self.unchanged += not outcome.changed
        elif outcome is NO_ANSWER:
            self.unknown += 1
        else:
            self.refused += 1
            self.exit = self.exit or Exit.REFUSED
            reason = outcome.id or outcome.reason
            known = reason in self.reasons or len(self.reasons) < MOST_REASONS
            self.reasons[reason if known else "other reasons"] += 1


class BulkRun:
    """One run of `job` over `source`."""

    def __init__(self, job: Job, source: InputFile, errors: ErrorsFile, progress: Progress, *, dry_run: bool) -> None:
        self._job = job
        self._rows = source.rows()
        self._errors = errors
        self._progress = progress
        self._dry_run = dry_run
        self.summary = Summary()

    async def run(self, url: str, token: str | None, batch: int) -> None:
        """Send everything. Cancelling it, as Ctrl-C does, leaves a complete summary and errors file as well."""
        started = time.monotonic()
        try:
            async with Client(url, token=token) as client:
                for rows in _batches(self._rows, batch):
                    await self._send(client, rows)
        except BatchRefused as refused:
            self._end_early(Exit.REFUSED, str(refused))
        except ServerUnreachable as unreachable:
            self._end_early(Exit.UNREACHABLE, str(unreachable))
        except asyncio.CancelledError:
            self._end_early(Exit.UNREACHABLE, "Interrupted.")
        self.summary.seconds = time.monotonic() - started

    async def _send(self, client: Client, rows: Sequence[Row]) -> None:
        good = [row for row in rows if row.problem is None]
        outcomes: Outcomes = [NO_ANSWER] * len(good)
        self.summary.calls += 1
        try:
            if good:
                await self._job.apply(client, good, outcomes, dry_run=self._dry_run)
        finally:
            decided = iter(outcomes)
            for row in rows:
                outcome = next(decided) if row.problem is None else Refusal(400, None, row.problem)
                self._note(row, outcome)
            self._progress.advance(len(rows))

    def _note(self, row: Row, outcome: Applied | Refusal) -> None:
        self.summary.rows += 1
        self.summary.note(outcome)
        if isinstance(outcome, Refusal):
            self._errors.add(row, outcome)

    def _end_early(self, exit_status: Exit, reason: str) -> None:
        """Keep the rows that were not sent in the errors file."""
        self.summary.ended_early = reason
        self.summary.exit = exit_status
        not_sent = Refusal(None, None, f"Not sent: {reason}")
        for row in self._rows:
            self.summary.rows += 1
            self.summary.not_sent += 1
            self._errors.add(row, not_sent)


def batch_size(path: Path, required: Sequence[str], *, strict: bool) -> int:
    """Records of one call: a strict run is one call when the file is small enough, so that it is all or nothing."""
    if not strict or path.stat().st_size > STRICT_BYTES:
        return BATCH
    with InputFile(path, required) as source:
        fits = sum(1 for _ in itertools.islice(source.rows(), STRICT_BATCH + 1)) <= STRICT_BATCH
    return STRICT_BATCH if fits else BATCH


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += sum(map(len, row.cells))
        if len(batch) == size or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
