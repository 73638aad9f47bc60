"""The routes of assets: which operation does what (facades 3.3)."""

from __future__ import annotations

import functools

from device_manager.facades.teos.answering import Answering, Handler, Place, accepted
from device_manager.facades.teos.assets import Asset, Assets
from device_manager.facades.teos.balances import total_amount
from device_manager.facades.teos.errors import not_found
from device_manager.facades.teos.kinds import CREATION, DESTRUCTION, TRANSFER
from device_manager.facades.teos.odata.options import read_options
from device_manager.facades.teos.odata.schema import ASSET, VERSION
from device_manager.facades.teos.placing import Placing
from device_manager.facades.teos.records import Source
from device_manager.facades.teos.sparks import Sparks
from device_manager.facades.teos.versions import change_log, described
from device_manager.facades.teos.visit import Visit
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.contract import Store


class AssetRoutes:
    """Answers what is asked of assets.

    Args:
        store: where versions are.
        assets: finds assets.
        placing: places transactions.
        sparks: places those that are about units.
        answering: answers queries.
    """

    def __init__(self, store: Store, assets: Assets, placing: Placing, sparks: Sparks, answering: Answering) -> None:
        self._store = store
        self._assets = assets
        self._placing = placing
        self._sparks = sparks
        self._answering = answering

    def by_place(self) -> dict[Place, Handler]:
        """What answers each of the routes."""
        units = {"createunits": CREATION, "destroyunits": DESTRUCTION, "transferunits": TRANSFER}
        return {
            ("GET", "assets", False, ""): self._list,
            ("POST", "assets", False, ""): self._create,
            ("GET", "assets", True, ""): self._asset,
            ("POST", "assets", True, "linkassets"): functools.partial(self._change_links, is_link=True),
            ("POST", "assets", True, "unlinkassets"): functools.partial(self._change_links, is_link=False),
            ("GET", "assets", True, "getlinkedfromassetids"): self._linked_from,
            ("POST", "assets", True, "amendment"): self._amend,
            ("GET", "assets", True, "changelog"): self._change_log,
            ("GET", "assets", True, "documentdbrecord"): self._document,
            ("GET", "assets", True, "metadata"): self._metadata,
            ("GET", "assets", True, "totalamount"): self._total_amount,
            **{
                ("POST", "assets", True, name): functools.partial(self._change_units, kind)
                for name, kind in units.items()
            },
        }

    async def _list(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, ASSET)
        return await self._answering.select(visit, await self._assets.listed(visit.actor, options.node), options)

    async def _create(self, visit: Visit) -> ForeignAnswer:
        return accepted(visit, await self._placing.create(visit))

    async def _change_links(self, visit: Visit, *, is_link: bool) -> ForeignAnswer:
        return accepted(visit, await self._placing.change_links(visit, is_link=is_link))

    async def _amend(self, visit: Visit) -> ForeignAnswer:
        return accepted(visit, await self._placing.amend(visit))

    async def _change_units(self, kind: str, visit: Visit) -> ForeignAnswer:
        return accepted(visit, await self._sparks.place(visit, kind))

    async def _asset(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, ASSET)
        asset = await self._found(visit)
        [entity] = await self._assets.shown(visit.engine, [asset])
        return visit.answer(options.shown(entity), "Assets/$entity")

    async def _linked_from(self, visit: Visit) -> ForeignAnswer:
        ids = await self._assets.linked_from(visit.engine, await self._found(visit))
        return visit.answer({"value": ids}, "Collection(Edm.String)")

    async def _change_log(self, visit: Visit) -> ForeignAnswer:
        options = read_options(visit.query, VERSION)
        listed = change_log(self._store, visit.engine, await self._found(visit))
        return await self._answering.select(visit, listed, options, f"Collection(Teos.Api.Model.{VERSION.name})")

    async def _document(self, visit: Visit) -> ForeignAnswer:
        return visit.answer((await self._record(visit))["document"], "")

    async def _metadata(self, visit: Visit) -> ForeignAnswer:
        return visit.answer(described(await self._record(visit)), "Teos.Api.Model.AssetMetaData")

    async def _total_amount(self, visit: Visit) -> ForeignAnswer:
        return visit.answer({"value": total_amount(await self._found(visit))}, "Edm.String")

    async def _record(self, visit: Visit) -> Source:
        """What signed transactions made of the asset. Raises 404, also for assets of other clients."""
        asset = await self._found(visit)
        if asset.record is None:
            raise not_found(
                f"The asset {asset.id} has no document: no signed transaction made it.", uniqueAssetId=asset.id
            )
        return asset.record

    async def _found(self, visit: Visit) -> Asset:
        key = str(visit.route.key)
        asset = await self._assets.find(visit.actor, key)
        if asset is None:
            raise not_found(f"There is no asset {key}.", uniqueAssetId=key)
        return asset
