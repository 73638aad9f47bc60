"""Runs commands of Redis on values in the memory of this process, and knows what those take."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

import fakeredis
import redis
from fakeredis._socket import FakeSocket
from fakeredis.model import ZSet
from redis.exceptions import ResponseError

from device_manager.errors import api_error
from device_manager.memory_storage.patterns import name_pattern
from device_manager.memory_storage.refusals import refusal
from device_manager.redis_connection import Command, Word

OVERHEAD = 100
"""Bytes that each key and each member takes beside its text, roughly."""
ENCODINGS = {"string": "raw", "list": "quicklist", "set": "hashtable", "hash": "hashtable", "zset": "skiplist"}
GROWING = frozenset(
    "append bitop geoadd getset hincrby hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat decr decrby linsert"
    " lpush lpushx lset mset msetnx pfadd pfmerge psetex rename renamenx rpoplpush rpush rpushx sadd sdiffstore set"
    " setex setnx sinterstore smove sort sunionstore zadd zincrby zinterstore zunionstore".upper().split()
)
"""Commands after which there may be more than before, be it only the name of a key."""
COPYING = frozenset(
    {"BITOP", "PFMERGE", "SDIFFSTORE", "SINTERSTORE", "SORT", "SUNIONSTORE", "ZINTERSTORE", "ZUNIONSTORE"}
)
"""Those of them whose growth comes from other keys."""


ON_POINTS = frozenset({"ZCARD", "ZREM"})
"""Commands of sorted sets that points know too."""
FREEING = frozenset({"DEL", "FLUSHDB"})
"""Commands after which it is worth while to measure again."""
MEASURING = 1.0
"""Seconds between two measurements of all values, unless some were removed."""


class _Server(fakeredis.FakeServer):
    SCAN_CURSORS_LIMIT = 16
    """Iterations that are remembered, each with a list of all names; the default is 1,024."""


class _Session(FakeSocket):
    """Runs commands from their words: taking a long one apart again from its bytes takes a time that grows squared."""

    reply: Any = None

    def put_response(self, msg: Any) -> None:
        self.reply = msg

    def execute(self, *words: Word) -> Any:
        """The reply to a command.

        Raises:
            ResponseError: it is refused.
        """
        return _decoded(self.execute_raw(*words))

    def execute_raw(self, *words: Word) -> Any:
        """The reply to a command, whose texts are those of the values and no copies."""
        self._process_command([word if isinstance(word, bytes) else str(word).encode() for word in words])
        if isinstance(self.reply, ResponseError):
            raise self.reply
        return self.reply


class Engine:
    """Values by key. What they may take is counted as it grows, and measured when the count reaches the limit.

    Args:
        most_bytes: what keys and values may take together.

    Attributes:
        counted: no less than what they take now.
    """

    def __init__(self, most_bytes: int) -> None:
        self.counted = 0
        self._most_bytes = most_bytes
        self._measured = -MEASURING
        self._server = _Server(version=(7,))
        session = _Session(self._server, db=0, client_class=redis.Redis, client_info={"resp": 2})
        self._execute: Callable[..., Any] = session.execute
        self._execute_raw: Callable[..., Any] = session.execute_raw
        self._emulated: Mapping[str, Callable[..., Any]] = {"OBJECT": self._object, "TOUCH": self._touch}

    def run(self, words: Command) -> Any:
        """The reply to a command, or the `ApiError` that refuses it."""
        name, *arguments = words
        try:
            emulated = self._emulated.get(str(name).upper())
            if emulated is not None:
                return emulated(*arguments)
            if str(name).upper() in FREEING:
                self._measured = -MEASURING
            self._check_kind(words)
            pattern, rest = _without_pattern(words)
            reply = self._execute(*rest)
            return reply if pattern is None else _matching(str(name).upper(), reply, pattern)
        except ResponseError as error:
            return refusal(error)

    def measure(self, words: Command) -> tuple[int, int]:
        """See `MemoryStorage.measure`."""
        if name_of(words) == "SCAN":  # asking twice would go on with it
            sizes = [len(key) for key in self._server.dbs[0]]
            return sum(sizes), max(sizes, default=0)
        try:
            self._check_kind(words)
            return _weight(self._execute_raw(*_without_pattern(words)[1]))
        except ResponseError:
            return 0, 0

    def _touch(self, *keys: Word) -> Any:
        return self._execute("EXISTS", *keys)

    def _object(self, subcommand: Word, key: Word) -> Any:
        kind = self._execute("TYPE", key)
        if kind == "none":
            return None
        if str(subcommand).upper() == "ENCODING":
            return ENCODINGS[kind]
        if str(subcommand).upper() == "FREQ":
            raise ResponseError("ERR An LFU maxmemory policy is not selected, access frequency not tracked.")
        return 1 if str(subcommand).upper() == "REFCOUNT" else 0

    def _check_kind(self, words: Command) -> None:
        """Refuse to take points for scores: here they are kept as texts.

        Raises:
            ResponseError: the command is not for what a key holds.
        """
        name, values = name_of(words), self._server.dbs[0]
        if not name.startswith(("Z", "GEO")) or name in ON_POINTS:
            return
        is_merging = name in COPYING and str(words[2]).isdigit()
        for word in words[3 : 3 + int(words[2])] if is_merging else words[1:2]:
            key = str(word).encode()
            value = values[key].value if key in values else None
            if isinstance(value, ZSet) and any(
                isinstance(score, str) != name.startswith("GEO") for score in _one(value)
            ):
                raise ResponseError("WRONGTYPE Points and members with a score cannot be in one key without a Redis")

    def growth(self, words: Command) -> int:
        """The most by which a command can make the values grow, in bytes."""
        name = name_of(words)
        if name not in GROWING:
            return 0
        written = sum(len(str(word)) + OVERHEAD for word in words)
        if name in COPYING:
            values = self._server.dbs[0]
            written += sum(_size(values[key].value) for word in words[1:] if (key := str(word).encode()) in values)
        return written

    def make_room(self, growth: int) -> None:
        """Count what is about to be written.

        Raises:
            ApiError: `services.cache.memory_exceeded`.
        """
        if growth and self.counted + growth > self._most_bytes:
            if time.monotonic() - self._measured > MEASURING:
                self._measure()
            if self.counted + growth > self._most_bytes:
                limit = f"{self._most_bytes} bytes, see the setting memory_storage_bytes."
                raise api_error("services.cache.memory_exceeded", limit)
        self.counted += growth

    @property
    def is_nearly_full(self) -> bool:
        """Whether the next command may have to measure all values."""
        return self.counted > self._most_bytes * 0.9

    def _measure(self) -> None:
        values = self._server.dbs[0]
        self.counted = sum(len(key) + OVERHEAD + _size(values[key].value) for key in list(values))
        self._measured = time.monotonic()


def _decoded(reply: Any) -> Any:
    if isinstance(reply, bytes):
        return reply.decode(errors="replace")
    return [_decoded(item) for item in reply] if isinstance(reply, list) else reply


def _weight(reply: Any) -> tuple[int, int]:
    """Bytes of all texts of a reply, and of the largest one."""
    if isinstance(reply, list):
        sizes = [_weight(item) for item in reply]
        return sum(size + 8 for size, _ in sizes), max((largest for _, largest in sizes), default=0)
    size = reply if isinstance(reply, int) else len(reply) if isinstance(reply, bytes) else 0
    return size, size


def name_of(words: Command) -> str:
    """The name of a command, in capitals."""
    return str(words[0]).upper()


def _one(value: ZSet) -> list[Any]:
    """The score of some member."""
    return [score for _, score in itertools.islice(value.items(), 1)]


def _size(value: Any) -> int:
    """Bytes that a stored value takes, roughly."""
    if isinstance(value, bytes):
        return len(value)
    if hasattr(value, "items"):
        return sum(len(member) + OVERHEAD + (len(of) if isinstance(of, bytes) else 8) for member, of in value.items())
    return sum(len(member) + OVERHEAD for member in value)


def _without_pattern(words: Command) -> tuple[str | None, list[Word]]:
    """The pattern of KEYS and of the SCANs, and the command without it: ours cannot be made to run for ever."""
    rest = list(words)
    if name_of(words) == "KEYS":
        return str(words[1]), ["KEYS", "*"]
    if name_of(words).endswith("SCAN") and "MATCH" in rest[2:]:
        at = rest.index("MATCH", 2)
        pattern = str(rest[at + 1])
        del rest[at : at + 2]
        return pattern, rest
    return None, rest


def _matching(name: str, reply: Any, pattern: str) -> Any:
    """What of a reply has a name of the pattern."""
    matches = name_pattern(pattern)
    if name == "KEYS":
        return [key for key in reply if matches(key)]
    cursor, found = reply
    if name in ("HSCAN", "ZSCAN"):
        pairs = zip(found[::2], found[1::2], strict=True)
        return [cursor, [part for pair in pairs if matches(pair[0]) for part in pair]]
    return [cursor, [member for member in found if matches(member)]]
