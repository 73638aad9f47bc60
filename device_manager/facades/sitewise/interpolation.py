"""Values between the stored ones: `GetInterpolatedAssetPropertyValues` (facades 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from device_manager.facades.sitewise.asset_properties import AssetProperties, Found, PropertyKey
from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging
from device_manager.facades.sitewise.points import BILLION, Point, Quality, shown_time
from device_manager.facades.sitewise.shapes import NextToken
from device_manager.facades.sitewise.value_history import Span, ValueHistory
from device_manager.facades.sitewise.visit import Visit

Seconds = Annotated[int, Meta(ge=1, le=9223372036854774)]
Nanoseconds = Annotated[int, Meta(ge=0, le=999_999_999)]
Interval = Annotated[int, Meta(ge=1, le=320_000_000)]
MOST, DEFAULT = 2500, 10
"""Values of a page."""
LINEAR: Literal["LINEAR_INTERPOLATION"] = "LINEAR_INTERPOLATION"


class GetInterpolatedAssetPropertyValues(PropertyKey, frozen=True, kw_only=True):
    """A page of the values at the ends of equal intervals, the first of which begins at the start."""

    start_time_in_seconds: Seconds
    end_time_in_seconds: Seconds
    quality: Quality
    interval_in_seconds: Interval
    type: Literal["LINEAR_INTERPOLATION", "LOCF_INTERPOLATION"]
    start_time_offset_in_nanos: Nanoseconds = 0
    end_time_offset_in_nanos: Nanoseconds = 0
    interval_window_in_seconds: Interval | None = None
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=MOST)] = DEFAULT


class Neighbours(NamedTuple):
    """A moment, and the stored values around it.

    Attributes:
        at: nanoseconds since 1970.
        before: the last value until then, which may be of that very moment.
        after: the first one later.
    """

    at: int
    before: Point | None
    after: Point | None

    @property
    def carried(self) -> Content | None:
        """The last value until the moment."""
        return None if self.before is None else self.before.value

    def between(self, window: int | None) -> Content | None:
        """The value on the line between both; None when one is missing, no number, or not within `window` ns."""
        first, second = self.before, self.after
        if first is None or (window is not None and self.at - first.at > window):
            return None
        if first.at == self.at:
            return first.value
        if second is None or (window is not None and second.at - self.at > window):
            return None
        low, high = _number(first), _number(second)
        if low is None or high is None:
            return None
        return {"doubleValue": low + (high - low) * (self.at - first.at) / (second.at - first.at)}


class Interpolation:
    """Computes values between the stored ones.

    Args:
        properties: finds properties.
        history: their values.
        paging: makes the tokens of pages.
    """

    def __init__(self, properties: AssetProperties, history: ValueHistory, paging: Paging) -> None:
        self._properties = properties
        self._history = history
        self._paging = paging

    async def page(self, visit: Visit, input: GetInterpolatedAssetPropertyValues) -> Content:
        """`GetInterpolatedAssetPropertyValues`: where nothing can be told of a moment, there is no value for it."""
        found = await self._properties.require(visit, input)
        is_linear = input.type == LINEAR
        if is_linear and found.property.data_type not in ("DOUBLE", "INTEGER"):
            raise invalid(f'Values of "{found.property.name}" are no numbers: there is nothing between two of them.')
        if not is_linear and input.interval_window_in_seconds is not None:
            raise invalid("intervalWindowInSeconds is for the type LINEAR_INTERPOLATION only.")
        start = input.start_time_in_seconds * BILLION + input.start_time_offset_in_nanos
        end = input.end_time_in_seconds * BILLION + input.end_time_offset_in_nanos
        if end < start:
            raise invalid("The start has to be before the end.")
        interval = input.interval_in_seconds * BILLION
        place = await self._paging.place(visit, input)
        first = 1 if place is None else place[0]
        last = (end - start) // interval
        moments = [start + number * interval for number in range(first, min(last, first + input.max_results - 1) + 1)]
        widest = interval if input.interval_window_in_seconds is None else input.interval_window_in_seconds * BILLION
        span = Span(max(start - widest - 1, 0), end + widest, input.quality)
        window = None if input.interval_window_in_seconds is None else widest
        values = []
        for neighbours in await self._neighbours(visit, found, span, moments):
            value = neighbours.between(window) if is_linear else neighbours.carried
            if value is not None:
                values.append({"timestamp": shown_time(neighbours.at), "value": value})
        rest = first + input.max_results
        token = None if rest > last else await self._paging.token(visit, input, [rest])
        return {"interpolatedAssetPropertyValues": values, **said("nextToken", token)}

    async def _neighbours(self, visit: Visit, found: Found, span: Span, moments: Sequence[int]) -> list[Neighbours]:
        """The values around moments, which are in the order of time."""
        if not moments:
            return []
        until_first = span._replace(until=moments[0], is_ascending=False)
        page = await self._history.page(visit, found, until_first, 1, None)
        before = page.points[0] if page.points else None
        known: list[Neighbours] = []
        async for point in self._history.points(visit, found, span._replace(after=max(moments[0], span.after))):
            while len(known) < len(moments) and moments[len(known)] < point.at:
                known.append(Neighbours(moments[len(known)], before, point))
            if len(known) == len(moments):
                return known
            before = point
        return known + [Neighbours(moment, before, None) for moment in moments[len(known) :]]


def _number(point: Point) -> float | None:
    (value,) = point.value.values()
    return float(value) if isinstance(value, int | float) else None
