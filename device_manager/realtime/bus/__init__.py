"""What carries news from where something happens to all servers whose clients follow it (router-protocol 5.7).

`LocalBus` is for one server by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from device_manager.realtime.bus.entries import Entry, NumberedEntry, RoomDescription
from device_manager.realtime.bus.local import LocalBus
from device_manager.realtime.bus.log import EntryLog

__all__ = ["Bus", "BusListener", "Entry", "EntryLog", "LocalBus", "NumberedEntry", "RoomDescription"]


class BusListener(Protocol):
    """Whoever hears what a bus brings. All calls happen on the event loop and wait for nothing."""

    def on_entry(self, entry: Entry, number: int | None) -> None:
        """Something happened in a followed collection, on this server or another one.

        Args:
            entry: what happened.
            number: its place in the log; None while the log is out of reach, so that nobody can resume from it.
        """

    def on_signal(self, signal: bytes) -> None:
        """A server, this one included, told all servers something that is not worth a place in the log."""

    def on_gap(self) -> None:
        """Entries of other servers may have been missed; nobody can resume from a number before this moment."""


class Bus(Protocol):
    """One log of numbered entries for all followed collections, and what servers tell each other beside it.

    Numbers begin at the time in microseconds since 1970 and grow by one, so those of a log that was lost are smaller
    than all of the next one. Entries come to every server in the order of their numbers.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other servers may be on it."""

    @property
    def number(self) -> int:
        """Number of the newest entry that the listener was told."""

    async def start(self, listener: BusListener) -> None:
        """Begin to tell `listener`."""

    async def stop(self) -> None:
        """Tell nothing more."""

    async def follow(self, index: str, collection: str) -> None:
        """Let every server put what happens in a collection into the log; returns once they do. May be repeated."""

    def release(self, index: str, collection: str) -> None:
        """Nobody on this server follows the collection any more; it stays in the log for a while, for who returns."""

    def is_followed(self, index: str, collection: str) -> bool:
        """Whether anybody on any server follows the collection, or did lately."""

    def publish(self, entry: Entry) -> None:
        """Put an entry into the log. Nothing is waited for; listeners are told in the order of these calls."""

    def since(self, index: str, collection: str, number: int) -> Sequence[NumberedEntry] | None:
        """What happened in a collection after entry `number`, in order; None when not all of it is known any more."""

    def tell(self, signal: bytes) -> None:
        """Tell the listeners of all servers something now."""

    def set_count(self, room: str, count: int, description: bytes) -> None:
        """Note how many connections of this server are in a room.

        Args:
            room: its id.
            count: 0 forgets it.
            description: an encoded `RoomDescription`.
        """

    async def count(self, room: str) -> int:
        """Connections in a room, over all servers."""

    async def rooms(self) -> dict[str, tuple[int, bytes]]:
        """Every room of every server by id: its connections and its description."""

    async def describe(self, room: str) -> bytes | None:
        """The description of a room of any server; None when there is no such room."""
