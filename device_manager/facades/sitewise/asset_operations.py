"""The operations on assets (facades 2.5)."""

from __future__ import annotations

import uuid

from device_manager.errors import ApiError
from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_claims import Claim, among
from device_manager.facades.sitewise.asset_ids import OWN
from device_manager.facades.sitewise.asset_inputs import (
    CreateAsset,
    DeleteAsset,
    DescribeAsset,
    ListAssets,
    UpdateAsset,
)
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.asset_naming import AssetNaming
from device_manager.facades.sitewise.assets import CONTROLLER, Asset, Assets
from device_manager.facades.sitewise.definitions import Definition
from device_manager.facades.sitewise.errors import already_exists, beyond_limit, conflicting, invalid
from device_manager.facades.sitewise.hierarchies import Hierarchies
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, Place
from device_manager.facades.sitewise.property_operations import shown_property
from device_manager.facades.sitewise.shapes import EXTERNAL
from device_manager.facades.sitewise.summaries import shown_hierarchies, summaries_of
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source
from device_manager.twins.places import twin_id

CREATED = "_kuzzle_info.createdAt"


class AssetOperations:
    """What can be done with assets.

    Args:
        assets: finds them.
        models: define their properties.
        hierarchies: tell what is a part of what.
        naming: sees to it that names and ids are unique.
        aliases: of their properties.
        paging: makes the tokens of pages.
        tags: of assets.
        limit: most assets of an account.
    """

    def __init__(
        self,
        assets: Assets,
        models: AssetModels,
        hierarchies: Hierarchies,
        naming: AssetNaming,
        aliases: Aliases,
        paging: Paging,
        tags: ResourceTags,
        *,
        limit: int,
    ) -> None:
        self._assets = assets
        self._models = models
        self._hierarchies = hierarchies
        self._naming = naming
        self._aliases = aliases
        self._paging = paging
        self._tags = tags
        self._limit = limit

    async def create(self, visit: Visit, input: CreateAsset) -> Content:
        """`CreateAsset`."""
        definition = await self._models.require(visit, input.asset_model_id)
        await self._refuse_many(visit)
        id, name, external = input.asset_id or str(uuid.uuid4()), input.asset_name, input.asset_external_id
        claims = [Claim("name", name, among(definition.model, ""))]
        if input.asset_id is not None:
            await self._refuse_taken(visit, id, None)
            claims.append(Claim("id", id))
        if external is not None:
            await self._refuse_taken(visit, EXTERNAL + external, None)
            claims.append(Claim("external id", external))
        await self._models.hold_own_metadata(visit, definition.model)
        own = {"name": name, "description": input.asset_description, "externalId": external}
        body = {"model": definition.model, "reference": id, "metadata": {OWN: own}}
        async with self._naming.making(visit, twin_id(definition.model, id), id, claims):
            made = await self._made(visit, id, body)
        await self._assets.remember(Asset(visit.engine, made["_id"], made["_source"]))
        await self._tags.begin(visit, "asset", id, input.tags)
        return {"assetId": id, "assetArn": visit.arn("asset", id), "assetStatus": {"state": "CREATING"}}

    async def describe(self, visit: Visit, input: DescribeAsset) -> Content:
        """`DescribeAsset`."""
        asset = await self._assets.require(visit, input.asset_id)
        definition = await self._models.of_native(visit, asset.model)
        properties: list[Content] = []
        if not input.exclude_properties:
            aliases = (await self._aliases.of_asset(visit, asset)).aliases
            properties = [shown_property(one, aliases.get(one.id)) for one in definition.properties]
        id = asset.foreign_id
        return {
            "assetId": id,
            "assetArn": visit.arn("asset", id),
            "assetName": asset.name,
            "assetModelId": definition.id,
            "assetProperties": properties,
            "assetHierarchies": shown_hierarchies(definition),
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
        external = input.asset_external_id
        if external not in (None, asset.external_id):
            await self._refuse_taken(visit, f"{EXTERNAL}{external}", asset)
            own["externalId"] = external
        if input.asset_description is not None:
            own["description"] = input.asset_description
        await self._models.hold_own_metadata(visit, asset.model)
        async with self._naming.renaming(visit, asset, own["name"], own.get("externalId")):
            body = {"metadata": {OWN: own}}
            made = await visit.actor.call(CONTROLLER, "update", _id=asset.id, body=body, refresh="wait_for")
        await self._assets.remember(Asset(visit.engine, made["_id"], made["_source"]))
        return {"assetId": asset.foreign_id, "assetStatus": {"state": "UPDATING"}}

    async def delete(self, visit: Visit, input: DeleteAsset) -> Content:
        """`DeleteAsset`: only one without a parent and children, which it gets none meanwhile."""
        asset = await self._assets.require(visit, input.asset_id)
        id = asset.foreign_id
        async with self._naming.ending(visit, asset):
            has_parent = await self._hierarchies.to_parent(visit, asset.id) is not None
            if has_parent or await self._hierarchies.has_children(visit, asset):
                reason = f"The asset {id} has a parent or children: disassociate them first."
                raise conflicting(reason, id, visit.arn("asset", id))
            await visit.actor.call(CONTROLLER, "delete", _id=asset.id, refresh="wait_for")
        await self._aliases.forget(visit, asset)
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
        content: Content = {"assetSummaries": await summaries_of(self._models, visit, shown)}
        if len(found) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, _place(shown[-1]))
        return content

    async def _search(self, visit: Visit, definition: Definition | None, size: int, after: Place | None) -> list[Asset]:
        body: Source = {"sort": [{CREATED: "asc"}, {"_id": "asc"}]}
        if definition is not None:
            body["query"] = {"term": {"model": definition.model}}
        if after is not None:
            body["search_after"] = after
        found = await visit.actor.call(CONTROLLER, "search", body=body, size=size)
        return [Asset(visit.engine, hit["_id"], hit["_source"]) for hit in found["hits"]]

    async def _made(self, visit: Visit, id: str, body: Source) -> Source:
        """The new native asset."""
        try:
            made: Source = await visit.actor.call(CONTROLLER, "create", body=body, refresh="wait_for")
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":
                raise
            raise already_exists(f"There is an asset {id} already.", id, visit.arn("asset", id)) from None
        return made

    async def _refuse_many(self, visit: Visit) -> None:
        found = await visit.actor.call(CONTROLLER, "search", body={}, size=0)
        if found["total"] >= self._limit:
            raise beyond_limit(f"The account has {self._limit} assets, and may have no more.")

    async def _refuse_taken(self, visit: Visit, id: str, own: Asset | None) -> None:
        """Refuse an id that is that of an asset, other than `own`."""
        other = await self._assets.find(visit, id)
        if other is not None and (own is None or other.id != own.id):
            raise already_exists(
                f"{id} is the asset {other.foreign_id}.", other.foreign_id, visit.arn("asset", other.foreign_id)
            )


def _place(asset: Asset) -> Place:
    return [asset.created_at, asset.id]
