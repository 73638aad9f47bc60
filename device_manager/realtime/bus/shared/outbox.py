"""Entries of this server that have not come back from the log yet, or came back a moment ago."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import msgspec

from device_manager.realtime.bus.entries import Entry

RECENT = 10.0
"""Seconds for which entries are kept that came back: Redis may end before the other servers have read them."""


class Outgoing(msgspec.Struct):
    """An entry on its way.

    Attributes:
        sequence: counts the entries of this server; by it Redis knows one that is sent again.
        entry: what happened.
        data: the entry, encoded.
        is_told: the listener has heard of it.
        came_back: when it was read from the log, in monotonic seconds.
    """

    sequence: int
    entry: Entry
    data: bytes
    is_told: bool = False
    came_back: float = 0.0


class Outbox:
    """Keeps entries until they come back, within bounds.

    Args:
        most: entries that are kept.
        most_bytes: bytes that they may take, encoded.

    Attributes:
        has_lost: entries were given up, so others miss them.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.has_lost = False
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: deque[Outgoing] = deque()
        self._recent: deque[Outgoing] = deque()
        self._bytes = 0
        self._sequence = 0
        self._sent = 0

    def add(self, entry: Entry, data: bytes) -> Outgoing:
        """Take an entry in."""
        self._sequence += 1
        outgoing = Outgoing(self._sequence, entry, data)
        self._waiting.append(outgoing)
        self._bytes += len(data)
        return outgoing

    def overflow(self) -> Iterator[Outgoing]:
        """Give up the oldest entries while there are too many."""
        while self._is_full and self._recent:
            self._bytes -= len(self._recent.popleft().data)
        while self._is_full and self._waiting:
            self.has_lost = True
            outgoing = self._waiting.popleft()
            self._bytes -= len(outgoing.data)
            yield outgoing

    def unsent(self, most: int) -> list[Outgoing]:
        """The next entries to send."""
        first = self._waiting[0].sequence if self._waiting else self._sequence + 1
        start = max(self._sent + 1 - first, 0)
        return [self._waiting[place] for place in range(start, min(start + most, len(self._waiting)))]

    def note_sent(self, sequence: int) -> None:
        """All entries up to this one are in the log."""
        self._sent = max(self._sent, sequence)

    def send_again(self) -> None:
        """Nobody knows which of the entries are in the log."""
        self._sent = 0

    def send_all_again(self) -> None:
        """The log is a new one: even entries that came back may be missing there."""
        self._waiting.extendleft(reversed(self._recent))
        self._recent.clear()
        self._sent = 0

    def came_back(self, sequence: int) -> Iterator[Outgoing]:
        """The entries up to one that was read from the log; those before it were forgotten there, unread."""
        now = time.monotonic()
        while self._waiting and self._waiting[0].sequence <= sequence:
            outgoing = self._waiting.popleft()
            yield outgoing
            outgoing.is_told, outgoing.came_back = True, now
            self._recent.append(outgoing)
        while self._recent and self._recent[0].came_back < now - RECENT:
            self._bytes -= len(self._recent.popleft().data)

    def untold(self) -> Iterator[Outgoing]:
        """Entries that the listener has not heard of."""
        return (outgoing for outgoing in self._waiting if not outgoing.is_told)

    @property
    def waiting(self) -> int:
        """Entries that did not come back yet."""
        return len(self._waiting)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) + len(self._recent) > self._most or self._bytes > self._most_bytes
