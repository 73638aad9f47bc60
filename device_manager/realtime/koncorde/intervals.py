"""Intervals of numbers, found by a number inside them at a cost that the other intervals do not add to.

An interval tree over a fixed grid of all double-precision numbers: each interval stands at the one cell of the grid,
among all cells of all sizes, at whose middle its ends part. There it is listed by its low and by its high end. A number
meets 64 cells at most; in each, the intervals that reach it are the first ones of one of the two lists. Nothing has to
be balanced, and a cell that empties is gone.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

_BITS = 64
_SIGN = 1 << 63
_MASK = (1 << 64) - 1


class _Cell(Generic[Item]):
    """The intervals that reach over the middle of one cell."""

    __slots__ = ("by_high", "by_low")

    def __init__(self) -> None:
        self.by_low: list[tuple[int, int, Item]] = []
        self.by_high: list[tuple[int, int, Item]] = []


class Intervals(Generic[Item]):
    """A changing set of items, each with an interval of numbers, both ends included."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], _Cell[Item]] = {}
        self._levels: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._cells)

    def add(self, low: float | None, high: float | None, item: Item) -> None:
        """Add an item; None is no bound."""
        start, end = _ends(low, high)
        level = (start ^ end).bit_length()
        place = (level, start >> level)
        cell = self._cells.get(place)
        if cell is None:
            cell = self._cells[place] = _Cell()
            self._levels[level] = self._levels.get(level, 0) + 1
        insort(cell.by_low, (start, id(item), item))
        insort(cell.by_high, (end, id(item), item))

    def remove(self, low: float | None, high: float | None, item: Item) -> None:
        """Remove an item that was added with these bounds."""
        start, end = _ends(low, high)
        level = (start ^ end).bit_length()
        place = (level, start >> level)
        cell = self._cells[place]
        for listed, bound in ((cell.by_low, start), (cell.by_high, end)):
            del listed[bisect_left(listed, (bound, id(item)))]
        if not cell.by_low:
            del self._cells[place]
            self._levels[level] -= 1
            if not self._levels[level]:
                del self._levels[level]

    def around(self, number: float) -> Iterator[Item]:
        """The items whose intervals hold `number`, to the precision of a double."""
        position = _position(number)
        for level in self._levels:
            cell = self._cells.get((level, position >> level))
            if cell is None:
                continue
            if level and position >> (level - 1) & 1:  # beyond the middle: those that end here or later
                for _, _, item in cell.by_high[bisect_left(cell.by_high, (position,)) :]:
                    yield item
            else:
                for _, _, item in cell.by_low[: bisect_right(cell.by_low, (position, math.inf))]:
                    yield item


def _ends(low: float | None, high: float | None) -> tuple[int, int]:
    return _position(-math.inf if low is None else low), _position(math.inf if high is None else high)


def _position(number: float) -> int:
    """The place of a number among all double-precision numbers, in their order; a larger integer is the nearest."""
    try:
        double = float(number) + 0.0
    except OverflowError:
        double = math.inf if number > 0 else -math.inf
    bits: int = struct.unpack(">Q", struct.pack(">d", double))[0]
    return bits ^ _MASK if bits & _SIGN else bits | _SIGN
