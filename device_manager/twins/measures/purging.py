"""Removing the measures of devices that are gone for good, with the records of what they measured last."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.errors import ApiError
from device_manager.query.tree import Bool, Query, Range, Term, Terms
from device_manager.storage.contract import Document, Key, Put, PutKind, Store
from device_manager.twins.measures.last_measures import Slot, record_key, slots_of
from device_manager.twins.measures.rebuilding import Rebuilding
from device_manager.twins.places import MEASURES

PAGE = 1000
"""Measures that are removed by one request."""


class MeasurePurging:
    """Removes what devices measured, wherever in their engine it is told.

    Args:
        store: where measures and records are.
        rebuilding: puts the records of assets right, which may have measures of other devices.
    """

    def __init__(self, store: Store, rebuilding: Rebuilding) -> None:
        self._store = store
        self._rebuilding = rebuilding

    async def purge(
        self,
        engine: str,
        device_ids: Sequence[str],
        slot: str | None = None,
        between: tuple[int, int] | None = None,
    ) -> int:
        """Remove the measures of devices; how many those were. What is gone already costs nothing: it can be repeated.

        Args:
            engine: where they measured.
            device_ids: the devices.
            slot: only what this slot measured; None for all.
            between: only what was measured then, milliseconds since 1970, both inclusive; None for all.

        Raises:
            ApiError: the store does not answer.
        """
        filters: list[Query] = [Term("origin.type", "device"), Terms("origin._id", tuple(device_ids))]
        if slot is not None:
            filters.append(Term("origin.measureName", slot))
        if between is not None:
            filters.append(Range("measuredAt", gte=between[0], lte=between[1], format="epoch_millis"))
        removed: set[str] = set()
        slots: set[Slot] = set()
        try:
            await self._store.refresh(engine, MEASURES)
            async for page in self._store.scan(engine, MEASURES, Bool(filter=tuple(filters)), page=PAGE):
                slots.update(slot for measure in page for slot in slots_of(measure.source))
                removed.update(measure.id for measure in page)
                await self._remove([Key(engine, MEASURES, measure.id) for measure in page])
            emptied = [slot for slot in slots if slot.twin == "device"] if between is None else []
            await self._remove([record_key(engine, slot) for slot in emptied])
            await self._rebuilding.rebuild_slots(engine, slots.difference(emptied), frozenset(removed))
        except ApiError as error:
            if not error.is_unknown_place:
                raise  # otherwise the engine is gone, and its measures with it
        return len(removed)

    async def remove(self, engine: str, measures: Sequence[Document]) -> None:
        """Remove single measures, and put the records of their slots right. Raises what the store raises."""
        await self._remove([Key(engine, MEASURES, measure.id) for measure in measures])
        slots = {slot for measure in measures for slot in slots_of(measure.source)}
        await self._rebuilding.rebuild_slots(engine, slots, frozenset(measure.id for measure in measures))

    async def _remove(self, keys: Sequence[Key]) -> None:
        for result in await self._store.put([Put(PutKind.REMOVE, key, {}) for key in keys]):
            if isinstance(result, ApiError):
                raise result
