"""The operations on asset models (facades 2.5)."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta, field

from device_manager.errors import ApiError
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.definitions import (
    MAPPINGS,
    MEASURE_TYPES,
    OWN_MAPPING,
    VARIANTS,
    DataType,
    Definition,
    Hierarchy,
    Property,
    field_name,
    model_name,
)
from device_manager.facades.sitewise.errors import conflicting, invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging
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
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source

MOST_PROPERTIES, MOST_HIERARCHIES = 200, 10
ONLY_TYPE: Literal["ASSET_MODEL"] = "ASSET_MODEL"
ModelType = Literal["ASSET_MODEL", "COMPONENT_MODEL", "INTERFACE"]
Unit = Annotated[str, Meta(min_length=1, max_length=256)]
FREE = dict[str, Any]


class PropertyDefinition(Input, frozen=True, kw_only=True):
    """A property of a new model."""

    name: Name
    data_type: Literal["STRING", "INTEGER", "DOUBLE", "BOOLEAN", "STRUCT", "VIDEO", "ANNOTATION", "JSON"]
    type: dict[Literal["attribute", "measurement", "transform", "metric"], FREE | None]
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


class DescribeAssetModel(Input, frozen=True, kw_only=True):
    """The model of an id."""

    asset_model_id: CustomId
    exclude_properties: bool = False


class ListAssetModels(Paged, frozen=True, kw_only=True):
    """All models."""

    asset_model_types: list[ModelType] = field(default_factory=list)


class DeleteAssetModel(Idempotent, frozen=True, kw_only=True):
    """A model that goes."""

    asset_model_id: CustomId


class ListAssetModelProperties(Paged, frozen=True, kw_only=True):
    """The properties of a model."""

    asset_model_id: CustomId
    filter: Literal["ALL", "BASE"] = "ALL"


class AssetModelOperations:
    """What can be done with asset models.

    Args:
        models: the models.
        paging: makes the tokens of pages.
        tags: of models.
        accepts_computed: whether properties that are computed are stored; they are never computed.
    """

    def __init__(self, models: AssetModels, paging: Paging, tags: ResourceTags, *, accepts_computed: bool) -> None:
        self._models = models
        self._paging = paging
        self._tags = tags
        self._accepts_computed = accepts_computed

    async def create(self, visit: Visit, input: CreateAssetModel) -> Content:
        """`CreateAssetModel`."""
        if input.asset_model_type != ONLY_TYPE or input.asset_model_composite_models:
            raise invalid("Component models, interfaces and composite models are not supported.")
        id = input.asset_model_id or str(uuid.uuid4())
        name = input.asset_model_name
        mappings = await self._models.mappings(visit)
        definition = Definition(
            id=id,
            model=model_name(name, visit.engine, id),
            name=name,
            description=input.asset_model_description,
            external_id=input.asset_model_external_id,
            properties=self._properties(input.asset_model_properties, mappings),
            hierarchies=await self._hierarchies(visit, id, input.asset_model_hierarchies),
        )
        await self._models.create(visit, definition, _native(definition))
        await self._tags.begin(visit, "asset-model", id, input.tags)
        return {
            "assetModelId": id,
            "assetModelArn": visit.arn("asset-model", id),
            "assetModelStatus": {"state": "CREATING"},
        }

    async def describe(self, visit: Visit, input: DescribeAssetModel) -> Content:
        """`DescribeAssetModel`."""
        definition = await self._models.require(visit, input.asset_model_id)
        content: Content = {
            "assetModelId": definition.id,
            "assetModelArn": visit.arn("asset-model", definition.id),
            "assetModelName": definition.name,
            "assetModelType": ONLY_TYPE,
            "assetModelDescription": definition.description or definition.name,
            "assetModelProperties": [],
            "assetModelHierarchies": [_hierarchy(hierarchy) for hierarchy in definition.hierarchies],
            "assetModelCompositeModels": [],
            "assetModelVersion": "1",
            **said("assetModelExternalId", definition.external_id),
        }
        if not input.exclude_properties:
            content["assetModelProperties"] = [_property(one) for one in definition.properties]
        visit.answer_headers["etag"] = _tag_of(content)
        return content | {
            "assetModelCreationDate": seconds(definition.created_at),
            "assetModelLastUpdateDate": seconds(definition.updated_at),
            "assetModelStatus": {"state": "ACTIVE"},
        }

    async def page(self, visit: Visit, input: ListAssetModels) -> Content:
        """`ListAssetModels`, in the order of their creation."""
        after = await self._paging.place(visit, input)
        if input.asset_model_types and ONLY_TYPE not in input.asset_model_types:
            return {"assetModelSummaries": []}
        rest = [one for one in await self._models.all(visit) if after is None or _place(one) > after]
        shown = rest[: input.max_results]
        content: Content = {"assetModelSummaries": [_summary(visit, one) for one in shown]}
        if len(rest) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, _place(shown[-1]))
        return content

    async def delete(self, visit: Visit, input: DeleteAssetModel) -> Content:
        """`DeleteAssetModel`: only one without assets, whose assets are nobody's children."""
        definition = await self._models.require(visit, input.asset_model_id)
        id = definition.id
        for other in await self._models.all(visit):
            if other.id != id and any(one.child_asset_model_id == id for one in other.hierarchies):
                reason = f'The asset model {id} is that of the children in a hierarchy of "{other.name}".'
                raise conflicting(reason, id, visit.arn("asset-model", id))
        try:
            await self._models.delete(visit, definition)
        except ApiError as error:
            if error.id != "device_manager.models.in_use":
                raise
            reason = f"There are assets of the asset model {id}: delete them first."
            raise conflicting(reason, id, visit.arn("asset-model", id)) from None
        await self._tags.end(visit, "asset-model", id)
        return {"assetModelStatus": {"state": "DELETING"}}

    async def properties(self, visit: Visit, input: ListAssetModelProperties) -> Content:
        """`ListAssetModelProperties`, as DescribeAssetModel has them."""
        definition = await self._models.require(visit, input.asset_model_id)
        shown, token = await page_of_properties(self._paging, visit, input, definition)
        summaries = [_property(one) | {"path": [{"id": one.id, "name": one.name}]} for one in shown]
        return {"assetModelPropertySummaries": summaries, **said("nextToken", token)}

    def _properties(self, wanted: list[PropertyDefinition], mappings: dict[str, Source]) -> tuple[Property, ...]:
        """Properties with the slots and metadata fields that they get."""
        _refuse_twice("name", [one.name for one in wanted])
        _refuse_twice("id", [one.id for one in wanted if one.id is not None])
        _refuse_twice("externalId", [one.external_id for one in wanted if one.external_id is not None])
        slots: set[str] = set()
        fields = set(OWN_MAPPING)
        properties = []
        for one in wanted:
            data_type, kind = _data_type(one), self._kind(one)
            if kind == "attribute":
                place = _field(one.name, data_type, fields, mappings)
                fields.add(place)
            else:
                place = field_name(one.name, slots)
                slots.add(place)
            properties.append(
                Property(
                    id=one.id or str(uuid.uuid4()),
                    name=one.name,
                    data_type=data_type,
                    kind=kind,
                    type={kind: next(iter(one.type.values())) or {}},
                    place=place,
                    member=() if kind == "attribute" else (VARIANTS[data_type],),
                    unit=one.unit,
                    external_id=one.external_id,
                )
            )
        return tuple(properties)

    def _kind(self, one: PropertyDefinition) -> str:
        if len(one.type) != 1:
            raise invalid(f'The type of the property "{one.name}" has to have one member, not {len(one.type)}.')
        (kind,) = one.type
        if kind in ("transform", "metric") and not self._accepts_computed:
            raise invalid(f'The property "{one.name}" is a {kind}, and nothing is computed here.')
        return kind

    async def _hierarchies(self, visit: Visit, own: str, wanted: list[HierarchyDefinition]) -> tuple[Hierarchy, ...]:
        _refuse_twice("hierarchy", [one.name for one in wanted])
        hierarchies = []
        for one in wanted:
            child = one.child_asset_model_id
            if child != own:
                child = (await self._models.require(visit, child)).id
            id = one.id or str(uuid.uuid4())
            hierarchies.append(Hierarchy(id=id, name=one.name, child_asset_model_id=child, external_id=one.external_id))
        return tuple(hierarchies)


