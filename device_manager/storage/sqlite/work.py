"""What one transaction asks of the writer: rows to check, to write and to remove, ready to be bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from device_manager.storage.sqlite.recent import Place, Row

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
    changed: dict[Place, Row | None] = field(default_factory=dict)
    """What becomes of the rows that were there before; None: they are removed."""


def merge(works: Iterable[Work]) -> Work:
    """The work of several transactions, in their order, as one.

    It may fail where they would not, for instance when one removes a document and a later one creates it anew.
    """
    merged = Work()
    terms: dict[tuple[int, Any, int], bool] = {}
    for work in works:
        merged.inserts += work.inserts
        merged.updates += work.updates
        merged.removals += work.removals
        merged.touches += work.touches
        terms.update(dict.fromkeys(work.old_terms, False))
        terms.update(dict.fromkeys(work.new_terms, True))
    merged.old_terms = [term for term, is_new in terms.items() if not is_new]
    merged.new_terms = [term for term, is_new in terms.items() if is_new]
    return merged
