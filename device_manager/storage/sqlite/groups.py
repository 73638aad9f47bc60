"""Group commit, seen from the event loop: transactions join the open group, which leaves when the writer is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from device_manager.storage.contract import Change, Document, Key
from device_manager.storage.sqlite.recent import RecentRows
from device_manager.storage.sqlite.work import Work
from device_manager.storage.sqlite.writer import Outcome, Stale, Writer

_log = logging.getLogger(__name__)

Tell = Callable[[Sequence[Change]], None]


@dataclass(slots=True, eq=False)
class Pending:
    """One transaction that is decided and not committed yet."""

    work: Work
    changes: list[Change]
    answer: asyncio.Future[Outcome]


class GroupCommit:
    """Collects decided transactions, hands them to the writer, and keeps what they decided in sight meanwhile.

    The overlay has the newest decided state of each document that is not committed yet. The next decision is made on
    top of it, so concurrent transactions on one document all succeed, in the order in which they were decided. When one
    fails, those of its group that were decided on top of it do not find the rows they expect; they and all later ones
    are decided again.
    """

    def __init__(self, writer: Writer, next_seq: Callable[[], int], tell: Tell, recent: RecentRows) -> None:
        self._writer = writer
        self._next_seq = next_seq
        self._tell = tell
        self._recent = recent
        self._loop = asyncio.get_running_loop()
        self._open: list[Pending] = []
        self._in_flight = False
        self._overlay: dict[Key, tuple[Pending, Document | None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def is_pending(self, key: Key) -> bool:
        """Whether the newest state of `key` is not committed yet."""
        return key in self._overlay

    def pending(self, keys: Iterable[Key]) -> dict[Key, Document | None]:
        """The newest decided states of those `keys` that have one; None is a deletion."""
        overlay = self._overlay
        # A large decision looks from another thread while commits leave the overlay: one look at each key.
        return {key: entry[1] for key in keys if (entry := overlay.get(key)) is not None} if overlay else {}

    def join(self, work: Work, changes: list[Change]) -> asyncio.Future[Outcome]:
        """Add a transaction to the open group.

        Returns:
            Its outcome: None once it is durable and the listeners know, `Stale` when it has to be decided again, or
            the error that kept it from being written.
        """
        pending = Pending(work, changes, self._loop.create_future())
        for change in changes:
            self._overlay[change.key] = pending, change.after
        self._open.append(pending)
        self._idle.clear()
        if len(self._open) == 1 and not self._in_flight:
            self._loop.call_soon(self._flush)
        return pending.answer

    async def drain(self) -> None:
        """Wait until nothing is open or in flight."""
        await self._idle.wait()

    def _flush(self) -> None:
        if self._in_flight:
            return
        if not self._open:
            self._idle.set()
            return
        group, self._open = self._open, []
        self._in_flight = True

        def done(outcomes: list[Outcome]) -> None:
            self._loop.call_soon_threadsafe(self._settle, group, outcomes)

        self._writer.commit([pending.work for pending in group], self._next_seq(), done)

    def _settle(self, group: list[Pending], outcomes: list[Outcome]) -> None:
        self._in_flight = False
        for pending, outcome in zip(group, outcomes, strict=True):
            for change in pending.changes:
                if self._overlay[change.key][0] is pending:
                    del self._overlay[change.key]
            if outcome is None:
                self._remember(pending.work)
                if pending.changes:
                    self._announce(pending.changes)
            _answer(pending, outcome)
        if any(outcome is not None for outcome in outcomes):
            self._decide_open_ones_again()
        self._flush()

    def _remember(self, work: Work) -> None:
        for place, row in work.changed.items():
            if row is None:
                self._recent.forget(place)
            else:
                self._recent.keep(place, row)

    def _decide_open_ones_again(self) -> None:
        """Something failed: whatever was decided since may rest on it, so nothing of that is kept."""
        doomed, self._open = self._open, []
        self._overlay.clear()
        for pending in doomed:
            _answer(pending, Stale("decided on top of a transaction that failed"))

    def _announce(self, changes: list[Change]) -> None:
        try:
            self._tell(changes)
        except Exception:
            _log.exception("A listener of committed changes failed; the commit itself is done.")


def _answer(pending: Pending, outcome: Outcome) -> None:
    if not pending.answer.done():
        pending.answer.set_result(outcome)
