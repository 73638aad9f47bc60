"""A transaction on the embedded store: the view that a decide function gets, and the work that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from device_manager.errors import api_error
from device_manager.storage.contract import Change, ChangeKind, Document, Key
from device_manager.storage.ids import new_id
from device_manager.storage.mappings import check_id
from device_manager.storage.mappings.mapping import Mapping as FieldMapping
from device_manager.storage.sources import encode
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.work import RowState, Work


class View(Protocol):
    """The store as a transaction sees it: everything decided so far, committed or not."""

    def collection(self, index: str, name: str) -> Collection:
        """The collection. Raises `services.storage.unknown_index` or `unknown_collection`."""

    def newest(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """The documents that exist among `keys`."""

    def is_pending(self, key: Key) -> bool:
        """Whether the newest state of `key` is not committed yet."""

    def next_seq(self) -> int:
        """The number of the next write."""

    def next_rid(self, collection: Collection) -> int:
        """The number of the next row of the collection."""


class _Entry:
    """What the transaction knows of one document."""

    __slots__ = ("before", "now", "old_terms", "target", "terms", "text", "touched")

    def __init__(self, target: Collection, before: Document | None) -> None:
        self.target = target
        self.before = before
        self.now = before
        self.touched = False
        self.text = ""
        self.terms: set[tuple[int, Any]] = set()
        self.old_terms: set[tuple[int, Any]] | None = None
        """With `terms` the ones of the members that changed; None: `terms` are all there are."""


class SqliteTransaction:
    """One run of a decide function; implements `contract.Transaction`.

    Attributes:
        extensions: mappings that have to grow before the commit, because a `dynamic: true` level met new fields.
        is_put: it carries puts, not a decision.
        origin: what its changes name as their origin.
    """

    def __init__(self, view: View, known: Mapping[Key, Document], on_read: Callable[[], None]) -> None:
        """Begin on `view`; `on_read` is called for each read of documents that are not among `known`."""
        self._view = view
        self._known = known
        self._on_read = on_read
        self._entries: dict[Key, _Entry] = {}
        self._depends_on_pending = False
        self.extensions: dict[tuple[str, str], FieldMapping] = {}
        self.is_put = False
        self.origin: object | None = None

    def read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """See `contract.Transaction.read`."""
        asked = list(keys)
        entries = self._entries
        self.prepare(asked)
        return {key: now for key in asked if (now := entries[key].now) is not None}

    def prepare(self, keys: Iterable[Key]) -> None:
        """Read what is not known yet of `keys`; raises what `read` does."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._entries]
        if missing:
            self._fetch(missing)

    def assume_absent(self, keys: Iterable[Key]) -> None:
        """Take it that none of `keys` exists, except those that are being written; the commit finds out."""
        for key in keys:
            if key not in self._entries and not self._view.is_pending(key):
                self._entries[key] = _Entry(self._view.collection(key.index, key.collection), None)

    def present(self, key: Key) -> Document | None:
        """The document `key`, read before, with the changes made so far; None when there is none."""
        return self._entries[key].now

    def _fetch(self, keys: list[Key]) -> None:
        if any(key not in self._known for key in keys):
            self._on_read()
        found = self._view.newest(keys)
        for key in keys:
            self._entries[key] = _Entry(self._view.collection(key.index, key.collection), found.get(key))
            if self._view.is_pending(key):
                self._depends_on_pending = True

    def create(self, index: str, collection: str, source: dict[str, Any], id: str | None = None) -> Document:
        """See `contract.Transaction.create`."""
        target = self._view.collection(index, collection)
        if id is None:
            key = Key(index, collection, new_id())
            entry = self._entries[key] = _Entry(target, None)
        else:
            check_id(id)
            key = Key(index, collection, id)
            if key not in self._entries:
                self._entries[key] = _Entry(target, self._view.newest((key,)).get(key))
            entry = self._entries[key]
            if entry.now is not None:
                raise api_error("services.storage.document_already_exists")
        rid = _row(entry.before).rid if entry.before else self._view.next_rid(target)
        return self._put(key, entry, source, version=1, rid=rid)

    def replace(self, key: Key, source: dict[str, Any]) -> Document:
        """See `contract.Transaction.replace`."""
        entry = self._existing(key)
        before, now = entry.before, entry.now
        assert now is not None  # noqa: S101  # _existing has looked
        created_here = before is None or (now is not before and now.version <= before.version)
        version = 1 if before is None or created_here else before.version + 1
        return self._put(key, entry, source, version=version, rid=_row(now).rid)

    def write(self, key: Key, source: dict[str, Any], version: int | None = None) -> Document:
        """Give the document `key`, read before, a content whether there is one or not; by itself it counts versions.

        Raises:
            ApiError: what the mapping refuses.
        """
        entry = self._entries[key]
        rid = _row(entry.before).rid if entry.before else self._view.next_rid(entry.target)
        if version is None:
            version = entry.before.version + 1 if entry.before else 1
        return self._put(key, entry, source, version=version, rid=rid)

    def check_collection(self, key: Key) -> None:
        """Raises `services.storage.unknown_index` or `unknown_collection`."""
        self._view.collection(key.index, key.collection)

    @staticmethod
    def state_of(document: Document) -> tuple[int, int]:
        """What two reads of the same state of a document have in common: its row and the number of its write."""
        return _row(document)[:2]

    def touch(self, key: Key) -> None:
        """See `contract.Transaction.touch`."""
        self._existing(key).touched = True

    def delete(self, key: Key) -> None:
        """See `contract.Transaction.delete`."""
        self._existing(key).now = None

    def _existing(self, key: Key) -> _Entry:
        if key not in self._entries:
            self._fetch([key])
        entry = self._entries[key]
        if entry.now is None:
            raise api_error("services.storage.not_found", key.id, key.index, key.collection)
        return entry

    def _put(self, key: Key, entry: _Entry, source: dict[str, Any], *, version: int, rid: int) -> Document:
        target = entry.target
        mapping = self.extensions.get((key.index, key.collection), target.mapping)
        before = entry.before
        if before is not None and mapping is target.mapping and _row(before).revision == target.revision:
            old, found = mapping.difference(before.source, source, key.index, key.collection)
            entry.old_terms = target.terms(old)
        else:
            found = mapping.index_values(source, key.index, key.collection)
            entry.old_terms = None
        extended = mapping.extended_for(source, found)
        if extended is not target.mapping:
            self.extensions[key.index, key.collection] = extended
        else:
            entry.terms = target.terms(found)
        entry.text = encode(source).decode()
        entry.now = Document(key.id, source, version, RowState(rid, self._view.next_seq(), target.revision))
        return entry.now

    @property
    def needs_commit(self) -> bool:
        """Whether there is something to write, or to wait for before the decision holds."""
        return self._depends_on_pending or any(
            entry.touched or entry.now is not entry.before for entry in self._entries.values()
        )

    def changes(self) -> list[Change]:
        """What the transaction changes, in the order in which it met the documents."""
        return [
            Change(_kind(entry), key, entry.before, entry.now, self.is_put, self.origin)
            for key, entry in self._entries.items()
            if entry.now is not entry.before
        ]

    def work(self) -> Work:
        """What the writer has to do."""
        work = Work()
        for key, entry in self._entries.items():
            before, now = entry.before, entry.now
            if now is before:
                if before is not None and (entry.touched or self._view.is_pending(key)):
                    work.touches.append(_row(before)[:2])
            elif now is not None:
                self._add_written(work, key, entry, now)
            elif before is not None:
                row = _row(before)
                work.changed[entry.target.cid, key.id] = None
                work.removals.append(row[:2])
                work.old_terms += [(f, v, row.rid) for f, v in _old_terms(entry.target, before)]
        return work

    def _add_written(self, work: Work, key: Key, entry: _Entry, now: Document) -> None:
        rid, seq, revision = _row(now)
        terms, cid = entry.terms, entry.target.cid
        if entry.before is None:
            work.inserts.append((rid, cid, key.id, now.version, seq, revision, entry.text))
        else:
            row = _row(entry.before)
            work.changed[cid, key.id] = (key.id, rid, now.version, seq, revision, entry.text)
            work.updates.append((now.version, seq, revision, entry.text, rid, row.seq))
            old = _old_terms(entry.target, entry.before) if entry.old_terms is None else entry.old_terms
            work.old_terms += [(f, v, rid) for f, v in old - terms]
            if row.revision == revision:
                terms = terms - old
        work.new_terms += [(f, v, rid) for f, v in terms]


def _old_terms(target: Collection, before: Document) -> set[tuple[int, Any]]:
    """At least what `term` holds of a stored document: more when its mapping has grown since."""
    return target.terms(target.mapping.values_of_older(before.source))


def _row(document: Document) -> RowState:
    token = document.token
    assert isinstance(token, RowState)  # noqa: S101  # documents of this store only
    return token


def _kind(entry: _Entry) -> ChangeKind:
    if entry.before is None:
        return ChangeKind.CREATE
    return ChangeKind.DELETE if entry.now is None else ChangeKind.UPDATE
