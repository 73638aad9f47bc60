"""Engines, the tenants: their creation, update, list and deletion (device-manager 2.1).

Each is done in steps that can be repeated: an interrupted one is completed by calling it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, Document, Store, Transaction
from device_manager.storage.steps import step
from device_manager.twins.call import Call
from device_manager.twins.catalogue import (
    GENERATION,
    NO_RETENTION,
    Catalogue,
    EngineConfig,
    raise_generation,
    read_engine,
)
from device_manager.twins.documents import changed, created, stamp_now
from device_manager.twins.mappings import engine_collections
from device_manager.twins.measures.records import create_records, drop_records
from device_manager.twins.models import Models
from device_manager.twins.places import CONFIG, ENGINE_COLLECTIONS, Places

RETAINED = ("measures", "payloads")
"""What an engine can be told to keep for a limited time."""
LONGEST_RETENTION = 36_500
"""Days."""


class Engines:
    """Creates, updates and deletes engines."""

    def __init__(self, store: Store, catalogue: Catalogue, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places

    async def create(
        self, index: str, group: str, call: Call, retention: Mapping[str, Any] = NO_RETENTION
    ) -> list[str]:
        """Make `index` an engine, adopting an index of that name; returns its collections.

        Args:
            index: the engine.
            group: its engine group.
            call: the caller.
            retention: days that it keeps `measures` and `payloads`.

        Raises:
            ApiError: `device_manager.engines.already_exists`, `reserved_index`, `unusable_retention` or
                `collection_failed`, `services.storage.invalid_index_name`.
        """
        if index in (self._places.platform, INTERNAL_INDEX):
            raise api_error("device_manager.engines.reserved_index", index)
        await self._catalogue.ensure()
        models = self._catalogue.models
        engine = EngineConfig(index, group, retention=merged_retention({}, retention))
        collections = await self._commit_creation(engine, models, call)
        if call.dry_run:
            return collections
        await self._catalogue.look()
        if self._catalogue.models is not models:
            # A model was written meanwhile: whoever committed later, engine or model, sees the other one and maps it.
            await self.map_collections(engine, self._catalogue.models)
        return collections

    @step
    async def _commit_creation(self, engine: EngineConfig, models: Models, call: Call) -> list[str]:
        """Make the collections, then the document that makes them an engine."""
        index = engine.index
        if await self.exists(index):
            raise api_error("device_manager.engines.already_exists", index)
        if call.dry_run:
            return list(ENGINE_COLLECTIONS)
        if index not in await self._store.indices() and await self._create_index(index):
            await drop_records(self._store, index)  # of an engine of that name whose index was removed past all rules
        await self.map_collections(engine, models)
        await create_records(self._store, index)

        def decide(tx: Transaction) -> list[str]:
            key = self._places.engine_config(index)
            if tx.read((key, GENERATION)).get(key) is not None:
                raise api_error("device_manager.engines.already_exists", index)
            tx.create(key.index, key.collection, created(engine.source(), stamp_now(call.user_id)), key.id)
            raise_generation(tx)
            return list(ENGINE_COLLECTIONS)

        return await self._store.transact(decide, refresh=True)

    async def _create_index(self, index: str) -> bool:
        """Whether the index was made, and by nobody else."""
        try:
            await self._store.create_index(index)
        except ApiError as error:
            if error.id != "services.storage.index_already_exists":
                raise
            return False
        return True

    async def map_collections(self, engine: EngineConfig, models: Models) -> None:
        """Create the engine's collections, or add to them what `models` need.

        Raises:
            ApiError: `device_manager.engines.collection_failed` names the collection and the cause.
        """
        for collection, mapping in engine_collections(models, engine.group).items():
            await self.map_collection(engine.index, collection, mapping)

    async def map_collection(self, index: str, collection: str, mapping: dict[str, Any]) -> None:
        """Create one collection of an engine, or add to it what `mapping` needs. Raises what `map_collections` does."""
        try:
            await self._store.create_collection(index, collection, mapping)
        except ApiError as error:
            if error.is_fault or error.id == "services.storage.invalid_index_name":
                raise
            raise api_error("device_manager.engines.collection_failed", collection, index, error.message) from error

    async def update(
        self, index: str, group: str | None, call: Call, retention: Mapping[str, Any] = NO_RETENTION
    ) -> list[str]:
        """Map the collections of an engine as its models want it; returns those collections.

        Args:
            index: the engine.
            group: the engine group that it is to be in; None leaves it in its own.
            call: the caller.
            retention: new numbers of days; None of something keeps it forever from now on.

        Raises:
            ApiError: `device_manager.engines.not_found`, `closing`, `unusable_retention` or `collection_failed`.
        """
        await self._catalogue.ensure()
        known = await self._config(index)
        collections = [collection for collection in ENGINE_COLLECTIONS if collection != CONFIG]
        engine = known._replace(group=group or known.group, retention=merged_retention(known.retention, retention))
        if call.dry_run:
            return collections
        models = self._catalogue.models
        await self.map_collections(engine, models)
        if engine != known:
            await self._configure(engine, retention, call)
        await self._catalogue.look()
        if self._catalogue.models is not models:
            # A model was written meanwhile: whoever committed later, engine or model, sees the other one and maps it.
            await self.map_collections(engine, self._catalogue.models)
        return collections

    async def _config(self, index: str) -> EngineConfig:
        """The engine as it is stored. Raises `device_manager.engines.not_found` or `closing`."""
        key = self._places.engine_config(index)
        return _in_use(index, (await self._store.read((key,))).get(key))

    async def _configure(self, engine: EngineConfig, retention: Mapping[str, Any], call: Call) -> None:
        """Store the engine's new group and retention."""
        key = self._places.engine_config(engine.index)

        def decide(tx: Transaction) -> None:
            config = tx.read((key, GENERATION)).get(key)
            stored = _in_use(engine.index, config)
            if config is not None:
                wanted = engine._replace(retention=merged_retention(stored.retention, retention))
                tx.replace(key, changed(config.source | wanted.source(), stamp_now(call.user_id)))
                raise_generation(tx)

        await self._store.transact(decide, refresh=True)

    async def exists(self, index: str) -> bool:
        """Whether `index` is an engine, one that is being deleted included."""
        key = self._places.engine_config(index)
        return key in await self._store.read((key,))

    async def all(self, group: str | None = None) -> list[dict[str, Any]]:
        """All engines that are in use, or those of a group, by index: `{group, index, name, retention?}`."""
        await self._catalogue.ensure()
        engines = sorted(self._catalogue.engines.values())
        return [engine.source()["engine"] for engine in engines if not engine.closing and group in (None, engine.group)]


def merged_retention(stored: Mapping[str, float], given: Mapping[str, Any]) -> dict[str, float]:
    """How long an engine keeps things, in days, after a change; None keeps something forever.

    Raises:
        ApiError: `device_manager.engines.unusable_retention` or `payloads_outlast_measures`.
    """
    for name, days in given.items():
        is_number = isinstance(days, int | float) and not isinstance(days, bool)
        if name not in RETAINED or not (days is None or (is_number and 0 < days <= LONGEST_RETENTION)):
            raise api_error("device_manager.engines.unusable_retention", name, days, LONGEST_RETENTION)
    merged = {name: days for name, days in {**stored, **given}.items() if days is not None}
    if merged.get("payloads", 0) > merged.get("measures", LONGEST_RETENTION):
        raise api_error("device_manager.engines.payloads_outlast_measures", merged["payloads"], merged["measures"])
    return merged


def _in_use(index: str, config: Document | None) -> EngineConfig:
    """The engine that a document describes. Raises `device_manager.engines.not_found` or `closing`."""
    engine = read_engine(config) if config else None
    if engine is None:
        raise api_error("device_manager.engines.not_found", index)
    if engine.closing:
        raise api_error("device_manager.engines.closing", index)
    return engine
