"""Subscriptions as one object: who hears of what, resuming without a gap, presence (router-protocol 5.7).

Of the weaknesses in router-protocol 9, items 42 and 44 to 47 are answered here and in the modules that this one wires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import msgspec
import structlog

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.realtime.bus import Bus, Entry, RoomDescription
from device_manager.realtime.bus.entries import decode_description
from device_manager.realtime.changes import Origin, entry_of, is_silent, message_of
from device_manager.realtime.channels import Interest
from device_manager.realtime.clients import Client
from device_manager.realtime.delivery import Delivery
from device_manager.realtime.entitlements import Entitlements
from device_manager.realtime.koncorde import normalise, room_id
from device_manager.realtime.membership import Membership, Subscribed, Wish
from device_manager.realtime.presence import Presence
from device_manager.realtime.rights import EveryoneMay, SubscriptionRights
from device_manager.realtime.rooms import Place, Rooms
from device_manager.settings import Settings
from device_manager.storage.contract import Change, ChangeKind, Store, is_private
from device_manager.storage.stamps import Source

__all__ = ["Interest", "Realtime", "Subscribed"]

log = structlog.get_logger("realtime")

LOOK_INTERVAL = 1.0
"""Seconds between two looks at whether rights have changed."""
EVERYTHING = Interest()


class Realtime:
    """Tells clients what happens in collections.

    Args:
        store: whose commits are told.
        bus: leads to the other servers.
        events: runs pipes and hooks.
        settings: limits.
        node: the name of this server in notifications.
        rights: who may subscribe to what.

    Attributes:
        rooms: what this server's clients follow.
        delivery: sends notifications of documents, and counts them.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        events: EventBus,
        settings: Settings,
        *,
        node: str,
        rights: SubscriptionRights | None = None,
    ) -> None:
        self.rooms = Rooms()
        presence = Presence(self.rooms, bus, events, node)
        entitlements = Entitlements(self.rooms, rights or EveryoneMay(), lambda ended: self._membership.leave(ended))
        self.delivery = Delivery(self.rooms, events, entitlements, most_waiting=settings.realtime_log_entries)
        self.bus = self._bus = bus
        self._node = node
        self._max_conditions = settings.realtime_conditions
        self._presence = presence
        self._entitlements = entitlements
        is_cut_off = store.shared and not bus.is_shared
        self._membership = Membership(self.rooms, bus, entitlements, presence, events, settings, is_cut_off=is_cut_off)
        self._looking: asyncio.Task[None] | None = None
        store.on_commit(self._on_commit)

    async def start(self) -> None:
        """Connect to the other servers, and begin to look after rights."""
        await self._bus.start(self)
        self._looking = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Tell nothing more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.delivery.stop()
        await self._presence.stop()
        await self._bus.stop()

    # What clients ask for

    async def subscribe(
        self,
        client: Client,
        index: str,
        collection: str,
        body: object,
        interest: Interest = EVERYTHING,
        *,
        user_id: str | None = None,
        volatile: Source | None = None,
        since: int | None = None,
    ) -> Subscribed:
        """Tell a client from now on what happens to the documents of a collection that match a filter.

        Args:
            client: who.
            index: where; it need not exist.
            collection: where; it need not exist.
            body: the filter, in Koncorde.
            interest: what to tell.
            user_id: whose right it rests on; None stands for the server itself.
            volatile: told others who want to know who comes and goes.
            since: number of the last notification that the client saw; what it missed since follows.

        Returns:
            Where it sits. Nothing is sent before `hold` of that is released.

        Raises:
            ApiError: `api.assert.koncorde_dsl_error`, `core.realtime.too_many_rooms` (413), 403
                `security.rights.forbidden`, `api.assert.unsupported_protocol` for a client that cannot be told
                anything unasked, `services.storage.unknown_index` for a private one.
        """
        if is_private(index):
            raise api_error("services.storage.unknown_index", index)
        filter = normalise(body, max_conditions=self._max_conditions)
        wish = Wish(client, interest, user_id, volatile, since, "subscribe")
        description = RoomDescription(index, collection, body)
        return await self._membership.enter(wish, room_id(index, collection, filter), description, filter)

    async def join(
        self,
        client: Client,
        room: str,
        interest: Interest = EVERYTHING,
        *,
        user_id: str | None = None,
        volatile: Source | None = None,
        since: int | None = None,
    ) -> Subscribed:
        """Subscribe to a room that exists, on whatever server, by its id.

        Raises:
            ApiError: `core.realtime.room_not_found`, also for rooms that the user may not subscribe to; what
                `subscribe` raises.
        """
        description = await self._known_to(room, user_id)
        if description is None:
            raise api_error("core.realtime.room_not_found", room)
        wish = Wish(client, interest, user_id, volatile, since, "join")
        filter = normalise(description.filter, max_conditions=self._max_conditions)
        return await self._membership.enter(wish, room, description, filter)

    def unsubscribe(self, client: Client, room: str) -> None:
        """End all that a client hears of a room.

        Raises:
            ApiError: `core.realtime.not_subscribed` (412).
        """
        subscription = self.rooms.of_client(client.id).get(room)
        if subscription is None:
            raise api_error("core.realtime.not_subscribed", client.id, room)
        self._membership.leave(subscription)

    def undo(self, subscribed: Subscribed) -> None:
        """Take back a subscription whose request failed after all; what the client had before stays."""
        self._membership.undo(subscribed)

    def follows(self, client: Client, user_id: str) -> bool:
        """Whether a client has subscriptions that rest on the right of a user."""
        return any(subscription.user_id == user_id for subscription in self.rooms.of_client(client.id).values())

    def drop(self, client: Client, user_id: str | None = None) -> None:
        """End all subscriptions of a client, or those of one user on it, without telling it: a token has ended."""
        self._membership.drop(client, user_id)

    def publish(
        self, index: str, collection: str, body: Source, *, id: str | None, origin: Origin, author: str | None
    ) -> None:
        """Tell subscribers of a collection a message that is stored nowhere.

        Args:
            index: where; it need not exist.
            collection: where; it need not exist.
            body: what filters are held against.
            id: the id that it goes by.
            origin: the request that asks for it.
            author: id of the user who is named in the message.
        """
        if not is_private(index) and self._bus.is_followed(index, collection):
            self._bus.publish(message_of(index, collection, body, id=id, origin=origin, author=author, node=self._node))

    async def count(self, room: str, user_id: str | None = None) -> int:
        """Connections in a room over all servers; 0 for rooms that the user may not know of."""
        return 0 if await self._known_to(room, user_id) is None else await self._bus.count(room)

    async def list_rooms(self, user_id: str | None = None) -> dict[str, dict[str, dict[str, int]]]:
        """Connections by index, collection and room, of those collections that the user may subscribe to."""
        listed: dict[str, dict[str, dict[str, int]]] = {}
        verdicts: dict[Place, bool] = {}
        for room, (count, data) in (await self._bus.rooms()).items():
            description = _described(data)
            if description is None:
                continue
            index, collection = place = description.place
            if place not in verdicts:
                verdicts[place] = await self._entitlements.may(user_id, place)
            if verdicts[place]:
                listed.setdefault(index, {}).setdefault(collection, {})[room] = count
        return listed

    async def collections(self, index: str) -> list[str]:
        """Names of the collections of an index that somebody follows on any server, sorted (`collection:list`)."""
        found = [_described(data) for _, data in (await self._bus.rooms()).values()]
        places = {description.place for description in found if description is not None}
        return sorted(collection for where, collection in places if where == index)

    async def _known_to(self, room: str, user_id: str | None) -> RoomDescription | None:
        """The description of a room that a user may know of."""
        data = await self._bus.describe(room)
        description = None if data is None else _described(data)
        if description is None:
            return None
        return description if await self._entitlements.may(user_id, description.place) else None

    # What happens

    def on_entry(self, entry: Entry, number: int | None) -> None:
        """See `BusListener.on_entry`."""
        self.delivery.deliver(entry, number)

    def on_signal(self, signal: bytes) -> None:
        """See `BusListener.on_signal`."""
        self._presence.hear(signal)

    def on_gap(self) -> None:
        """See `BusListener.on_gap`: the log knows by itself from which number on it is complete."""
        log.warning("notifications of what happened on other servers may have been missed")

    def on_rights_changed(self) -> None:
        """Hold all subscriptions against the rights of now, before anything else is told."""
        self.delivery.hurry()

    def _on_commit(self, changes: Sequence[Change]) -> None:
        is_followed = self._bus.is_followed
        for change in changes:
            key = change.key
            if not is_followed(key.index, key.collection):
                continue
            if change.is_put and change.kind is ChangeKind.DELETE:
                continue  # tidying up: what was there is not known on every store
            try:
                if not is_silent(cast("Origin | None", change.origin)):
                    self._bus.publish(entry_of(change, self._node))
            except Exception:
                log.exception("a change could not be told", index=key.index, collection=key.collection, id=key.id)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            self._entitlements.doubt()
            if not self._entitlements.are_current:
                self.delivery.hurry()


def _described(data: bytes) -> RoomDescription | None:
    """What a room is about; None for one of a server of another version, which is left out of answers."""
    try:
        return decode_description(data)
    except msgspec.DecodeError as error:
        log.error("another server has a room that this one cannot read", reason=str(error))
        return None
