"""The operations on asset models, assets and their values in the table (facades 2.4)."""

from __future__ import annotations

from device_manager.facades.sitewise.asset_model_operations import (
    AssetModelOperations,
    CreateAssetModel,
    DescribeAssetModel,
    ListAssetModels,
)
from device_manager.facades.sitewise.asset_operations import (
    AssetOperations,
    CreateAsset,
    DeleteAsset,
    DescribeAsset,
    DescribeAssetProperty,
    ListAssets,
    UpdateAsset,
    UpdateAssetProperty,
)
from device_manager.facades.sitewise.hierarchies import ChangeAssociation, Hierarchies, ListAssociatedAssets
from device_manager.facades.sitewise.operations import Operation

ASSETS_WRITTEN = ("device-manager/assets", "update")
"""What hierarchies and aliases, which no action knows, count as for the rights of the caller."""


def asset_model_operations(models: AssetModelOperations) -> list[Operation]:
    """Asset models."""
    one = "/asset-models/{assetModelId}"
    return [
        Operation("CreateAssetModel", "POST", "/asset-models", CreateAssetModel, models.create, 202),
        Operation("DescribeAssetModel", "GET", one, DescribeAssetModel, models.describe),
        Operation("ListAssetModels", "GET", "/asset-models", ListAssetModels, models.page),
    ]


def asset_operations(assets: AssetOperations, hierarchies: Hierarchies) -> list[Operation]:
    """Assets, their properties and hierarchies."""
    one = "/assets/{assetId}"
    its_property = f"{one}/properties/{{propertyId}}"
    change, written = ChangeAssociation, ASSETS_WRITTEN
    return [
        Operation("CreateAsset", "POST", "/assets", CreateAsset, assets.create, 202),
        Operation("DescribeAsset", "GET", one, DescribeAsset, assets.describe),
        Operation("UpdateAsset", "PUT", one, UpdateAsset, assets.update, 202),
        Operation("DeleteAsset", "DELETE", one, DeleteAsset, assets.delete, 202),
        Operation("ListAssets", "GET", "/assets", ListAssets, assets.page),
        Operation("DescribeAssetProperty", "GET", its_property, DescribeAssetProperty, assets.describe_property),
        Operation(
            "UpdateAssetProperty", "PUT", its_property, UpdateAssetProperty, assets.update_property, like=written
        ),
        Operation("AssociateAssets", "POST", f"{one}/associate", change, hierarchies.associate, like=written),
        Operation("DisassociateAssets", "POST", f"{one}/disassociate", change, hierarchies.disassociate, like=written),
        Operation("ListAssociatedAssets", "GET", f"{one}/hierarchies", ListAssociatedAssets, assets.associated),
    ]
