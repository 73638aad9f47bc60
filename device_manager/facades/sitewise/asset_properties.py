"""Finding the property or the data stream that a request means, by ids or by its alias."""

from __future__ import annotations

from typing import NamedTuple

from device_manager.facades.sitewise.aliases import Aliases, Entry
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.definitions import VARIANTS, Definition, Property
from device_manager.facades.sitewise.errors import invalid, not_found
from device_manager.facades.sitewise.points import Point, point_of
from device_manager.facades.sitewise.series import Series
from device_manager.facades.sitewise.shapes import EXTERNAL, CustomId, Input, PropertyAlias
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source


class PropertyKey(Input, frozen=True, kw_only=True):
    """A property of an asset: the ids of both, or the alias."""

    asset_id: CustomId | None = None
    property_id: CustomId | None = None
    property_alias: PropertyAlias | None = None


class Found(NamedTuple):
    """A property of an asset, or a data stream that belongs to none.

    Attributes:
        asset: whose property it is; None for a data stream.
        property: the property, or what it would be.
        alias: the alias, if there is one.
        series: which measures are its values.
    """

    asset: Asset | None
    property: Property
    alias: str | None
    series: Series

    def point_of(self, measure: Source) -> Point | None:
        """The point that a measure of the series keeps; None when it has no value."""
        return point_of(measure, self.series.data_type, self.series.member_of(measure))


class AssetProperties:
    """Finds properties.

    Args:
        assets: finds assets.
        models: define their properties.
        aliases: other names of those.
    """

    def __init__(self, assets: Assets, models: AssetModels, aliases: Aliases) -> None:
        self._assets = assets
        self._models = models
        self._aliases = aliases

    async def require(self, visit: Visit, key: PropertyKey) -> Found:
        """The property that is meant. Raises `ResourceNotFoundException`, `InvalidRequestException`."""
        found = await self.find(visit, key)
        if found is None:
            raise not_found("property or data stream with the alias", str(key.property_alias))
        return found

    async def find(self, visit: Visit, key: PropertyKey) -> Found | None:
        """The same; None for an alias that nothing has."""
        if key.property_alias is not None and key.asset_id is None and key.property_id is None:
            entry = await self._aliases.find(visit, key.property_alias)
            return None if entry is None else await self._of_entry(visit, entry)
        if key.property_alias is not None or key.asset_id is None or key.property_id is None:
            raise invalid("A property is named by assetId and propertyId, or by propertyAlias.")
        return await self._of_asset(visit, await self._assets.require(visit, key.asset_id), key.property_id)

    async def _of_entry(self, visit: Visit, entry: Entry) -> Found | None:
        if entry.series is not None:
            return stream_of(str(entry.alias), entry.series)
        asset = await self._assets.of_native(visit, entry.asset)
        return None if asset is None else await self._of_asset(visit, asset, entry.property)

    async def _of_asset(self, visit: Visit, asset: Asset, property: str) -> Found:
        one = property_of(await self._models.of_native(visit, asset.model), property)
        known = await self._aliases.of_asset(visit, asset)
        return Found(asset, one, known.aliases.get(one.id), known.of(asset.id, one))


def stream_of(alias: str, series: Series) -> Found:
    """A data stream, whose values are kept like those of a property of its type."""
    data_type = series.data_type
    member = (VARIANTS[data_type],)
    one = Property(
        id=series.id, name=alias, data_type=data_type, kind="measurement", type={}, place=series.id, member=member
    )
    return Found(None, one, alias, series)


def property_of(definition: Definition, id: str) -> Property:
    """The property of an id, or of `externalId:` and an external id. Raises `ResourceNotFoundException`."""
    for one in definition.properties:
        if id == one.id or (one.external_id is not None and id == EXTERNAL + one.external_id):
            return one
    raise not_found(f'property of the asset model "{definition.name}":', id)
