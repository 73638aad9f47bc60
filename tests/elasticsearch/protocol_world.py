"""What the checker of the transaction protocol moves through: a cluster, owners, what is under way (transactions 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from device_manager.storage.elasticsearch.protocol import Head

Value = frozenset[int]
Values = dict[str, Value | None]
Decide = Callable[[Values], Values]


class Doc(NamedTuple):
    """A document in the cluster; a tombstone has no value."""

    value: Value | None
    mark: str | None
    seq: int


class Item(NamedTuple):
    """A write in flight: an item of a bulk, or, without a document, the delete of the flush document."""

    owner: int
    flush: str
    unit: str
    doc: str
    seq: int | None
    value: Value | None


class Owner(NamedTuple):
    """Where one owner stands. `images` maps (unit, document) to the document before; `todo` are its transactions."""

    step: str = "read"
    attempt: int = 0
    todo: tuple[int, ...] = ()
    reads: tuple[tuple[str, Doc | None], ...] = ()
    failed: frozenset[str] = frozenset()
    unanswered: frozenset[tuple[str, str]] = frozenset()
    is_commit_sent: bool = False
    undoing: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
    after_undo: str = ""


class World(NamedTuple):
    """Everything: what the cluster holds, what is under way, who stands where."""

    docs: tuple[tuple[str, Doc], ...]
    heads: tuple[tuple[str, Head], ...]
    images: tuple[tuple[str, tuple[tuple[tuple[str, str], Doc | None], ...]], ...]
    items: frozenset[Item]
    owners: tuple[Owner, ...]
    acknowledged: frozenset[int]
    crashes: int
    losses: int
    aborts: int
    seq: int


@dataclass(frozen=True)
class Case:
    """Transactions by number, and which of them each owner carries out as the units of one flush."""

    decides: Mapping[int, tuple[tuple[str, ...], Decide]]
    owners: tuple[tuple[int, ...], ...]
    start: Values
    attempts: int = 1
    crashes: int = 1
    losses: int = 1
    aborts: int = 1
    weakness: str = ""
    has_history: bool = True
    clean: bool = False
    direct: frozenset[int] = frozenset()
    """Owners whose one transaction writes one document, without an intent."""


def put(pairs: tuple[tuple[str, Any], ...], key: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """The sorted association list with `key` set, or removed when the value is None."""
    rest = [pair for pair in pairs if pair[0] != key]
    return tuple(sorted([*rest, (key, value)] if value is not None else rest, key=lambda pair: pair[0]))
