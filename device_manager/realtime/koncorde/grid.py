"""Boxes on the globe, found by a point in them at a cost that boxes elsewhere do not add to.

A box stands in the cells of the finest grid whose cells are as large as it, four of them at most; a point looks into
one cell of each grid that is in use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

from device_manager.query.geo import Point
from device_manager.query.tree import GeoBox

Item = TypeVar("Item")

_FINEST = 30
_MARGIN = 1e-6
"""Degrees by which a box is widened: more than the rounding of points."""

_Cell = tuple[int, int, int]


class Grid(Generic[Item]):
    """A changing set of items, each with a box."""

    def __init__(self) -> None:
        self._cells: dict[_Cell, dict[int, Item]] = {}
        self._levels: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._cells)

    def add(self, box: GeoBox, item: Item) -> None:
        """Add an item."""
        for cell in _cells_of(box):
            if cell not in self._cells:
                self._cells[cell] = {}
                self._levels[cell[0]] = self._levels.get(cell[0], 0) + 1
            self._cells[cell][id(item)] = item

    def remove(self, box: GeoBox, item: Item) -> None:
        """Remove an item that was added with this box."""
        for cell in _cells_of(box):
            items = self._cells[cell]
            del items[id(item)]
            if not items:
                del self._cells[cell]
                self._levels[cell[0]] -= 1
                if not self._levels[cell[0]]:
                    del self._levels[cell[0]]

    def around(self, point: Point) -> Iterator[Item]:
        """The items whose boxes may hold the point."""
        for level in self._levels:
            items = self._cells.get((level, *_place(point, level)))
            if items is not None:
                yield from items.values()


def _cells_of(box: GeoBox) -> set[_Cell]:
    left, right = (box.left, box.right) if box.left <= box.right else (-180.0, 180.0)
    extent = max(box.top - box.bottom, right - left) + 2 * _MARGIN
    level = max(0, min(_FINEST, math.floor(math.log2(360 / extent))))
    bottom_left = _place((box.bottom - _MARGIN, left - _MARGIN), level)
    top_right = _place((box.top + _MARGIN, right + _MARGIN), level)
    return {
        (level, row, column)
        for row in range(bottom_left[0], top_right[0] + 1)
        for column in range(bottom_left[1], top_right[1] + 1)
    }


def _place(point: Point, level: int) -> tuple[int, int]:
    size = 360 / (1 << level)
    return math.floor((point[0] + 180) / size), math.floor((point[1] + 180) / size)
