"""How long engines keep measures and payloads, and the removal of what is older (design 9).

A payload is archived on the platform and names no engine; the measures that were made of it do. So those of an engine
tell which payloads are its own, and payloads cannot be kept longer than the measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import structlog

from device_manager.errors import ApiError
from device_manager.query.tree import Range
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.stamps import Source
from device_manager.tasks import Progress, TaskKind, Tasks
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue, EngineConfig
from device_manager.twins.measures.pruning import MEASURE_PRUNING
from device_manager.twins.places import MEASURES, PAYLOADS, Places

PAYLOAD_PRUNING = "payload-pruning"
DAY = 86_400_000
"""Milliseconds."""
PAGE = 500
"""Measures whose payloads one transaction removes."""
MADE = "_kuzzle_info.createdAt"

log = structlog.get_logger("retention")


class Retention:
    """Removes what engines do not want to keep any longer, each kind by a task that runs at most once at a time.

    Args:
        store: where everything is.
        catalogue: knows the engines.
        places: where documents live.
        tasks: runs the work.
        interval: seconds between two removals.
    """

    def __init__(self, store: Store, catalogue: Catalogue, places: Places, tasks: Tasks, interval: float) -> None:
        self._store = store
        self._catalogue = catalogue
        self._platform = places.platform
        self._tasks = tasks
        self._interval = interval
        self._looking: asyncio.Task[None] | None = None
        tasks.register(TaskKind(PAYLOAD_PRUNING, self._step, cancellable=True))

    async def start(self) -> None:
        """Look for what is too old now and then, for as long as the process lives."""
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop looking; tasks that run are not concerned."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self.apply()
            except ApiError as error:
                log.warning("cannot remove what is too old", reason=error.message)
            await asyncio.sleep(self._interval)

    async def apply(self, *, at_once: bool = False) -> list[str]:
        """Start the tasks that are due; their ids.

        Args:
            at_once: also those that ended less than the interval ago.

        Raises:
            ApiError: the store does not answer.
        """
        await self._catalogue.ensure()
        started = []
        for engine in sorted(self._catalogue.engines.values()):
            if engine.closing:
                continue
            for kind, days in _wishes(engine):
                id = f"{kind}-{engine.index}"
                if at_once or await self._is_due(id):
                    arguments = {"engine": engine.index, "before": int(time.time() * 1000 - days * DAY)}
                    started.append((await self._tasks.start(kind, arguments, Call(), id, engine=engine.index)).id)
        return started

    async def _is_due(self, id: str) -> bool:
        """Whether no process has removed this kind of thing from this engine within the interval."""
        try:
            ended_at = (await self._tasks.get(id)).ended_at
        except ApiError as error:
            if error.id != "device_manager.tasks.unknown":
                raise
            return True
        return ended_at is not None and time.time() * 1000 - ended_at >= self._interval * 1000

    async def _step(self, arguments: Source, cursor: object, progress: Progress) -> None:
        """Remove the payloads of an engine that arrived before a time; see `TaskKind`."""
        engine, before = arguments["engine"], arguments["before"]
        try:
            await self._store.refresh(engine, MEASURES)
            old = Range(MADE, lt=before, format="epoch_millis")
            async for page in self._store.scan(engine, MEASURES, old, page=PAGE):
                uuids = [uuid for measure in page for uuid in _payloads_of(measure.source)]
                progress.done += await self._remove(uuids, before)
                await progress.save()
        except ApiError as error:
            if not error.is_unknown_place:
                raise  # otherwise the engine is gone

    async def _remove(self, uuids: Iterable[str], before: int) -> int:
        keys = [Key(self._platform, PAYLOADS, uuid) for uuid in dict.fromkeys(uuids)]

        def decide(tx: Transaction) -> int:
            removed = 0
            for key, payload in tx.read(keys).items():
                if payload.source.get("_kuzzle_info", {}).get("createdAt", before) < before:
                    tx.delete(key)
                    removed += 1
            return removed

        return await self._store.transact(decide, large=True) if keys else 0


def _wishes(engine: EngineConfig) -> list[tuple[str, float]]:
    """What an engine wants removed: kind of task, and days. Payloads first: measures tell which ones they are."""
    days = engine.retention
    kinds = ((PAYLOAD_PRUNING, days.get("payloads")), (MEASURE_PRUNING, days.get("measures")))
    return [(kind, wanted) for kind, wanted in kinds if wanted is not None]


def _payloads_of(measure: Source) -> list[Any]:
    uuids = (measure.get("origin") or {}).get("payloadUuids") or []
    return uuids if isinstance(uuids, list) else [uuids]
