"""The stages of a migration: passes over one collection each, to be begun again at any time (device-manager 6.2)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.migration import shapes
from device_manager.migration.destination import Arrival, Destination, Written
from device_manager.migration.lookups import Lookups
from device_manager.migration.mapping import current_mapping
from device_manager.migration.shaping import Shaped
from device_manager.migration.survey import OLD_GROUPS, OTHERS, Stage
from device_manager.migration.tally import Tally
from device_manager.storage.contract import INTERNAL_INDEX, Document, Key, Put, PutKind, Store
from device_manager.storage.generation import CACHE, CACHE_MAPPING
from device_manager.storage.unique import prepare_unique_keys
from device_manager.twins.catalogue import raise_generation
from device_manager.twins.groups.names import claim_all, claimed_key
from device_manager.twins.mappings import (
    MODELS_COLLECTION,
    PAYLOADS_COLLECTION,
    PLATFORM_CONFIG,
    engine_mappings,
    platform_devices,
)
from device_manager.twins.measures.checking import StoredModels
from device_manager.twins.measures.rebuilding import Rebuilding
from device_manager.twins.measures.slots import SlotRegister
from device_manager.twins.places import CONFIG, DEVICES, GROUPS, MODELS, PAYLOADS, Places

PAGE = 500
"""Documents that are shaped and written together."""
ATTEMPTS = 5
"""How often documents that somebody else changes meanwhile are read again."""

ShapePage = Callable[[Sequence[Document]], Awaitable[list[Shaped]]]
Advance = Callable[[int], Awaitable[None]]
"""Told how many documents more are done; may end the stage by raising."""


class Shape(NamedTuple):
    """How the documents of a collection are shaped.

    Attributes:
        kind: what they are, in reports.
        known: the members that this product knows.
        page: gives the new contents of some of them.
    """

    kind: str
    known: frozenset[str]
    page: ShapePage


class Stages:
    """Runs stages.

    Args:
        source: where the data is.
        destination: where it goes.
        lookups: reads in the data.
        platform: name of the platform index.
    """

    def __init__(self, source: Store, destination: Destination, lookups: Lookups, platform: str) -> None:
        self._source = source
        self._destination = destination
        self._lookups = lookups
        self._platform = platform
        self._places = Places(platform)
        self._shapes: dict[str, Callable[[str], Shape]] = {
            "models": lambda _: Shape("models", shapes.MODEL, self._models),
            "provisioning": lambda _: Shape("provisioning", shapes.PROVISIONING, self._provisioning),
            "groups": lambda _: Shape("groups", shapes.GROUP, _each(lambda one: Shaped(one.source))),
            "measures": lambda engine: Shape("measures", shapes.MEASURE, self._contexts(engine, shapes.shape_measure)),
            "history": lambda engine: Shape("history", shapes.HISTORY, self._contexts(engine, shapes.shape_history)),
            "devices": lambda engine: Shape("devices", shapes.DEVICE, self._devices(engine)),
            "assets": lambda engine: Shape("assets", shapes.ASSET, self._assets(engine)),
        }

    async def run(self, stage: Stage, tally: Tally, advance: Advance) -> None:
        """Do what a stage is about; doing it again changes nothing.

        Raises:
            ApiError: a store does not answer.
        """
        match stage.does:
            case "map_platform":
                await self._map_platform(tally)
            case "map_engine":
                await self._map_engine(stage.index, tally)
            case "claim_names":
                await self._claim_names(stage.index)
            case "last_measures":
                await self._last_measures(stage, tally, advance)
            case "old_groups":
                await self._old_groups(stage, tally, advance)
            case "copy":
                await self._copy(stage, tally, advance)
            case "leave":
                await self._leave(stage, tally, advance)
            case _:
                await self._shape(stage, self._shapes[stage.does](stage.index), tally, advance)

    async def _map_platform(self, tally: Tally) -> None:
        if self._destination.store is not None:
            await prepare_unique_keys(self._destination.store)
            await self._destination.store.create_collection(INTERNAL_INDEX, CACHE, CACHE_MAPPING)
        wanted = {
            CONFIG: PLATFORM_CONFIG,
            MODELS: MODELS_COLLECTION,
            PAYLOADS: PAYLOADS_COLLECTION,
            DEVICES: platform_devices(await self._lookups.models()),
        }
        for collection, mapping in wanted.items():
            current = await current_mapping(self._source, self._platform, collection)
            await self._destination.map(tally, self._platform, collection, mapping, current)

    async def _map_engine(self, engine: str, tally: Tally) -> None:
        wanted = engine_mappings(await self._lookups.models(), self._lookups.engine(engine).group)
        for collection, mapping in wanted.items():
            try:
                current = await current_mapping(self._source, engine, collection)
            except ApiError as error:  # what the survey named as unreadable
                if error.is_unavailable:
                    raise
                continue
            if collection == GROUPS and (old := await current_mapping(self._source, engine, OLD_GROUPS)):
                others = {n: f for n, f in old["properties"].items() if n not in ("parent", "children", "_kuzzle_info")}
                mapping = mapping | {"properties": others | mapping["properties"]}
            await self._destination.map(tally, engine, collection, mapping, current)
        if self._destination.store is self._source:
            self._lookups.learn(engine, GROUPS)

    async def _claim_names(self, engine: str) -> None:
        store, key = self._destination.store, claimed_key(engine)
        if store is not None and key not in await store.read((key,)):
            await claim_all(store, self._places, engine)

    async def _last_measures(self, stage: Stage, tally: Tally, advance: Advance) -> None:
        store = self._destination.store
        tally.treat("engines that get records of last measures", stage.index)
        if store is None:
            await advance(stage.documents)
            return
        register = SlotRegister(store, StoredModels(await self._lookups.models(), {}))
        progress = _PassedOn(advance)
        await Rebuilding(store, register).task.step({"engine": stage.index}, None, progress)

    async def _leave(self, stage: Stage, tally: Tally, advance: Advance) -> None:
        self._count_left(stage, tally)
        await advance(stage.documents)

    def _count_left(self, stage: Stage, tally: Tally) -> None:
        kind = self._lookups.kind_left(stage.index, stage.collection)
        tally.kind(kind).documents += stage.documents
        if kind == OTHERS:
            tally.treat("collections that are no part of the device manager, left alone", _named(stage))

    async def _copy(self, stage: Stage, tally: Tally, advance: Advance) -> None:
        index, collection = stage.index, stage.collection
        self._count_left(stage, tally)
        current = await current_mapping(self._source, index, collection)
        if current is None:
            return
        if index != self._platform:
            await self._destination.map(tally, index, collection, current, current)
        kind = self._lookups.kind_left(index, collection)
        async for page in self._pages(stage):
            arrivals = [Arrival(Key(index, collection, one.id), one, one.source, False) for one in page]
            self._count(kind, arrivals, await self._destination.write(arrivals), [()] * len(page), tally)
            await advance(len(page))

    async def _shape(self, stage: Stage, shape: Shape, tally: Tally, advance: Advance) -> None:
        async for page in self._pages(stage):
            await self._shape_page(stage, shape, page, tally)
            await advance(len(page))
        store = self._destination.store
        if stage.does == "models" and store is not None and tally.kind("models").changed:
            await store.transact(raise_generation)

    async def _pages(self, stage: Stage) -> AsyncIterator[list[Document]]:
        async with contextlib.aclosing(self._source.scan(stage.index, stage.collection, page=PAGE)) as pages:
            async for page in pages:
                yield page

    async def _shape_page(self, stage: Stage, shape: Shape, page: Sequence[Document], tally: Tally) -> None:
        """Shape and write a page; what changes meanwhile is read, shaped and written again."""
        for attempt in range(ATTEMPTS):
            shaped = await shape.page(page)
            arrivals = [
                Arrival(Key(stage.index, stage.collection, one.id), one, new.source, bool(new.changes))
                for one, new in zip(page, shaped, strict=True)
            ]
            written = await self._destination.write(arrivals)
            if attempt == ATTEMPTS - 1:
                late = api_error("services.storage.too_many_changes", ATTEMPTS)
                written = [late if result is Written.STALE else result for result in written]
            settled = [place for place, result in enumerate(written) if result is not Written.STALE]
            for place in settled:
                tally.see(shape.kind, _place(arrivals[place].key), shaped[place], shape.known)
            self._count(
                shape.kind,
                [arrivals[place] for place in settled],
                [written[place] for place in settled],
                [shaped[place].changes for place in settled],
                tally,
            )
            stale = [arrivals[place].key for place, result in enumerate(written) if result is Written.STALE]
            if not stale:
                return
            found = await self._source.read(stale)
            page = [found[key] for key in stale if key in found]

    def _count(
        self,
        kind: str,
        arrivals: Sequence[Arrival],
        results: Sequence[Written | ApiError],
        changes: Sequence[tuple[str, ...]],
        tally: Tally,
    ) -> None:
        for arrival, result, changed in zip(arrivals, results, changes, strict=True):
            if isinstance(result, ApiError):
                tally.refuse(kind, _place(arrival.key), result)
            elif result is Written.COPIED:
                tally.kind(kind).copied += 1
            if changed and result in (Written.CHANGED, Written.COPIED):
                tally.change(kind, changed)

    async def _old_groups(self, stage: Stage, tally: Tally, advance: Advance) -> None:
        """Move the groups of version 2 to where this product has them; the empty collection goes."""
        engine, left = stage.index, 0
        async for page in self._pages(stage):
            left += await self._move_groups(engine, page, tally)
            await advance(len(page))
        tally.treat("collections whose groups move to groups", f"{engine}:{OLD_GROUPS}")
        if not left and self._destination.store is self._source:
            await self._source.drop_collection(engine, OLD_GROUPS)
            self._lookups.forget(engine, OLD_GROUPS)

    async def _move_groups(self, engine: str, page: Sequence[Document], tally: Tally) -> int:
        """Move a page of groups; how many could not be moved."""
        parents = await self._known_groups(engine, page)
        shaped = [shapes.shape_group(one.source, one.id, one.source.get("parent") in parents) for one in page]
        arrivals = [
            Arrival(Key(engine, GROUPS, one.id), one, new.source, True, is_moved=True)
            for one, new in zip(page, shaped, strict=True)
        ]
        written = await self._destination.write(arrivals)
        written = await self._told_apart(arrivals, written)
        for arrival, new in zip(arrivals, shaped, strict=True):
            tally.see("groups", _place(arrival.key), new, shapes.GROUP)
        self._count("groups", arrivals, written, [new.changes for new in shaped], tally)
        store = self._destination.store
        moved = [one.id for one, result in zip(page, written, strict=True) if not isinstance(result, ApiError)]
        if store is self._source and moved:
            await store.put([Put(PutKind.REMOVE, Key(engine, OLD_GROUPS, id), {}) for id in moved])
        return len(page) - len(moved)

    async def _known_groups(self, engine: str, page: Sequence[Document]) -> set[str]:
        """The parents of groups that exist, in whichever collection."""
        names = {parent for one in page if isinstance(parent := one.source.get("parent"), str) and parent}
        known: set[str] = set()
        for collection in (OLD_GROUPS, GROUPS):
            if names and self._lookups.is_present(engine, collection):
                known |= {key.id for key in await self._source.read(Key(engine, collection, id) for id in names)}
        return known

    async def _told_apart(
        self, arrivals: Sequence[Arrival], written: Sequence[Written | ApiError]
    ) -> list[Written | ApiError]:
        """Groups that were there already are those of an interrupted run, or others that bear the same id."""
        present = [one.key for one, result in zip(arrivals, written, strict=True) if result is Written.PRESENT]
        store = self._destination.store
        found = await store.read(present) if store is not None and present else {}
        told: list[Written | ApiError] = []
        for arrival, result in zip(arrivals, written, strict=True):
            other = found.get(arrival.key)
            is_other = other is not None and other.source != arrival.source and not self._destination.is_copy
            told.append(api_error("services.storage.document_already_exists", arrival.key.id) if is_other else result)
        return told

    async def _models(self, page: Sequence[Document]) -> list[Shaped]:
        return [shapes.shape_model(one.source) for one in page]

    async def _provisioning(self, page: Sequence[Document]) -> list[Shaped]:
        models = await self._lookups.twin_models("device", page, None)
        devices = await self._lookups.engine_devices(page)
        return [shapes.shape_provisioning(one.source, models.get(one.id), devices.get(one.id)) for one in page]

    def _contexts(self, engine: str, shape: Callable[[dict[str, Any], Any], Shaped]) -> ShapePage:
        async def shape_page(page: Sequence[Document]) -> list[Shaped]:
            paths = await self._lookups.paths(engine, page)
            return [shape(one.source, paths) for one in page]

        return shape_page

    def _records(self, engine: str) -> Store | None:
        """Where the records of last measures are; None in a dry run for an engine that has none yet."""
        has_records = (engine, "last_measures") not in self._lookups.steps
        return self._destination.store or (self._source if has_records else None)

    def _devices(self, engine: str) -> ShapePage:
        async def shape_page(page: Sequence[Document]) -> list[Shaped]:
            models = await self._lookups.twin_models("device", page, None)
            paths = await self._lookups.paths(engine, page)
            assets = await self._lookups.linked_assets(engine, page)
            kept = await self._lookups.unrecorded(self._records(engine), engine, "device", page)
            return [
                shapes.shape_device(
                    one.source,
                    models.get(one.id),
                    paths,
                    assets.get(one.source.get("assetId") or ""),
                    one.id,
                    kept.get(one.id, ()),
                )
                for one in page
            ]

        return shape_page

    def _assets(self, engine: str) -> ShapePage:
        async def shape_page(page: Sequence[Document]) -> list[Shaped]:
            models = await self._lookups.twin_models("asset", page, self._lookups.engine(engine).group)
            paths = await self._lookups.paths(engine, page)
            kept = await self._lookups.unrecorded(self._records(engine), engine, "asset", page)
            return [shapes.shape_asset(one.source, models.get(one.id), paths, kept.get(one.id, ())) for one in page]

        return shape_page


class _PassedOn:
    """The progress of a task of another kind, as documents that are done."""

    task_id = ""
    user_id: str | None = None
    total: int | None = None
    result: Any = None

    def __init__(self, advance: Advance) -> None:
        self.done = 0
        self._told = 0
        self._advance = advance

    async def save(self) -> None:
        """See `Progress.save`."""
        more, self._told = self.done - self._told, self.done
        await self._advance(more)


def _each(shape: Callable[[Document], Shaped]) -> ShapePage:
    async def shape_page(page: Sequence[Document]) -> list[Shaped]:
        return [shape(one) for one in page]

    return shape_page


def _named(stage: Stage) -> str:
    return f"{stage.index}:{stage.collection}"


def _place(key: Key) -> str:
    return f"{key.index}:{key.collection}/{key.id}"
