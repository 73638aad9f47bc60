"""Aliases: names by which clients mean one property of one asset."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.errors import already_exists
from device_manager.facades.sitewise.records import Claim, Record, Records, TakenError
from device_manager.facades.sitewise.visit import Visit

RECORD = "property-alias"
MOST_PROPERTIES = 1000


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
        records = await self._of(visit, asset.id)
        return {record.content["property"]: record.content["alias"] for record in records}

    async def give(self, visit: Visit, asset: Asset, property: str, alias: str | None, *, is_free: bool) -> None:
        """Give a property an alias instead of the one that it has; None leaves it without one.

        Args:
            visit: the request.
            asset: whose property.
            property: its id.
            alias: the new one.
            is_free: the alias is that of an asset that is gone.

        Raises:
            SiteWiseError: `ResourceAlreadyExistsException` when the alias is that of another property.
        """
        if alias is not None:
            content = {"property": property, "alias": alias}

            def is_stale(record: Record) -> bool:
                return is_free or (record.parent == asset.id and record.content["property"] == property)

            try:
                await self._records.claim(
                    visit.engine, [Claim(RECORD, _key(alias), content, asset.id)], visit.caller.kuid, is_stale
                )
            except TakenError:
                reason = f'The alias "{alias}" is that of another property.'
                raise already_exists(reason, property, visit.arn("asset", asset.foreign_id)) from None
        for record in await self._of(visit, asset.id):
            if record.content["property"] == property and record.content["alias"] != alias:
                await self._remove(visit, record)

    async def forget(self, visit: Visit, asset: Asset) -> None:
        """Remove the aliases of an asset that is gone."""
        for record in await self._of(visit, asset.id):
            await self._remove(visit, record)

    async def _of(self, visit: Visit, asset: str) -> list[Record]:
        return await self._records.page(visit.engine, RECORD, MOST_PROPERTIES, None, parent=asset)

    async def _remove(self, visit: Visit, record: Record) -> None:
        try:
            await self._records.change(visit.engine, RECORD, record.id, lambda stored: None, visit.caller.kuid)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise


def _key(alias: str) -> str:
    return hashlib.sha256(alias.encode()).hexdigest()
