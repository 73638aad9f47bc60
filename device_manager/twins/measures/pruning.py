"""Removing measures that are older than an engine keeps them (setting `retention.measures`), as a task."""

from __future__ import annotations

from device_manager.errors import ApiError
from device_manager.query.tree import Range
from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind, Store
from device_manager.storage.stamps import Source
from device_manager.tasks import Progress, TaskKind
from device_manager.twins.measures.last_measures import records_collection
from device_manager.twins.measures.rebuilding import Rebuilding
from device_manager.twins.places import MEASURES

MEASURE_PRUNING = "pruneMeasures"
PAGE = 1000
"""Measures that are removed by one request."""
RECORDS_LEFT = "records"


class MeasurePruning:
    """Removes old measures, then the records of slots that have nothing newer.

    Args:
        store: where measures and records are.
        rebuilding: puts records right.

    Attributes:
        task: removes the measures of `engine` taken before `before`, milliseconds since 1970; both are its arguments.
    """

    def __init__(self, store: Store, rebuilding: Rebuilding) -> None:
        self._store = store
        self._rebuilding = rebuilding
        self.task = TaskKind(MEASURE_PRUNING, self.step, cancellable=True)

    async def step(self, arguments: Source, cursor: object, progress: Progress) -> str | None:
        """Remove the measures, in batches, then look at the records; either can be done again from the beginning.

        Raises:
            ApiError: the store does not answer.
        """
        engine, before = arguments["engine"], arguments["before"]
        try:
            if cursor is None:
                await self._remove_measures(engine, before, progress)
                return RECORDS_LEFT
            await self._mend_records(engine, before, progress)
        except ApiError as error:
            if not error.is_unknown_place:
                raise  # otherwise the engine is gone, and its measures with it
        return None

    async def _remove_measures(self, engine: str, before: int, progress: Progress) -> None:
        await self._store.refresh(engine, MEASURES)
        async for page in self._store.scan(engine, MEASURES, Range("measuredAt", lt=before), page=PAGE):
            keys = [Key(engine, MEASURES, measure.id) for measure in page]
            for result in await self._store.put([Put(PutKind.REMOVE, key, {}) for key in keys]):
                if isinstance(result, ApiError):
                    raise result
            progress.done += len(page)
            await progress.save()

    async def _mend_records(self, engine: str, before: int, progress: Progress) -> None:
        """Only a record as old as what was removed can be of a measure that was."""
        collection = records_collection(engine)
        await self._store.refresh(INTERNAL_INDEX, collection)
        old = Range("measuredAt", lt=before)
        async for page in self._store.scan(INTERNAL_INDEX, collection, old, page=PAGE):
            await self._rebuilding.rebuild_slots(engine, await self._rebuilding.wrong_records(engine, page))
            await progress.save()
