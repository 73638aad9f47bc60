"""How the values of queries compare, by field type: the one place that the matcher and SQL share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from device_manager.query.conversions import INTEGER_BOUNDS, IndexValue, number_of, single, text_of, truth_of
from device_manager.query.dates import parse_date
from device_manager.query.refusals import wrong_field, wrong_value
from device_manager.query.tree import Range, Scalar

INTEGERS = frozenset(INTEGER_BOUNDS)
NUMBERS = INTEGERS | {"float", "double"}
COMPARABLE_TYPES = NUMBERS | {"keyword", "date", "boolean"}
"""The types of which values are compared; the rest (text, geo) is known by presence only."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Values between `low` and `high`; None is unbounded. A single value has both equal and included."""

    low: IndexValue | None = None
    high: IndexValue | None = None
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
            return _equal_integer(type, number_of(type, value))
        comparable = _comparable(type, value)
    except (ValueError, OverflowError) as error:
        raise wrong_value(field, type, value) from error
    return Interval(comparable, comparable)


def one_of(
    field: str, type: str, values: Iterable[Scalar], *, format: str | None, runner: str
) -> tuple[frozenset[IndexValue], list[Interval]]:
    """What equals one of a query's `values`: single values, and intervals of dates.

    Raises:
        ApiError: 400, the type has no comparable values, or one of `values` is none of its values.
    """
    check_comparable("terms", field, type, runner)
    points: set[IndexValue] = set()
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
    bounds: list[IndexValue | None] = []
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


def _comparable(type: str, value: Scalar) -> IndexValue:
    if type == "keyword":
        return text_of(value)
    if type == "boolean":
        return truth_of(value)
    number = number_of(type, value)
    if type in INTEGERS and not INTEGER_BOUNDS[type][0] <= number <= INTEGER_BOUNDS[type][1]:
        raise ValueError(f"{value!r} is out of range")
    if type == "float":
        return single(number)
    return float(number) if type == "double" else number
