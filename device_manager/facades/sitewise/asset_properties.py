"""Finding the property that a request means, by ids or by its alias."""

from __future__ import annotations

from typing import NamedTuple

from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.errors import invalid, not_found
from device_manager.facades.sitewise.property_operations import property_of
from device_manager.facades.sitewise.shapes import CustomId, Input, PropertyAlias
from device_manager.facades.sitewise.visit import Visit


class PropertyKey(Input, frozen=True, kw_only=True):
    """A property of an asset: the ids of both, or the alias."""

    asset_id: CustomId | None = None
    property_id: CustomId | None = None
    property_alias: PropertyAlias | None = None


class Found(NamedTuple):
    """A property of an asset."""

    asset: Asset
    property: Property


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
        if key.property_alias is not None and key.asset_id is None and key.property_id is None:
            return await self._of_alias(visit, key.property_alias)
        if key.property_alias is not None or key.asset_id is None or key.property_id is None:
            raise invalid("A property is named by assetId and propertyId, or by propertyAlias.")
        asset = await self._assets.require(visit, key.asset_id)
        return Found(asset, property_of(await self._models.of_native(visit, asset.model), key.property_id))

    async def _of_alias(self, visit: Visit, alias: str) -> Found:
        target = await self._aliases.find(visit, alias)
        asset = None if target is None else await self._assets.of_native(visit, target.asset)
        if target is None or asset is None:
            raise not_found("property with the alias", alias)
        return Found(asset, property_of(await self._models.of_native(visit, asset.model), target.property))
