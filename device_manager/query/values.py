"""How the values of queries and documents compare, by field type: the one place that the matcher and SQL share."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from device_manager.query.dates import parse_date
from device_manager.query.refusals import wrong_field, wrong_value
from device_manager.query.tree import Range, Scalar

Comparable = str | int | float
"""What is compared: text for keywords, milliseconds for dates, 0 and 1 for booleans, numbers for numbers."""

INTEGERS = frozenset({"integer", "long"})
NUMBERS = INTEGERS | {"float", "double"}
COMPARABLE_TYPES = NUMBERS | {"keyword", "date", "boolean"}
"""The types of which values are compared; the rest (text, geo) is known by presence only."""

NUMBER_TEXT = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")

INTEGER_BOUNDS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


@dataclass(frozen=True, slots=True)
class Interval:
    """Values between `low` and `high`; None is unbounded. A single value has both equal and included."""

    low: Comparable | None = None
    high: Comparable | None = None
    includes_low: bool = True
    includes_high: bool = True

    @property
    def is_point(self) -> bool:
        """Whether exactly one value is inside."""
        return self.low is not None and self.low == self.high and self.includes_low and self.includes_high

    def contains(self, value: Any) -> bool:
        """Whether `value`, of the same field type, is inside."""
        low, high = self.low, self.high
        if low is not None and not (value > low or (self.includes_low and value == low)):
            return False
        return high is None or value < high or (self.includes_high and value == high)


def text_of(value: Scalar) -> str:
    """A scalar as Elasticsearch writes it into a keyword."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, float) else str(value)


def equal_to(clause: str, field: str, type: str, value: Scalar, *, format: str | None, runner: str) -> Interval | None:
    """The values of a field that equal a query's `value`; None when no value can.

    Raises:
        ApiError: 400, the type has no comparable values, or `value` is none of its values.
    """
    check_comparable(clause, field, type, runner)
    try:
        if type == "date":
            format = _date_format(None, format, value)
            return Interval(parse_date(value, format=format), parse_date(value, round_up=True, format=format))
        if type in INTEGERS:
            return _equal_integer(type, number_of(value))
        comparable = _comparable(type, value)
    except (ValueError, OverflowError) as error:
        raise wrong_value(field, type, value) from error
    return Interval(comparable, comparable)


def one_of(
    field: str, type: str, values: Iterable[Scalar], *, format: str | None, runner: str
) -> tuple[frozenset[Comparable], list[Interval]]:
    """What equals one of a query's `values`: single values, and intervals of dates.

    Raises:
        ApiError: 400, the type has no comparable values, or one of `values` is none of its values.
    """
    check_comparable("terms", field, type, runner)
    points: set[Comparable] = set()
    intervals: list[Interval] = []
    for value in values:
        if type == "date":
            interval = equal_to("terms", field, type, value, format=format, runner=runner)
            if interval is not None:
                intervals.append(interval)
            continue
        try:
            comparable = _comparable(type, value)
        except (ValueError, OverflowError) as error:
            raise wrong_value(field, type, value) from error
        if isinstance(comparable, str) or type not in INTEGERS or comparable == int(comparable):
            points.add(comparable)
    return frozenset(points), intervals


def _date_format(asked: str | None, mapped: str | None, *values: Scalar) -> str | None:
    """The format of a query's dates: a number among them means milliseconds, unless the query names a format."""
    if asked is None and any(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "epoch_millis"
    return asked or mapped


def inside(query: Range, type: str, *, format: str | None, now: int, runner: str) -> Interval:
    """The values of a field inside the bounds of `query`.

    Raises:
        ApiError: 400, the type has no comparable values, or a bound is none of its values.
    """
    check_comparable("range", query.field, type, runner)
    low = query.gt if query.gt is not None else query.gte
    high = query.lt if query.lt is not None else query.lte
    date_format = _date_format(query.format, format, low, high)
    bounds: list[Comparable | None] = []
    for value, round_up in ((low, query.gt is not None), (high, query.lt is None)):
        try:
            if value is None:
                bounds.append(None)
            elif type == "date":
                zone = query.time_zone
                bounds.append(parse_date(value, round_up=round_up, format=date_format, time_zone=zone, now=now))
            else:
                bounds.append(_comparable(type, value))
        except (ValueError, OverflowError) as error:
            raise wrong_value(query.field, type, value) from error
    return Interval(bounds[0], bounds[1], query.gt is None, query.lt is None)


def check_comparable(clause: str, field: str, type: str, runner: str) -> None:
    """Refuse a clause on a field of which only the presence is known."""
    if type not in COMPARABLE_TYPES:
        raise wrong_field(clause, field, type, runner)


def check_keyword(clause: str, field: str, type: str, runner: str) -> None:
    """Refuse a clause that compares parts of texts on a field that is no keyword."""
    if type != "keyword":
        raise wrong_field(clause, field, type, runner)


def _equal_integer(type: str, number: float) -> Interval | None:
    """Fractions and numbers beyond the type equal nothing."""
    low, high = INTEGER_BOUNDS[type]
    if not low <= number <= high or number != int(number):
        return None
    return Interval(int(number), int(number))


def _comparable(type: str, value: Scalar) -> Comparable:
    if type == "keyword":
        return text_of(value)
    if type == "boolean":
        return truth_of(value)
    number = number_of(value)
    if type in INTEGERS and not INTEGER_BOUNDS[type][0] <= number <= INTEGER_BOUNDS[type][1]:
        raise ValueError(f"{value!r} is out of range")
    if type == "float":
        return single(number)
    return float(number) if type == "double" else number


def truth_of(value: Scalar) -> int:
    """0 or 1 from what queries may say for a boolean. Raises ValueError."""
    if value is True or value == "true":
        return 1
    if value is False or value == "false":
        return 0
    raise ValueError(f"{value!r} is no boolean")


def number_of(value: Scalar) -> int | float:
    """A number from a number or a text; an integer stays exact. Raises ValueError."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is no number")
    if isinstance(value, str):
        if not NUMBER_TEXT.fullmatch(value):
            raise ValueError(f"{value!r} is no number")
        value = float(value) if set(value) & set(".eE") else int(value)
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    return value


def single(value: float) -> float:
    """`value` rounded to 32 bits, as fields of type `float` hold it."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def document_values(type: str, value: Any, format: str | None = None) -> Iterator[Comparable]:
    """What a document's value at one leaf is compared as: any element of arrays, nothing for null.

    Fields without comparable values give 1 for presence. A value that the mapping would have refused gives nothing.
    """
    if isinstance(value, list):
        if type == "geo_point" and value and not isinstance(value[0], list | dict | str):
            yield 1
            return
        for element in value:
            yield from document_values(type, element, format)
        return
    if value is None or (isinstance(value, dict) and not type.startswith("geo_")):
        return
    if type not in COMPARABLE_TYPES:
        yield 1
        return
    try:
        if type == "date":
            yield parse_date(value, format=format)
        elif type in INTEGERS:
            yield int(number_of(value))
        elif type == "boolean":
            yield truth_of(value or False)
        else:
            yield _comparable(type, value)
    except (ValueError, OverflowError):
        return
