"""Writing models, and bringing collections and twins up to date with them (device-manager 2.5, 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from device_manager.errors import ApiError, api_error
from device_manager.plugins.models import ModelDeclaration
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.mappings import Mapping
from device_manager.storage.steps import step
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, Catalogue, EngineConfig, raise_generation
from device_manager.twins.documents import (
    Source,
    Stamp,
    changed,
    created,
    history_entry,
    leaf_paths,
    metadata_event,
    stamp_now,
)
from device_manager.twins.engines import Engines
from device_manager.twins.mappings import check_measure_types, platform_devices
from device_manager.twins.model_bodies import WriteAssetBody, WriteDeviceBody, WriteMeasureBody
from device_manager.twins.models import Model, ModelKind, Models, check_model, usable_mappings
from device_manager.twins.places import ASSETS, COMMONS, DEVICES, HISTORY, MODELS, Places, asset_key, device_key

ENGINES_AT_ONCE = 8
"""Engines whose collections are mapped at the same time."""

BODIES: dict[str, type[WriteAssetBody | WriteDeviceBody | WriteMeasureBody]] = {
    "asset": WriteAssetBody,
    "device": WriteDeviceBody,
    "measure": WriteMeasureBody,
}
log = structlog.get_logger("models")

ORDER: dict[ModelKind, int] = {"measure": 0, "device": 1, "asset": 2, "group": 3}


class WrittenModel(NamedTuple):
    """A model's document after it was written, and whether it is new."""

    document: Document
    created: bool


