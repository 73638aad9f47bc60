"""The doctor's look at last measures: records that disagree with history, slots that nobody would look for (design 9).

It keeps the newest version of every slot in memory, nothing of the measures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.query.dates import format_date
from device_manager.storage.contract import INTERNAL_INDEX, Document, Store
from device_manager.storage.stamps import Source
from device_manager.twins.measures.last_measures import (
    Slot,
    measure_version,
    measured_at,
    record_key,
    record_version,
    records_collection,
    slot_of,
    slots_of,
)
from device_manager.twins.measures.rebuilding import Rebuilding, newest_measure
from device_manager.twins.measures.records import create_records, engines_without_records
from device_manager.twins.measures.slots import SlotRegister
from device_manager.twins.models import Models, read_model
from device_manager.twins.places import MEASURES, MODELS

SECOND_LOOKS = 3
"""How often a suspicion is looked at again before it is reported."""
PAGE = 1000


class WrongSlot(NamedTuple):
    """A slot whose last measure is not answered as it should be.

    Attributes:
        slot: which one.
        text: what is wrong, for people.
    """

    slot: Slot
    text: str


class StoredModels(NamedTuple):
    """Models as they are stored at one moment, for a `SlotRegister`."""

    models: Models
    engines: Mapping[str, Any]


class MeasureDoctor:
    """Checks and repairs the records of one engine at a time.

    Args:
        store: an open store.
        platform: name of the platform index.
    """

    def __init__(self, store: Store, platform: str) -> None:
        self._store = store
        self._platform = platform

    async def lacks_records(self, engine: str) -> bool:
        """Whether the engine has no records at all: something else than this product made it."""
        return bool(await engines_without_records(self._store, [engine]))

    async def wrong_slots(self, engine: str) -> list[WrongSlot]:
        """The slots that have to be rebuilt, in order.

        Raises:
            ApiError: the store does not answer; a collection of the engine is missing.
        """
        register = await self._register()
        for index, collection in ((engine, MEASURES), (INTERNAL_INDEX, records_collection(engine))):
            await self._store.refresh(index, collection)
        suspects = await self._behind(engine, await self._newest(engine))
        async for slots in self._wrong_records(engine, register):
            suspects |= slots
        return [wrong for slot in sorted(suspects) if (wrong := await self._look_again(engine, register, slot))]

    async def rebuild(self, engine: str, slots: Iterable[Slot]) -> None:
        """Put slots right; for an engine without records, all of them. Raises what the store raises."""
        rebuilding = Rebuilding(self._store, await self._register())
        if await self.lacks_records(engine):
            await create_records(self._store, engine)
            await self._store.refresh(engine, MEASURES)
            async for page in self._store.scan(engine, MEASURES):
                await rebuilding.put_records(engine, ((document.id, document.source) for document in page))
        await rebuilding.rebuild_slots(engine, slots)

    async def _register(self) -> SlotRegister:
        stored = [document async for page in self._store.scan(self._platform, MODELS) for document in page]
        models = Models(model for document in stored if (model := read_model(document)))
        return SlotRegister(self._store, StoredModels(models, {}))

    async def _newest(self, engine: str) -> dict[Slot, int]:
        newest: dict[Slot, int] = {}
        async for page in self._store.scan(engine, MEASURES):
            for measure in page:
                at = measured_at(measure.source)
                if at is not None:
                    version = measure_version(measure.id, at)
                    newest.update(
                        {slot: version for slot in slots_of(measure.source) if newest.get(slot, -1) < version}
                    )
        return newest

    async def _behind(self, engine: str, newest: Mapping[Slot, int]) -> set[Slot]:
        """The slots whose record is missing or older than history."""
        behind: set[Slot] = set()
        slots = list(newest)
        for start in range(0, len(slots), PAGE):
            keys = {slot: record_key(engine, slot) for slot in slots[start : start + PAGE]}
            records = await self._store.read(keys.values())
            for slot, key in keys.items():
                if key not in records or record_version(records[key].source) < newest[slot]:
                    behind.add(slot)
        return behind

    async def _wrong_records(self, engine: str, register: SlotRegister) -> AsyncIterator[set[Slot]]:
        """The slots of records that no measure gives, or that nobody would look for."""
        rebuilding = Rebuilding(self._store, register)
        async for page in self._store.scan(INTERNAL_INDEX, records_collection(engine)):
            records = [document for document in page if "slot" in document.source]
            yield set(await rebuilding.wrong_records(engine, records))
            yield set(await self._unlisted(engine, register, [slot_of(record.source) for record in records]))

    async def _unlisted(self, engine: str, register: SlotRegister, slots: Sequence[Slot]) -> list[Slot]:
        missing = register.unlisted(engine, slots)
        if not missing:
            return []
        documents = await self._store.read(listing.key for listing in missing)
        for listing in missing:
            register.learn(listing, documents.get(listing.key))
        missing = register.unlisted(engine, slots)
        lost = {(listing.twin, listing.model, name) for listing, names in missing.items() for name in names}
        return [slot for slot in slots if (slot.twin, slot.id.partition("-")[0], slot.name) in lost]

    async def _look_again(self, engine: str, register: SlotRegister, slot: Slot) -> WrongSlot | None:
        """What stays wrong about a slot when all of it is read together."""
        key = record_key(engine, slot)
        text = ""
        for _ in range(SECOND_LOOKS):
            record = (await self._store.read((key,))).get(key)
            newest = await newest_measure(self._store, engine, slot)
            text = _disagreement(slot, record, newest.source if newest else None)
            if not text and await self._unlisted(engine, register, [slot]):
                text = f"{_named(slot)} is not in the list of slots, so its last measure is not found."
            if not text:
                return None
            await self._store.refresh(engine, MEASURES)
        return WrongSlot(slot, text)


def _disagreement(slot: Slot, record: Document | None, newest: Source | None) -> str:
    """How a record differs from what history gives; empty when it does not."""
    if newest is None:
        return f"{_named(slot)} has a last measure, but none in history." if record else ""
    of_history = format_date(newest["measuredAt"])
    if record is None:
        return f"{_named(slot)} has no last measure, but one of {of_history} in history."
    if record.source != newest:
        of_record = format_date(record.source["measuredAt"])
        return f"{_named(slot)} has a last measure of {of_record} that is not the one of {of_history} in history."
    return ""


def _named(slot: Slot) -> str:
    return f'The slot "{slot.name}" of the {slot.twin} "{slot.id}"'
