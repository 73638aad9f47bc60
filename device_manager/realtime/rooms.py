"""The rooms of one server: who listens to which filter on which collection, found by document and by client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from device_manager.realtime.channels import Interest
from device_manager.realtime.clients import Client
from device_manager.realtime.koncorde import Filter, FilterIndex
from device_manager.realtime.seats import Seat

Place = tuple[str, str]
"""Index and collection."""
NOWHERE: frozenset[str] = frozenset()


class Channel:
    """Those subscriptions of a room that want the same.

    Attributes:
        name: what clients know it by.
        interest: what it carries.
        tail: how each of its messages ends: the member `room`.
        seats: who hears it, by the id of the client.
    """

    __slots__ = ("interest", "name", "seats", "tail")

    def __init__(self, room: str, interest: Interest) -> None:
        self.name = interest.channel(room)
        self.interest = interest
        self.tail = b',"room":' + orjson.dumps(self.name) + b"}"
        self.seats: dict[str, Seat] = {}


class Subscription:
    """One client in one room, by whatever channels.

    Attributes:
        room: where.
        client: who.
        user_id: whose right it rests on, that of the last request for it; None for the server's own.
        volatile: what came with the first request for it.
    """

    __slots__ = ("client", "room", "user_id", "volatile")

    def __init__(self, room: Room, client: Client, user_id: str | None, volatile: dict[str, Any] | None) -> None:
        self.room = room
        self.client = client
        self.user_id = user_id
        self.volatile = volatile


class Room:
    """A filter on a collection that somebody listens to.

    Attributes:
        id: the same on all servers.
        place: the collection.
        filter: which documents.
        body: the filter as it was asked for.
        channels: by name.
        subscriptions: by the id of the client.
    """

    __slots__ = ("body", "channels", "filter", "id", "place", "subscriptions")

    def __init__(self, id: str, place: Place, filter: Filter, body: Any) -> None:
        self.id = id
        self.place = place
        self.filter = filter
        self.body = body
        self.channels: dict[str, Channel] = {}
        self.subscriptions: dict[str, Subscription] = {}

    def wants_users(self) -> bool:
        """Whether anybody wants to know who comes and goes."""
        return any(channel.interest.users != "none" for channel in self.channels.values())


class Seating(NamedTuple):
    """What came of a client's wish to hear a channel.

    Attributes:
        seat: where it sits now.
        subscription: its subscription to the room.
        channel: what it hears.
        is_new_seat: it did not hear this channel before.
        is_new_channel: nobody did.
        is_new_subscription: it was not in the room before.
    """

    seat: Seat
    subscription: Subscription
    channel: Channel
    is_new_seat: bool
    is_new_channel: bool
    is_new_subscription: bool


class Rooms:
    """All rooms of one server.

    Attributes:
        subscriptions: how many there are, in all rooms.
    """

    def __init__(self) -> None:
        self.subscriptions = 0
        self._rooms: dict[str, Room] = {}
        self._indexes: dict[Place, FilterIndex] = {}
        self._by_place: dict[Place, set[str]] = {}
        self._by_client: dict[str, dict[str, Subscription]] = {}

    def __len__(self) -> int:
        """How many rooms there are."""
        return len(self._rooms)

    def __iter__(self) -> Iterator[Room]:
        """The rooms as they are now."""
        return iter(list(self._rooms.values()))

    def get(self, id: str) -> Room | None:
        """A room; None if there is none of that id here."""
        return self._rooms.get(id)

    def places(self) -> Iterable[Place]:
        """The collections that have rooms."""
        return self._by_place

    def has_place(self, place: Place) -> bool:
        """Whether a collection has rooms."""
        return place in self._by_place

    def of_client(self, client_id: str) -> dict[str, Subscription]:
        """The subscriptions of a client by room; not to be changed."""
        return self._by_client.get(client_id, {})

    def matching(self, place: Place, id: str | None, source: dict[str, Any] | None) -> set[str] | frozenset[str]:
        """The ids of the rooms that a document of a collection is in; none for no document."""
        index = self._indexes.get(place)
        return NOWHERE if source is None or index is None else index.matching(id or "", source)

    def open(self, id: str, place: Place, filter: Filter, body: Any) -> Room:
        """The room of a filter, made if there is none. One that nobody sits in is to be closed."""
        room = self._rooms.get(id)
        if room is None:
            room = self._rooms[id] = Room(id, place, filter, body)
            self._indexes.setdefault(place, FilterIndex()).add(id, filter)
            self._by_place.setdefault(place, set()).add(id)
        return room

    def seat(
        self,
        room: Room,
        client: Client,
        interest: Interest,
        *,
        user_id: str | None,
        volatile: dict[str, Any] | None,
        start: int,
    ) -> Seating:
        """Let a client hear a channel of a room; who hears it already keeps the seat.

        Args:
            room: where.
            client: who.
            interest: what the client wants to hear.
            user_id: whose right it rests on.
            volatile: kept with the client's first subscription to the room.
            start: number of the newest entry.
        """
        subscription = room.subscriptions.get(client.id)
        is_new_subscription = subscription is None
        if subscription is None:
            subscription = room.subscriptions[client.id] = Subscription(room, client, user_id, volatile)
            self._by_client.setdefault(client.id, {})[room.id] = subscription
            self.subscriptions += 1
        subscription.user_id = user_id
        name = interest.channel(room.id)
        channel = room.channels.get(name)
        is_new_channel = channel is None
        if channel is None:
            channel = room.channels[name] = Channel(room.id, interest)
        seat = channel.seats.get(client.id)
        is_new_seat = seat is None
        if seat is None:
            seat = channel.seats[client.id] = Seat(client, start)
        return Seating(seat, subscription, channel, is_new_seat, is_new_channel, is_new_subscription)

    def unseat(self, room: Room, client_id: str, channel: Channel) -> None:
        """Take a client out of one channel; it may go on in others."""
        channel.seats.pop(client_id, None)
        if not channel.seats:
            room.channels.pop(channel.name, None)

    def leave(self, subscription: Subscription) -> bool:
        """Take a client out of a room, which goes with the last one; False when it was not there any more."""
        room, client_id = subscription.room, subscription.client.id
        if room.subscriptions.get(client_id) is not subscription:
            return False
        del room.subscriptions[client_id]
        self.subscriptions -= 1
        for channel in list(room.channels.values()):
            self.unseat(room, client_id, channel)
        mine = self._by_client[client_id]
        del mine[room.id]
        if not mine:
            del self._by_client[client_id]
        if not room.subscriptions:
            self._close(room)
        return True

    def _close(self, room: Room) -> None:
        del self._rooms[room.id]
        place = room.place
        self._indexes[place].remove(room.id)
        self._by_place[place].discard(room.id)
        if not self._by_place[place]:
            del self._by_place[place]
            del self._indexes[place]
