"""Filters on the moment of creation as queries (facades 4.5). Pure.

Days and years are stretches of time. For other parts of dates, such as the month or the minute, the stretches are
counted in which devices were created, and the filter picks from these.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from device_manager.facades.ubidots.filters import DATE_PARTS, Filter, milliseconds
from device_manager.facades.ubidots.reading import CREATED
from device_manager.facades.ubidots.texts import any_of, none_of
from device_manager.query.tree import Query, Range
from device_manager.storage.stamps import Source

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
STRETCHES = {"hour": HOUR, "minute": MINUTE, "second": SECOND}
"""Milliseconds in which a part of a date stays the same; all other parts do so for a day."""
WHOLE = ("date", "year")
"""Parts that no count is needed for."""
END_OF_TIME = 8_640_000_000_000_000
"""Milliseconds since 1970 that no date reaches."""
MOST_COUNTED = 60_000
"""Stretches that one search counts."""
MOST_SPANS = 200
"""Branches of a query."""


def stretch_of(one: Filter) -> int | None:
    """The length of the stretches to be counted for a filter, in milliseconds; None when it needs no count."""
    part = one.operators[0]
    if one.attribute != "createdAt" or part in WHOLE or part not in DATE_PARTS:
        return None
    return STRETCHES.get(part, DAY)


def counting(length: int) -> Source:
    """The aggregation that counts the stretches of a length in which devices were created."""
    return {"date_histogram": {"field": CREATED, "fixed_interval": f"{length}ms", "min_doc_count": 1}}


def counted(found: Mapping[str, Any]) -> tuple[int, ...]:
    """When the stretches of such a count begin, in milliseconds since 1970."""
    return tuple(bucket["key"] for bucket in found["buckets"])


def can_count(length: int, first: float, last: float, total: int) -> bool:
    """Whether there are few enough stretches: devices were created from `first` to `last`, `total` of them."""
    return min(total, (last - first) / length + 2) <= MOST_COUNTED


def created_query(one: Filter, stretches: Mapping[int, Sequence[int]]) -> Query | None:
    """Devices that pass a filter on their creation; None when no query says the same.

    Args:
        one: the filter; not `isnull`.
        stretches: what was counted, by the length of the stretches.
    """
    length = stretch_of(one)
    if length is None:
        query = _named(one.operators, one.text)
        return none_of(query) if query is not None and one.is_negated else query
    if length not in stretches:
        return None
    spans = _joined((start, start + length) for start in stretches[length] if one.passes(start))
    return any_of(_between("exact", [span]) for span in spans) if len(spans) <= MOST_SPANS else None


def _joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same with neighbours as one."""
    spans: list[tuple[int, int]] = []
    for start, end in stretches:
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _named(operators: tuple[str, ...], text: str) -> Query | None:
    """Devices created at a moment, or on a day or in a year, given by the operators behind it."""
    part, *more = operators
    try:
        if part == "date":
            return _between(more[0] if more else "exact", [_day(one) for one in text.split(",")])
        if part == "year":
            return _between(more[0] if more else "exact", [_year(one) for one in text.split(",")])
        values = [milliseconds(one) for one in text.split(",")]
        return _between(part, [(math.ceil(value), math.floor(value) + 1) for value in values])
    except (ValueError, OverflowError):
        return None  # what is no date of any calendar


def _day(text: str) -> tuple[int, int]:
    begin = datetime.datetime.combine(datetime.datetime.fromisoformat(text).date(), datetime.time.min, datetime.UTC)
    start = int(begin.timestamp()) * 1000
    return start, start + DAY


def _year(text: str) -> tuple[int, int]:
    year = float(text)
    if year != int(year):
        raise ValueError("no year")
    first, next_first = (datetime.datetime(int(year) + more, 1, 1, tzinfo=datetime.UTC) for more in (0, 1))
    return int(first.timestamp()) * 1000, int(next_first.timestamp()) * 1000


def _between(operator: str, spans: Sequence[tuple[int, int]]) -> Query:
    """Devices created where an operator says, relative to spans of milliseconds: from the first one, before the other.

    Raises:
        KeyError: for an operator that is none.
    """
    (start, end), (_, last) = spans[0], spans[-1]
    bounds: dict[str, dict[str, int]] = {
        "exact": {"gte": start, "lt": end},
        "gt": {"gte": end},
        "gte": {"gte": start},
        "lt": {"lt": start},
        "lte": {"lt": end},
        "range": {"gte": start, "lt": last},
    }
    inside = {name: max(-END_OF_TIME, min(END_OF_TIME, at)) for name, at in bounds[operator].items()}
    return Range(CREATED, gte=inside.get("gte"), lt=inside.get("lt"), format="epoch_millis")
