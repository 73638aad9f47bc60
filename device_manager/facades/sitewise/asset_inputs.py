"""The members of the operations on assets and their properties, with their constraints (facades 2.5)."""

from __future__ import annotations

from typing import Literal

from device_manager.facades.sitewise.asset_model_inputs import Unit
from device_manager.facades.sitewise.shapes import (
    CustomId,
    Description,
    ExternalId,
    Id,
    Idempotent,
    Input,
    Name,
    Paged,
    PropertyAlias,
    Tags,
)


class CreateAsset(Idempotent, frozen=True, kw_only=True):
    """A new asset."""

    asset_name: Name
    asset_model_id: CustomId
    asset_id: Id | None = None
    asset_external_id: ExternalId | None = None
    asset_description: Description | None = None
    tags: Tags | None = None


class DescribeAsset(Input, frozen=True, kw_only=True):
    """The asset of an id."""

    asset_id: CustomId
    exclude_properties: bool = False


class UpdateAsset(Idempotent, frozen=True, kw_only=True):
    """Another name, external id and description; the last two stay unless they are said."""

    asset_id: CustomId
    asset_name: Name
    asset_external_id: ExternalId | None = None
    asset_description: Description | None = None


class DeleteAsset(Idempotent, frozen=True, kw_only=True):
    """An asset that goes."""

    asset_id: CustomId


class ListAssets(Paged, frozen=True, kw_only=True):
    """The assets of a model, or those without a parent."""

    asset_model_id: CustomId | None = None
    filter: Literal["ALL", "TOP_LEVEL"] = "ALL"


class DescribeAssetProperty(Input, frozen=True, kw_only=True):
    """A property of an asset."""

    asset_id: CustomId
    property_id: CustomId


class UpdateAssetProperty(Idempotent, frozen=True, kw_only=True):
    """Another alias of a property; without one it has none."""

    asset_id: CustomId
    property_id: CustomId
    property_alias: PropertyAlias | None = None
    property_notification_state: Literal["ENABLED", "DISABLED"] | None = None
    property_unit: Unit | None = None


class ListAssetProperties(Paged, frozen=True, kw_only=True):
    """The properties of an asset."""

    asset_id: CustomId
    filter: Literal["ALL", "BASE"] = "ALL"


class ChangeAssociation(Idempotent, frozen=True, kw_only=True):
    """A child, and the hierarchy of an asset into which it comes, or which it leaves."""

    asset_id: CustomId
    hierarchy_id: CustomId
    child_asset_id: CustomId


class ListAssociatedAssets(Paged, frozen=True, kw_only=True):
    """Children or the parent of an asset."""

    asset_id: CustomId
    hierarchy_id: CustomId | None = None
    traversal_direction: Literal["CHILD", "PARENT"] = "CHILD"


class ListAssetRelationships(Paged, frozen=True, kw_only=True):
    """The way from an asset up to the one without a parent."""

    asset_id: CustomId
    traversal_type: Literal["PATH_TO_ROOT"]
