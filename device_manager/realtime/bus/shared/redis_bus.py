"""The bus of servers that share a Redis: one stream for what happens, one for what they tell each other beside it.

Entries come back through the stream before the listener is told, so that all servers tell them in the same order and
with the same numbers. While Redis is away, entries of this server are told here at once, without a number; the others
and the log get them later.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from redis.exceptions import ResponseError

from device_manager.errors import ApiError
from device_manager.realtime.bus.entries import Entry, NumberedEntry, decode_entry, encode_entry
from device_manager.realtime.bus.log import EntryLog
from device_manager.realtime.bus.shared.keys import Keys
from device_manager.realtime.bus.shared.leases import MOST_SIGNALS, Leases, decode_place
from device_manager.realtime.bus.shared.outbox import Outbox
from device_manager.realtime.bus.shared.presence import Presence
from device_manager.realtime.bus.shared.scripts import BEAT, OPEN, PUBLISH
from device_manager.realtime.bus.shared.streams import members_of, number_of
from device_manager.redis_connection import Command, RedisConnection

if TYPE_CHECKING:
    from device_manager.realtime.bus import BusListener

BEAT_INTERVAL = 2.0
"""Seconds between two signs of life."""
ALIVE = 6.0
"""Seconds without one after which a server counts as gone."""
RENEWALS = 10
"""How often a lease is renewed in its time."""
READING = 1.0
"""Seconds for which a read waits for news before it is asked again."""
RETRY = 0.25
"""Seconds between two attempts to reach the Redis."""
REMEMBERED = 1000
"""Servers of which the newest entry is remembered."""
BATCH = 200
"""Entries, signals or rooms that leave in one request."""

log = structlog.get_logger("realtime")


class RedisBus:
    """See `Bus`. It starts without its Redis, survives its end, and comes back by itself.

    Args:
        url: the Redis.
        prefix: begins the names of its keys; servers that belong together use the same.
        entries: how many entries the log keeps.
        most_bytes: bytes that they may take.
        age: seconds for which collections are logged after the last client has left.
        deadline: seconds that Redis may take to answer.

    Attributes:
        connections, outbox: to the Redis, and what did not come back from it yet.

    Raises:
        InvalidSettings: the URL cannot be read.
    """

    is_shared = True

    def __init__(self, url: str, prefix: str, *, entries: int, most_bytes: int, age: float, deadline: float) -> None:
        self.server = secrets.token_hex(8)
        self._prefix = prefix
        self._entries = entries
        self._most_bytes = most_bytes
        self._age = age
        self._connection = RedisConnection(url, "bus", deadline=deadline)
        self._reading = RedisConnection(url, "bus, reading", deadline=deadline + READING, connections=1)
        self.connections = (self._connection, self._reading)
        self._log = EntryLog(entries, most_bytes, age, 0)
        self.outbox = Outbox(entries, most_bytes)
        self._leases = Leases(self._connection, self.server, self._log, age, entries)
        self._presence = Presence(self._connection, self.server)
        self._signals: list[Command] = []
        self._listener: BusListener | None = None
        self._keys: Keys | None = None
        self._cursors: dict[str, str] = {}
        self._heard: dict[bytes, int] = {}
        self._is_connected = asyncio.Event()
        self._has_work = asyncio.Event()
        self._tried = asyncio.Event()
        self._is_stopping = False
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def number(self) -> int:
        """See `Bus.number`."""
        return self._log.number

    @property
    def is_connected(self) -> bool:
        """Whether the log is within reach."""
        return self._is_connected.is_set()

    async def start(self, listener: BusListener) -> None:
        """See `Bus.start`. It waits for the first attempt to reach Redis, not for its success."""
        self._listener = listener
        self._task = asyncio.create_task(self._run())
        await self._tried.wait()

    async def stop(self) -> None:
        """See `Bus.stop`. What is on its way gets a moment to leave."""
        if self._task is not None:
            self._is_stopping = True
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            if self.is_connected and self._keys is not None:
                farewell = [("ZREM", self._keys.alive, self.server), ("DEL", self._keys.rooms, self._keys.holds)]
                with contextlib.suppress(ApiError, ResponseError):
                    await self._send(self._keys)
                    await self._connection.run_together(farewell)
        self._listener = None
        await self._reading.close()
        await self._connection.close()

    async def follow(self, index: str, collection: str) -> None:
        """See `Bus.follow`. Without Redis it is followed here, and everywhere as soon as Redis is back."""
        place = (index, collection)
        if place in self._leases.own:
            return
        self._leases.unannounced.add(place)
        if self.is_connected and self._keys is not None:
            with contextlib.suppress(ApiError):
                if not await self._leases.follow(self._keys, place):
                    log.warning("a server does not say that it knows who follows", index=index, collection=collection)
        self._leases.take(place)
        self._log.follow(place)

    def release(self, index: str, collection: str) -> None:
        """See `Bus.release`."""
        if self._leases.release((index, collection)):
            self._has_work.set()

    def is_followed(self, index: str, collection: str) -> bool:
        """See `Bus.is_followed`."""
        return self._leases.is_followed((index, collection))

    def publish(self, entry: Entry) -> None:
        """See `Bus.publish`."""
        outgoing = self.outbox.add(entry, encode_entry(entry))
        if self.is_connected:
            self._has_work.set()
        else:
            outgoing.is_told = True
            self._tell(entry, None)
        for given_up in self.outbox.overflow():
            if not given_up.is_told:
                self._tell(given_up.entry, None)

    def since(self, index: str, collection: str, number: int) -> Sequence[NumberedEntry] | None:
        """See `Bus.since`."""
        return self._log.since((index, collection), number)

    def tell(self, signal: bytes) -> None:
        """See `Bus.tell`. Without Redis only this server hears it."""
        self._signal("told", data=signal)
        if self._listener is not None:
            self._listener.on_signal(signal)

    def set_count(self, room: str, count: int, description: bytes) -> None:
        """See `Bus.set_count`."""
        self._presence.set_count(room, count, description)
        self._has_work.set()

    async def count(self, room: str) -> int:
        """See `Bus.count`. Without Redis only the connections of this server count."""
        own, _ = self._presence.own(room)
        others = await self._others(room)
        return own + others.get(room, (0, b""))[0]

    async def rooms(self) -> dict[str, tuple[int, bytes]]:
        """See `Bus.rooms`."""
        rooms = self._presence.own_rooms()
        for room, (count, description) in (await self._others()).items():
            rooms[room] = (count + rooms.get(room, (0, b""))[0], description)
        return rooms

    async def describe(self, room: str) -> bytes | None:
        """See `Bus.describe`."""
        count, description = self._presence.own(room)
        if not count:
            count, description = (await self._others(room)).get(room, (0, b""))
        return description if count else None

    async def _others(self, room: str = "") -> dict[str, tuple[int, bytes]]:
        if self._keys is None or not self.is_connected:
            return {}
        try:
            return await self._presence.others(self._keys, room)
        except ApiError:
            return {}

    def _tell(self, entry: Entry, number: int | None) -> None:
        if self._listener is not None:
            self._listener.on_entry(entry, number)

    def _signal(self, kind: str, **fields: Any) -> None:
        if self._keys is not None and self.is_connected and len(self._signals) < MOST_SIGNALS:
            words = [word for field in fields.items() for word in field]
            start = ("XADD", self._keys.signals, "MAXLEN", "~", MOST_SIGNALS, "*", "kind", kind, "server", self.server)
            self._signals.append((*start, *words))
            self._has_work.set()

    async def _run(self) -> None:
        """Be connected, again and again."""
        while not self._is_stopping:  # a group of tasks that fails just then swallows the cancellation
            try:
                keys = await self._connect()
                self._tried.set()
                async with asyncio.TaskGroup() as tasks:
                    for part in (self._read(keys), self._write(keys), self._beat(keys)):
                        tasks.create_task(part)
            except* (ApiError, ResponseError) as problems:
                self._lose(str(problems.exceptions[0]))
            except* Exception as problems:
                log.error("the bus failed and starts again", exc_info=problems)
                self._lose("it failed")
            self._tried.set()
            await asyncio.sleep(RETRY)

    def _lose(self, reason: str) -> None:
        """Tell here what did not come back."""
        if self.is_connected or reason != self._trouble:
            log.error("notifications stay in this server until Redis answers again", reason=reason)
        self._trouble = reason
        self._is_connected.clear()
        self.outbox.send_again()
        self._signals.clear()
        for outgoing in self.outbox.untold():
            outgoing.is_told = True
            self._tell(outgoing.entry, None)

    async def _connect(self) -> Keys:
        """Take part again: say that we are there, take up our leases, and find out where to read on."""
        await self._reading.run("PING")
        info = await self._connection.run("INFO", "server")
        run = info.decode().partition("run_id:")[2].split()[0]
        keys = Keys(self._prefix, run, self.server)
        names = [keys.log, keys.signals, keys.alive]
        newest, newest_signal = await self._connection.run_script(OPEN, names, [self.server, int(ALIVE * 1000)])
        was_here = self._keys is not None or bool(self._leases.own)
        known = self._log.number
        if self._keys is None:
            await self._load(keys, newest)
        elif keys.run != self._keys.run:
            # The new run may have lost the end of the log, or all of it.
            self._log.restart(await self._first(keys))
            self.outbox.send_all_again()
        starts = [(await self._leases.announce(keys, place))[1] for place in self._leases.own]
        await self._leases.renew(keys)
        oldest = await self._first(keys)
        has_gap = was_here and (self._log.number != known or oldest > known + 1 or any(at > known for at in starts))
        if oldest > self._log.number + 1:
            self._log.restart(oldest - 1)
        await self._connection.run("DEL", keys.rooms)
        self._presence.tell_all()
        self._keys = keys
        self._cursors = {keys.log: f"0-{self._log.number}", keys.signals: newest_signal.decode()}
        if has_gap:
            self._log.forget()
            if self._listener is not None:
                self._listener.on_gap()
        if was_here:
            log.warning("notifications reach all servers again", gap=has_gap)
        self._is_connected.set()
        self._has_work.set()
        return keys

    async def _first(self, keys: Keys) -> int:
        """Number of the oldest entry that Redis keeps."""
        ((first, _),) = await self._connection.run("XRANGE", keys.log, "-", "+", "COUNT", 1)
        return number_of(first)

    async def _load(self, keys: Keys, newest: bytes) -> None:
        """Learn what happened before this server came, so that clients of others can go on here."""
        self._log.restart(await self._first(keys) - 1)
        while self._log.number < number_of(newest):
            start = f"(0-{self._log.number}"
            page = await self._connection.run("XRANGE", keys.log, start, newest, "COUNT", BATCH)
            if not page:
                return
            for id, fields in page:
                self._keep(id, members_of(fields))

    def _keep(self, id: bytes, members: dict[bytes, bytes]) -> None:
        if b"place" in members:
            self._log.append(decode_place(members[b"place"]), members[b"data"], number_of(id))
        else:  # a log begins, and what stood before is unknown
            self._log.restart(number_of(id))

    async def _read(self, keys: Keys) -> None:
        """Take in what comes."""
        handlers = {keys.log.encode(): self._take_entry, keys.signals.encode(): self._take_signal}
        while True:
            words = ("XREAD", "COUNT", BATCH, "BLOCK", int(READING * 1000), "STREAMS")
            found = await self._reading.run(*words, *self._cursors.keys(), *self._cursors.values())
            for stream, items in found or ():
                for id, fields in items:
                    handlers[stream](id, members_of(fields))
                    self._cursors[stream.decode()] = id.decode()

    def _take_entry(self, id: bytes, members: dict[bytes, bytes]) -> None:
        self._keep(id, members)
        if b"place" not in members:
            return
        server, sequence = members[b"server"], int(members[b"sequence"])
        if server == self.server.encode():
            self._take_own(sequence)
        elif self._is_news(server, sequence) and decode_place(members[b"place"]) in self._leases.own:
            try:
                entry = decode_entry(members[b"data"])
            except msgspec.DecodeError as error:
                log.error("another server writes entries that this one cannot read", reason=str(error))
                return
            self._tell(entry, self._log.number)

    def _is_news(self, server: bytes, sequence: int) -> bool:
        """Whether another server's entry is new here: it comes twice when Redis may have lost it."""
        known = self._heard.pop(server, 0)
        self._heard[server] = max(known, sequence)
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return sequence > known

    def _take_own(self, sequence: int) -> None:
        for outgoing in self.outbox.came_back(sequence):
            if not outgoing.is_told:
                self._tell(outgoing.entry, self._log.number if outgoing.sequence == sequence else None)

    def _take_signal(self, id: bytes, members: dict[bytes, bytes]) -> None:
        kind, server = members[b"kind"], members.get(b"server")
        if server == self.server.encode():
            return
        if kind == b"told" and self._listener is not None:
            self._listener.on_signal(members[b"data"])
        elif kind == b"follow":
            self._leases.hear(decode_place(members[b"place"]), int(members[b"from"]), int(members[b"left"]) / 1000)
            self._signal("known", to=server, signal=id)
        elif kind == b"left":
            self._leases.hear_left(decode_place(members[b"place"]))
        elif kind == b"known" and members[b"to"] == self.server.encode():
            self._leases.hear_acknowledgement(members[b"signal"], server or b"")
        elif kind == b"lost":
            self._log.forget()
            if self._listener is not None:
                self._listener.on_gap()

    async def _write(self, keys: Keys) -> None:
        """Send what there is to send."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            await self._send(keys)

    async def _send(self, keys: Keys) -> None:
        while batch := self.outbox.unsent(BATCH):
            words: list[str | bytes | int] = [self.server, self._entries, max(int(self._age), 60)]
            for item in batch:
                place = msgspec.msgpack.encode((item.entry.index, item.entry.collection))
                words += (item.sequence, place, item.data)
            await self._connection.run_script(PUBLISH, [keys.log, keys.sent], words)
            self.outbox.note_sent(batch[-1].sequence)
        if self.outbox.has_lost:
            self.outbox.has_lost = False
            self._signal("lost")
        while commands := [*self._signals[:BATCH], *self._presence.take_changes(keys, BATCH, ALIVE)]:
            del self._signals[:BATCH]
            await self._connection.run_together(commands, atomic=False)
        await self._leases.let_go(keys)

    async def _beat(self, keys: Keys) -> None:
        """Say that we are there, and keep the leases."""
        names = [keys.alive, keys.rooms, keys.log, keys.signals]
        kept = max(int(self._age * 2), 60)
        renewed = time.monotonic()
        while True:
            words = (self.server, int(ALIVE * 1000), kept, self._most_bytes)
            if not await self._connection.run_script(BEAT, names, words):
                self._presence.tell_all()
                self._has_work.set()
            for place in list(self._leases.unannounced & self._leases.own.keys()):
                await self._leases.announce(keys, place)
            if time.monotonic() - renewed > self._age / RENEWALS:
                renewed = time.monotonic()
                await self._leases.renew(keys)
                await self._leases.let_go(keys)
            await asyncio.sleep(min(BEAT_INTERVAL, self._age / RENEWALS))
