"""The operations that show which assets are parts of which (facades 2.5)."""

from __future__ import annotations

from device_manager.facades.sitewise.asset_inputs import ListAssetRelationships, ListAssociatedAssets
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.hierarchies import Hierarchies, hierarchy_of
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, page_of
from device_manager.facades.sitewise.summaries import summaries_of
from device_manager.facades.sitewise.visit import Visit


class RelativeOperations:
    """Shows children, parents and the way up.

    Args:
        assets: finds them.
        models: of assets.
        hierarchies: tell what is a part of what.
        paging: makes the tokens of pages.
    """

    def __init__(self, assets: Assets, models: AssetModels, hierarchies: Hierarchies, paging: Paging) -> None:
        self._assets = assets
        self._models = models
        self._hierarchies = hierarchies
        self._paging = paging

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
        content: Content = {"assetSummaries": await summaries_of(self._models, visit, [child for child, _ in shown])}
        if len(found) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, shown[-1].place)
        return content

    async def relationships(self, visit: Visit, input: ListAssetRelationships) -> Content:
        """`ListAssetRelationships`: the asset and its parent first, the one that has no parent last."""
        asset = await self._assets.require(visit, input.asset_id)
        path = await self._hierarchies.path_to_root(visit, asset)
        assets = await self._assets.read(visit, {id for edge in path for id in edge[:2]})
        edges = [edge for edge in path if edge.parent in assets and edge.child in assets]
        shown, token = await page_of(self._paging, visit, input, edges)
        summaries = [
            {
                "hierarchyInfo": {
                    "parentAssetId": assets[edge.parent].foreign_id,
                    "childAssetId": assets[edge.child].foreign_id,
                },
                "relationshipType": "HIERARCHY",
            }
            for edge in shown
        ]
        return {"assetRelationshipSummaries": summaries, **said("nextToken", token)}

    async def _parents(self, visit: Visit, asset: Asset, hierarchy: str | None) -> list[Content]:
        edge = await self._hierarchies.to_parent(visit, asset.id)
        parent = None if edge is None else await self._assets.of_native(visit, edge.parent)
        if edge is None or parent is None:
            return []
        if hierarchy is not None:
            definition = await self._models.of_native(visit, parent.model)
            if hierarchy_of(definition, hierarchy).id != edge.hierarchy:
                return []
        return await summaries_of(self._models, visit, [parent])
