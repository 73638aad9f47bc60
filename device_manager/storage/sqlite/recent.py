"""Rows that were read or changed lately, as text, so that no message has to look them up again."""

from __future__ import annotations

Place = tuple[int, str]
"""Number of the collection, which is never used again, and id of the document."""

Row = tuple[str, int, int, int, int, str]
"""(id, rid, version, seq, revision, source as JSON text), as `reading.document_of` takes it."""

OVERHEAD = 400
"""Bytes that a row takes beside its text."""


class RecentRows:
    """Committed rows in memory, those that nobody asks for any more left out first.

    No other process writes to the file, so what is here is what a read of the file would find, provided that each
    commit is told of before anybody learns that it succeeded. Used on the event loop only. Text, not documents: each
    reader gets a document of its own.

    Rows are in two generations. Asking for one moves it to the young one; when that has half of the limit, it becomes
    the old one, and what is left of the old one is gone.

    Args:
        limit: bytes that the rows may take together.
    """

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._young: dict[Place, Row] = {}
        self._old: dict[Place, Row] = {}
        self._size = 0

    def get(self, place: Place) -> Row | None:
        """The row at `place`, None when it is not known here."""
        row = self._young.get(place)
        if row is None:
            row = self._old.pop(place, None)
            if row is not None:
                self.keep(place, row)
        return row

    def keep(self, place: Place, row: Row) -> None:
        """Remember the committed row at `place`."""
        known = self._young.get(place)
        self._size += _bytes(row) if known is None else len(row[5]) - len(known[5])
        self._young[place] = row
        if self._size > self._half:
            self._old, self._young, self._size = self._young, {}, 0

    def forget(self, place: Place) -> None:
        """There is no row at `place` any more."""
        self._old.pop(place, None)
        known = self._young.pop(place, None)
        if known is not None:
            self._size -= _bytes(known)


def _bytes(row: Row) -> int:
    return OVERHEAD + len(row[5])
