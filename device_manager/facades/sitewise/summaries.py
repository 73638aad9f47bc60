"""Assets as lists show them."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.definitions import Definition
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit


async def summaries_of(models: AssetModels, visit: Visit, assets: Sequence[Asset]) -> list[Content]:
    """Assets in a list, with the hierarchies of their models."""
    definitions = {model: await models.of_native(visit, model) for model in {one.model for one in assets}}
    return [_summary(visit, asset, definitions[asset.model]) for asset in assets]


def shown_hierarchies(definition: Definition) -> list[Content]:
    """The hierarchies that an asset has by its model."""
    return [{"id": one.id, "name": one.name, **said("externalId", one.external_id)} for one in definition.hierarchies]


def _summary(visit: Visit, asset: Asset, definition: Definition) -> Content:
    id = asset.foreign_id
    return {
        "id": id,
        "arn": visit.arn("asset", id),
        "name": asset.name,
        "assetModelId": definition.id,
        "creationDate": seconds(asset.created_at),
        "lastUpdateDate": seconds(asset.updated_at),
        "status": {"state": "ACTIVE"},
        "hierarchies": shown_hierarchies(definition),
        **said("description", asset.description),
        **said("externalId", asset.external_id),
    }
