"""The members of the operations on asset models, with their constraints (facades 2.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from device_manager.facades.sitewise.shapes import (
    CustomId,
    Description,
    ExternalId,
    Id,
    Idempotent,
    Input,
    Name,
    Paged,
    Tags,
)

MOST_PROPERTIES, MOST_HIERARCHIES = 200, 10
ONLY_TYPE: Literal["ASSET_MODEL"] = "ASSET_MODEL"
ModelType = Literal["ASSET_MODEL", "COMPONENT_MODEL", "INTERFACE"]
Unit = Annotated[str, Meta(min_length=1, max_length=256)]
EntityTag = Annotated[str, Meta(pattern=r"^[\w-]{43}\Z")]
VersionType = Literal["LATEST", "ACTIVE"]
PropertyDataType = Literal["STRING", "INTEGER", "DOUBLE", "BOOLEAN", "STRUCT", "VIDEO", "ANNOTATION", "JSON"]
FREE = dict[str, Any]
PropertyType = dict[Literal["attribute", "measurement", "transform", "metric"], FREE | None]


class PropertyDefinition(Input, frozen=True, kw_only=True):
    """A property of a new model."""

    name: Name
    data_type: PropertyDataType
    type: PropertyType
    id: Id | None = None
    external_id: ExternalId | None = None
    unit: Unit | None = None


class HierarchyDefinition(Input, frozen=True, kw_only=True):
    """A hierarchy of a new model."""

    name: Name
    child_asset_model_id: CustomId
    id: Id | None = None
    external_id: ExternalId | None = None


class CreateAssetModel(Idempotent, frozen=True, kw_only=True):
    """A new model."""

    asset_model_name: Name
    asset_model_type: ModelType = ONLY_TYPE
    asset_model_id: Id | None = None
    asset_model_external_id: ExternalId | None = None
    asset_model_description: Description | None = None
    asset_model_properties: Annotated[list[PropertyDefinition], Meta(max_length=MOST_PROPERTIES)] = field(
        default_factory=list
    )
    asset_model_hierarchies: Annotated[list[HierarchyDefinition], Meta(max_length=MOST_HIERARCHIES)] = field(
        default_factory=list
    )
    asset_model_composite_models: list[FREE] = field(default_factory=list)
    tags: Tags | None = None


class KnownProperty(PropertyDefinition, frozen=True, kw_only=True):
    """A property of a model as it is going to be; without an id it is a new one."""

    id: CustomId | None = None


class KnownHierarchy(HierarchyDefinition, frozen=True, kw_only=True):
    """A hierarchy of a model as it is going to be; without an id it is a new one."""

    id: CustomId | None = None


class UpdateAssetModel(Idempotent, frozen=True, kw_only=True):
    """All properties and hierarchies of a model as they are going to be: what is left out goes."""

    asset_model_id: CustomId
    asset_model_name: Name
    asset_model_external_id: ExternalId | None = None
    asset_model_description: Description | None = None
    asset_model_properties: Annotated[list[KnownProperty], Meta(max_length=MOST_PROPERTIES)] = field(
        default_factory=list
    )
    asset_model_hierarchies: Annotated[list[KnownHierarchy], Meta(max_length=MOST_HIERARCHIES)] = field(
        default_factory=list
    )
    asset_model_composite_models: list[FREE] = field(default_factory=list)
    if_match: EntityTag | None = None
    if_none_match: Literal["*"] | None = None
    match_for_version_type: VersionType | None = None


class DescribeAssetModel(Input, frozen=True, kw_only=True):
    """The model of an id; its latest version is the active one."""

    asset_model_id: CustomId
    exclude_properties: bool = False
    asset_model_version: VersionType = "LATEST"


class ListAssetModels(Paged, frozen=True, kw_only=True):
    """All models."""

    asset_model_types: list[ModelType] = field(default_factory=list)
    asset_model_version: VersionType = "LATEST"


class DeleteAssetModel(Idempotent, frozen=True, kw_only=True):
    """A model that goes."""

    asset_model_id: CustomId


class ListAssetModelProperties(Paged, frozen=True, kw_only=True):
    """The properties of a model."""

    asset_model_id: CustomId
    filter: Literal["ALL", "BASE"] = "ALL"
