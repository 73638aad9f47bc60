"""Making the records of last measures agree with history: some slots, or a whole engine (transactions 2, B6)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool, Query, Range, Term
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Put, PutKind, PutResult, Store
from device_manager.storage.stamps import Source
from device_manager.tasks import Progress, TaskKind
from device_manager.twins.measures.last_measures import (
    END_OF_TIME,
    Slot,
    last_measure_puts,
    record_key,
    record_version,
    records_collection,
    slot_of,
    slots_of,
)
from device_manager.twins.measures.records import create_records
from device_manager.twins.measures.slots import SlotRegister
from device_manager.twins.places import MEASURES

ATTEMPTS = 5
"""How often a slot is looked at again because it changed meanwhile."""
AT_ONCE = 16
"""Slots that are rebuilt at once."""
IN_FLIGHT = 0.3
"""Seconds after which a measure has arrived whose record has: they travel in one request, and arrive in any order."""
TIES = 50
"""Measures that are read to find the newest, several of which may be of one moment."""
STRETCHES = (60_000, 1_000_000, 16_000_000, 256_000_000, 4_000_000_000)
"""Milliseconds before a moment in which its measures are looked for, one after another: a minute to six weeks."""
ENGINE_REBUILDING = "rebuildLastMeasures"


class NewestMeasure(NamedTuple):
    """A measure of history."""

    id: str
    source: Source


def slot_query(slot: Slot, since: int | None = None, until: int | None = None) -> Bool:
    """The measures of a slot, from `since` on and before `until`, milliseconds since 1970."""
    place = "asset" if slot.twin == "asset" else "origin"
    filters: list[Query] = [Term(f"{place}._id", slot.id), Term(f"{place}.measureName", slot.name)]
    if slot.twin == "device":
        filters.append(Term("origin.type", "device"))
    if (since, until) != (None, None):
        filters.append(Range("measuredAt", gte=since, lt=until))
    return Bool(filter=tuple(filters))


def put_of_slot(engine: str, slot: Slot, measure: NewestMeasure) -> Put | None:
    """What makes `measure` the last one of the slot, None when it is none of the slot's."""
    key = record_key(engine, slot)
    return next((put for put in last_measure_puts(engine, measure.id, measure.source) if put.key == key), None)


async def newest_measure(store: Store, engine: str, slot: Slot) -> Put | None:
    """The record of a slot as history has it, as far as searches see; None for a slot without measures.

    Raises:
        ApiError: what `Store.search` raises.
    """
    newest = await _newest(store, engine, slot, slot_query(slot))
    if newest is None:  # or there are measures at times that no record can hold, which come first
        newest = await _newest(store, engine, slot, slot_query(slot, until=END_OF_TIME))
    return newest


async def newest_measure_before(store: Store, engine: str, slot: Slot, until: int) -> Put | None:
    """The record of a slot as it was at a moment: of its newest measure before `until`, milliseconds since 1970.

    Looks at longer and longer times before that moment, so that what was measured earlier costs nothing.

    Raises:
        ApiError: what `Store.search` raises.
    """
    for stretch in STRETCHES:
        found = await _newest(store, engine, slot, slot_query(slot, max(0, until - stretch), until))
        if found is not None:
            return found
    return await _newest(store, engine, slot, slot_query(slot, until=until))


async def _newest(store: Store, engine: str, slot: Slot, query: Query) -> Put | None:
    search = Search(query, sort=(Sort("measuredAt", "desc"),), size=TIES, counted=False)
    found = await store.search(engine, MEASURES, search)
    tied = [NewestMeasure(hit.id, hit.source or {}) for hit in found.hits if hit.sort == found.hits[0].sort]
    if len(tied) == TIES:
        moment = found.hits[0].sort[0]
        of_moment = Bool(filter=(query, Range("measuredAt", gte=moment, lte=moment)))
        pages = store.scan(engine, MEASURES, of_moment)
        tied = [NewestMeasure(document.id, document.source) async for page in pages for document in page]
    puts = [put for measure in tied if (put := put_of_slot(engine, slot, measure))]
    return max(puts, key=lambda put: put.version, default=None)


