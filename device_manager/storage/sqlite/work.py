"""What one transaction asks of the writer: rows to check, to write and to remove, ready to be bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

UNKNOWN_REVISION = 0
"""The revision in tokens of documents that were not read by id; no mapping has it."""


class RowState(NamedTuple):
    """The token of a document: the very row that was read.

    Attributes:
        rid: number of the row.
        seq: number of the write that made it what it is.
        revision: revision of the mapping that its terms were made with.
    """

    rid: int
    seq: int
    revision: int


@dataclass(slots=True)
class Work:
    """The rows of one transaction. Updates, removals and touches name the `seq` that they expect to find."""

    inserts: list[tuple[int, int, str, int, int, int, str]] = field(default_factory=list)
    """(rid, cid, id, version, seq, revision, source)"""
    updates: list[tuple[int, int, int, str, int, int]] = field(default_factory=list)
    """(version, seq, revision, source, rid, expected seq)"""
    removals: list[tuple[int, int]] = field(default_factory=list)
    """(rid, expected seq)"""
    touches: list[tuple[int, int]] = field(default_factory=list)
    """(rid, expected seq)"""
    old_terms: list[tuple[int, Any, int]] = field(default_factory=list)
    """(f, v, rid)"""
    new_terms: list[tuple[int, Any, int]] = field(default_factory=list)
    """(f, v, rid)"""
