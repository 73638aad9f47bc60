"""Which assets are parts of which (facades 1.4, 2.12): an edge for each child, which has one parent at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from device_manager.facades.sitewise.asset_inputs import ChangeAssociation
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.asset_places import RECORD, BusyError, Place, place_in
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.definitions import Definition, Hierarchy
from device_manager.facades.sitewise.errors import beyond_limit, conflicting, invalid, not_found
from device_manager.facades.sitewise.paging import Place as Position
from device_manager.facades.sitewise.parts import begin_part, end_part
from device_manager.facades.sitewise.records import Records, Writing, place_of
from device_manager.facades.sitewise.shapes import EXTERNAL
from device_manager.facades.sitewise.visit import Visit

T = TypeVar("T")

MOST_CHILDREN = 2000
PAGE = 250


class Edge(NamedTuple):
    """Parent and child by their native ids, and the id of the hierarchy."""

    parent: str
    child: str
    hierarchy: str


class Relative(NamedTuple):
    """An asset in a list, and the place of its edge."""

    asset: Asset
    place: Position


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
        """`AssociateAssets`: parents, cycles and names are decided in one transaction."""
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
        await self._refuse_many(visit, parent)

        def write(writing: Writing) -> None:
            begin_part(writing, visit, parent, child, hierarchy.id)

        await self.decide(visit, write)

    async def disassociate(self, visit: Visit, input: ChangeAssociation) -> None:
        """`DisassociateAssets`."""
        parent = await self._assets.require(visit, input.asset_id)
        hierarchy = hierarchy_of(await self._models.of_native(visit, parent.model), input.hierarchy_id)
        child = await self._assets.require(visit, input.child_asset_id)

        def write(writing: Writing) -> None:
            end_part(writing, visit, parent, child, hierarchy)

        await self.decide(visit, write)

    async def decide(self, visit: Visit, write: Callable[[Writing], T]) -> T:
        """What `write` returns, in one transaction on the records of the caller's engine.

        Raises:
            SiteWiseError: `ConflictingOperationException` when somebody changes one of the assets; what `write` raises.
        """
        try:
            return await self._records.decide(visit.engine, visit.caller.kuid, write)
        except BusyError as error:
            asset = await self._assets.of_native(visit, error.asset)
            id = error.asset if asset is None else asset.foreign_id
            raise conflicting(f"The asset {id} is being changed: try again.", id, visit.arn("asset", id)) from None

    async def to_parent(self, visit: Visit, child: str) -> Edge | None:
        """The edge that ends at a child; None without one, and when the parent is gone."""
        return (await self.to_parents(visit, [child])).get(child)

    async def to_parents(self, visit: Visit, children: list[str]) -> dict[str, Edge]:
        """The same for many, by child: two round trips."""
        records = await self._records.get_many(visit.engine, RECORD, children)
        places = [place_in(record) for record in records.values() if record.parent]
        parents = await self._assets.read(visit, {place.parent for place in places})
        return {place.child: _edge(place) for place in places if place.parent in parents}

    async def path_to_root(self, visit: Visit, asset: Asset) -> list[Edge]:
        """The edges from an asset up to the one that has no parent."""
        path: list[Edge] = []
        edge = await self.to_parent(visit, asset.id)
        while edge is not None:
            path.append(edge)
            edge = await self.to_parent(visit, edge.parent)
        return path

    async def children(
        self, visit: Visit, parent: Asset, hierarchy: str | None, size: int, after: Position | None
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
                if record.id in assets and hierarchy in (None, place_in(record).hierarchy):
                    found.append(Relative(assets[record.id], after))
            if len(records) < PAGE or len(found) >= size:
                return found[:size]

    async def has_children(self, visit: Visit, asset: Asset) -> bool:
        """Whether an asset has children."""
        return bool(await self.children(visit, asset, None, 1, None))

    async def are_used(self, visit: Visit, hierarchy: str) -> bool:
        """Whether assets are parts of others in the hierarchy of an id."""
        return await self._records.count(visit.engine, RECORD, about=hierarchy) > 0

    async def _refuse_many(self, visit: Visit, parent: Asset) -> None:
        if await self._records.count(visit.engine, RECORD, parent=parent.id) < MOST_CHILDREN:
            return
        if len(await self.children(visit, parent, None, MOST_CHILDREN, None)) >= MOST_CHILDREN:
            raise beyond_limit(f"The asset {parent.foreign_id} has {MOST_CHILDREN} children, and may have no more.")


def hierarchy_of(definition: Definition, id: str) -> Hierarchy:
    """The hierarchy of an id, or of `externalId:` and an external id. Raises `ResourceNotFoundException`."""
    found = find_hierarchy(definition.hierarchies, id)
    if found is None:
        raise not_found(f'hierarchy of the asset model "{definition.name}":', id)
    return found


def find_hierarchy(hierarchies: Iterable[Hierarchy], id: str) -> Hierarchy | None:
    """The one of an id, or of `externalId:` and an external id; None when there is none."""
    for hierarchy in hierarchies:
        if id == hierarchy.id or (hierarchy.external_id is not None and id == EXTERNAL + hierarchy.external_id):
            return hierarchy
    return None


def _edge(place: Place) -> Edge:
    return Edge(place.parent, place.child, place.hierarchy)