class ModelWriting:
    """Writes models and what follows from them."""

    def __init__(self, store: Store, catalogue: Catalogue, engines: Engines, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._engines = engines
        self._places = places

    async def write(self, model: Model, call: Call) -> WrittenModel:
        """Create or replace a model; collections are mapped before, twins are brought up to date after.

        Raises:
            ApiError: what `check_model` refuses, `device_manager.models.undeclared_measure_type`, and mappings that no
                collection could have: `services.storage.invalid_mapping`, `invalid_mapping_type`,
                `unexpected_properties`.
        """
        await self._catalogue.ensure()
        (written,) = await self._write_all((model,), call)
        return written

    async def register(self, declarations: Iterable[ModelDeclaration]) -> None:
        """Write the models that plugins bring along, those that differ from what is stored, in one transaction.

        Raises:
            ApiError: `device_manager.models.invalid_registration` names the model and the mistake, and what `write`
                raises.
        """
        models = sorted((_declared(declaration) for declaration in declarations), key=lambda model: ORDER[model.kind])
        known = {model.id: model for model in self._catalogue.models}
        new = [model for model in models if not _same(known.get(model.id), model)]
        if not new:
            return
        await self._write_all(new, Call())

    async def _write_all(self, models: Sequence[Model], call: Call) -> list[WrittenModel]:
        engines = set(self._catalogue.engines)
        await self._prepare(models, call)
        written = await self._store_models(models, call)
        if call.dry_run:
            return written
        await self._catalogue.look()
        if not engines.issuperset(self._catalogue.engines):
            # An engine was created meanwhile: whoever committed later, engine or model, sees the other one and maps it.
            await self.map_everything(self._catalogue.models)
        for model in models:
            await self._update_twins(model)
        return written

    async def _prepare(self, models: Sequence[Model], call: Call) -> None:
        """Check the models, then map all collections as they need it."""
        others = self._catalogue.models
        for model in models:
            if refusal := usable_mappings(model):
                raise refusal
            Mapping.compile({"properties": model.mappings[1]})
            check_model(model, others)
            others = others.with_models((model,))
        check_measure_types(others)
        if not call.dry_run:
            await self.map_everything(others)

    async def map_everything(self, models: Models) -> None:
        """Bring the collections of the platform and of all engines up to date with `models`."""
        await self._store.create_collection(self._places.platform, DEVICES, platform_devices(models))
        for refusal in await self._map_engines(models):
            raise refusal

    async def map_at_start(self) -> None:
        """Bring all collections up to date; an engine whose data does not fit is named in the log and left alone."""
        models = self._catalogue.models
        await self._store.create_collection(self._places.platform, DEVICES, platform_devices(models))
        for refusal in await self._map_engines(models):
            if refusal.status == 503:
                raise refusal
            log.error("engine is not mapped as its models want it", reason=refusal.message)

    async def _map_engines(self, models: Models) -> list[ApiError]:
        gate = asyncio.Semaphore(ENGINES_AT_ONCE)

        async def one(engine: EngineConfig) -> None:
            async with gate:
                await self._engines.map_collections(engine, models)

        engines = [engine for engine in self._catalogue.engines.values() if not engine.closing]
        outcomes = await asyncio.gather(*map(one, engines), return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        for failure in failures:
            if not isinstance(failure, ApiError):
                raise failure
        return [failure for failure in failures if isinstance(failure, ApiError)]

    @step
    async def _store_models(self, models: Sequence[Model], call: Call) -> list[WrittenModel]:
        keys = [self._places.model(model.id) for model in models]

        def decide(tx: Transaction) -> list[WrittenModel]:
            stored = tx.read((*keys, GENERATION))
            stamp = stamp_now(call.user_id)
            written = []
            for key, model in zip(keys, models, strict=True):
                old = stored.get(key)
                if old is None:
                    document = tx.create(self._places.platform, MODELS, created(model.source, stamp), key.id)
                else:
                    info = {"_kuzzle_info": old.source.get("_kuzzle_info") or {}}
                    document = tx.replace(key, changed(model.source | info, stamp))
                written.append(WrittenModel(document, old is None))
            raise_generation(tx)
            return written

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=True)

    async def _update_twins(self, model: Model) -> None:
        """Give every twin of the model its slots, and assets the model's metadata fields (2.5, refresh).

        The platform's records of devices get the slots too: a device that is attached later takes them from there.
        """
        if model.kind not in ("asset", "device"):
            return
        collection = ASSETS if model.kind == "asset" else DEVICES
        for index in self._indices_of(model):
            await self._store.refresh(index, collection)
            async for page in self._store.scan(index, collection, Term("model", model.name)):
                await self._update_page(index, [document.id for document in page], model)

    def _indices_of(self, model: Model) -> list[str]:
        """The indices in which there may be twins of the model, that of the platform first."""
        engines = [engine for engine in self._catalogue.engines.values() if not engine.closing]
        if model.kind == "device":
            return [self._places.platform, *(engine.index for engine in engines)]
        return [engine.index for engine in engines if model.engine_group in (COMMONS, engine.group)]

    async def _update_page(self, engine: str, ids: Sequence[str], model: Model) -> None:
        make_key = asset_key if model.kind == "asset" else device_key
        keys: list[Key] = [make_key(engine, id) for id in ids]

        def decide(tx: Transaction) -> None:
            stamp = stamp_now(None)
            for key, document in tx.read(keys).items():
                source = _updated(document.source, model, stamp)
                if source is None:
                    continue
                tx.replace(key, source)
                if model.kind == "asset":
                    event = metadata_event(list(leaf_paths(source["metadata"])))
                    tx.create(engine, HISTORY, history_entry(document.id, source, event))

        await self._store.transact(decide)


def _updated(twin: Source, model: Model, stamp: Stamp) -> Source | None:
    """The twin as the model wants it, None when it is that already."""
    new = {"measureSlots": model.measures}
    if model.kind == "asset":
        known = twin.get("metadata") or {}
        new["metadata"] = {  # type: ignore[assignment]
            name: known[name] if name in known else model.default_metadata.get(name) for name in model.metadata_mappings
        }
    if all(twin.get(name) == value for name, value in new.items()):
        return None
    return changed(twin | new, stamp)


def _declared(declaration: ModelDeclaration) -> Model:
    """The model that a plugin declares."""
    name = str(declaration.body.get("model") or declaration.body.get("type"))
    body = BODIES.get(declaration.kind)
    if body is None:
        raise api_error("device_manager.models.invalid_registration", declaration.kind, name, "unknown kind")
    try:
        return msgspec.convert(declaration.body, body).to_model()
    except msgspec.ValidationError as error:
        raise api_error("device_manager.models.invalid_registration", declaration.kind, name, error) from error


def _same(stored: Model | None, model: Model) -> bool:
    return stored is not None and {**stored.source, "_kuzzle_info": None} == {**model.source, "_kuzzle_info": None}
