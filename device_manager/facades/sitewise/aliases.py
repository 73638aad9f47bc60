"""Aliases: names by which clients mean one property of one asset."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.errors import already_exists
from device_manager.facades.sitewise.records import Record, Records, Writing
from device_manager.facades.sitewise.visit import Visit
from device_manager.twins.places import asset_key

RECORD, OF_ASSET = "property-alias", "asset-aliases"
"""Records with what an alias means; and with the aliases of all properties of an asset, by its native id."""


class Target(NamedTuple):
    """What an alias means: a property of the asset of a native id."""

    asset: str
    property: str


class Aliases:
    """The aliases of the properties of assets.

    Args:
        records: where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find(self, visit: Visit, alias: str) -> Target | None:
        """What an alias means; the asset may be gone."""
        record = await self._records.get(visit.engine, RECORD, _key(alias))
        return None if record is None else Target(record.parent, record.content["property"])

    async def of_asset(self, visit: Visit, asset: Asset) -> dict[str, str]:
        """Property id -> alias."""
        return _known(await self._records.get(visit.engine, OF_ASSET, asset.id))

    async def give(self, visit: Visit, asset: Asset, property: str, alias: str | None) -> None:
        """Give a property an alias instead of the one that it has; None leaves it without one.

        An alias is free when the asset that had it is gone, or has it no longer: both are looked at in the transaction.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException` when the alias is that of another property.
        """
        target = Target(asset.id, property)

        def write(writing: Writing) -> None:
            mine = _known(writing.read(OF_ASSET, (asset.id,)).get(asset.id))
            if alias is not None:
                if _holder(writing, alias) not in (None, target):
                    reason = f'The alias "{alias}" is that of another property.'
                    raise already_exists(reason, property, visit.arn("asset", asset.foreign_id))
                writing.put(RECORD, _key(alias), {"property": property, "alias": alias}, parent=asset.id)
            if property in mine and mine[property] != alias:
                writing.delete(RECORD, _key(mine[property]))
            others = {id: known for id, known in mine.items() if id != property}
            aliases = others if alias is None else others | {property: alias}
            writing.put(OF_ASSET, asset.id, {"aliases": aliases})

        await self._records.decide(visit.engine, visit.caller.kuid, write)

    async def forget(self, visit: Visit, asset: Asset) -> None:
        """Remove the aliases of an asset that is gone."""
        if not await self.of_asset(visit, asset):
            return

        def write(writing: Writing) -> None:
            for alias in _known(writing.read(OF_ASSET, (asset.id,)).get(asset.id)).values():
                record = writing.read(RECORD, (_key(alias),)).get(_key(alias))
                if record is not None and record.parent == asset.id:
                    writing.delete(RECORD, record.id)
            writing.delete(OF_ASSET, asset.id)

        await self._records.decide(visit.engine, visit.caller.kuid, write)


def _holder(writing: Writing, alias: str) -> Target | None:
    """Which property of an asset that is there has an alias."""
    record = writing.read(RECORD, (_key(alias),)).get(_key(alias))
    if record is None or not writing.tx.read((asset_key(writing.engine, record.parent),)):
        return None
    property = record.content["property"]
    known = _known(writing.read(OF_ASSET, (record.parent,)).get(record.parent))
    return Target(record.parent, property) if known.get(property) == alias else None


def _known(record: Record | None) -> dict[str, str]:
    return {} if record is None else dict(record.content["aliases"])


def _key(alias: str) -> str:
    return hashlib.sha256(alias.encode()).hexdigest()
