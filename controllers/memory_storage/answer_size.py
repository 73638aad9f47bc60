"""Refuses commands whose answers would be too large, before any value is fetched.

Values cannot be larger than what was written, but a request may name a large one many times. So sizes are asked for:
of texts by their length, of other values by what the command would answer, which only the storage has to look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from device_manager.errors import api_error
from device_manager.memory_storage import MemoryStorage

if TYPE_CHECKING:
    from device_manager.redis_connection import Command, Word

ITEM = 8
"""Bytes that each item of an answer takes beside its text."""
TOGETHER = 1000
"""Sizes that are asked for in one step."""
LOOKING = frozenset(
    "georadius georadiusbymember getrange hget hgetall hkeys hscan hvals lindex lrange scan sdiff sinter smembers sscan"
    " sunion zrange zrangebylex zrangebyscore zrevrange zrevrangebylex zrevrangebyscore zscan".upper().split()
)
"""Commands that change nothing and name each value once."""
SINGLE = frozenset({"LPOP", "RPOP", "RPOPLPUSH"})
"""Commands that answer one item of a list, which is as large as a message at most."""
PICKING = frozenset({"SPOP", "SRANDMEMBER"})
"""Commands that answer one member of a set or several."""
ANSWERING = LOOKING | SINGLE | PICKING | {"GET", "GETSET", "HMGET", "MGET"}
"""Commands that answer what somebody wrote."""
COPYING = frozenset(
    "pfmerge rename renamenx rpoplpush sdiffstore sinterstore smove sunionstore zinterstore zunionstore".upper().split()
)
"""Commands after which a key has what others had."""
MOST_WORDS = 5000
"""Words of a command whose answer is measured."""


class AnswerSize:
    """Bounds answers.

    Args:
        storage: keeps the values.
        most: bytes that an answer may take.
    """

    def __init__(self, storage: MemoryStorage, most: int) -> None:
        self._storage = storage
        self._most = most

    async def check(self, commands: Sequence[Command]) -> None:
        """Refuse commands that are answered together.

        Raises:
            ApiError: `services.cache.answer_too_large`.
        """
        if len(commands) == 1 and _is_single(commands[0]):
            return
        written: Counter[str] = Counter()
        taken = Counter(str(words[1]) for words in commands if words[0] in SINGLE)
        known: dict[tuple[Word, ...], int] = {}
        total = 0
        for words in commands:
            asked = tuple(words)
            if asked not in known:
                known[asked] = await self._size(words, taken[str(words[1])] if words[0] in SINGLE else 0)
            total += known[asked]
            if written and words[0] in ANSWERING:
                times = abs(int(words[2])) if words[0] in PICKING and len(words) > 2 else 1
                total += times * sum(written[str(word)] for word in words[1:])
            self.refuse_beyond(total)
            if len(commands) > 1:
                await self._note(words, written)

    async def check_sorted(self, plain: Command, patterns: Sequence[str]) -> None:
        """Refuse a `SORT` whose members, or the values that patterns find for them, would be too large.

        Args:
            plain: the command without `GET` and `STORE`.
            patterns: what it gets.

        Raises:
            ApiError: `services.cache.answer_too_large`.
        """
        await self.check_total([(plain, 1)])
        if not patterns:
            return
        members = Counter(await self._storage.run(*plain))
        self.refuse_beyond(members.total() * len(patterns) * ITEM)
        await self.check_total(
            (_found_by(pattern, member), times) for member, times in members.items() for pattern in patterns
        )

    async def check_total(self, probes: Iterable[tuple[Command, int]]) -> None:
        """Refuse answers to commands that come several times each."""
        total = 0
        part: list[tuple[Command, int]] = []
        for probe in probes:
            part.append(probe)
            if len(part) == TOGETHER:
                total += await self._sum(part)
                self.refuse_beyond(total)
                part.clear()
        self.refuse_beyond(total + await self._sum(part))

    def refuse_beyond(self, size: int) -> None:
        """Refuse an answer of a size in bytes.

        Raises:
            ApiError: `services.cache.answer_too_large`.
        """
        if size > self._most:
            raise api_error("services.cache.answer_too_large", self._most)

    async def _sum(self, probes: Sequence[tuple[Command, int]]) -> int:
        sizes = await self._storage.measure([words for words, _ in probes])
        return sum((size + ITEM) * times for (size, _), (_, times) in zip(sizes, probes, strict=True))

    async def _size(self, words: Command, taken: int) -> int:
        """No less than what a command answers now."""
        name, *arguments = words
        if name in ("GET", "GETSET"):
            return await self._sum([(("STRLEN", arguments[0]), 1)])
        if name in ("MGET", "HMGET"):
            probe, names = (("STRLEN",), arguments) if name == "MGET" else (("HSTRLEN", arguments[0]), arguments[1:])
            counted = [((*probe, word), times) for word, times in Counter(names).items()]
            return sum([await self._sum(counted[at : at + TOGETHER]) for at in range(0, len(counted), TOGETHER)])
        if name in PICKING:
            return await self._picked(arguments[0], int(arguments[1]) if len(arguments) > 1 else 1)
        if name in SINGLE:
            window = (0, taken - 1) if name == "LPOP" else (-taken, -1)
            return (await self._storage.measure([("LRANGE", arguments[0], *window)]))[0][1] + ITEM
        if name in LOOKING:
            if len(words) > MOST_WORDS:
                self.refuse_beyond(self._most + 1)
            return await self._sum([(words, 1)])
        return ITEM

    async def _picked(self, key: Word, count: int) -> int:
        """The most that some members of a set take; a negative count may pick one several times."""
        ((total, largest),) = await self._storage.measure([("SMEMBERS", key)])
        size = (largest + ITEM) * abs(count)
        return size if count < 0 else min(size, total)

    async def _note(self, words: Command, written: Counter[str]) -> None:
        """Note by how much a command of several may make the values of keys larger for those behind it."""
        name, *arguments = words
        keys = {str(word) for word in arguments}
        if name in COPYING:
            size = sum(written[key] for key in keys)
            probes: list[Any] = [probe for key in keys for probe in _all_of(key)]
            size += sum([await self._sum([(probe, 1)]) for probe in probes])
        elif name in LOOKING or name in ("GET", "MGET", "HMGET", "SRANDMEMBER"):
            return
        else:
            size = sum(len(str(word).encode()) + ITEM for word in arguments)
        for key in keys:
            written[key] += size


def _is_single(words: Command) -> bool:
    """Whether a command answers one item, which cannot be larger than the message that brought it."""
    return words[0] in SINGLE or (words[0] in PICKING and len(words) == 2)


def _found_by(pattern: str, member: str) -> Command:
    """What tells the size of what a pattern of `SORT` gets for a member."""
    if pattern == "#":
        return ("ECHO", member)
    key, arrow, field = pattern.partition("->")
    name = key.replace("*", member, 1)
    return ("HSTRLEN", name, field) if arrow and field else ("STRLEN", name)


def _all_of(key: str) -> list[Command]:
    """What tells the size of a value of any kind; those of other kinds are refused and count nothing."""
    return [("STRLEN", key), ("LRANGE", key, 0, -1), ("SMEMBERS", key), ("HGETALL", key), ("ZRANGE", key, 0, -1)]
