"""What a flush writes, what may keep it from that, and what both kinds of flushes share (transactions 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from device_manager.errors import ApiError
from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch.bulks import Result
from device_manager.storage.elasticsearch.client import NoAnswer
from device_manager.storage.elasticsearch.documents import delete_line
from device_manager.storage.elasticsearch.job import Outcome, too_many_changes
from device_manager.storage.elasticsearch.protocol import Image

T = TypeVar("T")
StepObserver = Callable[[str], None]
"""Called with `intended`, `applied`, `committing` and `committed`; tests stop the process there."""

PAUSE = 0.2
"""Seconds between two questions to a cluster that does not answer."""


class Write(NamedTuple):
    """One document of a flush: the line that writes it and the document as it was."""

    key: Key
    line: bytes
    image: Image
    is_tombstone: bool


class Unit(NamedTuple):
    """Transactions that share documents: they commit or abort as a whole."""

    number: str
    outcomes: list[Outcome]
    writes: list[Write]


class Failure(NamedTuple):
    """Why a unit was aborted.

    Attributes:
        problem: what the callers are told when they are not to try again.
        is_final: another attempt would fail in the same way.
        collections: index and collection of writes whose alias is gone.
    """

    problem: ApiError
    is_final: bool = False
    collections: frozenset[tuple[str, str]] = frozenset()


Failures = dict[str, Failure]


def failure_of(write: Write, result: Result) -> Failure:
    """Why the unit of `write` has to be aborted."""
    if result.is_refused:
        return Failure(result.refusal(write.key.id), is_final=True)
    if result.is_gone:
        return Failure(NoAnswer(result.problem), collections=frozenset({(write.key.index, write.key.collection)}))
    if result.is_conflict:
        return Failure(too_many_changes(write.key.id))
    return Failure(NoAnswer(result.problem))


def tombstone_lines(units: Iterable[Unit], seq_nos: Mapping[Key, tuple[int, int]]) -> list[bytes]:
    """The lines that remove the tombstones of a committed flush (step 11)."""
    return [
        delete_line(write.image.index, write.key.id, *seq_nos[write.key])
        for unit in units
        for write in unit.writes
        if write.is_tombstone and write.key in seq_nos
    ]


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again and again until the cluster answers."""
    while True:
        try:
            return await ask()
        except NoAnswer:
            await asyncio.sleep(PAUSE)


def observe_nothing(_: str) -> None:
    """Observes no step."""
