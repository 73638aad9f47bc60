"""Which assets are parts of which (facades 1.4, 2.12): an edge for each child, which has one parent at most."""

from __future__ import annotations

from typing import Literal, NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.definitions import Definition, Hierarchy
from device_manager.facades.sitewise.errors import already_exists, beyond_limit, invalid, not_found
from device_manager.facades.sitewise.paging import Place
from device_manager.facades.sitewise.records import Claim, Record, Records, TakenError, place_of
from device_manager.facades.sitewise.shapes import EXTERNAL, CustomId, Idempotent, Paged
from device_manager.facades.sitewise.visit import Visit

RECORD = "hierarchy"
MOST_CHILDREN = 2000
PAGE = 250


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


class Edge(NamedTuple):
    """Parent and child by their native ids, and the id of the hierarchy."""

    parent: str
    child: str
    hierarchy: str


class Relative(NamedTuple):
    """An asset in a list, and the place of its edge."""

    asset: Asset
    place: Place


class Hierarchies:
    """The hierarchies of assets.

    Args:
        records: where the edges are.
        assets: finds assets.
        models: define which hierarchies there are.
    """

    def __init__(self, records: Records, assets: Assets, models: AssetModels) -> None:
        self._records = records
        self._assets = assets
        self._models = models

    async def associate(self, visit: Visit, input: ChangeAssociation) -> None:
        """`AssociateAssets`."""
        parent = await self._assets.require(visit, input.asset_id)
        hierarchy = hierarchy_of(await self._models.of_native(visit, parent.model), input.hierarchy_id)
        child = await self._assets.require(visit, input.child_asset_id)
        model = await self._models.of_native(visit, child.model)
        if model.id != hierarchy.child_asset_model_id:
            wanted = hierarchy.child_asset_model_id
            raise invalid(
                f'Children in the hierarchy "{hierarchy.name}" are of the asset model {wanted}, '
                f"and {child.foreign_id} is of {model.id}."
            )
        await self._refuse_cycle(visit, parent, child)
        await self._refuse_siblings(visit, parent, child)
        edge = await self.to_parent(visit, child.id)
        try:
            await self._records.claim(
                visit.engine,
                [Claim(RECORD, child.id, {"hierarchy": hierarchy.id}, parent.id)],
                visit.caller.kuid,
                lambda record: edge is None,
            )
        except TakenError:
            reason = f"The asset {child.foreign_id} has a parent already."
            raise already_exists(reason, child.foreign_id, visit.arn("asset", child.foreign_id)) from None

    async def disassociate(self, visit: Visit, input: ChangeAssociation) -> None:
        """`DisassociateAssets`."""
        parent = await self._assets.require(visit, input.asset_id)
        hierarchy = hierarchy_of(await self._models.of_native(visit, parent.model), input.hierarchy_id)
        child = await self._assets.require(visit, input.child_asset_id)
        if await self.to_parent(visit, child.id) != Edge(parent.id, child.id, hierarchy.id):
            raise not_found(f'child in the hierarchy "{hierarchy.name}" of {parent.foreign_id}:', child.foreign_id)
        try:
            await self._records.change(visit.engine, RECORD, child.id, lambda stored: None, visit.caller.kuid)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise

    async def to_parent(self, visit: Visit, child: str) -> Edge | None:
        """The edge that ends at a child; None without one, and when the parent is gone."""
        return (await self.to_parents(visit, [child])).get(child)

    async def to_parents(self, visit: Visit, children: list[str]) -> dict[str, Edge]:
        """The same for many, by child: two round trips."""
        records = await self._records.get_many(visit.engine, RECORD, children)
        parents = await self._assets.read(visit, {record.parent for record in records.values()})
        return {child: _edge(record) for child, record in records.items() if record.parent in parents}

    async def children(
        self, visit: Visit, parent: Asset, hierarchy: str | None, size: int, after: Place | None
    ) -> list[Relative]:
        """Children of an asset, in the order in which they came.

        Args:
            visit: the request.
            parent: the asset.
            hierarchy: only those in the hierarchy of this id; None for all.
            size: most children.
            after: place of the child before; None begins with the first.
        """
        found: list[Relative] = []
        while True:
            records = await self._records.page(visit.engine, RECORD, PAGE, after, parent=parent.id)
            assets = await self._assets.read(visit, [record.id for record in records])
            for record in records:
                after = place_of(visit.engine, RECORD, record)
                if record.id in assets and hierarchy in (None, record.content["hierarchy"]):
                    found.append(Relative(assets[record.id], after))
            if len(records) < PAGE or len(found) >= size:
                return found[:size]

    async def has_relatives(self, visit: Visit, asset: Asset) -> bool:
        """Whether an asset has a parent or children."""
        return await self.to_parent(visit, asset.id) is not None or bool(
            await self.children(visit, asset, None, 1, None)
        )

    async def forget(self, visit: Visit, asset: Asset) -> None:
        """Remove the edge of an asset that is gone."""
        try:
            await self._records.change(visit.engine, RECORD, asset.id, lambda stored: None, visit.caller.kuid)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise

    async def _refuse_cycle(self, visit: Visit, parent: Asset, child: Asset) -> None:
        above: str | None = parent.id
        while above is not None:
            if above == child.id:
                raise invalid(f"The asset {child.foreign_id} would be a part of itself.")
            edge = await self.to_parent(visit, above)
            above = None if edge is None else edge.parent

    async def _refuse_siblings(self, visit: Visit, parent: Asset, child: Asset) -> None:
        siblings = await self.children(visit, parent, None, MOST_CHILDREN, None)
        if len(siblings) >= MOST_CHILDREN:
            raise beyond_limit(f"The asset {parent.foreign_id} has {MOST_CHILDREN} children, and may have no more.")
        for sibling, _ in siblings:
            if sibling.name == child.name and sibling.id != child.id:
                reason = f'The asset {parent.foreign_id} has a child of the name "{child.name}".'
                raise already_exists(reason, sibling.foreign_id, visit.arn("asset", sibling.foreign_id))


def hierarchy_of(definition: Definition, id: str) -> Hierarchy:
    """The hierarchy of an id, or of `externalId:` and an external id. Raises `ResourceNotFoundException`."""
    for hierarchy in definition.hierarchies:
        if id == hierarchy.id or (hierarchy.external_id is not None and id == EXTERNAL + hierarchy.external_id):
            return hierarchy
    raise not_found(f'hierarchy of the asset model "{definition.name}":', id)


def _edge(record: Record) -> Edge:
    return Edge(record.parent, record.id, record.content["hierarchy"])
