"""The operations on properties of assets (facades 2.5)."""

from __future__ import annotations

from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_inputs import (
    DescribeAssetProperty,
    ListAssetProperties,
    UpdateAssetProperty,
)
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.asset_properties import property_of
from device_manager.facades.sitewise.assets import Assets
from device_manager.facades.sitewise.associating import Association
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, page_of
from device_manager.facades.sitewise.visit import Visit


class PropertyOperations:
    """What can be done with properties of assets.

    Args:
        assets: finds them.
        models: define their properties.
        aliases: of these.
        association: lets data streams belong to them.
        paging: makes the tokens of pages.
    """

    def __init__(
        self, assets: Assets, models: AssetModels, aliases: Aliases, association: Association, paging: Paging
    ) -> None:
        self._assets = assets
        self._models = models
        self._aliases = aliases
        self._association = association
        self._paging = paging

    async def page(self, visit: Visit, input: ListAssetProperties) -> Content:
        """`ListAssetProperties`, as DescribeAsset has them."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        shown, token = await page_of(self._paging, visit, input, definition.properties)
        aliases = (await self._aliases.of_asset(visit, asset)).aliases
        root = {"id": asset.foreign_id, "name": asset.name}
        summaries = [
            {
                "id": one.id,
                "path": [root, {"id": one.id, "name": one.name}],
                **said("alias", aliases.get(one.id)),
                **said("unit", one.unit),
                **said("externalId", one.external_id),
            }
            for one in shown
        ]
        return {"assetPropertySummaries": summaries, **said("nextToken", token)}

    async def describe(self, visit: Visit, input: DescribeAssetProperty) -> Content:
        """`DescribeAssetProperty`."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        one = property_of(definition, input.property_id)
        alias = (await self._aliases.of_asset(visit, asset)).aliases.get(one.id)
        return {
            "assetId": asset.foreign_id,
            "assetName": asset.name,
            "assetModelId": definition.id,
            "assetProperty": {"type": one.type, **shown_property(one, alias)},
            **said("assetExternalId", asset.external_id),
        }

    async def update(self, visit: Visit, input: UpdateAssetProperty) -> None:
        """`UpdateAssetProperty`: the alias, with the data stream that has it; units are those of the model."""
        asset = await self._assets.require(visit, input.asset_id)
        one = property_of(await self._models.of_native(visit, asset.model), input.property_id)
        if input.property_notification_state == "ENABLED":
            raise invalid("There are no notifications of properties here.")
        if input.property_unit not in (None, one.unit):
            raise invalid(f"The unit of the property is that of its asset model: {one.unit}.")
        if input.property_alias is not None:
            entry = await self._aliases.find(visit, input.property_alias)
            if entry is not None and entry.series is not None:
                await self._association.associate(visit, asset, one, input.property_alias)
                return
        await self._aliases.give(visit, asset, one, input.property_alias)


def shown_property(one: Property, alias: str | None) -> Content:
    """A property of an asset in an answer."""
    return {
        "id": one.id,
        "name": one.name,
        "dataType": one.data_type,
        **said("alias", alias),
        **said("unit", one.unit),
        **said("externalId", one.external_id),
    }
