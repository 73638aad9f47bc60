"""Values that clients put: measures of slots, or metadata for attributes (facades 2.5)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import orjson
from msgspec import Meta

from device_manager.errors import ApiError
from device_manager.facades.sitewise.asset_properties import AssetProperties, Found, PropertyKey
from device_manager.facades.sitewise.assets import CONTROLLER
from device_manager.facades.sitewise.batches import refuse_repeated_entries
from device_manager.facades.sitewise.errors import SiteWiseError, from_api_error, invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.points import (
    BILLION,
    Point,
    PropertyValue,
    metadata_of,
    point_of,
    read_point,
    shown_time,
    values_of,
)
from device_manager.facades.sitewise.shapes import EntryId, Input
from device_manager.facades.sitewise.value_history import SOURCE, ValueHistory
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source
from device_manager.twins.measures.purging import MeasurePurging

MOST = 10
"""Entries of a request, and values of an entry."""
OLDEST, NEWEST = 7 * 86_400 * BILLION, 600 * BILLION
"""Nanoseconds by which values may be old, and ahead of the clock."""
OUT_OF_RANGE = "TimestampOutOfRangeException"


class PutEntry(PropertyKey, frozen=True, kw_only=True):
    """Values of one property."""

    entry_id: EntryId
    property_values: Annotated[list[PropertyValue], Meta(min_length=1, max_length=MOST)]


class BatchPutAssetPropertyValue(Input, frozen=True, kw_only=True):
    """Values of several properties, each of which are stored or refused for themselves."""

    entries: Annotated[list[PutEntry], Meta(min_length=1, max_length=MOST)]
    enable_partial_entry_processing: bool = False


class Values:
    """Stores values.

    Args:
        properties: finds properties.
        history: knows what is there.
        purging: removes what is replaced.
    """

    def __init__(self, properties: AssetProperties, history: ValueHistory, purging: MeasurePurging) -> None:
        self._properties = properties
        self._history = history
        self._purging = purging

    async def put(self, visit: Visit, input: BatchPutAssetPropertyValue) -> Content:
        """`BatchPutAssetPropertyValue`."""
        refuse_repeated_entries(input.entries)
        failed = []
        for entry in input.entries:
            errors = await self._put_entry(visit, entry, is_partial=input.enable_partial_entry_processing)
            if errors:
                failed.append({"entryId": entry.entry_id, "errors": errors})
        return {"errorEntries": failed}

    async def _put_entry(self, visit: Visit, entry: PutEntry, *, is_partial: bool) -> list[Content]:
        """The errors of an entry."""
        try:
            found = await self._properties.require(visit, entry)
        except SiteWiseError as error:
            return [_error(error, entry.property_values)]
        except ApiError as error:
            return [_error(from_api_error(error, is_data=True), entry.property_values)]
        points, errors = [], []
        now = time.time_ns()
        for given in entry.property_values:
            try:
                points.append(_checked(given, found, now))
            except SiteWiseError as error:
                errors.append(_error(error, [given]))
        if points and (is_partial or not errors):
            try:
                await self._store(visit, found, points)
            except ApiError as error:
                errors.append(_error(from_api_error(error, is_data=True), entry.property_values))
        return errors

    async def _store(self, visit: Visit, found: Found, points: Sequence[Point]) -> None:
        """Store points, of which those with the moment and quality of an earlier one replace it."""
        if found.property.is_attribute:
            (value,) = max(points, key=lambda point: point.at).value.values()
            metadata = {found.property.place: None if isinstance(value, dict) else value}
            await visit.actor.call(
                CONTROLLER, "update", _id=found.asset.id, body={"metadata": metadata}, refresh="wait_for"
            )
            return
        newest = {(point.at, point.quality): point for point in points}
        earlier = await self._history.stored_at(visit, found, {point.milliseconds for point in points})
        for metadata, measurements in _by_metadata(found, newest.values()):
            body = {"dataSource": {"id": SOURCE, "metadata": metadata}, "measurements": measurements}
            await visit.actor.call(CONTROLLER, "mMeasureIngest", assetId=found.asset.id, body=body)
        replaced = []
        for measure in earlier:
            point = point_of(measure.source, found.property)
            if point is not None and (point.at, point.quality) in newest:
                replaced.append(measure)
        if replaced:
            await self._purging.remove(visit.engine, replaced)


def _checked(given: PropertyValue, found: Found, now: int) -> Point:
    if found.property.kind in ("transform", "metric"):
        raise invalid(f'The values of "{found.property.name}" are computed, and cannot be put.')
    if not now - OLDEST <= given.timestamp.nanoseconds <= now + NEWEST:
        reason = "The timestamp has to be within the last 7 days, or at most 10 minutes ahead."
        raise SiteWiseError(OUT_OF_RANGE, 400, reason)
    return read_point(given, found.property)


def _error(error: SiteWiseError, values: Sequence[PropertyValue]) -> Content:
    times = [shown_time(value.timestamp.nanoseconds) for value in values]
    return {"errorCode": error.name, "errorMessage": error.message, "timestamps": times}


def _by_metadata(found: Found, points: Iterable[Point]) -> list[tuple[Source, list[Source]]]:
    """Measurements, together with those that have the same metadata."""
    groups: dict[bytes, tuple[Source, list[Source]]] = {}
    for point in points:
        metadata = metadata_of(point)
        _, measurements = groups.setdefault(orjson.dumps(metadata), (metadata, []))
        measurements.append(
            {
                "slotName": found.property.place,
                "measuredAt": point.milliseconds,
                "values": values_of(point, found.property),
            }
        )
    return list(groups.values())