class Rebuilding:
    """Rebuilds records.

    Args:
        store: where measures and records are.
        register: hears of slots that are met.

    Attributes:
        task: rebuilds the engine that its argument `engine` names.
    """

    def __init__(self, store: Store, register: SlotRegister) -> None:
        self._store = store
        self._register = register
        self.task = TaskKind(ENGINE_REBUILDING, self._step)

    async def rebuild_slots(self, engine: str, slots: Iterable[Slot], removed: frozenset[str] = frozenset()) -> None:
        """Make the records of `slots` agree with all that was acknowledged; those that do are left alone.

        Args:
            engine: the engine.
            slots: which ones.
            removed: ids of measures that are known to be gone, or to belong elsewhere; of others it is made sure.

        Raises:
            ApiError: the store does not answer; the engine does not exist.
        """
        wanted = list(dict.fromkeys(slots))
        if not wanted:
            return
        await self._store.refresh(engine, MEASURES)
        await self._register.add(self._register.unlisted(engine, wanted))
        turns = asyncio.Semaphore(AT_ONCE)

        async def rebuild(slot: Slot) -> None:
            async with turns:
                await self._rebuild(engine, slot, removed)

        await asyncio.gather(*(rebuild(slot) for slot in wanted))

    async def _rebuild(self, engine: str, slot: Slot, removed: frozenset[str]) -> None:
        key = record_key(engine, slot)
        for _ in range(ATTEMPTS):
            record = (await self._store.read((key,))).get(key)
            newest = await newest_measure(self._store, engine, slot)
            if record is None or (newest is not None and record_version(record.source) <= newest.version):
                if newest is None or (record is not None and record.source == newest.source):
                    return
                (result,) = await self._store.put((newest,))
                if result is PutResult.WRITTEN:
                    return
                if record is not None:
                    continue
                # It may have been removed a moment ago, and the store still remember its version.
            elif record.source["measureId"] not in removed and await self._is_right(engine, record):
                return
            await self._take_back(key, newest)
            # What was taken back may have been the record of a measure that arrives only now.
            await asyncio.sleep(IN_FLIGHT)
            await self._store.refresh(engine, MEASURES)

    async def _is_right(self, engine: str, record: Document) -> bool:
        """Whether there is a measure that gives a record, also one that arrives in this moment."""
        if await self.wrong_records(engine, [record]):
            await asyncio.sleep(IN_FLIGHT)
        return not await self.wrong_records(engine, [record])

    async def _take_back(self, key: Key, newest: Put | None) -> None:
        """Let an older record, or none, stand in place of one that is newer than history."""
        if newest is None:
            await self._store.put((Put(PutKind.REMOVE, key, {}),))
            await self._store.refresh(key.index, key.collection)
        else:
            await self._store.reset((newest,))

    async def wrong_records(self, engine: str, records: Iterable[Document]) -> list[Slot]:
        """The slots of those records whose measure is not there, or says something else."""
        by_measure = [(Key(engine, MEASURES, record.source["measureId"]), record.source) for record in records]
        measures = await self._store.read(dict.fromkeys(key for key, _ in by_measure))
        wrong = []
        for key, record in by_measure:
            slot = slot_of(record)
            measure = measures.get(key)
            put = put_of_slot(engine, slot, NewestMeasure(key.id, measure.source)) if measure else None
            if put is None or put.source != record:
                wrong.append(slot)
        return wrong

    async def put_records(self, engine: str, measures: Iterable[tuple[str, Source]]) -> None:
        """Put the records of stored measures, given as ids and contents: those that are newer than what is there.

        Raises:
            ApiError: the store does not answer or refuses a record.
        """
        best: dict[Key, Put] = {}
        met: dict[Slot, None] = {}
        for id, measure in measures:
            met.update(dict.fromkeys(slots_of(measure)))
            for put in last_measure_puts(engine, id, measure):
                if put.key not in best or best[put.key].version <= put.version:
                    best[put.key] = put
        await self._register.add(self._register.unlisted(engine, met))
        if best:
            for result in await self._store.put(list(best.values())):
                if isinstance(result, ApiError):
                    raise result

    async def _step(self, arguments: Source, cursor: object, progress: Progress) -> str | None:
        """History first, then the records: what is left wrong there is newer than history."""
        engine: str = arguments["engine"]
        try:
            if cursor is None:
                await self._put_history(engine, progress)
                return "records"
            await self._check_records(engine, progress)
        except ApiError as error:
            if not error.is_unknown_place:
                raise  # otherwise the engine is gone, and its records with it
        return None

    async def _put_history(self, engine: str, progress: Progress) -> None:
        await self._store.refresh(engine, MEASURES)
        await create_records(self._store, engine)
        self._register.forget(engine)  # the lists may have gone with the records
        progress.done = 0
        async for page in self._store.scan(engine, MEASURES):
            await self.put_records(engine, ((document.id, document.source) for document in page))
            progress.done += len(page)
            await progress.save()

    async def _check_records(self, engine: str, progress: Progress) -> None:
        collection = records_collection(engine)
        await self._store.refresh(INTERNAL_INDEX, collection)
        async for page in self._store.scan(INTERNAL_INDEX, collection):
            records = [document for document in page if "slot" in document.source]
            await self.rebuild_slots(engine, await self.wrong_records(engine, records))
            await progress.save()
