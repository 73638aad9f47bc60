"""`ListTimeSeries`: first the series of which there are records, then those that are just the measures of a slot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.sitewise.aliases import Aliases, Entry
from device_manager.facades.sitewise.asset_models import AssetModels
from device_manager.facades.sitewise.asset_properties import Found, stream_of
from device_manager.facades.sitewise.assets import Asset, Assets
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.operations import Content, said
from device_manager.facades.sitewise.paging import Paging, Place, page_of
from device_manager.facades.sitewise.series import AssetSeries
from device_manager.facades.sitewise.time_series import shown_series
from device_manager.facades.sitewise.time_series_inputs import ListTimeSeries
from device_manager.facades.sitewise.value_history import ValueHistory
from device_manager.facades.sitewise.visit import Visit
from device_manager.twins.measures.reading import MeasureReading

PAGE = 250
RECORDED, MEASURED = "recorded", "measured"
"""Begin the place of a series with a record, and of one without."""


class TimeSeriesLists:
    """Lists time series.

    Args:
        assets: finds assets.
        models: define their properties.
        aliases: the records of series.
        history: tells whether there are values.
        measures: knows the slots that measured anything.
        paging: makes the tokens of pages.
    """

    def __init__(
        self,
        assets: Assets,
        models: AssetModels,
        aliases: Aliases,
        history: ValueHistory,
        measures: MeasureReading,
        paging: Paging,
    ) -> None:
        self._assets = assets
        self._models = models
        self._aliases = aliases
        self._history = history
        self._measures = measures
        self._paging = paging

    async def page(self, visit: Visit, input: ListTimeSeries) -> Content:
        """`ListTimeSeries`."""
        if input.asset_id is not None:
            asset = await self._assets.require(visit, input.asset_id)
            of_asset = [] if input.time_series_type == "DISASSOCIATED" else await self._of_asset(visit, asset, input)
            shown, token = await page_of(self._paging, visit, input, of_asset)
            return {"TimeSeriesSummaries": shown, **said("nextToken", token)}
        places: list[Place] = []
        summaries: list[Content] = []
        async for place, summary in self._all(visit, input, await self._paging.place(visit, input)):
            if len(summaries) == input.max_results:
                return {
                    "TimeSeriesSummaries": summaries,
                    "nextToken": await self._paging.token(visit, input, places[-1]),
                }
            places.append(place)
            summaries.append(summary)
        return {"TimeSeriesSummaries": summaries}

    async def _of_asset(self, visit: Visit, asset: Asset, input: ListTimeSeries) -> list[Content]:
        """The series of the properties of an asset, in the order of these."""
        definition = await self._models.of_native(visit, asset.model)
        known = await self._aliases.of_asset(visit, asset)
        records = await self._measures.records(visit.engine, "asset", (asset.id,))
        measured = {record["slot"] for record in records.get(asset.id, ())}
        summaries = []
        for one in definition.properties:
            alias = known.aliases.get(one.id)
            if input.alias_prefix is not None and not (alias or "").startswith(input.alias_prefix):
                continue
            if known.has(one.id) or await self._is_measured(visit, asset, one, known, measured):
                entry = None if alias is None else await self._aliases.find(visit, alias)
                times = (0, 0) if entry is None else (entry.created_at, entry.updated_at)
                summaries.append(shown_series(visit, _found(asset, one, known), times))
        return summaries

    async def _all(
        self, visit: Visit, input: ListTimeSeries, after: Place | None
    ) -> AsyncIterator[tuple[Place, Content]]:
        kind, *place = (RECORDED,) if after is None else after
        if kind == RECORDED:
            async for item in self._recorded(visit, input, place or None):
                yield item
            place = []
        if input.alias_prefix is None and input.time_series_type != "DISASSOCIATED":
            async for item in self._measured(visit, place[0] if place else None):
                yield item

    async def _recorded(
        self, visit: Visit, input: ListTimeSeries, after: Place | None
    ) -> AsyncIterator[tuple[Place, Content]]:
        kind = input.time_series_type
        is_associated = None if kind is None else kind == "ASSOCIATED"
        while True:
            entries = await self._aliases.page(
                visit, PAGE, after, prefix=input.alias_prefix, is_associated=is_associated
            )
            around = await self._around(visit, {entry.asset for entry in entries if entry.asset})
            for entry in entries:
                found = _found_of(entry, around)
                if found is not None:
                    yield [RECORDED, *entry.place], shown_series(visit, found, (entry.created_at, entry.updated_at))
            if len(entries) < PAGE:
                return
            after = entries[-1].place

    async def _measured(self, visit: Visit, after: str | None) -> AsyncIterator[tuple[Place, Content]]:
        while True:
            slots = await self._measures.measured_slots(visit.engine, "asset", PAGE, after)
            around = await self._around(visit, {slot.id for slot, _ in slots})
            for slot, place in slots:
                asset, known = around.assets.get(slot.id), around.known.get(slot.id, AssetSeries())
                if asset is None:
                    continue
                for one in around.properties[asset.model]:
                    if one.place != slot.name or known.has(one.id):
                        continue
                    if await self._is_measured(visit, asset, one, known, (slot.name,)):
                        yield [MEASURED, place], shown_series(visit, _found(asset, one, known), (0, 0))
            if len(slots) < PAGE:
                return
            after = slots[-1][1]

    async def _is_measured(
        self, visit: Visit, asset: Asset, one: Property, known: AssetSeries, measured: Collection[str]
    ) -> bool:
        """Whether a property without a record has values.

        Args:
            visit: the request.
            asset: whose property it is.
            one: the property.
            known: what is known of the asset's series.
            measured: slots of the asset that measured anything; those of earlier series count as well.
        """
        if one.is_attribute or one.place not in measured:
            return False
        return one.id not in known.since or not await self._history.is_empty(visit, _found(asset, one, known))

    async def _around(self, visit: Visit, ids: Collection[str]) -> _Around:
        """What is there of assets."""
        assets = await self._assets.read(visit, ids)
        known = await self._aliases.of_assets(visit, ids)
        properties: dict[str, tuple[Property, ...]] = {}
        for model in {asset.model for asset in assets.values()}:
            properties[model] = await self._properties(visit, model)
        return _Around(assets, known, properties)

    async def _properties(self, visit: Visit, model: str) -> tuple[Property, ...]:
        """The properties of a native model; none of one that is gone."""
        try:
            return (await self._models.of_native(visit, model)).properties
        except ApiError as error:
            if error.id != "device_manager.models.unknown_asset":
                raise
            return ()


class _Around(NamedTuple):
    """Assets and what is known of their series by native ids, properties by native models."""

    assets: Mapping[str, Asset]
    known: Mapping[str, AssetSeries]
    properties: Mapping[str, Iterable[Property]]


def _found(asset: Asset, one: Property, known: AssetSeries) -> Found:
    return Found(asset, one, known.aliases.get(one.id), known.of(asset.id, one))


def _found_of(entry: Entry, around: _Around) -> Found | None:
    """The series of a record; None when its asset or property is gone."""
    if entry.series is not None:
        return stream_of(str(entry.alias), entry.series)
    asset, known = around.assets.get(entry.asset), around.known.get(entry.asset, AssetSeries())
    if asset is None or known.aliases.get(entry.property) != entry.alias:
        return None
    for one in around.properties[asset.model]:
        if one.id == entry.property:
            return _found(asset, one, known)
    return None
