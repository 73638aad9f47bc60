"""How many connections are in which room, over all servers. Those of a server that died vanish after some seconds."""

from __future__ import annotations

from device_manager.realtime.bus.shared.keys import Keys
from device_manager.realtime.bus.shared.scripts import ROOMS
from device_manager.redis_connection import Command, RedisConnection

Room = tuple[int, bytes]
"""Connections and description."""


class Presence:
    """The rooms of this server, told to Redis in batches, and those of the others, asked for when somebody asks.

    Args:
        connection: the Redis.
        server: id of this server.
    """

    def __init__(self, connection: RedisConnection, server: str) -> None:
        self._connection = connection
        self._server = server
        self._rooms: dict[str, Room] = {}
        self._changed: set[str] = set()

    def set_count(self, room: str, count: int, description: bytes) -> None:
        """Note the connections of this server in a room."""
        if count:
            self._rooms[room] = (count, description)
        else:
            self._rooms.pop(room, None)
        self._changed.add(room)

    def tell_all(self) -> None:
        """Redis has forgotten what it was told."""
        self._changed |= self._rooms.keys()

    def take_changes(self, keys: Keys, most: int, kept: float) -> list[Command]:
        """The commands that tell Redis of changes.

        Args:
            keys: names.
            most: rooms that they are about.
            kept: seconds after which Redis forgets them unless it hears of this server.
        """
        changed = [self._changed.pop() for _ in range(min(most, len(self._changed)))]
        written: list[str | bytes] = []
        removed: list[str] = []
        for room in changed:
            if room in self._rooms:
                count, description = self._rooms[room]
                written += (room, b"%d:%b" % (count, description))
            else:
                removed.append(room)
        commands: list[Command] = []
        if written:
            commands = [("HSET", keys.rooms, *written), ("PEXPIRE", keys.rooms, int(kept * 1000))]
        return [*commands, ("HDEL", keys.rooms, *removed)] if removed else commands

    def own(self, room: str) -> Room:
        """What this server has of a room."""
        return self._rooms.get(room, (0, b""))

    def own_rooms(self) -> dict[str, Room]:
        """All rooms of this server."""
        return dict(self._rooms)

    async def others(self, keys: Keys, room: str = "") -> dict[str, Room]:
        """The rooms of the other servers, or one of them.

        Raises:
            ApiError: `services.cache.not_connected`.
        """
        found = await self._connection.run_script(ROOMS, [keys.alive], [self._server, keys.all_rooms, room])
        rooms: dict[str, Room] = {}
        for at in range(0, len(found), 2):
            name = found[at].decode()
            count, _, description = found[at + 1].partition(b":")
            rooms[name] = (rooms.get(name, (0, b""))[0] + int(count), description)
        return rooms
