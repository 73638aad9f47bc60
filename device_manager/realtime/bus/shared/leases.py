"""Which collections somebody on any server follows, and which servers know it.

A lease is a promise to put what happens in a collection into the log. Servers with clients there renew it; it outlives
them by some minutes, so that their clients find on another server what they missed.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import msgspec

from device_manager.realtime.bus.log import EntryLog, Place
from device_manager.realtime.bus.shared.keys import Keys
from device_manager.realtime.bus.shared.scripts import FOLLOW, LEASES, LET_GO
from device_manager.redis_connection import RedisConnection, Word

MOST_SIGNALS = 10_000
"""Signals that are kept for servers that read slowly."""
LEAVING = 200
"""Leases that are ended in one step."""
PATIENCE = 2.0
"""Seconds that a new follower waits for the other servers to know of it."""


class Leases:
    """The followed collections as this server knows them.

    Args:
        connection: the Redis.
        server: id of this server.
        log: is told from which number on it has all that happens in a collection.
        age: seconds of a lease.
        most: leases of collections that no client of this server follows any more; beyond it the oldest are let go.

    Attributes:
        own: collections that clients of this server follow.
        unannounced: those of them for which no lease could be taken yet.
    """

    def __init__(self, connection: RedisConnection, server: str, log: EntryLog, age: float, most: int) -> None:
        self.own: dict[Place, None] = {}
        self.unannounced: set[Place] = set()
        self._connection = connection
        self._server = server
        self._log = log
        self._age = age
        self._most = most
        self._released: dict[Place, float] = {}
        self._order = asyncio.Lock()
        """Held while leases are taken or ended, so that Redis is asked in the order in which we decide."""
        self._until: dict[Place, float] = {}
        self._awaited: dict[bytes, set[bytes]] = {}
        self._early: dict[bytes, set[bytes]] = {}
        """Acknowledgements that came before the answer which names the signal; kept while somebody announces."""
        self._announcing = 0
        self._heard = asyncio.Event()

    def is_followed(self, place: Place) -> bool:
        """Whether what happens in a collection belongs into the log."""
        return place in self.own or self._until.get(place, 0.0) > time.monotonic()

    def take(self, place: Place) -> None:
        """A client of this server follows a collection."""
        self.own[place] = None
        self._released.pop(place, None)

    def release(self, place: Place) -> bool:
        """No client of this server follows a collection any more; whether there are leases to let go."""
        self.own.pop(place, None)
        self.unannounced.discard(place)
        if place in self._until:
            self._released.pop(place, None)
            self._released[place] = time.monotonic() + self._age
        else:
            self._log.leave(place)
        return len(self._released) > self._most

    async def let_go(self, keys: Keys) -> None:
        """End leases of released collections, the oldest first, that are over or too many.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        names = [keys.followed, keys.alive, keys.signals, keys.holds]
        while True:
            async with self._order:
                beyond, now = len(self._released) - self._most, time.monotonic()
                places = [
                    place
                    for number, (place, end) in enumerate(itertools.islice(self._released.items(), LEAVING))
                    if number < beyond or end < now
                ]
                if not places:
                    return
                arguments: list[Word] = [self._server, keys.all_holds, MOST_SIGNALS, *map(encode_place, places)]
                for data in await self._connection.run_script(LET_GO, names, arguments):
                    self.hear_left(decode_place(data))
                for place in places:
                    self._released.pop(place, None)

    def hear_left(self, place: Place) -> None:
        """The lease of a collection was ended, because no server wanted it to be kept."""
        self._until.pop(place, None)
        if place in self.own:
            self.unannounced.add(place)
        else:
            self._log.leave(place)

    async def announce(self, keys: Keys, place: Place) -> tuple[bytes, int, set[bytes]]:
        """Take a lease: the signal that tells of it, the number from which on it is held, the servers that will hear.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        names = [keys.followed, keys.alive, keys.signals, keys.log, keys.holds]
        arguments = (self._server, encode_place(place), int(self._age * 1000), MOST_SIGNALS)
        async with self._order:
            self._released.pop(place, None)
            signal, start, servers = await self._connection.run_script(FOLLOW, names, arguments)
            self.unannounced.discard(place)
            self.hear(place, int(start), self._age)
        return signal, int(start), {server for server in servers if server != self._server.encode()}

    async def follow(self, keys: Keys, place: Place) -> bool:
        """Take a lease, and wait until the other servers know it; whether all of them said so.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        self._announcing += 1
        try:
            signal, _, servers = await self.announce(keys, place)
            missing = self._awaited[signal] = servers - self._early.pop(signal, set())
        finally:
            self._announcing -= 1
            if not self._announcing:
                self._early.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                while missing:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return False
        finally:
            del self._awaited[signal]
        return True

    def hear(self, place: Place, start: int, seconds: float) -> None:
        """A server has a lease, from a number on and for some time from now."""
        self._until[place] = time.monotonic() + seconds
        self._log.follow(place, start)

    def hear_acknowledgement(self, signal: bytes, server: bytes) -> None:
        """A server knows a lease that was announced by a signal."""
        if signal in self._awaited:
            self._awaited[signal].discard(server)
            self._heard.set()
        elif self._announcing:
            self._early.setdefault(signal, set()).add(server)

    async def renew(self, keys: Keys) -> dict[Place, int]:
        """Renew our own leases and learn those of all; the number from which on each is held.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        own = [encode_place(place) for place in self.own]
        found = await self._connection.run_script(LEASES, [keys.followed, keys.holds], [int(self._age * 1000), *own])
        starts: dict[Place, int] = {}
        for at in range(0, len(found), 3):
            place = decode_place(found[at])
            starts[place] = int(found[at + 1])
            self.hear(place, starts[place], int(found[at + 2]) / 1000)
        self.unannounced |= self.own.keys() - starts.keys()
        for place in self._until.keys() - starts.keys():
            if self._until[place] < time.monotonic():
                del self._until[place]
                if place not in self.own:
                    self._log.leave(place)
        return starts


def encode_place(place: Place) -> bytes:
    """A place as bytes."""
    return msgspec.msgpack.encode(place)


def decode_place(data: bytes) -> Place:
    """The place behind its bytes."""
    place: Place = msgspec.msgpack.decode(data, type=Place)
    return place
