"""What each native write does to one document: decided inside a transaction, alike for one and for many. Pure.

The table of router-protocol 5.6 says what each action leaves in `_kuzzle_info`. Where it has documents that an upsert
created go without author and time of creation, they get both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from device_manager.documents.specifications.checking import curated
from device_manager.documents.specifications.parsing import Rules
from device_manager.documents.writers import DIRECT, Writer
from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.storage.sources import patched, without
from device_manager.storage.stamps import INFO, Source, Stamp, changed_at

LARGE = 100
"""Documents from which on a transaction is decided beside the event loop."""


class Place(NamedTuple):
    """A collection, who writes its documents, and what they have to be like."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    collection: str
    writer: Writer
    rules: Rules | None = None

    def key(self, id: str) -> Key:
        """The address of one of its documents."""
        return Key(self.index, self.collection, id)

    def curated(self, id: str | None, source: Source, *, is_update: bool) -> Source:
        """A source with the defaults of the specification, which it meets then. Raises what it refuses."""
        return source if self.rules is None else curated(self.rules, id, source, is_update=is_update)


class Item(NamedTuple):
    """What a request says of one document.

    Attributes:
        id: None to have one made.
        body: the content, or the changes; empty for what needs none.
        default: of an upsert, further content of the document that it creates.
        fields: paths of the fields to remove.
    """

    id: str | None
    body: Source
    default: Source | None = None
    fields: Sequence[str] = ()


class Marks(NamedTuple):
    """What a write leaves in `_kuzzle_info`.

    Attributes:
        stamp: who writes, and when.
        whole: all of it, for documents that are written as a whole.
        change: its members that a change sets.
    """

    stamp: Stamp
    whole: Source
    change: Source


class Outcome(NamedTuple):
    """A document after its write, for a deletion before it."""

    document: Document
    created: bool = False


Operation = Callable[[Transaction, Place, Item, Marks], Outcome]


def marks_of(stamp: Stamp, *, replaces: bool = False) -> Marks:
    """The marks of a write by `stamp`; `replaces` names the author as updater too."""
    updated = {"updatedAt": stamp.now, "updater": stamp.user_id}
    born = {"author": stamp.user_id, "createdAt": stamp.now}
    return Marks(stamp, born | (updated if replaces else {"updatedAt": None, "updater": None}), updated)


def create(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Add a document. Raises `services.storage.document_already_exists` and what the mapping refuses."""
    return _created(tx, place, item.id, item.body, marks)


def create_or_replace(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Add a document or replace the stored one. Raises what the mapping refuses."""
    key = place.key(_id(item))
    stored = _find(tx, place, key)
    if stored is None:
        return _created(tx, place, item.id, item.body, marks)
    source = place.curated(item.id, item.body | {INFO: marks.whole}, is_update=False)
    return _replaced(tx, place, key, stored, source, marks)


def replace(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Replace a stored document. Raises `services.storage.not_found` and what the mapping refuses."""
    key = place.key(_id(item))
    source = place.curated(item.id, item.body | {INFO: marks.whole}, is_update=False)
    return _replaced(tx, place, key, _get(tx, place, key), source, marks)


def update(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Merge changes deeply into a stored document. Raises `services.storage.not_found` and what the mapping refuses."""
    key = place.key(_id(item))
    stored = _get(tx, place, key)
    return _changed(tx, place, key, stored, changed_source(stored.source, item.body, marks), marks)


def upsert(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Change a stored document, or create it from the changes over the default. Raises what the mapping refuses."""
    return _upserted(tx, place, item, (item.default or {}) | item.body, marks)


def upsert_defaults_first(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """As `upsert`, but what is created is the default over the changes."""
    return _upserted(tx, place, item, item.body | (item.default or {}), marks)


def update_or_add(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Change a stored document, or add the default, or without one the changes. Raises what the mapping refuses."""
    return _upserted(tx, place, item, item.body if item.default is None else item.default, marks)


def write(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Store a document as it is, with the `_kuzzle_info` that it brings along. Raises what the mapping refuses.

    Documents with an owner get the marks of the write, because their history rests on them.
    """
    source = item.body if place.writer is DIRECT else item.body | {INFO: marks.whole}
    stored = None if item.id is None else _find(tx, place, place.key(item.id))
    if item.id is None or stored is None:
        writer = place.writer
        return Outcome(writer.create(tx, place.index, place.collection, source, item.id, marks.stamp), created=True)
    return _replaced(tx, place, place.key(item.id), stored, source, marks)


def delete_fields(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Remove fields from a stored document; unknown ones do not matter. Raises `services.storage.not_found`."""
    key = place.key(_id(item))
    stored = _get(tx, place, key)
    left = stored.source
    for path in item.fields:
        left = without(left, path)
    return _changed(tx, place, key, stored, _marked(left, stored.source, marks), marks)


def delete(tx: Transaction, place: Place, item: Item, marks: Marks) -> Outcome:
    """Remove a stored document. Raises `services.storage.not_found`."""
    key = place.key(_id(item))
    stored = _get(tx, place, key)
    place.writer.delete(tx, key, stored, marks.stamp)
    return Outcome(stored)


def changed_source(stored: Source, changes: Source, marks: Marks) -> Source:
    """The stored content with changes merged in; what they say about `_kuzzle_info` does not count."""
    kept = {name: value for name, value in changes.items() if name != INFO} if INFO in changes else changes
    return _marked(patched(stored, kept), stored, marks)


def _marked(source: Source, stored: Source, marks: Marks) -> Source:
    """`source` with the marks of a change; its time grows with every change."""
    info: dict[str, Any] = (stored.get(INFO) or {}) | marks.change
    if type(info["updatedAt"]) is int:
        info["updatedAt"] = max(info["updatedAt"], changed_at(stored) + 1)
    return source | {INFO: info}


def _id(item: Item) -> str:
    if item.id is None:
        raise api_error("api.assert.missing_argument", "_id")
    return item.id


def _find(tx: Transaction, place: Place, key: Key) -> Document | None:
    return tx.read((key, *place.writer.related((key,)))).get(key)


def _get(tx: Transaction, place: Place, key: Key) -> Document:
    document = _find(tx, place, key)
    if document is None:
        raise api_error("services.storage.not_found", key.id, key.index, key.collection)
    return document


def _created(tx: Transaction, place: Place, id: str | None, body: Source, marks: Marks) -> Outcome:
    source = place.curated(id, body | {INFO: marks.whole}, is_update=False)
    return Outcome(place.writer.create(tx, place.index, place.collection, source, id, marks.stamp), created=True)


def _replaced(tx: Transaction, place: Place, key: Key, stored: Document, source: Source, marks: Marks) -> Outcome:
    return Outcome(place.writer.replace(tx, key, stored, source, marks.stamp))


def _changed(tx: Transaction, place: Place, key: Key, stored: Document, source: Source, marks: Marks) -> Outcome:
    return _replaced(tx, place, key, stored, place.curated(key.id, source, is_update=True), marks)


def _upserted(tx: Transaction, place: Place, item: Item, new: Source, marks: Marks) -> Outcome:
    key = place.key(_id(item))
    stored = _find(tx, place, key)
    if stored is None:
        return _created(tx, place, item.id, new, marks)
    return _changed(tx, place, key, stored, changed_source(stored.source, item.body, marks), marks)
