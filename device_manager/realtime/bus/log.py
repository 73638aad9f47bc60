"""The newest entries of all followed collections, within bounds, for clients that come back (router-protocol 9, 46)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from device_manager.realtime.bus.entries import NumberedEntry, decode_entry

MOST_MISSED = 2000
"""Entries that a client is told when it comes back: whoever missed more fetches faster, and holds nobody up."""

Place = tuple[str, str]
"""Index and collection."""


def first_number() -> int:
    """The number before the first one of a new log: larger than all of earlier logs, and exact in JavaScript."""
    return time.time_ns() // 1000


class _Kept(NamedTuple):
    number: int
    place: Place
    data: bytes
    noted: float


class EntryLog:
    """Entries in the order of their numbers, oldest ones forgotten first.

    Args:
        most: entries that are kept.
        most_bytes: bytes that they may take, encoded.
        age: seconds for which one is kept.
        clock: monotonic seconds.

    Attributes:
        number: of the newest entry, kept or not.
    """

    def __init__(
        self, most: int, most_bytes: int, age: float, number: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.number = number
        self._most = most
        self._most_bytes = most_bytes
        self._age = age
        self._clock = clock
        self._entries: deque[_Kept] = deque()
        self._bytes = 0
        self._followed: dict[Place, int] = {}
        """The number from which on all entries of a collection are here."""

    def follow(self, place: Place, number: int | None = None) -> None:
        """From now on, or from entry `number` on, the log has all that happens in a collection."""
        self._followed.setdefault(place, self.number if number is None else number)

    def leave(self, place: Place) -> None:
        """From now on the log misses what happens in a collection."""
        self._followed.pop(place, None)

    def append(self, place: Place, data: bytes, number: int | None = None) -> int:
        """Add an encoded entry; its number, the next one unless it has one already."""
        self.number = self.number + 1 if number is None else number
        self._entries.append(_Kept(self.number, place, data, self._clock()))
        self._bytes += len(data)
        while len(self._entries) > self._most or (self._bytes > self._most_bytes and self._entries):
            self._forget_oldest()
        return self.number

    def since(self, place: Place, number: int) -> list[NumberedEntry] | None:
        """What happened in a collection after entry `number`; None when some may be missing here, or it is too much."""
        self.expire()
        followed = self._followed.get(place)
        if followed is None or not followed <= number <= self.number:
            return None
        missed = [kept for kept in self._entries if kept.number > number and kept.place == place]
        if len(missed) > MOST_MISSED:
            return None
        return [NumberedEntry(kept.number, decode_entry(kept.data)) for kept in missed]

    def expire(self) -> None:
        """Forget what is too old."""
        limit = self._clock() - self._age
        while self._entries and self._entries[0].noted < limit:
            self._forget_oldest()

    def forget(self) -> None:
        """Forget everything: something is missing, and nobody knows what."""
        self._entries.clear()
        self._bytes = 0
        self._followed = dict.fromkeys(self._followed, self.number)

    def restart(self, number: int) -> None:
        """Forget everything and go on with the log whose newest entry is `number`."""
        self.number = number
        self.forget()

    def _forget_oldest(self) -> None:
        oldest = self._entries.popleft()
        self._bytes -= len(oldest.data)
        if oldest.place in self._followed:
            self._followed[oldest.place] = max(oldest.number, self._followed[oldest.place])
