"""A changed model reaches every twin of it, however many there are: a task in batches (device-manager 2.5, refresh)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.tasks import Progress, TaskKind, TaskPlan, Tasks
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import (
    Source,
    changed,
    history_entry,
    leaf_paths,
    metadata_event,
    stamp_now,
)
from device_manager.twins.model_following import followed
from device_manager.twins.model_mapping import ENGINES_AT_ONCE, ModelMapping
from device_manager.twins.models import Model, read_model
from device_manager.twins.places import ASSETS, DEVICES, HISTORY, Places, asset_key, device_key

PROPAGATION = "model-propagation"
BATCH = 500
"""Twins of one transaction."""
SHOWN = 10
"""Twins that could not be updated of which a task tells the reason; it counts the others."""
CONTENDED = "services.storage.too_many_changes"


class Propagation:
    """Gives the twins of a model its slots, and assets the metadata fields that it has now.

    The platform's records of devices get the slots too: a device that is attached later takes them from there. Each
    batch follows the model as it is at that moment, so that tasks of two changes may run at once in any order.
    """

    def __init__(self, store: Store, catalogue: Catalogue, places: Places, mapping: ModelMapping, tasks: Tasks) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places
        self._mapping = mapping
        self._tasks = tasks
        tasks.register(TaskKind(PROPAGATION, self._step))

    def plan(self, model: Model, call: Call, *, maps: bool = False) -> TaskPlan:
        """The task for a model that is about to be written; `maps` when nobody else maps the collections for it."""
        return self._tasks.plan(PROPAGATION, {"model": model.id, "maps": maps}, call)

    async def _step(self, arguments: Source, cursor: Any, progress: Progress) -> Any:
        """See `TaskKind`: the cursor names the indices that are left, each step does the first of them."""
        await self._catalogue.ensure()
        model = await self._model(arguments["model"])
        if cursor is None:
            if arguments["maps"]:
                await self._mapping.map_everything()
            counts = await self._count(model) if model and model.kind in ("asset", "device") else {}
            progress.done, progress.total = 0, sum(counts.values())
            return list(counts) or None
        index, *left = cursor
        if model is not None and index in self._indices_of(model):
            await self._update_index(index, model, progress)
        return left or None

    async def _model(self, id: str) -> Model | None:
        key = self._places.model(id)
        document = (await self._store.read((key,))).get(key)
        return read_model(document) if document else None

    async def _count(self, model: Model) -> dict[str, int]:
        """How many twins of the model there are, in the indices that have any, that of the platform first."""
        gate = asyncio.Semaphore(ENGINES_AT_ONCE)

        async def one(index: str) -> int:
            async with gate:
                await self._store.refresh(index, _collection(model))
                search = Search(Term("model", model.name), size=0)
                return (await self._store.search(index, _collection(model), search)).total

        indices = self._indices_of(model)
        counts = await asyncio.gather(*map(one, indices))
        return {index: count for index, count in zip(indices, counts, strict=True) if count}

    def _indices_of(self, model: Model) -> list[str]:
        """The indices in which there may be twins of the model, that of the platform first."""
        engines = sorted(engine for engine in self._catalogue.engines.values() if not engine.closing)
        if model.kind == "device":
            return [self._places.platform, *(engine.index for engine in engines)]
        find = self._catalogue.models.find
        return [
            engine.index
            for engine in engines
            if (found := find("asset", model.name, engine.group)) is not None and found.id == model.id
        ]

    async def _update_index(self, index: str, model: Model, progress: Progress) -> None:
        done = progress.done
        try:
            async for page in self._store.scan(index, _collection(model), Term("model", model.name), page=BATCH):
                await self._update_page(index, [document.id for document in page], model, progress)
                done += len(page)
                progress.done = done if progress.total is None else min(done, progress.total)
                await progress.save()
        except ApiError as error:
            if not error.is_unknown_place:  # an engine that was deleted meanwhile
                raise

    async def _update_page(self, index: str, ids: Sequence[str], model: Model, progress: Progress) -> None:
        """Update some twins at once; one by one if any is refused, as twins of other products' data may be."""
        try:
            await self._update(index, ids, model)
        except ApiError as error:
            if error.is_fault or error.is_unknown_place or error.id == CONTENDED:
                raise
            if len(ids) > 1:
                for id in ids:
                    await self._update_page(index, [id], model, progress)
            else:
                known = progress.result or {"refused": 0, "first": []}
                first = [*known["first"], {"index": index, "_id": ids[0], "reason": error.message}][:SHOWN]
                progress.result = {"refused": known["refused"] + 1, "first": first}

    async def _update(self, index: str, ids: Sequence[str], model: Model) -> None:
        make_key = asset_key if model.kind == "asset" else device_key
        keys: list[Key] = [make_key(index, id) for id in ids]
        place = self._places.model(model.id)

        def decide(tx: Transaction) -> None:
            # A model that changes after this read has a task of its own, which finds these twins afterwards.
            found = tx.read((place, *keys))
            current = read_model(found.pop(place)) if place in found else None
            stamp = stamp_now(None)
            for key, document in found.items():
                source = followed(document.source, current) if current else document.source
                if source is document.source:
                    continue
                source = changed(source, stamp)
                tx.replace(key, source)
                if model.kind == "asset":
                    event = metadata_event(list(leaf_paths(source["metadata"])))
                    tx.create(index, HISTORY, history_entry(document.id, source, event))

        await self._store.transact(decide, large=True)


def _collection(model: Model) -> str:
    return ASSETS if model.kind == "asset" else DEVICES
