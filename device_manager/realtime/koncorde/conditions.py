"""What a filter can ask of the value of one field; every condition is false of a field that is absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as member
from typing import TYPE_CHECKING, Any, Literal, Protocol

from device_manager.query.distances import is_inside, is_near
from device_manager.query.polygons import is_within
from device_manager.query.tree import GeoBox, GeoDistance, GeoPolygon
from device_manager.realtime.koncorde.documents import fields_of
from device_manager.realtime.koncorde.elements import holds_elements
from device_manager.realtime.koncorde.literals import required_texts
from device_manager.realtime.koncorde.points import point_at
from device_manager.realtime.koncorde.scalars import Key, key_of, scalar_of

if TYPE_CHECKING:
    from device_manager.realtime.koncorde.tree import Node


class Condition(Protocol):
    """A condition on the value of one field."""

    @property
    def field(self) -> str:
        """The dotted path of the field."""

    def test(self, value: Any) -> bool:
        """Whether the value that is there fulfils the condition."""

    def form(self) -> list[Any]:
        """The condition as JSON, the same for equal conditions."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of several scalars, types included."""

    field: str
    keys: frozenset[Key]

    def test(self, value: Any) -> bool:
        """Arrays and objects are never equal to a scalar."""
        return key_of(value) in self.keys

    def form(self) -> list[Any]:
        """The scalars in one order."""
        return ["equals", self.field, sorted(map(scalar_of, self.keys), key=json.dumps)]


@dataclass(frozen=True, slots=True)
class Exists:
    """There is a value; null is one."""

    field: str

    def test(self, value: Any) -> bool:
        """Whatever is there."""
        return True

    def form(self) -> list[Any]:
        """The field alone."""
        return ["exists", self.field]


@dataclass(frozen=True, slots=True)
class Kind:
    """The value is an array, an object or a number."""

    field: str
    kind: Literal["array", "object", "number"]

    def test(self, value: Any) -> bool:
        """By the type of the value."""
        return kind_of(value) == self.kind

    def form(self) -> list[Any]:
        """The field and the kind."""
        return ["kind", self.field, self.kind]


def kind_of(value: Any) -> Literal["array", "object", "number"] | None:
    """The kind of a value, as far as `Kind` knows it."""
    return _KINDS.get(value.__class__)


_KINDS: dict[type, Literal["array", "object", "number"]] = {
    list: "array",
    dict: "object",
    int: "number",
    float: "number",
}


@dataclass(frozen=True, slots=True)
class Contains:
    """The value is an array with a scalar in it, at least so many times."""

    field: str
    key: Key
    times: int = 1

    def test(self, value: Any) -> bool:
        """Elements of the array itself, not of arrays inside it."""
        if value.__class__ is not list:
            return False
        return sum(key_of(element) == self.key for element in value) >= self.times

    def form(self) -> list[Any]:
        """The scalar and the number of times."""
        return ["contains", self.field, scalar_of(self.key), self.times]


@dataclass(frozen=True, slots=True)
class Elements:
    """The value is an array in which each pattern, an object or an array, has an element of its own."""

    field: str
    patterns: tuple[Any, ...]

    def test(self, value: Any) -> bool:
        """Each pattern is part of another element."""
        return value.__class__ is list and holds_elements(self.patterns, value)

    def form(self) -> list[Any]:
        """The patterns in one order."""
        return ["elements", self.field, sorted(self.patterns, key=lambda pattern: json.dumps(pattern, sort_keys=True))]


@dataclass(frozen=True, slots=True)
class Range:
    """The value is a number between two bounds; None is no bound."""

    field: str
    low: int | float | None = None
    high: int | float | None = None
    includes_low: bool = True
    includes_high: bool = True

    def test(self, value: Any) -> bool:
        """Texts and booleans are no numbers."""
        if value.__class__ is not int and value.__class__ is not float:
            return False
        low, high = self.low, self.high
        if low is not None and not (value > low or (self.includes_low and value == low)):
            return False
        return high is None or value < high or (self.includes_high and bool(value == high))

    def form(self) -> list[Any]:
        """Both bounds, and whether they are included."""
        return ["range", self.field, scalar_of(self.low), self.includes_low, scalar_of(self.high), self.includes_high]


@dataclass(frozen=True, slots=True)
class Regexp:
    """The value is a text of which some part matches a pattern."""

    field: str
    pattern: str
    flags: str
    matches: Callable[[str], bool] = member(compare=False, repr=False)

    @property
    def folds_case(self) -> bool:
        """Whether letters match in any case."""
        return "i" in self.flags

    @property
    def texts(self) -> list[str]:
        """Texts that a value that matches holds, all of them; without regard to case they are folded ASCII.

        ASCII alone, since Python and RE2 need not agree on the case of every other letter.
        """
        texts = required_texts(self.pattern)
        return [text.casefold() for text in texts if text.isascii()] if self.folds_case else texts

    def test(self, value: Any) -> bool:
        """Only texts match."""
        return value.__class__ is str and self.matches(value)

    def form(self) -> list[Any]:
        """The pattern and its flags in one order."""
        return ["regexp", self.field, self.pattern, self.flags]


@dataclass(frozen=True, slots=True)
class Select:
    """The value is an array, and one of its elements, as `{"value": element}`, matches a filter."""

    field: str
    index: int
    node: Node
    wanted: frozenset[str]

    def element(self, value: Any) -> dict[str, Any] | None:
        """The element as a document of its own; None when there is none."""
        if value.__class__ is not list or not -len(value) <= self.index < len(value):
            return None
        return {"value": value[self.index]}

    def test(self, value: Any) -> bool:
        """A place that the array does not have matches nothing, not even a filter about what is missing."""
        document = self.element(value)
        return document is not None and self.node.holds(fields_of(None, document, self.wanted))

    def form(self) -> list[Any]:
        """The place and the filter."""
        return ["select", self.field, self.index, self.node.key]


@dataclass(frozen=True, slots=True)
class Box:
    """The value is a point in a box."""

    field: str
    box: GeoBox

    def test(self, value: Any) -> bool:
        """To the grid on which stores keep points."""
        point = point_at(value)
        return point is not None and is_inside(self.box, point)

    def form(self) -> list[Any]:
        """The edges in degrees."""
        return ["box", self.field, *map(float, (self.box.top, self.box.left, self.box.bottom, self.box.right))]


@dataclass(frozen=True, slots=True)
class Ring:
    """The value is a point at most `far` from a center, and farther than `near` unless that is None."""

    field: str
    far: GeoDistance
    near: GeoDistance | None = None

    def test(self, value: Any) -> bool:
        """To the grid on which stores keep points."""
        point = point_at(value)
        if point is None or not is_near(self.far, point):
            return False
        return self.near is None or not is_near(self.near, point)

    def form(self) -> list[Any]:
        """The center in degrees, the distances in meters."""
        near = 0.0 if self.near is None else self.near.meters
        return ["ring", self.field, self.far.lat, self.far.lon, near, self.far.meters]


@dataclass(frozen=True, slots=True)
class Polygon:
    """The value is a point in a polygon."""

    field: str
    polygon: GeoPolygon

    def test(self, value: Any) -> bool:
        """To the grid on which stores keep points."""
        point = point_at(value)
        return point is not None and is_within(self.polygon, point)

    def form(self) -> list[Any]:
        """The corners in degrees."""
        return ["polygon", self.field, [list(corner) for corner in self.polygon.corners]]
