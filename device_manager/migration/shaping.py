"""A content on its way into another shape, with a record of what was done to it."""

from __future__ import annotations

from typing import Any, NamedTuple

Source = dict[str, Any]


class Note(NamedTuple):
    """Something that people should know.

    Attributes:
        kind: what sort of thing; notes of a kind are counted.
        text: of this one, for people.
    """

    kind: str
    text: str


class Shaped(NamedTuple):
    """A content in this product's shape.

    Attributes:
        source: the content.
        changes: what changed, each as a phrase; empty when nothing did.
        notes: what needs attention.
    """

    source: Source
    changes: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class Shaping:
    """A content on its way, with a record of what was done to it."""

    def __init__(self, source: Source) -> None:
        self.source = dict(source)
        self.changes: list[str] = []
        self.notes: list[Note] = []

    def set(self, member: str, value: Any, change: str) -> None:
        """Give a member a value."""
        self.source[member] = value
        self.changes.append(change)

    def drop(self, member: str, change: str) -> None:
        """Remove a member if it is there."""
        if member in self.source:
            del self.source[member]
            self.changes.append(change)

    def note(self, kind: str, text: str) -> None:
        """Tell people something."""
        self.notes.append(Note(kind, text))

    def finished(self) -> Shaped:
        """What came of it."""
        return Shaped(self.source, tuple(dict.fromkeys(self.changes)), tuple(self.notes))


def objects(value: Any) -> list[Source]:
    """The objects of a list; none of what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