async def page_of_properties(
    paging: Paging, visit: Visit, input: Paged, definition: Definition
) -> tuple[Sequence[Property], str | None]:
    """A page of the properties of a model, and the token of the next one."""
    place = await paging.place(visit, input)
    first = 0 if place is None else place[0]
    end = first + input.max_results
    shown = definition.properties[first:end]
    is_last = end >= len(definition.properties)
    return shown, None if is_last else await paging.token(visit, input, [end])


def said(name: str, value: Any) -> Content:
    """A member of an answer; nothing for None."""
    return {} if value is None else {name: value}


def _data_type(one: PropertyDefinition) -> DataType:
    for data_type in VARIANTS:
        if one.data_type == data_type:
            return data_type
    raise invalid(f'The property "{one.name}" is of the type {one.data_type}; supported are {", ".join(VARIANTS)}.')


def _field(name: str, data_type: DataType, fields: set[str], mappings: dict[str, Source]) -> str:
    """A metadata field that no other model has with another type."""
    others = {field for field, mapping in mappings.items() if mapping != MAPPINGS[data_type]}
    place = field_name(name, fields)
    return field_name(name, fields | others, f"_{data_type.lower()}") if place in others else place


def _refuse_twice(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise invalid(f'The {what} "{value}" is there more than once.')


DEFAULTS: dict[DataType, Callable[[str], Any]] = {
    "STRING": str,
    "INTEGER": int,
    "DOUBLE": float,
    "BOOLEAN": lambda text: {"true": True, "false": False}[text.lower()],
}


def _native(definition: Definition) -> Source:
    """The native model, but for its engine group."""
    attributes = [one for one in definition.properties if one.is_attribute]
    return {
        "model": definition.model,
        "metadataMappings": OWN_MAPPING | {one.place: MAPPINGS[one.data_type] for one in attributes},
        "defaultValues": {one.place: _default(one) for one in attributes if "defaultValue" in one.type["attribute"]},
        "measures": [
            {"name": one.place, "type": MEASURE_TYPES[one.data_type]}
            for one in definition.properties
            if not one.is_attribute
        ],
        "locales": {"en": {"friendlyName": definition.name, "description": definition.description or ""}},
    }


def _default(one: Property) -> Any:
    text = one.type["attribute"]["defaultValue"]
    try:
        return DEFAULTS[one.data_type](text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise invalid(f'The defaultValue of "{one.name}" is no {one.data_type}: {text!r}.') from None


def _place(definition: Definition) -> list[Any]:
    return [definition.created_at, definition.model]


def _tag_of(content: Content) -> str:
    """The entity tag: 43 characters that follow from the content."""
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _property(one: Property) -> Content:
    return {
        "id": one.id,
        "name": one.name,
        "dataType": one.data_type,
        "type": one.type,
        **said("unit", one.unit),
        **said("externalId", one.external_id),
    }


def _hierarchy(hierarchy: Hierarchy) -> Content:
    return {
        "id": hierarchy.id,
        "name": hierarchy.name,
        "childAssetModelId": hierarchy.child_asset_model_id,
        **said("externalId", hierarchy.external_id),
    }


def _summary(visit: Visit, definition: Definition) -> Content:
    return {
        "id": definition.id,
        "arn": visit.arn("asset-model", definition.id),
        "name": definition.name,
        "description": definition.description or definition.name,
        "assetModelType": ONLY_TYPE,
        "creationDate": seconds(definition.created_at),
        "lastUpdateDate": seconds(definition.updated_at),
        "status": {"state": "ACTIVE"},
        "version": "1",
        **said("externalId", definition.external_id),
    }
