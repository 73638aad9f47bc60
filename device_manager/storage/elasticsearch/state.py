"""What a round knows: documents read, documents already changed by its transactions, collections (transactions 1)."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key
from device_manager.storage.elasticsearch.catalogue import Catalogue, Collection
from device_manager.storage.elasticsearch.documents import Stored


class Signal(BaseException):
    """Ends a run that cannot go on with what the round knows; not an error, so that no decide function catches it."""


class MissingDocuments(Signal):
    """The run needs documents that the round has not read."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys


class MissingCollection(Signal):
    """The run needs a collection that this process does not know, or whose mapping may have grown."""

    def __init__(self, index: str, collection: str) -> None:
        self.name = (index, collection)


class Blocked(Signal):
    """The run needs a document whose last write is not decided."""

    def __init__(self, flush: str) -> None:
        self.flush = flush


class Absent(enum.Enum):
    """There is no document: read so or made sure by a new id, or only assumed and then checked by the write."""

    CERTAIN = enum.auto()
    ASSUMED = enum.auto()


class Draft(NamedTuple):
    """The last state of a document that the round will write: None with an empty body means deleted."""

    document: Document | None
    body: bytes


class RoundState:
    """The ground that all transactions of one round stand on.

    Attributes:
        flush: the name of the round's flush.
        base: each document as it was read.
        drafts: documents as the round's accepted transactions leave them.
        blocked: documents whose last write is undecided, with the flush that wrote them.
        unknown: collections looked up without success, with the refusal.
    """

    def __init__(self, flush: str, catalogue: Catalogue) -> None:
        self.flush = flush
        self.base: dict[Key, Stored | Absent] = {}
        self.drafts: dict[Key, Draft] = {}
        self.blocked: dict[Key, str] = {}
        self.unknown: dict[tuple[str, str], ApiError] = {}
        self._catalogue = catalogue
        self._ids = 0

    def forget_undrafted(self) -> None:
        """Drop what was read but not changed: who joins the round later has to see what others did until then."""
        self.base = {key: self.base[key] for key in self.drafts}
        self.unknown.clear()

    def new_id(self) -> str:
        """The id of a new document, derived from the flush."""
        self._ids += 1
        return f"{self.flush}-{self._ids}"

    def collection(self, index: str, collection: str) -> Collection:
        """The collection.

        Raises:
            ApiError: it does not exist.
            MissingCollection: it has to be looked up.
        """
        found = self._catalogue.get(index, collection)
        if found is not None:
            return found
        error = self.unknown.get((index, collection))
        if error is not None:
            raise error
        raise MissingCollection(index, collection)

    def check(self, key: Key, source: dict[str, Any], before: dict[str, Any] | None = None) -> None:
        """Refuse what the mapping does not take; of a source that replaces `before`, in what they do not share.

        Raises:
            ApiError: the mapping's refusal.
            MissingCollection: the mapping refuses it, but might have been extended meanwhile.
        """
        collection = self.collection(key.index, key.collection)
        try:
            if before is None:
                collection.mapping.check(source, key.index, key.collection)
            else:
                collection.mapping.check_change(before, source, key.index, key.collection)
        except ApiError:
            if collection.is_fresh():
                raise
            raise MissingCollection(key.index, key.collection) from None

    def next_version(self, key: Key) -> int:
        """The version that the round gives the document, however many of its transactions write it."""
        base = self.base.get(key)
        return base.version + 1 if isinstance(base, Stored) else 1
