"""Writing models, with what follows from it for collections and twins (device-manager 2.5, 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.events.documents import DocumentEvents
from device_manager.plugins.models import ModelDeclaration
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.sources import patched
from device_manager.storage.steps import step
from device_manager.tasks import TaskPlan, TaskRecord, Tasks, TaskState
from device_manager.tasks.records import add_task
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, Catalogue, raise_generation
from device_manager.twins.documents import Source, changed, created, stamp_now
from device_manager.twins.model_bodies import UpdateAssetBody, declared_model
from device_manager.twins.model_following import concerns_twins
from device_manager.twins.model_mapping import ModelMapping
from device_manager.twins.model_propagation import Propagation
from device_manager.twins.model_rules import (
    check_defaults,
    check_mapping,
    check_measure_types,
    check_model,
    check_name,
)
from device_manager.twins.models import KINDS, Model, Models, asset_model
from device_manager.twins.places import MODELS, Places

PATIENCE = 10.0
"""Seconds that a writer of a model waits for its twins to follow, before it is told that they will."""
ATTEMPTS = 10
"""How often a write is tried when models or engines change while it is decided."""
PAUSE = 0.05
"""Seconds after the first attempt that came too late; a bit longer after each further one."""

log = structlog.get_logger("models")


class WrittenModel(NamedTuple):
    """A model's document after it was written.

    Attributes:
        document: the document.
        created: whether it is new.
        task: id of the task that brings twins up to date; None when there is nothing to do.
    """

    document: Document
    created: bool
    task: str | None


class Propagated(NamedTuple):
    """A written model, and the task about its twins if that has something left to tell."""

    written: WrittenModel
    task: TaskRecord | None


class Outdated(ApiError):
    """Models or engines are not any more what a decision rests on."""

    def __init__(self) -> None:
        super().__init__("models or engines have changed", status=409)


class ModelWriting:
    """Writes models and what follows from them."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        mapping: ModelMapping,
        propagation: Propagation,
        tasks: Tasks,
        events: DocumentEvents,
        places: Places,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._mapping = mapping
        self._propagation = propagation
        self._tasks = tasks
        self._events = events
        self._places = places
        self._alone = asyncio.Lock()

    async def write(self, model: Model, call: Call) -> Propagated:
        """Create or replace a model: collections are mapped before, twins are brought up to date after.

        Raises:
            ApiError: what `check_model` refuses, `device_manager.models.undeclared_measure_type`,
                `device_manager.engines.collection_failed`.
        """
        await self._catalogue.ensure()

        def make(models: Models) -> list[Model]:
            return _checked([models.placed(model)], models)

        (written,) = await self._commit(make, call)
        return await self._propagated(written, call)

    async def update_asset(self, engine_group: str, name: str, body: UpdateAssetBody, call: Call) -> Propagated:
        """Merge into an asset model of an engine group, or of `commons`, what a request gives; the rest stays.

        Raises:
            ApiError: `device_manager.models.unknown_asset`, `update_conflict`, what `write` raises, and what a pipe
                raised.
        """
        await self._catalogue.ensure()
        requested = asset_model(engine_group, name, {"metadataMappings": body.metadata_mappings})
        check_name(requested)
        check_mapping(requested)
        check_defaults(body.default_values, body.metadata_mappings)
        stored = self._catalogue.models.asset(name, engine_group)
        partial = {"_id": stored.id, "_source": {"asset": body.to_partial()}}
        (left,) = await self._events.before("Update", [partial], call.request)
        wanted = left["_source"].get("asset") or {}

        def make(models: Models) -> list[Model]:
            return _checked([_merged(models.asset(name, engine_group), wanted)], models, is_update=True)

        (written,) = await self._commit(make, call)
        if not call.dry_run:
            document = {"_id": written.document.id, "_source": written.document.source}
            await self._events.after("Update", [document], call.request)
        return await self._propagated(written, call)

    async def register(self, declarations: Iterable[ModelDeclaration]) -> None:
        """Write the models that plugins bring along, those that differ from what is stored, in one transaction.

        Raises:
            ApiError: `device_manager.models.invalid_registration` names the model and the mistake, and what `write`
                raises.
        """
        declared = sorted(map(declared_model, declarations), key=lambda model: KINDS.index(model.kind))

        def make(models: Models) -> list[Model]:
            new = []
            for model in declared:
                placed = models.placed(model)
                if not _same(models.find(model.kind, model.name, model.engine_group), placed):
                    new += _checked([placed], models)
                    models = models.with_models([placed])
            return new

        for written in await self._commit(make, Call()):
            await self._propagated(written, Call())

    @step
    async def _commit(self, make: Callable[[Models], list[Model]], call: Call) -> list[WrittenModel]:
        """Map the collections as the models that `make` makes need it, then store those, all or none.

        All that is decided rests on all models and engines as they are; the commit finds out whether they still are so.
        """
        async with self._alone:  # mapping comes before the commit, so two writes at once would map against each other
            for attempt in range(ATTEMPTS):
                generation = self._catalogue.generation.number
                try:
                    return await self._decide(make, generation, call)
                except ApiError as error:
                    if not self._may_pass(error, attempt):
                        raise
                await asyncio.sleep(PAUSE * attempt)
                await self._catalogue.look()
        raise api_error("device_manager.models.changed")

    def _may_pass(self, error: ApiError, attempt: int) -> bool:
        """Whether another attempt may end differently: another server may have mapped what it is about to store."""
        is_mapped_elsewhere = self._store.shared and error.id == "device_manager.engines.collection_failed"
        return isinstance(error, Outdated) or (is_mapped_elsewhere and attempt < ATTEMPTS - 1)

    async def _decide(self, make: Callable[[Models], list[Model]], generation: int, call: Call) -> list[WrittenModel]:
        """One attempt on models and engines as they are in memory. Raises `Outdated` when they are others by now."""
        before = self._catalogue.models
        models = make(before)
        if not models:
            return []
        after = before.with_models(models)
        check_measure_types(after)
        if not call.dry_run:
            await self._mapping.map_changes(before, after)
        plans = {
            model.id: self._propagation.plan(model, call)
            for model in models
            if concerns_twins(before.find(model.kind, model.name, model.engine_group), model)
        }
        return await self._store_models(models, plans, generation, call)

    async def _store_models(
        self, models: Sequence[Model], plans: dict[str, TaskPlan], generation: int, call: Call
    ) -> list[WrittenModel]:
        keys = {model.id: self._places.model(model.id) for model in models}

        def decide(tx: Transaction) -> list[WrittenModel]:
            stored = tx.read((*keys.values(), *(plan.key for plan in plans.values()), GENERATION))
            known = stored.get(GENERATION)
            if (known.source["value"] if known else 0) != generation:
                raise Outdated
            stamp = stamp_now(call.user_id)
            written = []
            for model in models:
                key = keys[model.id]
                old = stored.get(key)
                if old is None:
                    document = tx.create(self._places.platform, MODELS, created(model.source, stamp), key.id)
                else:
                    info = {"_kuzzle_info": old.source.get("_kuzzle_info") or {}}
                    document = tx.replace(key, changed(model.source | info, stamp))
                plan = plans.get(model.id)
                task = add_task(tx, plan).id if plan else None
                written.append(WrittenModel(document, old is None, task))
            raise_generation(tx)
            return written

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=True)

    async def _propagated(self, written: WrittenModel, call: Call) -> Propagated:
        """Wait until all twins follow the model, within reason. The model is stored: nothing here makes it an error."""
        if written.task is None or call.dry_run:
            return Propagated(written, None)
        try:
            task = await self._tasks.wait(written.task, PATIENCE)
        except ApiError as error:
            log.warning("cannot tell whether twins follow their model already", reason=error.message)
            return Propagated(written, None)
        return Propagated(written, None if task.state is TaskState.FINISHED and not task.result else task)


def _checked(models: list[Model], others: Models, *, is_update: bool = False) -> list[Model]:
    for model in models:
        check_model(model, others, is_update=is_update)
    return models


def _merged(stored: Model, partial: Source) -> Model:
    """A stored asset model with parts of its content replaced: objects are merged, tooltips replaced as a whole."""
    content = patched(stored.content, {name: value for name, value in partial.items() if name != "model"})
    if "tooltipModels" in partial:
        content["tooltipModels"] = partial["tooltipModels"]
    source = {name: value for name, value in stored.source.items() if name not in ("closing", "_kuzzle_info")}
    return Model(stored.kind, stored.name, source | {stored.kind: content}, stored.id)


def _same(stored: Model | None, model: Model) -> bool:
    return stored is not None and {**stored.source, "_kuzzle_info": None} == {**model.source, "_kuzzle_info": None}
