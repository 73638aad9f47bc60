"""Texts, found by a longer text that holds them at a cost that the other texts do not add to.

Of each text, a piece of one of a few lengths is listed; which one is chosen by how many others have it. A longer text
looks up each of its own pieces of these lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

_LENGTHS: Final = (16, 8, 4, 2)
"""Lengths of pieces: the longest that fits is used."""


class Substrings(Generic[Item]):
    """A changing set of items, each with texts of which all are held by the texts that concern it."""

    def __init__(self) -> None:
        self._pieces: dict[str, set[Item]] = {}
        self._lengths: dict[int, int] = {}
        self._piece_of: dict[Item, str] = {}

    def __bool__(self) -> bool:
        return bool(self._piece_of)

    def add(self, texts: Sequence[str], item: Item) -> bool:
        """Add an item; False when its texts are too short to be listed."""
        piece = min(_pieces(texts), key=lambda piece: len(self._pieces.get(piece, ())), default=None)
        if piece is None:
            return False
        if piece not in self._pieces:
            self._pieces[piece] = set()
            self._lengths[len(piece)] = self._lengths.get(len(piece), 0) + 1
        self._pieces[piece].add(item)
        self._piece_of[item] = piece
        return True

    def discard(self, item: Item) -> None:
        """Remove an item, if it is there."""
        piece = self._piece_of.pop(item, None)
        if piece is None:
            return
        self._pieces[piece].discard(item)
        if not self._pieces[piece]:
            del self._pieces[piece]
            self._lengths[len(piece)] -= 1
            if not self._lengths[len(piece)]:
                del self._lengths[len(piece)]

    def load(self, texts: Sequence[str]) -> int | None:
        """How many items stand where one with these texts would; None when it could not be listed."""
        return min((len(self._pieces.get(piece, ())) for piece in _pieces(texts)), default=None)

    def inside(self, text: str) -> Iterator[Item]:
        """The items of which a piece is in `text`."""
        for length in self._lengths:
            for piece in {text[start : start + length] for start in range(len(text) - length + 1)}:
                yield from self._pieces.get(piece, ())


def _pieces(texts: Sequence[str]) -> Iterator[str]:
    longest = max(map(len, texts), default=0)
    length = next((length for length in _LENGTHS if length <= longest), None)
    if length is not None:
        for text in texts:
            for start in range(len(text) - length + 1):
                yield text[start : start + length]
