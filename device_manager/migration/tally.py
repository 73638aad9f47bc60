"""What a migration did, or would do, in figures that fit into the record of a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from device_manager.errors import ApiError
from device_manager.migration.shaping import Note, Shaped

EXAMPLES = 10
"""Documents that are named of each sort of note and refusal."""


class Kind(msgspec.Struct, rename="camel"):
    """The documents of one kind.

    Attributes:
        documents: all that were looked at.
        changed: those that got another content or another place.
        copied: those that were new in the store that they were copied to.
        refused: those that had to be left as they are.
    """

    documents: int = 0
    changed: int = 0
    copied: int = 0
    refused: int = 0


class Remark(msgspec.Struct, rename="camel"):
    """One sort of thing that people should know.

    Attributes:
        count: how often it was met.
        examples: some of the documents, with what is special about each.
    """

    count: int = 0
    examples: list[str] = []

    def add(self, example: str, count: int = 1) -> None:
        """Count one more."""
        self.count += count
        if len(self.examples) < EXAMPLES and example not in self.examples:
            self.examples = [*self.examples, example]


class Tally(msgspec.Struct, rename="camel"):
    """Figures of one stage, or of all.

    Attributes:
        kinds: kind -> its documents.
        changes: `<kind>: <what>` -> number of documents.
        kept: `<kind>.<member>` that this product does not know, or a collection -> number of documents.
        notes: what needs attention -> how often, with examples.
        refused: id of the error that left documents as they are -> how often, with examples and reasons.
        collections: what was done, or is to be done, to collections as a whole.
    """

    kinds: dict[str, Kind] = {}
    changes: dict[str, int] = {}
    kept: dict[str, int] = {}
    notes: dict[str, Remark] = {}
    refused: dict[str, Remark] = {}
    collections: dict[str, Remark] = {}

    def kind(self, name: str) -> Kind:
        """The figures of a kind."""
        return self.kinds.setdefault(name, Kind())

    def see(self, kind: str, place: str, shaped: Shaped, known: frozenset[str]) -> None:
        """Count a document, whatever becomes of it; `place` is its address for people."""
        self.kind(kind).documents += 1
        for member in shaped.source.keys() - known:
            name = f"{kind}.{member}"
            self.kept[name] = self.kept.get(name, 0) + 1
        for note in shaped.notes:
            self.note(place, note)

    def note(self, place: str, note: Note) -> None:
        """Count something that people should know of a document."""
        self.notes.setdefault(note.kind, Remark()).add(f"{place} {note.text}")

    def change(self, kind: str, changes: Iterable[str]) -> None:
        """Count a document that was changed, or would be."""
        self.kind(kind).changed += 1
        for change in changes:
            name = f"{kind}: {change}"
            self.changes[name] = self.changes.get(name, 0) + 1

    def refuse(self, kind: str, place: str, error: ApiError) -> None:
        """Count a document that the store does not take in its new shape."""
        self.kind(kind).refused += 1
        self.refused.setdefault(error.id or "unknown", Remark()).add(f"{place}: {error.message}")

    def treat(self, what: str, collection: str) -> None:
        """Count a collection to which something is done as a whole."""
        self.collections.setdefault(what, Remark()).add(collection)

    def include(self, other: Tally) -> None:
        """Add the figures of `other`."""
        for name, kind in other.kinds.items():
            mine = self.kind(name)
            for field in kind.__struct_fields__:
                setattr(mine, field, getattr(mine, field) + getattr(kind, field))
        for mine_of, theirs in ((self.changes, other.changes), (self.kept, other.kept)):
            for name, count in theirs.items():
                mine_of[name] = mine_of.get(name, 0) + count
        _include(self.notes, other.notes)
        _include(self.refused, other.refused)
        _include(self.collections, other.collections)


def _include(mine: dict[str, Remark], theirs: Mapping[str, Remark]) -> None:
    for name, remark in theirs.items():
        known = mine.setdefault(name, Remark())
        known.count += remark.count
        known.examples = list(dict.fromkeys([*known.examples, *remark.examples]))[:EXAMPLES]
