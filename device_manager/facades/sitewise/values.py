"""Values that clients put: measures of slots, or metadata for attributes (facades 2.5)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Annotated

import orjson
from msgspec import Meta

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_models import Register
from device_manager.facades.sitewise.asset_properties import AssetProperties, Found, PropertyKey, stream_of
from device_manager.facades.sitewise.assets import CONTROLLER
from device_manager.facades.sitewise.batches import refuse_repeated_entries
from device_manager.facades.sitewise.definitions import MEASURE_MODELS, MEASURE_TYPES
from device_manager.facades.sitewise.errors import SiteWiseError, conflicting, from_api_error, invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.points import (
    BILLION,
    Point,
    PropertyValue,
    data_type_of,
    metadata_of,
    read_point,
    shown_time,
    values_of,
)
from device_manager.facades.sitewise.series import SOURCE, Series
from device_manager.facades.sitewise.shapes import EntryId, Input
from device_manager.facades.sitewise.value_history import ValueHistory
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source
from device_manager.twins.ingestion.api import ApiMeasure
from device_manager.twins.ingestion.service import Ingestion
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
        properties: finds properties and data streams.
        aliases: where data streams begin.
        history: knows what is there.
        purging: removes what is replaced.
        ingestion: stores what is about no asset.
        register: writes the models that it gets, unless they are there.
    """

    def __init__(
        self,
        properties: AssetProperties,
        aliases: Aliases,
        history: ValueHistory,
        purging: MeasurePurging,
        ingestion: Ingestion,
        register: Register,
    ) -> None:
        self._properties = properties
        self._aliases = aliases
        self._history = history
        self._purging = purging
        self._ingestion = ingestion
        self._register = register

    async def put(self, visit: Visit, input: BatchPutAssetPropertyValue) -> Content:
        """`BatchPutAssetPropertyValue`."""
        refuse_repeated_entries(input.entries)
        failed = []
        for entry in input.entries:
            errors = await self._put_entry(visit, entry, is_partial=input.enable_partial_entry_processing)
            if errors:
                failed.append({"entryId": entry.entry_id, "errors": errors})
        return {"errorEntries": failed}

    async def _find(self, visit: Visit, entry: PutEntry) -> Found:
        """What an entry means; an alias that nothing has is that of a new data stream, which is not begun yet."""
        found = await self._properties.find(visit, entry)
        if found is not None:
            return found
        data_type = data_type_of(entry.property_values[0].value)
        return stream_of(str(entry.property_alias), Series(data_type=data_type, id=str(uuid.uuid4())))

    async def _put_entry(self, visit: Visit, entry: PutEntry, *, is_partial: bool) -> list[Content]:
        """The errors of an entry."""
        try:
            found = await self._find(visit, entry)
        except (SiteWiseError, ApiError) as error:
            return [_error(error, entry.property_values)]
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
            except (SiteWiseError, ApiError) as error:
                errors.append(_error(error, entry.property_values))
        return errors

    async def _store(self, visit: Visit, found: Found, points: Sequence[Point]) -> None:
        """Store points, of which those with the moment and quality of an earlier one replace it."""
        if found.asset is None:
            await visit.actor.check(CONTROLLER, "mMeasureIngest")
            found = await self._begun(visit, found)
        elif found.property.is_attribute:
            (value,) = max(points, key=lambda point: point.at).value.values()
            metadata = {found.property.place: None if isinstance(value, dict) else value}
            await visit.actor.call(
                CONTROLLER, "update", _id=found.asset.id, body={"metadata": metadata}, refresh="wait_for"
            )
            return
        newest = {(point.at, point.quality): point for point in points}
        earlier = await self._history.stored_at(visit, found, {point.milliseconds for point in points})
        for metadata, measurements in _by_metadata(found, newest.values()):
            await self._ingest(visit, found, {"id": SOURCE, "metadata": metadata}, measurements)
        replaced = []
        for measure in earlier:
            point = found.point_of(measure.source)
            if point is not None and (point.at, point.quality) in newest:
                replaced.append(measure)
        if replaced:
            await self._purging.remove(visit.engine, replaced)

    async def _begun(self, visit: Visit, found: Found) -> Found:
        """A data stream that is there for sure, and its measure type with it."""
        if found.series.created_at:
            return found
        await self._register(MEASURE_MODELS)
        series = await self._aliases.begin(visit, found.property.name, found.series)
        if series.data_type != found.series.data_type:
            reason = f'Somebody else began "{found.alias}" with values of the type {series.data_type} just now.'
            raise conflicting(reason, series.id, visit.arn("time-series", series.id))
        return stream_of(found.property.name, series)

    async def _ingest(self, visit: Visit, found: Found, source: Source, measurements: Sequence[Source]) -> None:
        if found.asset is not None:
            body = {"dataSource": source, "measurements": measurements}
            await visit.actor.call(CONTROLLER, "mMeasureIngest", assetId=found.asset.id, body=body)
            return
        source["metadata"] |= {"alias": found.alias}
        measures = [ApiMeasure(one["slotName"], one["measuredAt"], one["values"]) for one in measurements]
        measure_type = MEASURE_TYPES[found.series.data_type]
        call = Call(visit.caller.kuid)
        await self._ingestion.ingest_unassigned(visit.engine, measure_type, measures, source, call)


def _checked(given: PropertyValue, found: Found, now: int) -> Point:
    if found.property.kind in ("transform", "metric"):
        raise invalid(f'The values of "{found.property.name}" are computed, and cannot be put.')
    if not now - OLDEST <= given.timestamp.nanoseconds <= now + NEWEST:
        reason = "The timestamp has to be within the last 7 days, or at most 10 minutes ahead."
        raise SiteWiseError(OUT_OF_RANGE, 400, reason)
    return read_point(given, found.property)


def _error(failure: SiteWiseError | ApiError, values: Sequence[PropertyValue]) -> Content:
    error = from_api_error(failure, is_data=True) if isinstance(failure, ApiError) else failure
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
