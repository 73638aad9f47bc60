"""What follows from other people's writes: native ones of measures, changed models, new engines (transactions 2, B6).

Ingestion puts records itself, together with its measures; all else is followed here, after its commit and in the
background. A process that dies before it is done leaves records behind history, which `doctor` finds.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Iterable, Sequence

import structlog

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.storage.contract import Change, Key, Store
from device_manager.storage.stamps import Source
from device_manager.tasks import Tasks
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue, read_engine
from device_manager.twins.measures.last_measures import Slot, measured_at, record_key, slots_of
from device_manager.twins.measures.rebuilding import ENGINE_REBUILDING, Rebuilding
from device_manager.twins.measures.records import create_records, engines_without_records
from device_manager.twins.measures.slots import SlotList, SlotRegister
from device_manager.twins.models import Model, read_model
from device_manager.twins.places import CONFIG, MEASURES, MODELS, Places

BATCH = 500
"""Changes that are followed together."""
BACKLOG = 20_000
"""Changes of measures that may wait; beyond it whole engines are rebuilt instead."""
PAUSE = 1.0
"""Seconds until a store that is away is tried again."""

log = structlog.get_logger("last-measures")


class Following:
    """Keeps records right after writes that were not made by ingestion.

    Args:
        store: tells what was written.
        catalogue: the engines and models.
        places: where documents live.
        tasks: rebuild engines.
        rebuilding: rebuilds slots.
        register: which slots have records.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        places: Places,
        tasks: Tasks,
        rebuilding: Rebuilding,
        register: SlotRegister,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places
        self._tasks = tasks
        self._rebuilding = rebuilding
        self._register = register
        self._waiting: deque[Change] = deque()
        self._overrun: set[str] = set()
        self._work: asyncio.Task[None] | None = None
        self._is_closed = False
        store.on_commit(self._on_commit)

    async def start(self) -> None:
        """Make the records of engines that have none yet.

        Raises:
            ApiError: the store does not answer.
        """
        engines = [engine.index for engine in self._catalogue.engines.values() if not engine.closing]
        for engine in await engines_without_records(self._store, engines):
            await self.rebuild_engine(engine)

    async def close(self) -> None:
        """Follow what was committed so far, unless the store is away; then nothing any more."""
        self._is_closed = True
        await self.settled()

    async def settled(self) -> None:
        """Wait until everything that was committed before is followed."""
        while self._work is not None:
            await asyncio.wait((self._work,))

    async def rebuild_engine(self, engine: str) -> str:
        """Start rebuilding all records of an engine; the id of the task.

        The task comes before the collection: a process that dies in between has left nothing that looks complete.

        Raises:
            ApiError: the store does not answer.
        """
        record = await self._tasks.start(
            ENGINE_REBUILDING, {"engine": engine}, Call(), f"{ENGINE_REBUILDING}-{engine}", engine=engine
        )
        await create_records(self._store, engine)
        return record.id

    def _on_commit(self, changes: Sequence[Change]) -> None:
        if self._is_closed:
            return
        for change in changes:
            if not change.is_put and self._concerns(change.key):
                self._waiting.append(change)
        if self._waiting and self._work is None:
            # Not in the context of the request that wrote: its idempotency key is not about what follows.
            self._work = asyncio.get_running_loop().create_task(self._follow(), context=contextvars.Context())
        if len(self._waiting) > BACKLOG:
            self._overrun.update(change.key.index for change in self._waiting if change.key.collection == MEASURES)
            self._waiting = deque(change for change in self._waiting if change.key.collection != MEASURES)

    def _concerns(self, key: Key) -> bool:
        if key.collection == MEASURES:
            return key.index in self._catalogue.engines
        return key.index == self._places.platform and key.collection in (MODELS, CONFIG)

    async def _follow(self) -> None:
        try:
            while self._waiting or self._overrun:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                await self._persist(batch)
        finally:
            self._work = None

    async def _persist(self, batch: list[Change]) -> None:
        """Follow some changes, however long the store is away meanwhile."""
        while True:
            try:
                await self._follow_overrun()
                await self._follow_platform([change for change in batch if change.key.collection != MEASURES])
                await self._follow_measures([change for change in batch if change.key.collection == MEASURES])
            except ApiError as error:
                if not error.is_unavailable or self._is_closed:
                    log.error("last measures may be behind: run `device-manager doctor`", reason=error.message)
                    return
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _follow_overrun(self) -> None:
        for engine in sorted(self._overrun):
            await self.rebuild_engine(engine)
            self._overrun.discard(engine)

    async def _follow_measures(self, changes: Iterable[Change]) -> None:
        by_engine: dict[str, list[Change]] = {}
        for change in changes:
            by_engine.setdefault(change.key.index, []).append(change)
        for engine, group in by_engine.items():
            try:
                await self._follow_engine(engine, group)
            except ApiError as error:
                if not error.is_unknown_place:
                    raise  # otherwise the engine is gone, and its records with it

    async def _follow_engine(self, engine: str, changes: Sequence[Change]) -> None:
        """Put the records of what was written, and rebuild slots whose last measure is not what it was any more."""
        now = {change.key.id: change.after.source if change.after else None for change in changes}
        await self._rebuilding.put_records(engine, ((id, source) for id, source in now.items() if source is not None))
        left = {
            (slot, change.key.id)
            for change in changes
            if change.before is not None
            for slot in slots_of(change.before.source)
            if not _is_where_it_was(slot, change.before.source, now[change.key.id])
        }
        records = await self._store.read({record_key(engine, slot) for slot, _ in left})
        lost = {
            slot
            for slot, id in left
            if (record := records.get(record_key(engine, slot))) and record.source["measureId"] == id
        }
        await self._rebuilding.rebuild_slots(engine, lost, frozenset(now))

    async def _follow_platform(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.key.collection == CONFIG:
                await self._follow_config(change)
            else:
                await self._follow_model(change)

    async def _follow_config(self, change: Change) -> None:
        """A new engine may have been an index with measures before, or have been written without its records."""
        engine = read_engine(change.after) if change.after else None
        if engine is None or change.before is not None:
            return
        try:
            await self._store.refresh(engine.index, MEASURES)
            held = (await self._store.search(engine.index, MEASURES, Search(size=0))).total
            if held or await engines_without_records(self._store, [engine.index]):
                await self.rebuild_engine(engine.index)
        except ApiError as error:
            if not error.is_unknown_place:
                raise

    async def _follow_model(self, change: Change) -> None:
        """Slots that a model does not have any more have their records still."""
        before = read_model(change.before) if change.before else None
        if before is None:
            return
        after = read_model(change.after) if change.after else None
        lost = _slot_names(before) - (_slot_names(after) if after else frozenset())
        for engine in list(self._catalogue.engines):
            if lost and before.kind in ("asset", "device"):
                twin = "asset" if before.kind == "asset" else "device"
                try:
                    await self._register.add({SlotList(engine, twin, before.name): lost})  # type: ignore[arg-type]
                except ApiError as error:
                    if not error.is_unknown_place:
                        raise


def _slot_names(model: Model) -> frozenset[str]:
    return frozenset(slot["name"] for slot in model.measures) if model.kind in ("asset", "device") else frozenset()


def _is_where_it_was(slot: Slot, before: Source, after: Source | None) -> bool:
    """Whether a measure that was rewritten belongs to the slot still, at the same moment."""
    return after is not None and slot in slots_of(after) and measured_at(after) == measured_at(before)
