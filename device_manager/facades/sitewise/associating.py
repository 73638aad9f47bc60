"""Letting data streams belong to properties of assets (facades 2.4)."""

from __future__ import annotations

from device_manager.facades.sitewise.aliases import Aliases
from device_manager.facades.sitewise.asset_properties import Found
from device_manager.facades.sitewise.assets import Asset
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.errors import conflicting, invalid
from device_manager.facades.sitewise.value_history import ValueHistory
from device_manager.facades.sitewise.visit import Visit


class Association:
    """Gives data streams to properties.

    Args:
        aliases: the data streams.
        history: tells whether a property has values already.
    """

    def __init__(self, aliases: Aliases, history: ValueHistory) -> None:
        self._aliases = aliases
        self._history = history

    async def associate(self, visit: Visit, asset: Asset, one: Property, alias: str) -> None:
        """Let the series of an alias belong to a property, which then has its values.

        Raises:
            SiteWiseError: `ResourceNotFoundException`; `InvalidRequestException` for a property that is no measurement,
                or of another type; `ConflictingOperationException` when one of both belongs elsewhere, or the property
                has values already.
        """
        known = await self._aliases.of_asset(visit, asset)
        if known.aliases.get(one.id) != alias:
            if one.kind != "measurement":
                raise invalid(f'The property "{one.name}" is no measurement: no data stream can belong to it.')
            found = Found(asset, one, None, known.of(asset.id, one))
            if not known.has(one.id) and not await self._history.is_empty(visit, found):
                reason = f'The property "{one.name}" has values already: delete its time series first.'
                raise conflicting(reason, asset.foreign_id, visit.arn("asset", asset.foreign_id))
        await self._aliases.associate(visit, asset, one, alias)
