"""Aggregates: what the values of a property were like, minute by minute or in longer steps (facades 2.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, field

from device_manager.facades.sitewise.asset_properties import AssetProperties, PropertyKey
from device_manager.facades.sitewise.batches import page_of_each
from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, Place
from device_manager.facades.sitewise.points import BILLION, Moment, Point, read_moment
from device_manager.facades.sitewise.shapes import EntryId, Input, NextToken
from device_manager.facades.sitewise.value_history import Span, ValueHistory
from device_manager.facades.sitewise.value_reading import Qualities
from device_manager.facades.sitewise.visit import Visit

AggregateType = Literal["AVERAGE", "COUNT", "MAXIMUM", "MINIMUM", "SUM", "STANDARD_DEVIATION"]
STEPS = {"1m": 60 * BILLION, "15m": 900 * BILLION, "1h": 3600 * BILLION, "1d": 86_400 * BILLION}
"""Nanoseconds of a resolution."""
MEMBERS: dict[AggregateType, str] = {
    "AVERAGE": "average",
    "COUNT": "count",
    "MAXIMUM": "maximum",
    "MINIMUM": "minimum",
    "SUM": "sum",
    "STANDARD_DEVIATION": "standardDeviation",
}
MOST_AGGREGATES, DEFAULT_AGGREGATES = 2500, 100
MOST_ENTRIES = 16


class Step:
    """What is known of the values of one step, none of which is kept."""

    def __init__(self) -> None:
        self._values = self._numbers = 0
        self._least, self._most = math.inf, -math.inf
        self._sum = self._mean = self._squares = 0.0

    def add(self, point: Point) -> None:
        """Count a value in."""
        self._values += 1
        (number,) = point.value.values()
        if isinstance(number, int | float):
            self._numbers += 1
            self._sum += number
            self._least, self._most = min(self._least, number), max(self._most, number)
            distance = number - self._mean
            self._mean += distance / self._numbers
            self._squares += distance * (number - self._mean)

    def aggregates(self, wanted: Sequence[AggregateType]) -> Content:
        """The aggregates that are wanted; of what are no numbers, only how many there are."""
        known = {"count": float(self._values)}
        if self._numbers:
            known |= {
                "average": self._mean,
                "minimum": self._least,
                "maximum": self._most,
                "sum": self._sum,
                "standardDeviation": math.sqrt(self._squares / self._numbers),
            }
        names = [MEMBERS[type] for type in wanted]
        return {name: known[name] for name in names if name in known}


class AggregatesKey(PropertyKey, frozen=True, kw_only=True):
    """Aggregates of a property: of the steps that end after `start_date` and until `end_date`."""

    aggregate_types: Annotated[list[AggregateType], Meta(min_length=1)]
    resolution: Literal["1m", "15m", "1h", "1d"]
    start_date: Moment
    end_date: Moment
    qualities: Qualities = field(default_factory=lambda: ["GOOD"])
    time_ordering: Literal["ASCENDING", "DESCENDING"] = "ASCENDING"


class GetAssetPropertyAggregates(AggregatesKey, frozen=True, kw_only=True):
    """A page of the aggregates of a property."""

    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=MOST_AGGREGATES)] = DEFAULT_AGGREGATES


class AggregatesEntry(AggregatesKey, frozen=True, kw_only=True):
    """Aggregates of a property in a batch."""

    entry_id: EntryId


class BatchGetAssetPropertyAggregates(Input, frozen=True, kw_only=True):
    """A page of the aggregates of several properties."""

    entries: Annotated[list[AggregatesEntry], Meta(min_length=1, max_length=MOST_ENTRIES)]
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=MOST_AGGREGATES)] = DEFAULT_AGGREGATES


class Aggregates:
    """Computes aggregates.

    Args:
        properties: finds properties.
        history: their values.
        paging: makes the tokens of pages.
    """

    def __init__(self, properties: AssetProperties, history: ValueHistory, paging: Paging) -> None:
        self._properties = properties
        self._history = history
        self._paging = paging

    async def page(self, visit: Visit, input: GetAssetPropertyAggregates) -> Content:
        """`GetAssetPropertyAggregates`: of steps without values, there is nothing."""
        place = await self._paging.place(visit, input)
        values, rest = await self._steps(visit, input, input.max_results, place)
        token = None if rest is None else await self._paging.token(visit, input, rest)
        return {"aggregatedValues": values, **said("nextToken", token)}

    async def page_of_each(self, visit: Visit, input: BatchGetAssetPropertyAggregates) -> Content:
        """`BatchGetAssetPropertyAggregates`: one entry after the other, until the page is full."""

        async def read(entry: AggregatesEntry, size: int, place: Place | None) -> tuple[list[Content], Place | None]:
            return await self._steps(visit, entry, size, place)

        size, member = input.max_results, "aggregatedValues"
        return await page_of_each(self._paging, visit, input, input.entries, size=size, member=member, read=read)

    async def _steps(
        self, visit: Visit, key: AggregatesKey, size: int, place: Place | None
    ) -> tuple[list[Content], Place | None]:
        """The aggregates of steps, and the place where the rest of them begins."""
        found = await self._properties.require(visit, key)
        if found.property.data_type not in ("DOUBLE", "INTEGER") and key.aggregate_types != ["COUNT"]:
            raise invalid(f'Values of "{found.property.name}" are no numbers: they can only be counted.')
        step, is_ascending = STEPS[key.resolution], key.time_ordering == "ASCENDING"
        after = read_moment(key.start_date, "startDate") // step * step
        until = read_moment(key.end_date, "endDate") // step * step
        if place is not None:
            after, until = (place[0], until) if is_ascending else (after, place[0])
        span = Span(after, until, key.qualities[0], is_ascending)
        steps: dict[int, Step] = {}
        rest: Place | None = None
        async for point in self._history.points(visit, found, span):
            end = -(-point.at // step) * step
            if end not in steps and len(steps) == size:
                last = next(reversed(steps))
                rest = [last if is_ascending else last - step]
                break
            steps.setdefault(end, Step()).add(point)
        values = [
            {"timestamp": end / BILLION, "quality": span.quality, "value": one.aggregates(key.aggregate_types)}
            for end, one in steps.items()
        ]
        return values, rest
