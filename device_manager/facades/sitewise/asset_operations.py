"""The operations on assets (facades 2.5)."""

from __future__ import annotations

import uuid
from typing import Literal

from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_ids import OWN
from device_manager.facades.sitewise.asset_model_operations import Unit, page_of_properties, said
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import CONTROLLER, Asset, Assets
from device_manager.facades.sitewise.definitions import Definition, Property
from device_manager.facades.sitewise.errors import already_exists, conflicting, invalid, not_found
from device_manager.facades.sitewise.hierarchies import Hierarchies, ListAssociatedAssets, hierarchy_of
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging, Place
from device_manager.facades.sitewise.shapes import (
    EXTERNAL,
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
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source

CREATED = "_kuzzle_info.createdAt"


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


class AssetOperations:
    """What can be done with assets.

    Args:
        assets: finds them.
        models: define their properties.
        hierarchies: tell what is a part of what.
        aliases: of their properties.
        paging: makes the tokens of pages.
        tags: of assets.
    """

    def __init__(
        self,
        assets: Assets,
        models: AssetModels,
        hierarchies: Hierarchies,
        aliases: Aliases,
        paging: Paging,
        tags: ResourceTags,
    ) -> None:
        self._assets = assets
        self._models = models
        self._hierarchies = hierarchies
        self._aliases = aliases
        self._paging = paging
        self._tags = tags

    async def create(self, visit: Visit, input: CreateAsset) -> Content:
        """`CreateAsset`."""
        definition = await self._models.require(visit, input.asset_model_id)
        id = input.asset_id or str(uuid.uuid4())
        if input.asset_id is not None:
            await self._refuse_taken(visit, id, None)
        if input.asset_external_id is not None:
            await self._refuse_taken(visit, EXTERNAL + input.asset_external_id, None)
        await self._models.hold_own_metadata(visit, definition.model)
        await self._refuse_name(visit, definition, input.asset_name, None)
        own = {
            "name": input.asset_name,
            "description": input.asset_description,
            "externalId": input.asset_external_id,
        }
        body = {"model": definition.model, "reference": id, "metadata": {OWN: own}}
        made = await visit.actor.call(CONTROLLER, "create", body=body, refresh="wait_for")
        await self._assets.remember(Asset(visit.engine, made["_id"], made["_source"]))
        await self._tags.begin(visit, "asset", id, input.tags)
        return {"assetId": id, "assetArn": visit.arn("asset", id), "assetStatus": {"state": "CREATING"}}

    async def describe(self, visit: Visit, input: DescribeAsset) -> Content:
        """`DescribeAsset`."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        properties: list[Content] = []
        if not input.exclude_properties:
            aliases = await self._aliases.of_asset(visit, asset)
            properties = [_property(one, aliases.get(one.id)) for one in definition.properties]
        id = asset.foreign_id
        return {
            "assetId": id,
            "assetArn": visit.arn("asset", id),
            "assetName": asset.name,
            "assetModelId": definition.id,
            "assetProperties": properties,
            "assetHierarchies": _hierarchies(definition),
            "assetCompositeModels": [],
            "assetCreationDate": seconds(asset.created_at),
            "assetLastUpdateDate": seconds(asset.updated_at),
            "assetStatus": {"state": "ACTIVE"},
            **said("assetDescription", asset.description),
            **said("assetExternalId", asset.external_id),
        }

    async def update(self, visit: Visit, input: UpdateAsset) -> Content:
        """`UpdateAsset`."""
        asset = await self._assets.require(visit, input.asset_id)
        own: Source = {"name": input.asset_name}
        if input.asset_external_id not in (None, asset.external_id):
            await self._refuse_taken(visit, f"{EXTERNAL}{input.asset_external_id}", asset)
            own["externalId"] = input.asset_external_id
        if input.asset_description is not None:
            own["description"] = input.asset_description
        await self._models.hold_own_metadata(visit, asset.model)
        if input.asset_name != asset.name:
            definition = await self._models.of_native(visit, asset.model)
            await self._refuse_name(visit, definition, input.asset_name, asset)
        body = {"metadata": {OWN: own}}
        made = await visit.actor.call(CONTROLLER, "update", _id=asset.id, body=body, refresh="wait_for")
        await self._assets.remember(Asset(visit.engine, made["_id"], made["_source"]))
        return {"assetId": asset.foreign_id, "assetStatus": {"state": "UPDATING"}}

    async def delete(self, visit: Visit, input: DeleteAsset) -> Content:
        """`DeleteAsset`: only one without a parent and children."""
        asset = await self._assets.require(visit, input.asset_id)
        id = asset.foreign_id
        if await self._hierarchies.has_relatives(visit, asset):
            reason = f"The asset {id} has a parent or children: disassociate them first."
            raise conflicting(reason, id, visit.arn("asset", id))
        await visit.actor.call(CONTROLLER, "delete", _id=asset.id, refresh="wait_for")
        await self._aliases.forget(visit, asset)
        await self._hierarchies.forget(visit, asset)
        await self._tags.end(visit, "asset", id)
        return {"assetId": id, "assetStatus": {"state": "DELETING"}}

    async def page(self, visit: Visit, input: ListAssets) -> Content:
        """`ListAssets`, in the order of their creation."""
        definition = None
        if input.asset_model_id is not None:
            definition = await self._models.require(visit, input.asset_model_id)
        elif input.filter == "ALL":
            raise invalid("With the filter ALL an assetModelId is needed.")
        after = await self._paging.place(visit, input)
        found: list[Asset] = []
        while True:
            page = await self._search(visit, definition, input.max_results + 1, after)
            top = input.filter == "TOP_LEVEL"
            inner = await self._hierarchies.to_parents(visit, [asset.id for asset in page]) if top else {}
            found += [asset for asset in page if asset.id not in inner]
            if len(page) <= input.max_results or len(found) > input.max_results:
                break
            after = _place(page[-1])
        shown = found[: input.max_results]
        content: Content = {"assetSummaries": await self._summaries(visit, shown)}
        if len(found) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, _place(shown[-1]))
        return content

    async def associated(self, visit: Visit, input: ListAssociatedAssets) -> Content:
        """`ListAssociatedAssets`."""
        asset = await self._assets.require(visit, input.asset_id)
        after = await self._paging.place(visit, input)
        if input.traversal_direction == "PARENT":
            return {"assetSummaries": await self._parents(visit, asset, input.hierarchy_id)}
        hierarchy = None
        if input.hierarchy_id is not None:
            hierarchy = hierarchy_of(await self._models.of_native(visit, asset.model), input.hierarchy_id).id
        found = await self._hierarchies.children(visit, asset, hierarchy, input.max_results + 1, after)
        shown = found[: input.max_results]
        content: Content = {"assetSummaries": await self._summaries(visit, [child for child, _ in shown])}
        if len(found) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, shown[-1].place)
        return content

    async def properties(self, visit: Visit, input: ListAssetProperties) -> Content:
        """`ListAssetProperties`, as DescribeAsset has them."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        shown, token = await page_of_properties(self._paging, visit, input, definition)
        aliases = await self._aliases.of_asset(visit, asset)
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

    async def describe_property(self, visit: Visit, input: DescribeAssetProperty) -> Content:
        """`DescribeAssetProperty`."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        one = property_of(definition, input.property_id)
        alias = (await self._aliases.of_asset(visit, asset)).get(one.id)
        return {
            "assetId": asset.foreign_id,
            "assetName": asset.name,
            "assetModelId": definition.id,
            "assetProperty": {"type": one.type, **_property(one, alias)},
            **said("assetExternalId", asset.external_id),
        }

    async def update_property(self, visit: Visit, input: UpdateAssetProperty) -> None:
        """`UpdateAssetProperty`: the alias; units are those of the model, and nobody is notified."""
        asset = await self._assets.require(visit, input.asset_id)
        one = property_of(await self._models.of_native(visit, asset.model), input.property_id)
        if input.property_notification_state == "ENABLED":
            raise invalid("There are no notifications of properties here.")
        if input.property_unit not in (None, one.unit):
            raise invalid(f"The unit of the property is that of its asset model: {one.unit}.")
        is_free = False
        if input.property_alias is not None:
            target = await self._aliases.find(visit, input.property_alias)
            is_free = target is not None and await self._assets.of_native(visit, target.asset) is None
        await self._aliases.give(visit, asset, one.id, input.property_alias, is_free=is_free)

    async def _parents(self, visit: Visit, asset: Asset, hierarchy: str | None) -> list[Content]:
        edge = await self._hierarchies.to_parent(visit, asset.id)
        parent = None if edge is None else await self._assets.of_native(visit, edge.parent)
        if edge is None or parent is None:
            return []
        if hierarchy is not None:
            definition = await self._models.of_native(visit, parent.model)
            if hierarchy_of(definition, hierarchy).id != edge.hierarchy:
                return []
        return await self._summaries(visit, [parent])

    async def _search(self, visit: Visit, definition: Definition | None, size: int, after: Place | None) -> list[Asset]:
        body: Source = {"sort": [{CREATED: "asc"}, {"_id": "asc"}]}
        if definition is not None:
            body["query"] = {"term": {"model": definition.model}}
        if after is not None:
            body["search_after"] = after
        found = await visit.actor.call(CONTROLLER, "search", body=body, size=size)
        return [Asset(visit.engine, hit["_id"], hit["_source"]) for hit in found["hits"]]

    async def _summaries(self, visit: Visit, assets: list[Asset]) -> list[Content]:
        definitions = {model: await self._models.of_native(visit, model) for model in {one.model for one in assets}}
        return [_summary(visit, asset, definitions[asset.model]) for asset in assets]

    async def _refuse_taken(self, visit: Visit, id: str, own: Asset | None) -> None:
        """Refuse an id that is that of an asset, other than `own`."""
        other = await self._assets.find(visit, id)
        if other is not None and (own is None or other.id != own.id):
            raise already_exists(
                f"{id} is the asset {other.foreign_id}.", other.foreign_id, visit.arn("asset", other.foreign_id)
            )

    async def _refuse_name(self, visit: Visit, definition: Definition, name: str, own: Asset | None) -> None:
        """Refuse the name of a sibling of `own`; without a parent, that of another such asset of its model."""
        edge = None if own is None else await self._hierarchies.to_parent(visit, own.id)
        clauses = [{"term": {"model": definition.model}}, {"term": {f"metadata.{OWN}.name": name}}]
        body = {"query": {"bool": {"filter": clauses}}}
        found = await visit.actor.call(CONTROLLER, "search", body=body, size=100)
        others = [Asset(visit.engine, hit["_id"], hit["_source"]) for hit in found["hits"]]
        edges = await self._hierarchies.to_parents(visit, [other.id for other in others])
        parent = None if edge is None else edge.parent
        for other in others:
            other_edge = edges.get(other.id)
            is_sibling = (None if other_edge is None else other_edge.parent) == parent
            if is_sibling and (own is None or other.id != own.id):
                id = other.foreign_id
                raise already_exists(f'The asset {id} has the name "{name}".', id, visit.arn("asset", id))


def property_of(definition: Definition, id: str) -> Property:
    """The property of an id, or of `externalId:` and an external id. Raises `ResourceNotFoundException`."""
    for one in definition.properties:
        if id == one.id or (one.external_id is not None and id == EXTERNAL + one.external_id):
            return one
    raise not_found(f'property of the asset model "{definition.name}":', id)


def _property(one: Property, alias: str | None) -> Content:
    return {
        "id": one.id,
        "name": one.name,
        "dataType": one.data_type,
        **said("alias", alias),
        **said("unit", one.unit),
        **said("externalId", one.external_id),
    }


def _hierarchies(definition: Definition) -> list[Content]:
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
        "hierarchies": _hierarchies(definition),
        **said("description", asset.description),
        **said("externalId", asset.external_id),
    }


def _place(asset: Asset) -> Place:
    return [asset.created_at, asset.id]
