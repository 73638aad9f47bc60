"""The operations that read values (facades 2.5)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from device_manager.errors import ApiError
from device_manager.facades.sitewise.asset_properties import AssetProperties, PropertyKey
from device_manager.facades.sitewise.batches import (
    empty_answer,
    entry_error,
    page_of_each,
    refuse_repeated_entries,
)
from device_manager.facades.sitewise.errors import SiteWiseError, invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging, Place
from device_manager.facades.sitewise.points import Moment, Quality, read_moment
from device_manager.facades.sitewise.shapes import EntryId, Input, NextToken
from device_manager.facades.sitewise.value_history import Span, ValueHistory
from device_manager.facades.sitewise.visit import Visit

MOST_VALUES, DEFAULT_VALUES = 20_000, 100
PAGE_LIMIT, TEXT_LIMIT = 5000, 900
"""Values of an answer, and texts of a property in it, whatever is asked for: an answer has at most 4 MB."""
MOST_LATEST, MOST_HISTORIES = 128, 16

Qualities = Annotated[list[Quality], Meta(min_length=1, max_length=1)]
HistorySize = Annotated[int, Meta(ge=1, le=MOST_VALUES)]


class GetAssetPropertyValue(PropertyKey, frozen=True, kw_only=True):
    """The newest value of a property."""


class HistoryKey(PropertyKey, frozen=True, kw_only=True):
    """Values of a property: after `start_date`, until `end_date`."""

    start_date: Moment | None = None
    end_date: Moment | None = None
    qualities: Qualities = field(default_factory=lambda: ["GOOD"])
    time_ordering: Literal["ASCENDING", "DESCENDING"] = "ASCENDING"


class GetAssetPropertyValueHistory(HistoryKey, frozen=True, kw_only=True):
    """A page of the values of a property."""

    next_token: NextToken | None = None
    max_results: HistorySize = DEFAULT_VALUES


class LatestEntry(PropertyKey, frozen=True, kw_only=True):
    """A property in a batch."""

    entry_id: EntryId


class HistoryEntry(HistoryKey, frozen=True, kw_only=True):
    """Values of a property in a batch."""

    entry_id: EntryId


class BatchGetAssetPropertyValue(Input, frozen=True, kw_only=True):
    """The newest values of several properties."""

    entries: Annotated[list[LatestEntry], Meta(min_length=1, max_length=MOST_LATEST)]
    next_token: NextToken | None = None


class BatchGetAssetPropertyValueHistory(Input, frozen=True, kw_only=True):
    """A page of the values of several properties."""

    entries: Annotated[list[HistoryEntry], Meta(min_length=1, max_length=MOST_HISTORIES)]
    next_token: NextToken | None = None
    max_results: HistorySize = MOST_VALUES


class ValueReading:
    """Reads values.

    Args:
        properties: finds properties.
        history: their values.
        paging: makes the tokens of pages.
    """

    def __init__(self, properties: AssetProperties, history: ValueHistory, paging: Paging) -> None:
        self._properties = properties
        self._history = history
        self._paging = paging

    async def last(self, visit: Visit, input: PropertyKey) -> Content:
        """`GetAssetPropertyValue`: nothing of a property without values."""
        point = await self._history.last(visit, await self._properties.require(visit, input))
        return {} if point is None else {"propertyValue": point.content}

    async def page(self, visit: Visit, input: GetAssetPropertyValueHistory) -> Content:
        """`GetAssetPropertyValueHistory`."""
        place = await self._paging.place(visit, input)
        values, rest = await self._values(visit, input, min(input.max_results, PAGE_LIMIT), place)
        content: Content = {"assetPropertyValueHistory": values}
        if rest is not None:
            content["nextToken"] = await self._paging.token(visit, input, rest)
        return content

    async def last_of_each(self, visit: Visit, input: BatchGetAssetPropertyValue) -> Content:
        """`BatchGetAssetPropertyValue`: all entries in one answer."""
        refuse_repeated_entries(input.entries)
        await self._paging.place(visit, input)
        answer = empty_answer()
        for entry in input.entries:
            try:
                latest = await self.last(visit, entry)
            except (SiteWiseError, ApiError) as error:
                answer["errorEntries"].append(entry_error(entry, error))
                continue
            value = {"assetPropertyValue": latest["propertyValue"]} if latest else {}
            answer["successEntries"].append({"entryId": entry.entry_id, **value})
        return answer

    async def page_of_each(self, visit: Visit, input: BatchGetAssetPropertyValueHistory) -> Content:
        """`BatchGetAssetPropertyValueHistory`: one entry after the other, until the page is full."""

        async def read(entry: HistoryEntry, size: int, place: Place | None) -> tuple[list[Content], Place | None]:
            return await self._values(visit, entry, size, place)

        size = min(input.max_results, PAGE_LIMIT)
        member = "assetPropertyValueHistory"
        return await page_of_each(self._paging, visit, input, input.entries, size=size, member=member, read=read)

    async def _values(
        self, visit: Visit, key: HistoryKey, size: int, place: Place | None
    ) -> tuple[list[Content], Place | None]:
        after = 0 if key.start_date is None else read_moment(key.start_date, "startDate")
        until = None if key.end_date is None else read_moment(key.end_date, "endDate")
        if until is not None and until < after:
            raise invalid("startDate has to be before endDate.")
        span = Span(after, until, key.qualities[0], key.time_ordering == "ASCENDING")
        found = await self._properties.require(visit, key)
        most = min(size, TEXT_LIMIT) if found.property.data_type == "STRING" else size
        page = await self._history.page(visit, found, span, most, place)
        return [point.content for point in page.points], page.rest
