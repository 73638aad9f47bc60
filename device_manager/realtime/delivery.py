"""From an entry of the log to the clients that it concerns: matched once, encoded once, sent in order (design 3, 7)."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError
from device_manager.events import EventBus
from device_manager.realtime.bus import Entry
from device_manager.realtime.dispatching import DISPATCH_PIPES, dispatched
from device_manager.realtime.entitlements import Entitlements
from device_manager.realtime.notifications import Notification, Scope, document_notification, encoded_head
from device_manager.realtime.rooms import NOWHERE, Room, Rooms

log = structlog.get_logger("realtime")

PIPE, HOOK = "notify:document", "core:notify:document"


class Concerned(NamedTuple):
    """Rooms that an entry concerns, by id: documents that match, and documents that no longer do."""

    ins: set[str] | frozenset[str]
    outs: set[str] | frozenset[str]


class _Waiting(NamedTuple):
    entry: Entry
    number: int | None
    concerned: Concerned


class Delivery:
    """Sends notifications of documents.

    Entries are sent at once, in the turn in which they are told. They wait, in order, only while rights are looked at
    again or pipes run.

    Args:
        rooms: who listens.
        events: runs the pipes.
        entitlements: says whether the subscriptions are still allowed.
        most_waiting: entries that wait for pipes; beyond it the newest are dropped, which is logged.

    Attributes:
        sent: notifications handed to clients.
        dropped: entries that were dropped.
    """

    def __init__(self, rooms: Rooms, events: EventBus, entitlements: Entitlements, *, most_waiting: int) -> None:
        self._rooms = rooms
        self._events = events
        self._entitlements = entitlements
        self._most_waiting = max(most_waiting, 1)
        self._waiting: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None
        self.sent = 0
        self.dropped = 0

    def deliver(self, entry: Entry, number: int | None) -> None:
        """Send what an entry means to the rooms of its collection, or let it wait for its turn."""
        concerned = self.concerned(entry)
        if not concerned.ins and not concerned.outs:
            return
        if self._work is None and self._entitlements.are_current and not self._is_piped():
            self._send(concerned, entry, number)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(_Waiting(entry, number, concerned))
            self.hurry()
        else:
            if self.dropped % self._most_waiting == 0:
                log.error("notifications dropped, pipes do not keep up", waiting=self._most_waiting)
            self.dropped += 1

    def concerned(self, entry: Entry) -> Concerned:
        """The rooms that an entry concerns."""
        place = entry.index, entry.collection
        ins = self._rooms.matching(place, entry.id, entry.after)
        before = self._rooms.matching(place, entry.id, entry.before)
        return Concerned(ins, before - ins if before else NOWHERE)

    def hurry(self) -> None:
        """Begin to look at rights and at what waits, if that is not under way."""
        if self._work is None:
            # In an empty context: what happens here belongs to no request.
            self._work = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    async def stop(self) -> None:
        """Send nothing more of what waits."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def _is_piped(self) -> bool:
        listens = self._events.listens
        return listens(PIPE) or listens(HOOK) or any(listens(event) for event in DISPATCH_PIPES)

    async def _run(self) -> None:
        try:
            while self._waiting or not self._entitlements.are_current:
                if not self._entitlements.are_current:
                    await self._entitlements.check()
                if self._waiting:
                    await self._send_next(self._waiting.popleft())
        except Exception:  # what waits goes on with the next entry, or with the next look at rights
            log.exception("rights could not be looked at")
        finally:
            self._work = None

    async def _send_next(self, waiting: _Waiting) -> None:
        try:
            if self._is_piped():
                await self._send_piped(waiting)
            else:
                self._send(waiting.concerned, waiting.entry, waiting.number)
        except ApiError as error:
            log.error("a notification was refused by a pipe", reason=error.message)
        except Exception:
            log.exception("a notification could not be sent")

    def _send(self, concerned: Concerned, entry: Entry, number: int | None) -> None:
        scopes: tuple[tuple[Scope, set[str] | frozenset[str]], ...] = (("in", concerned.ins), ("out", concerned.outs))
        for scope, ids in scopes:
            rooms = [room for id in ids if (room := self._rooms.get(id)) is not None]
            if rooms:
                head = encoded_head(document_notification(entry, scope, number))
                for room in rooms:
                    self._send_to(room, scope, head, number)

    def _send_to(self, room: Room, scope: Scope, head: bytes, number: int | None) -> None:
        for channel in room.channels.values():
            if channel.interest.wants_document(scope):
                frame = head + channel.tail
                self.sent += len(channel.seats)
                for seat in channel.seats.values():
                    seat.send(frame, number)

    async def _send_piped(self, waiting: _Waiting) -> None:
        entry, number, concerned = waiting
        scopes: tuple[tuple[Scope, set[str] | frozenset[str]], ...] = (("in", concerned.ins), ("out", concerned.outs))
        for scope, ids in scopes:
            if not ids:
                continue
            notification = await self._events.pipe(PIPE, document_notification(entry, scope, number))
            self._events.emit(HOOK, {"rooms": sorted(ids), "notification": notification})
            for id in ids:
                room = self._rooms.get(id)
                if room is not None:
                    await self._dispatch(room, scope, notification, number)

    async def _dispatch(self, room: Room, scope: Scope, notification: Notification, number: int | None) -> None:
        """Show a notification to the pipes of one room's channels, then send what they made of it."""
        shown = await dispatched(self._events, room, lambda interest: interest.wants_document(scope), notification)
        self._send_to(room, scope, encoded_head(shown), number)
