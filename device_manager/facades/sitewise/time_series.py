"""The operations on time series: `DescribeTimeSeries` and those that change them (facades 2.4)."""

from __future__ import annotations

import uuid

from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_properties import AssetProperties, Found, PropertyKey
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.associating import Association
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.errors import not_found
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.time_series_inputs import (
    ChangeTimeSeriesAssociation,
    DeleteTimeSeries,
    DescribeTimeSeries,
)
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.value_history import ValueHistory
from device_manager.facades.sitewise.visit import Visit
from device_manager.twins.measures.purging import MeasurePurging


class TimeSeries:
    """What can be done with one time series.

    Args:
        properties: finds properties and data streams.
        aliases: the records of series.
        association: lets data streams belong to properties.
        history: their values.
        purging: removes these.
    """

    def __init__(
        self,
        properties: AssetProperties,
        aliases: Aliases,
        association: Association,
        history: ValueHistory,
        purging: MeasurePurging,
    ) -> None:
        self._properties = properties
        self._aliases = aliases
        self._association = association
        self._history = history
        self._purging = purging

    async def describe(self, visit: Visit, input: DescribeTimeSeries) -> Content:
        """`DescribeTimeSeries`."""
        found = await self._require(visit, input)
        entry = None if found.alias is None else await self._aliases.find(visit, found.alias)
        return shown_series(visit, found, (0, 0) if entry is None else (entry.created_at, entry.updated_at))

    async def associate(self, visit: Visit, input: ChangeTimeSeriesAssociation) -> None:
        """`AssociateTimeSeriesToAssetProperty`: the values come with it."""
        asset, one = await self._property(visit, input)
        await self._association.associate(visit, asset, one, input.alias)

    async def disassociate(self, visit: Visit, input: ChangeTimeSeriesAssociation) -> None:
        """`DisassociateTimeSeriesFromAssetProperty`: the values go with it."""
        asset, one = await self._property(visit, input)
        await self._aliases.disassociate(visit, asset, one, input.alias, str(uuid.uuid4()))

    async def delete(self, visit: Visit, input: DeleteTimeSeries) -> None:
        """`DeleteTimeSeries`: the values first, so that whoever is interrupted can ask again."""
        found = await self._require(visit, input)
        if not found.property.is_attribute:
            async for page in self._history.stored(visit, found):
                await self._purging.remove(visit.engine, page)
        if found.asset is None:
            await self._aliases.end(visit, found.property.name, found.series)
        else:
            await self._aliases.end_of_property(visit, found.asset, found.property)

    async def _property(self, visit: Visit, input: ChangeTimeSeriesAssociation) -> tuple[Asset, Property]:
        key = PropertyKey(asset_id=input.asset_id, property_id=input.property_id)
        found = await self._properties.require(visit, key)
        if found.asset is None:
            raise not_found("asset", input.asset_id)
        return found.asset, found.property

    async def _require(self, visit: Visit, input: DescribeTimeSeries | DeleteTimeSeries) -> Found:
        """The series that is meant. A property that has neither an alias nor values has none.

        Raises:
            SiteWiseError: `ResourceNotFoundException`, `InvalidRequestException`.
        """
        key = PropertyKey(asset_id=input.asset_id, property_id=input.property_id, property_alias=input.alias)
        found = await self._properties.require(visit, key)
        has_record = found.alias is not None or bool(found.series.id)
        if has_record or not (found.property.is_attribute or await self._history.is_empty(visit, found)):
            return found
        raise not_found("time series of the property", found.property.id)


def shown_series(visit: Visit, found: Found, times: tuple[int, int]) -> Content:
    """A time series in an answer.

    Args:
        visit: the request.
        found: the series.
        times: when its record was made and changed, milliseconds since 1970; zeros for a series without a record.
    """
    property: Content = {}
    id, (created_at, updated_at) = found.series.id, times
    if found.asset is not None:
        property = {"assetId": found.asset.foreign_id, "propertyId": found.property.id}
        id = id or f"{found.asset.foreign_id}_{found.property.id}"
        created_at = created_at or found.asset.created_at
    created_at = found.series.created_at or created_at
    return {
        **property,
        **said("alias", found.alias),
        "timeSeriesId": id,
        "dataType": found.property.data_type,
        "timeSeriesCreationDate": seconds(created_at),
        "timeSeriesLastUpdateDate": seconds(max(created_at, updated_at)),
        "timeSeriesArn": visit.arn("time-series", id),
    }
