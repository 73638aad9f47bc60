"""What twins measured and measure now (device-manager 2.2: getMeasures, getLastMeasures and their kin)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from device_manager.errors import api_error
from device_manager.query.instants import compile_format
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool, Exists, Query, Range, Term
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Store
from device_manager.storage.finding import find, read_search
from device_manager.storage.stamps import Source
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.measures.last_measures import (
    Slot,
    TwinKind,
    embedded,
    record_key,
    records_collection,
    slot_of,
)
from device_manager.twins.measures.slots import SlotList, SlotRegister, list_of
from device_manager.twins.places import MEASURES

T = TypeVar("T")

TWIN_FIELDS: Mapping[TwinKind, str] = {"asset": "asset._id", "device": "origin._id"}
"""Where a measure names the twin."""
KEYS_OF_A_READ = 5000
"""Documents that are asked for in one round trip."""

_read_iso = compile_format("strict_date_optional_time")


class Window(NamedTuple):
    """Which measures of a twin are wanted, and how many.

    Attributes:
        offset: hits to leave out.
        size: most hits to return.
        start_at: ISO 8601, inclusive; None for any time.
        end_at: ISO 8601, inclusive; None for any time.
        type: measure type; None for all.
    """

    offset: int
    size: int
    start_at: object = None
    end_at: object = None
    type: str | None = None


def read_instant(value: object, name: str) -> int | None:
    """An ISO 8601 date as milliseconds since 1970, None when there is none. Raises `api.assert.invalid_type`."""
    if value is None:
        return None
    millis = _read_iso(value) if isinstance(value, str) and _read_iso is not None else None
    if millis is None:
        raise api_error("api.assert.invalid_type", name, "date")
    return millis


def measures_of(twin: TwinKind, id: str, window: Window) -> list[Query]:
    """What all measures of a twin in a window have in common, however many of them are wanted.

    Raises:
        ApiError: `api.assert.invalid_type` for a date.
    """
    bounds = Range("measuredAt", gte=read_instant(window.start_at, "startAt"), lte=read_instant(window.end_at, "endAt"))
    filters: list[Query] = [Term(TWIN_FIELDS[twin], id)]
    if bounds != Range("measuredAt"):
        filters.append(bounds)
    if window.type is not None:
        filters.append(Term("type", window.type))
    return filters


class MeasureReading:
    """Reads measures for clients.

    Args:
        store: where they are.
        catalogue: the engines.
        register: which slots have records.
        search_limit: largest page, and largest `from + size`.
    """

    def __init__(self, store: Store, catalogue: Catalogue, register: SlotRegister, search_limit: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._register = register
        self._limit = search_limit

    async def history(self, engine: str, twin: TwinKind, id: str, window: Window, body: Source, lang: str) -> Source:
        """The measures of a twin, newest first unless the body says otherwise: `{measures: [hit], total}`.

        Args:
            engine: the engine.
            twin: the kind of the twin.
            id: the twin; one that does not exist any more has its measures still.
            window: which measures.
            body: `query`, written in `lang`, and `sort`; other members do not count.
            lang: `elasticsearch` or `koncorde`.

        Raises:
            ApiError: an unknown engine, `api.assert.invalid_type` for a date, a 400 that names the clause,
                `services.storage.get_limit_exceeded` (413).
        """
        filters = measures_of(twin, id, window)
        wanted = {name: body[name] for name in ("query", "sort") if body.get(name) is not None}
        wanted.setdefault("sort", [{"measuredAt": "desc"}])
        search = read_search(wanted, offset=window.offset, size=window.size, lang=lang, limit=self._limit)
        await self._catalogue.engine(engine)
        search = replace(search, query=Bool(filter=(*filters, search.query)))
        found = await find(self._store, engine, MEASURES, search)
        return {"measures": found["hits"], "total": found["total"]}

    async def last(self, engine: str, twin: TwinKind, ids: Sequence[str], count: int) -> dict[str, dict[str, Source]]:
        """The newest measure of each slot of each twin: id -> slot -> measure; twins without measures are left out.

        Read by id, so every acknowledged measure counts, at a cost that does not depend on how many there were.

        Args:
            engine: the engine.
            twin: the kind of the twins.
            ids: the twins.
            count: most slots of one twin; those that were measured last win.

        Raises:
            ApiError: an unknown engine, `api.assert.invalid_argument` for a count below 1.
        """
        if count < 1:
            raise api_error("api.assert.invalid_argument", "measureCount", "an integer from 1 on")
        await self._catalogue.engine(engine)
        records = await self.records(engine, twin, ids)
        return {id: {record["slot"]: embedded(record) for record in newest[:count]} for id, newest in records.items()}

    async def last_of_one(self, engine: str, twin: TwinKind, id: str, count: int) -> dict[str, Source]:
        """The newest measure of each slot of one twin, by slot.

        Raises:
            ApiError: what `last` raises; `device_manager.measures.none`.
        """
        return _of_one(await self.last(engine, twin, (id,), count), id)

    async def last_measured_at(self, engine: str, twin: TwinKind, ids: Sequence[str]) -> dict[str, int]:
        """When each twin measured last, in milliseconds since 1970; twins without measures are left out.

        Raises:
            ApiError: an unknown engine.
        """
        await self._catalogue.engine(engine)
        return {id: found[0]["measuredAt"] for id, found in (await self.records(engine, twin, ids)).items()}

    async def one_last_measured_at(self, engine: str, twin: TwinKind, id: str) -> int:
        """When one twin measured last, in milliseconds since 1970.

        Raises:
            ApiError: an unknown engine; `device_manager.measures.none`.
        """
        return _of_one(await self.last_measured_at(engine, twin, (id,)), id)

    async def records(self, engine: str, twin: TwinKind, ids: Iterable[str]) -> dict[str, list[Source]]:
        """Id -> records of its slots, newest first; one round trip when memory knows all slots.

        Raises:
            ApiError: the store does not answer; there is no such engine.
        """
        listings = {id: list_of(engine, twin, id) for id in ids}
        looked = {listing: self._register.slots(listing) for listing in listings.values()}
        keys = _record_keys(engine, twin, listings, looked)
        documents = await self._read([*keys, *(listing.key for listing in looked)])
        late = {
            listing: self._register.learn(listing, documents.pop(listing.key, None)) - slots
            for listing, slots in looked.items()
        }
        documents |= await self._read(_record_keys(engine, twin, listings, late))
        by_id: dict[str, list[Source]] = {id: [] for id in listings}
        for document in documents.values():
            by_id[document.source["id"]].append(document.source)
        for records in by_id.values():
            records.sort(key=lambda record: (-record["measuredAt"], record["slot"]))
        return {id: records for id, records in by_id.items() if records}

    async def measured_slots(self, engine: str, twin: TwinKind, size: int, after: str | None) -> list[tuple[Slot, str]]:
        """Slots of all twins of a kind that measured anything, each with its place: a page, in an order that stays.

        Args:
            engine: the engine.
            twin: the kind of the twins.
            size: most slots.
            after: the place of the slot before; None begins with the first.

        Raises:
            ApiError: the store does not answer; there is no such engine.
        """
        collection = records_collection(engine)
        if after is None:
            await self._store.refresh(INTERNAL_INDEX, collection)
        search = Search(
            query=Bool(filter=(Term("twin", twin), Exists("slot"))),
            size=size,
            sort=(Sort("_id"),),
            search_after=None if after is None else (after,),
            counted=False,
        )
        found = await self._store.search(INTERNAL_INDEX, collection, search)
        return [(slot_of(hit.source or {}), hit.id) for hit in found.hits]

    async def _read(self, keys: Sequence[Key]) -> dict[Key, Document]:
        documents: dict[Key, Document] = {}
        for start in range(0, len(keys), KEYS_OF_A_READ):
            documents |= await self._store.read(keys[start : start + KEYS_OF_A_READ])
        return documents


def _of_one(found: Mapping[str, T], id: str) -> T:
    if id not in found:
        raise api_error("device_manager.measures.none")
    return found[id]


def _record_keys(
    engine: str, twin: TwinKind, listings: Mapping[str, SlotList], slots: Mapping[SlotList, Iterable[str]]
) -> list[Key]:
    """The records of `slots` of all twins."""
    return [record_key(engine, Slot(twin, id, name)) for id, listing in listings.items() for name in slots[listing]]
