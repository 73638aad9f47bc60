"""Who comes to a room and who leaves it, told those who asked for it (router-protocol 5.7)."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from typing import Any, Literal

import msgspec
import structlog

from device_manager.errors import ApiError
from device_manager.events import EventBus
from device_manager.realtime.bus import Bus
from device_manager.realtime.dispatching import DISPATCH_PIPES, dispatched
from device_manager.realtime.notifications import Notification, encoded_head
from device_manager.realtime.rooms import Room, Rooms, Subscription

log = structlog.get_logger("realtime")

Direction = Literal["in", "out"]
PIPE, HOOK = "notify:user", "core:notify:user"
MOST_WAITING = 10_000
"""Signals and events that wait for pipes or for the count of all servers; beyond it the newest are dropped."""


class _Signal(msgspec.Struct, frozen=True, array_like=True):
    """What servers tell each other of somebody who came or left.

    Attributes:
        room: where.
        direction: `in` or `out`.
        notification: without the name of the channel.
        skips: the client and the channel that are not told.
    """

    room: str
    direction: Direction
    notification: Notification
    skips: tuple[str, str] | None


class Presence:
    """Tells who comes and who leaves.

    Args:
        rooms: who listens here.
        bus: leads to the other servers.
        events: runs the pipes.
        node: the name of this server.
    """

    def __init__(self, rooms: Rooms, bus: Bus, events: EventBus, node: str) -> None:
        self._rooms = rooms
        self._bus = bus
        self._events = events
        self._node = node
        self._waiting: deque[tuple[Room, _Signal] | tuple[str, dict[str, Any]]] = deque()
        self._work: asyncio.Task[None] | None = None
        self._dropped = 0

    def tell(
        self, subscription: Subscription, direction: Direction, action: str, *, skips: tuple[str, str] | None = None
    ) -> None:
        """Tell all servers that a client came or left.

        Args:
            subscription: what it has now, or had.
            direction: `in` or `out`.
            action: what it did: `subscribe`, `join` or `unsubscribe`.
            skips: the id of a client and the name of a channel; that client is not told by that channel.
        """
        room = subscription.room
        if not self._bus.is_shared and not room.wants_users():
            return
        signal = _Signal(room.id, direction, self._notification(subscription, direction, action), skips)
        if self._work is None and not self._bus.is_shared and not self._is_piped():
            self._bus.tell(msgspec.msgpack.encode(signal))
            return
        self._begin((room, signal))

    def _begin(self, work: tuple[Room, _Signal] | tuple[str, dict[str, Any]]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            if self._dropped % MOST_WAITING == 0:
                log.error("nobody is told who comes and goes, there are too many", waiting=MOST_WAITING)
            self._dropped += 1
            return
        self._waiting.append(work)
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    def hear(self, data: bytes) -> None:
        """A server told of somebody: pass it on to those here who want to know."""
        try:
            signal = msgspec.msgpack.decode(data, type=_Signal)
        except msgspec.DecodeError as error:  # that of a server of another version
            log.error("another server tells who comes and goes in words that this one cannot read", reason=str(error))
            return
        room = self._rooms.get(signal.room)
        if room is None or not room.wants_users():
            return
        head = encoded_head(signal.notification)
        for channel in room.channels.values():
            if channel.interest.wants_user(signal.direction):
                frame = head + channel.tail
                for client_id, seat in channel.seats.items():
                    if signal.skips != (client_id, channel.name):
                        seat.send(frame)

    def announce(self, event: str, about: dict[str, Any]) -> None:
        """Run the pipes and hooks of an event about a subscription, one event after another; they change nothing."""
        self._begin((event, about))

    async def stop(self) -> None:
        """Tell nothing more."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def _notification(self, subscription: Subscription, direction: Direction, action: str) -> Notification:
        room = subscription.room
        index, collection = room.place
        return {
            "type": "user",
            "status": 200,
            "user": direction,
            "result": {"count": len(room.subscriptions)},
            "node": self._node,
            "timestamp": int(time.time() * 1000),
            "volatile": subscription.volatile,
            "index": index,
            "collection": collection,
            "controller": "realtime",
            "action": action,
            "protocol": subscription.client.protocol,
        }

    def _is_piped(self) -> bool:
        listens = self._events.listens
        return listens(PIPE) or listens(HOOK) or any(listens(event) for event in DISPATCH_PIPES)

    async def _run(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._do(*self._waiting.popleft())
                except ApiError as error:
                    log.error("a notification of a user was refused by a pipe", reason=error.message)
                except Exception:
                    log.exception("a notification of a user could not be sent")
        finally:
            self._work = None

    async def _do(self, subject: Room | str, content: Any) -> None:
        if isinstance(subject, Room):
            self._bus.tell(msgspec.msgpack.encode(await self._finished(subject, content)))
        else:
            await self._events.pipe(subject, content)

    async def _finished(self, room: Room, signal: _Signal) -> _Signal:
        """A signal with the count of all servers, as the pipes leave it."""
        notification: Any = signal.notification
        if self._bus.is_shared:
            notification = notification | {"result": {"count": await self._bus.count(room.id)}}
        if self._is_piped():
            notification = await self._events.pipe(PIPE, notification)
            self._events.emit(HOOK, {"rooms": [room.id], "notification": notification})
            direction = signal.direction
            notification = await dispatched(self._events, room, lambda i: i.wants_user(direction), notification)
        return msgspec.structs.replace(signal, notification=notification)
