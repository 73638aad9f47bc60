"""The pure rules of the transaction protocol: marks, verdicts, undoing (transactions 1).

The store and the exhaustive checker of the protocol both run on these functions.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import msgspec

MARK = "_tx"
TOMBSTONE = "_deleted"
MARKS_MAPPING: dict[str, Any] = {MARK: {"type": "keyword"}, TOMBSTONE: {"type": "boolean"}}
"""What every collection's mapping holds besides its own properties."""

EVERY_UNIT = "*"
"""Stands in `aborted` for all units of a flush."""


class Mark(NamedTuple):
    """Who wrote a document: the unit of a flush."""

    flush: str
    unit: str

    def __str__(self) -> str:
        return f"{self.flush}#{self.unit}"


def parse_mark(text: str) -> Mark:
    """The inverse of `str(mark)`."""
    flush, _, unit = text.partition("#")
    return Mark(flush, unit)


class State(enum.StrEnum):
    """The state of a flush document: `part` is for the further documents of a large one."""

    OPEN = "open"
    CLOSED = "closed"
    PART = "part"


class Head(msgspec.Struct, frozen=True):
    """What a flush document decides, apart from its before-images."""

    state: State
    aborted: tuple[str, ...] = ()

    def has_aborted(self, unit: str) -> bool:
        """Whether the unit was given up."""
        return self.state is State.CLOSED and (unit in self.aborted or EVERY_UNIT in self.aborted)


class Verdict(enum.Enum):
    """What a mark on a document says about the document."""

    SETTLED = enum.auto()
    """It counts as it is."""
    ABORTED = enum.auto()
    """Its unit was given up and has to be undone before anybody builds on it."""
    OPEN = enum.auto()
    """Its unit is not decided yet."""


def judge(unit: str, head: Head | None) -> Verdict:
    """The verdict on a mark of `unit`, by the flush document as it is now; None when there is none (step 2)."""
    if head is None:
        return Verdict.SETTLED
    if head.state is State.OPEN:
        return Verdict.OPEN
    return Verdict.ABORTED if head.has_aborted(unit) else Verdict.SETTLED


class Image(msgspec.Struct, frozen=True):
    """A document before a flush wrote it; `before` is None, and the numbers too, when it did not exist (step 4)."""

    index: str
    id: str
    seq_no: int | None = None
    primary_term: int | None = None
    before: dict[str, Any] | None = None


class Undo(enum.Enum):
    """What undoing one document takes (step 8)."""

    NOTHING = enum.auto()
    RESTORE = enum.auto()
    """Put the before-image back."""
    REMOVE = enum.auto()
    """Delete what did not exist."""
    FENCE = enum.auto()
    """Write the document back unchanged, so that a late item of the owner finds another seq_no."""


def undo_step(image: Image, mark: str, found_mark: str | None, found_seq_no: int | None) -> Undo:
    """What has to be done, on condition of `found_seq_no`, to undo the write of `mark` on the document of `image`.

    Args:
        image: the document before the write.
        mark: the unit that is undone.
        found_mark: the mark on the document now.
        found_seq_no: the sequence number of the document now; None when there is none.
    """
    if found_seq_no is None:
        return Undo.NOTHING
    if found_mark == mark:
        return Undo.REMOVE if image.before is None else Undo.RESTORE
    return Undo.FENCE if found_seq_no == image.seq_no else Undo.NOTHING


def owes_undo(step: Undo) -> bool:
    """Whether a pass that met this step has found something, so that another pass is needed (step 9)."""
    return step in (Undo.RESTORE, Undo.REMOVE)
