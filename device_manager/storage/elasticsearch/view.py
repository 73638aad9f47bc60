"""What one run of a decide function sees and changes (the store contract's `Transaction`)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

import orjson

from device_manager.errors import api_error
from device_manager.storage.contract import Change, ChangeKind, Document, Key
from device_manager.storage.elasticsearch.documents import encode_unmarked
from device_manager.storage.elasticsearch.state import Absent, Blocked, Draft, MissingDocuments, RoundState
from device_manager.storage.mappings import check_id


class Unread(enum.Enum):
    """Stands for a document that the round has not read."""

    UNREAD = enum.auto()


class View:
    """One run. Signals end it without a result; errors of the catalogue end it with one.

    Attributes:
        changes: what the run changed, one entry per write, in order.
        drafts: the last state of each document that it wrote.
        follows: keys of documents that earlier transactions of the round wrote and this run looked at.
        assumed: keys that it took as absent without having read them.
    """

    def __init__(self, state: RoundState, *, must_read: bool, origin: object | None = None) -> None:
        self.changes: list[Change] = []
        self.drafts: dict[Key, Draft] = {}
        self.follows: set[Key] = set()
        self.assumed: set[Key] = set()
        self._state = state
        self._must_read = must_read
        self._origin = origin

    def read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """See the contract."""
        found: dict[Key, Document] = {}
        missing: list[Key] = []
        for key in keys:
            self._state.collection(key.index, key.collection)
            seen = self._look(key)
            if seen is Unread.UNREAD:
                missing.append(key)
            elif seen is not None:
                found[key] = seen
        if missing:
            raise MissingDocuments(missing)
        return found

    def create(self, index: str, collection: str, source: dict[str, Any], id: str | None = None) -> Document:
        """See the contract."""
        if id is None:
            key = Key(index, collection, self._state.new_id())
            self._state.base[key] = Absent.CERTAIN
        else:
            check_id(id)
            key = Key(index, collection, id)
        body = self._encode(key, source)
        seen = self._look(key)
        if seen is Unread.UNREAD:
            if self._must_read:
                raise MissingDocuments([key])
            self.assumed.add(key)  # the write is conditional; if there is one, the next attempt reads it
        elif seen is not None:
            raise api_error("services.storage.document_already_exists")
        return self._write(key, source, body, ChangeKind.CREATE, None)

    def replace(self, key: Key, source: dict[str, Any]) -> Document:
        """See the contract."""
        before = self._existing(key)
        return self._write(key, source, self._encode(key, source, before.source), ChangeKind.UPDATE, before)

    def touch(self, key: Key) -> None:
        """See the contract."""
        document = self._existing(key)
        if key not in self.drafts:
            touched = Document(key.id, document.source, self._state.next_version(key))
            self.drafts[key] = Draft(touched, orjson.dumps(document.source))

    def delete(self, key: Key) -> None:
        """See the contract."""
        before = self._existing(key)
        self.drafts[key] = Draft(None, b"")
        self.changes.append(Change(ChangeKind.DELETE, key, before, None, origin=self._origin))

    def _existing(self, key: Key) -> Document:
        document = self.read((key,)).get(key)
        if document is None:
            raise api_error("services.storage.not_found", key.id, key.index, key.collection)
        return document

    def _look(self, key: Key) -> Document | Unread | None:
        """The document as this run sees it; None when there is none."""
        draft = self.drafts.get(key)
        if draft is not None:
            return draft.document
        draft = self._state.drafts.get(key)
        if draft is not None:
            self.follows.add(key)
            return draft.document
        flush = self._state.blocked.get(key)
        if flush is not None:
            raise Blocked(flush)
        base = self._state.base.get(key)
        if base is None:
            return Unread.UNREAD
        return None if isinstance(base, Absent) or base.is_tombstone else base.document()

    def _encode(self, key: Key, source: dict[str, Any], before: dict[str, Any] | None = None) -> bytes:
        self._state.check(key, source, before)
        return encode_unmarked(key, source)

    def _write(
        self, key: Key, source: dict[str, Any], body: bytes, kind: ChangeKind, before: Document | None
    ) -> Document:
        document = Document(key.id, source, self._state.next_version(key))
        self.drafts[key] = Draft(document, body)
        self.changes.append(Change(kind, key, before, document, origin=self._origin))
        return document
