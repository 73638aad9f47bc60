"""How clients come into rooms and leave them, on this server (router-protocol 5.7)."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import orjson
import structlog

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.realtime.bus import Bus, RoomDescription
from device_manager.realtime.bus.entries import encode_description
from device_manager.realtime.channels import Interest
from device_manager.realtime.clients import Client
from device_manager.realtime.entitlements import Entitlements
from device_manager.realtime.koncorde import Filter
from device_manager.realtime.presence import Presence
from device_manager.realtime.replay import missed_frames
from device_manager.realtime.rooms import Place, Rooms, Seating, Subscription
from device_manager.realtime.seats import Hold
from device_manager.settings import Settings
from device_manager.storage.stamps import Source

log = structlog.get_logger("realtime")

MOST_VOLATILE = 4096
"""Bytes of JSON that are kept with a subscription, to be told others."""
ALONE = "notifications stay in this server: others on the same cluster need the same --redis"


class Wish(NamedTuple):
    """Who wants to hear what.

    Attributes:
        client: who.
        interest: of which notifications.
        user_id: whose right it rests on; None for the server itself.
        volatile: told others who want to know who comes and goes.
        since: number of the last notification that the client saw; None for one that missed nothing.
        action: `subscribe` or `join`.
    """

    client: Client
    interest: Interest
    user_id: str | None
    volatile: Source | None
    since: int | None
    action: str


class Subscribed:
    """What became of a wish.

    Attributes:
        room: id of the room.
        channel: name of the channel, which notifications carry as `room`.
        number: of the newest entry before it; everything after that is told.
        resumed: whether all that was missed follows; None if nothing was asked for.
        hold: keeps notifications back until the answer is on its way; to be released in any case.
        seating: where the client sits.
    """

    __slots__ = ("channel", "hold", "number", "resumed", "room", "seating")

    def __init__(self, seating: Seating, number: int, resumed: bool | None, hold: Hold) -> None:
        self.room = seating.subscription.room.id
        self.channel = seating.channel.name
        self.number = number
        self.resumed = resumed
        self.hold = hold
        self.seating = seating


class Membership:
    """Lets clients into rooms and out again, and tells who has to know.

    Args:
        rooms: the rooms of this server.
        bus: leads to the other servers.
        entitlements: who may.
        presence: tells those who want to know who comes and goes.
        events: runs pipes and hooks.
        settings: limits.
        is_cut_off: other servers write to the same store, and the bus does not reach them.
    """

    def __init__(
        self,
        rooms: Rooms,
        bus: Bus,
        entitlements: Entitlements,
        presence: Presence,
        events: EventBus,
        settings: Settings,
        *,
        is_cut_off: bool,
    ) -> None:
        self._rooms = rooms
        self._bus = bus
        self._entitlements = entitlements
        self._presence = presence
        self._events = events
        self._settings = settings
        self._is_cut_off = is_cut_off
        self._coming: Counter[Place] = Counter()
        self._entering: list[Wish] = []

    async def enter(self, wish: Wish, id: str, description: RoomDescription, filter: Filter) -> Subscribed:
        """Let a client hear of a room; see `Realtime.subscribe`."""
        client = wish.client
        if client.push is None:
            raise api_error("api.assert.unsupported_protocol", client.protocol, f"realtime:{wish.action}")
        self._check_limits(client, id)
        if wish.volatile and len(orjson.dumps(wish.volatile)) > MOST_VOLATILE:
            raise api_error("api.assert.invalid_argument", "volatile", f"at most {MOST_VOLATILE} bytes to subscribe")
        place = description.place
        self._coming[place] += 1
        self._entering.append(wish)
        try:
            await self._bus.follow(*place)
            await self._entitlements.ensure(wish.user_id, place)
            # Nothing is awaited from here on, so that no entry falls between what is replayed and what is told.
            if client.push is None:
                raise api_error("api.process.connection_dropped")
            if not any(entering is wish for entering in self._entering):
                raise api_error("security.token.invalid")  # it has ended meanwhile
            self._check_limits(client, id)
            return self._take_seat(wish, id, description, filter)
        finally:
            self._entering = [entering for entering in self._entering if entering is not wish]
            self._coming[place] -= 1
            self._let_go(place)

    def leave(self, subscription: Subscription) -> None:
        """Take a client out of a room; does nothing when it is not there any more."""
        room = subscription.room
        if not self._rooms.leave(subscription):
            return
        description = RoomDescription(*room.place, room.body)
        self._bus.set_count(room.id, len(room.subscriptions), encode_description(description))
        self._presence.tell(subscription, "out", "unsubscribe")
        about = _about(subscription)
        self._announce("core:hotelClerk:removeRoomForCustomer", about)
        self._events.emit("core:realtime:user:unsubscribe:after", about)
        if not room.subscriptions:
            self._announce("room:remove", about)
        self._let_go(room.place)

    def undo(self, subscribed: Subscribed) -> None:
        """Take back a subscription whose request failed after all; what the client had before stays."""
        seating = subscribed.seating
        subscribed.hold.abandon()
        if seating.is_new_subscription:
            self.leave(seating.subscription)
        elif seating.is_new_seat:
            client_id = seating.subscription.client.id
            if seating.channel.seats.get(client_id) is seating.seat:  # it may have left and come again meanwhile
                self._rooms.unseat(seating.subscription.room, client_id, seating.channel)

    def drop(self, client: Client, user_id: str | None = None) -> None:
        """Take a client out of all rooms, or out of those where it is by the right of one user."""
        for subscription in list(self._rooms.of_client(client.id).values()):
            if user_id is None or subscription.user_id == user_id:
                self.leave(subscription)
        self._entering = [
            wish
            for wish in self._entering
            if wish.client.id != client.id or (user_id is not None and wish.user_id != user_id)
        ]

    def _check_limits(self, client: Client, room: str) -> None:
        mine = self._rooms.of_client(client.id)
        if room in mine:
            return
        settings = self._settings
        bounds = [
            (len(mine), settings.realtime_connection_rooms),
            (self._rooms.subscriptions, settings.realtime_subscriptions),
            (0 if self._rooms.get(room) else len(self._rooms), settings.realtime_rooms),
        ]
        for used, most in bounds:
            if used >= most:
                raise api_error("core.realtime.too_many_rooms", most)

    def _take_seat(self, wish: Wish, id: str, description: RoomDescription, filter: Filter) -> Subscribed:
        self._warn()
        client = wish.client
        number = self._bus.number
        room = self._rooms.open(id, description.place, filter, description.filter)
        is_new = not room.subscriptions
        seating = self._rooms.seat(
            room, client, wish.interest, user_id=wish.user_id, volatile=wish.volatile, start=number
        )
        subscribed = Subscribed(seating, number, None, Hold(seating.seat))
        if wish.since is not None:
            subscribed.resumed = self._replay(seating, wish.since)
        if seating.is_new_subscription:
            client.on_close(self.drop)
            self._bus.set_count(id, len(room.subscriptions), encode_description(description))
            skips = (client.id, seating.channel.name) if seating.is_new_channel else None
            self._presence.tell(seating.subscription, "in", wish.action, skips=skips)
            about = _about(seating.subscription)
            if is_new:
                self._events.emit("room:new", about)
            self._announce("core:hotelClerk:addSubscription", about)
            self._events.emit("core:realtime:user:subscribe:after", about)
        return subscribed

    def _replay(self, seating: Seating, since: int) -> bool:
        """Queue what a client missed since a number; whether all of it is known."""
        room = seating.subscription.room
        entries = self._bus.since(*room.place, since)
        most = self._settings.connection_outgoing_bytes // 2
        frames = None if entries is None else missed_frames(room, seating.channel, entries, most)
        for frame in frames or ():
            seating.seat.replay(frame)
        return frames is not None

    def _let_go(self, place: Place) -> None:
        """Follow a collection no longer once it has no room and nobody is about to enter one."""
        if not self._coming[place]:
            del self._coming[place]
            if not self._rooms.has_place(place):
                self._bus.release(*place)

    def _announce(self, event: str, about: dict[str, Any]) -> None:
        if self._events.listens(event):
            self._presence.announce(event, about)

    def _warn(self) -> None:
        """Say once that clients of other servers are not heard."""
        if self._is_cut_off:
            self._is_cut_off = False
            log.warning(ALONE)


def _about(subscription: Subscription) -> dict[str, Any]:
    """What listeners of events learn of a subscription."""
    room = subscription.room
    index, collection = room.place
    return {
        "roomId": room.id,
        "index": index,
        "collection": collection,
        "filters": room.body,
        "connectionId": subscription.client.id,
        "kuid": subscription.user_id,
    }
