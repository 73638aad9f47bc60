"""The bus of a server by itself: what is published is told at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from device_manager.realtime.bus.entries import Entry, NumberedEntry, encode_entry
from device_manager.realtime.bus.log import EntryLog, Place, first_number

if TYPE_CHECKING:
    from device_manager.realtime.bus import BusListener


class LocalBus:
    """Keeps news to this process; see `Bus`.

    Args:
        entries: how many entries the log keeps.
        most_bytes: bytes that they may take.
        age: seconds for which entries are kept, and collections followed after the last client has left.
        clock: monotonic seconds.
    """

    is_shared = False

    def __init__(
        self, *, entries: int, most_bytes: int, age: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = EntryLog(entries, most_bytes, age, first_number(), clock=clock)
        self._age = age
        self._clock = clock
        self._listener: BusListener | None = None
        self._most = entries
        self._followed: set[Place] = set()
        self._abandoned: dict[Place, float] = {}
        self._rooms: dict[str, tuple[int, bytes]] = {}

    @property
    def number(self) -> int:
        """See `Bus.number`."""
        return self._log.number

    async def start(self, listener: BusListener) -> None:
        """See `Bus.start`."""
        self._listener = listener

    async def stop(self) -> None:
        """See `Bus.stop`."""
        self._listener = None

    async def follow(self, index: str, collection: str) -> None:
        """See `Bus.follow`."""
        place = (index, collection)
        self._abandoned.pop(place, None)
        self._followed.add(place)
        self._log.follow(place)

    def release(self, index: str, collection: str) -> None:
        """See `Bus.release`."""
        place = (index, collection)
        if place in self._followed:
            self._abandoned[place] = self._clock() + self._age
            self._leave_abandoned()

    def is_followed(self, index: str, collection: str) -> bool:
        """See `Bus.is_followed`."""
        place = (index, collection)
        if place not in self._followed:
            return False
        if place in self._abandoned:
            self._leave_abandoned()
        return place in self._followed

    def publish(self, entry: Entry) -> None:
        """See `Bus.publish`."""
        number = self._log.append((entry.index, entry.collection), encode_entry(entry))
        if self._listener is not None:
            self._listener.on_entry(entry, number)

    def since(self, index: str, collection: str, number: int) -> Sequence[NumberedEntry] | None:
        """See `Bus.since`."""
        return self._log.since((index, collection), number)

    def tell(self, signal: bytes) -> None:
        """See `Bus.tell`."""
        if self._listener is not None:
            self._listener.on_signal(signal)

    def set_count(self, room: str, count: int, description: bytes) -> None:
        """See `Bus.set_count`."""
        if count:
            self._rooms[room] = (count, description)
        else:
            self._rooms.pop(room, None)

    async def count(self, room: str) -> int:
        """See `Bus.count`."""
        return self._rooms.get(room, (0, b""))[0]

    async def rooms(self) -> dict[str, tuple[int, bytes]]:
        """See `Bus.rooms`."""
        return dict(self._rooms)

    async def describe(self, room: str) -> bytes | None:
        """See `Bus.describe`."""
        found = self._rooms.get(room)
        return None if found is None else found[1]

    def _leave_abandoned(self) -> None:
        """Stop logging collections whose last client has been away for too long, and the oldest of too many of them."""
        now = self._clock()
        while self._abandoned:
            place, end = next(iter(self._abandoned.items()))
            if end >= now and len(self._abandoned) <= self._most:
                return
            del self._abandoned[place]
            self._followed.discard(place)
            self._log.leave(place)
