"""Writes that stand alone, in no transaction: their conditions and what becomes of them (transactions 2)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from device_manager.storage.contract import Document, Key


class PutKind(enum.StrEnum):
    """On what condition a put is made."""

    CREATE = "create"
    """There is no document; one that exists is left alone."""
    INDEX = "index"
    """Always, whatever is there."""
    NEWEST = "newest"
    """No higher version is stored. An equal one is written again, so that the same put can be made twice."""
    REPLACE = "replace"
    """The document is still the one that was read."""
    REMOVE = "remove"
    """Always: there is no document afterwards."""


class Put(NamedTuple):
    """One write that stands alone, in no transaction (transactions 2).

    Attributes:
        kind: the condition.
        key: which document.
        source: the new content; ignored by REMOVE.
        version: what NEWEST compares, and stores as the document's version: from 0 to 2^63 - 1.
        expected: the document as `Store.read` or `Store.scan` gave it, for REPLACE.
    """

    kind: PutKind
    key: Key
    source: dict[str, Any]
    version: int = 0
    expected: Document | None = None


class PutResult(enum.StrEnum):
    """What became of a put that was not refused."""

    WRITTEN = "written"
    EXISTS = "exists"
    """CREATE: there is a document of that id already."""
    OLDER = "older"
    """NEWEST: a higher version is stored."""
    STALE = "stale"
    """REPLACE: the document has changed since it was read, or a transaction on it was not decided. Read it again."""
