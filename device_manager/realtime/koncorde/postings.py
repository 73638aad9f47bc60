"""The conditions on one field under which rooms are listed, and those of them that a value fulfils (router-protocol 7).

Each kind of condition has a structure of its own, so that the conditions that a value cannot fulfil are not looked at:
tables for equality, an interval tree for ranges, a grid for places, an index of its own for the elements that `select`
asks, pieces of text for regular expressions. Expressions that need no certain text, and objects or arrays as elements
of an array, are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from device_manager.query.polygons import box_of
from device_manager.query.tree import GeoBox
from device_manager.realtime.koncorde.conditions import (
    Box,
    Condition,
    Contains,
    Exists,
    Kind,
    OneOf,
    Polygon,
    Range,
    Regexp,
    Ring,
    Select,
    kind_of,
)
from device_manager.realtime.koncorde.filters import Filter
from device_manager.realtime.koncorde.grid import Grid
from device_manager.realtime.koncorde.intervals import Intervals
from device_manager.realtime.koncorde.points import point_at
from device_manager.realtime.koncorde.scalars import Key, NotScalar, key_of
from device_manager.realtime.koncorde.substrings import Substrings

_FEW = 100
"""Intervals up to which those around a number are counted to see how selective another one there is."""


class Posting:
    """One condition, the rooms listed for documents that fulfil it, and those for documents that do not."""

    __slots__ = ("condition", "key", "others", "rooms")

    def __init__(self, condition: Condition, key: str) -> None:
        self.condition = condition
        self.key = key
        self.rooms: set[str] = set()
        self.others: set[str] = set()


class ElementIndex(Protocol):
    """What finds the filters of one element of an array."""

    def __len__(self) -> int: ...
    def add(self, room: str, filter: Filter) -> None:
        """Add the filter of `room`."""

    def remove(self, room: str) -> None:
        """Remove the filter of `room`."""

    def matching(self, id: str | None, source: dict[str, Any]) -> set[str]:
        """The rooms whose filters match."""


class FieldPostings:
    """The postings of one field."""

    def __init__(self, new_index: Callable[[], ElementIndex]) -> None:
        self._new_index = new_index
        self._equal: dict[Key, set[Posting]] = {}
        self._containing: dict[Key, set[Posting]] = {}
        self._intervals: Intervals[Posting] = Intervals()
        self._open_ranges = 0
        self._places: Grid[Posting] = Grid()
        self._kinds: dict[str, set[Posting]] = {}
        self._present: set[Posting] = set()
        self._elements: dict[int, ElementIndex] = {}
        self._selected: dict[str, Posting] = {}
        self._patterns: Substrings[Posting] = Substrings()
        self._folded_patterns: Substrings[Posting] = Substrings()
        self._tried: set[Posting] = set()

    def __bool__(self) -> bool:
        return bool(
            self._equal or self._containing or self._intervals or self._places
            or self._kinds or self._present or self._selected or self._patterns or self._folded_patterns or self._tried
        )  # fmt: skip

    def add(self, posting: Posting) -> None:
        """List a posting by its condition."""
        match posting.condition:
            case Range() as range:
                self._intervals.add(range.low, range.high, posting)
                self._open_ranges += _is_open(range)
            case Box() | Ring() | Polygon() as place:
                self._places.add(_box(place), posting)
            case Select() as select:
                self._selected[posting.key] = posting
                index = self._elements.setdefault(select.index, self._new_index())
                index.add(posting.key, Filter(select.node, select.wanted))
            case condition:
                for table, key in self._tables(condition):
                    table.setdefault(key, set()).add(posting)
                if isinstance(condition, Exists):
                    self._present.add(posting)
                elif not isinstance(condition, OneOf | Contains | Kind):
                    self._try(posting)

    def remove(self, posting: Posting) -> None:
        """Forget a posting that was listed."""
        match posting.condition:
            case Range() as range:
                self._intervals.remove(range.low, range.high, posting)
                self._open_ranges -= _is_open(range)
            case Box() | Ring() | Polygon() as place:
                self._places.remove(_box(place), posting)
            case Select() as select:
                del self._selected[posting.key]
                index = self._elements[select.index]
                index.remove(posting.key)
                if not index:
                    del self._elements[select.index]
            case condition:
                for table, key in self._tables(condition):
                    table[key].discard(posting)
                    if not table[key]:
                        del table[key]
                self._present.discard(posting)
                self._patterns.discard(posting)
                self._folded_patterns.discard(posting)
                self._tried.discard(posting)

    def _try(self, posting: Posting) -> None:
        condition = posting.condition
        if not isinstance(condition, Regexp) or not self._substrings(condition).add(condition.texts, posting):
            self._tried.add(posting)

    def _substrings(self, condition: Regexp) -> Substrings[Posting]:
        return self._folded_patterns if condition.folds_case else self._patterns

    def _tables(self, condition: Condition) -> Iterable[tuple[dict[Any, set[Posting]], Any]]:
        """The tables that list a condition, each with the key to list it under."""
        match condition:
            case OneOf():
                return [(self._equal, key) for key in condition.keys]
            case Contains():
                return [(self._containing, condition.key)]
            case Kind():
                return [(self._kinds, condition.kind)]
        return []

    def met_by(self, value: Any) -> Iterator[Posting]:
        """The postings whose conditions `value` fulfils."""
        yield from self._present
        key = key_of(value)
        if not isinstance(key, NotScalar):
            yield from self._equal.get(key, ())
        if self._kinds:
            yield from self._kinds.get(kind_of(value) or "", ())
        for posting in self._likely(value):
            if posting.condition.test(value):
                yield posting
        if self._elements and value.__class__ is list:
            yield from self._selected_by(value)

    def _likely(self, value: Any) -> Iterator[Posting]:
        """Postings that have to be tried."""
        yield from self._tried
        if self._patterns and value.__class__ is str:
            yield from self._patterns.inside(value)
        if self._folded_patterns and value.__class__ is str:
            yield from self._folded_patterns.inside(value.casefold())
        if self._intervals and value.__class__ in (int, float):
            yield from self._intervals.around(value)
        if self._containing and value.__class__ is list:
            for key in {key for element in value if not isinstance(key := key_of(element), NotScalar)}:
                yield from self._containing.get(key, ())
        if self._places and (point := point_at(value)) is not None:
            yield from self._places.around(point)

    def _selected_by(self, value: list[Any]) -> Iterator[Posting]:
        for place, index in self._elements.items():
            if -len(value) <= place < len(value):
                for key in index.matching(None, {"value": value[place]}):
                    yield self._selected[key]

    def load(self, condition: Condition) -> int:
        """About how many other postings a value that fulfils `condition` is likely to meet, or to try."""
        match condition:
            case OneOf() | Contains() | Kind():
                return max((len(table.get(key, ())) for table, key in self._tables(condition)), default=0)
            case Range() as range:
                if range.low is None or range.high is None:
                    return self._open_ranges // 2
                around = islice(self._intervals.around((range.low + range.high) / 2), _FEW)
                return sum(not _is_open(posting.condition) for posting in around)
            case Exists():
                return len(self._present)
            case Box() | Ring() | Polygon() | Select():
                return 0
            case Regexp() as regexp if (load := self._substrings(regexp).load(regexp.texts)) is not None:
                return load
        return len(self._tried)


def _is_open(condition: Condition) -> bool:
    return isinstance(condition, Range) and (condition.low is None or condition.high is None)


def _box(place: Box | Ring | Polygon) -> GeoBox:
    match place:
        case Box():
            return place.box
        case Ring():
            return box_of(place.far)
        case Polygon():
            return box_of(place.polygon)
