"""What an asset was like and measured at a moment, from its history and its measures (actions `assets:getStateAt`)."""

from __future__ import annotations

import asyncio
import re

from device_manager.errors import api_error
from device_manager.query.dates import format_date
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool, Range, Term
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.measures.last_measures import END_OF_TIME, Slot, embedded
from device_manager.twins.measures.reading import MeasureReading, read_instant
from device_manager.twins.measures.rebuilding import newest_measure_before
from device_manager.twins.places import HISTORY, MEASURES

LAST_MOMENT = 8_640_000_000_000_000
"""The last moment that JavaScript's dates know, in milliseconds since 1970."""
AT_ONCE = 8
"""Slots that are looked up at once."""

_MILLIS = re.compile(r"-?[0-9]{1,16}")


def read_moment(value: object, name: str) -> int:
    """A moment in milliseconds since 1970, given as such or as an ISO 8601 date.

    Raises:
        ApiError: `api.assert.invalid_type`.
    """
    if isinstance(value, str) and _MILLIS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    millis = value if type(value) is int else read_instant(value, name)
    if millis is None or abs(millis) > LAST_MOMENT:
        raise api_error("api.assert.invalid_type", name, "date")
    return millis


class States:
    """Looks into the past of assets.

    Args:
        store: where history and measures are.
        catalogue: the engines.
        reading: knows which slots have measures.
    """

    def __init__(self, store: Store, catalogue: Catalogue, reading: MeasureReading) -> None:
        self._store = store
        self._catalogue = catalogue
        self._reading = reading

    async def at(self, engine: str, asset_id: str, moment: int) -> Source:
        """An asset at a moment: `{_id, _source, measures, at}`, `measures` being slot -> newest measure until then.

        The work grows with the slots of the asset and not with its history: slots whose newest measure is not later
        are answered from its record, the others by a few searches each.

        Args:
            engine: the engine.
            asset_id: the asset, which may be gone by now.
            moment: milliseconds since 1970.

        Raises:
            ApiError: an unknown engine; `device_manager.assets.unknown_at` before its creation and after its deletion.
        """
        await self._catalogue.engine(engine)
        entry = await self._entry(engine, asset_id, moment)
        if entry is None or entry["event"]["name"] == "delete":
            raise api_error("device_manager.assets.unknown_at", asset_id, format_date(moment))
        measures = await self._measures(engine, asset_id, moment)
        return {"_id": asset_id, "_source": entry["asset"], "measures": measures, "at": moment}

    async def _entry(self, engine: str, asset_id: str, moment: int) -> Source | None:
        """The latest history entry that is not later."""
        await self._store.refresh(engine, HISTORY)
        query = Bool(filter=(Term("id", asset_id), Range("timestamp", lte=moment)))
        search = Search(query, sort=(Sort("timestamp", "desc"),), size=1, counted=False)
        hits = (await self._store.search(engine, HISTORY, search)).hits
        return hits[0].source if hits else None

    async def _measures(self, engine: str, asset_id: str, moment: int) -> dict[str, Source]:
        records = (await self._reading.records(engine, "asset", (asset_id,))).get(asset_id, [])
        later = [record for record in records if record["measuredAt"] > moment]
        if later:
            await self._store.refresh(engine, MEASURES)
        turns = asyncio.Semaphore(AT_ONCE)
        until = min(moment + 1, END_OF_TIME)

        async def look(record: Source) -> Source | None:
            async with turns:
                put = await newest_measure_before(self._store, engine, Slot("asset", asset_id, record["slot"]), until)
                return put.source if put else None

        found = await asyncio.gather(*(look(record) for record in later))
        known = [record for record in records if record["measuredAt"] <= moment]
        return {record["slot"]: embedded(record) for record in (*known, *found) if record is not None}
