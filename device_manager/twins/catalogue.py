"""Models and engine configurations, which every process keeps in memory (design 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from device_manager.errors import api_error
from device_manager.storage import generation as storage
from device_manager.storage.contract import Change, Document, Store, Transaction
from device_manager.storage.generation import Generation, generation_key
from device_manager.twins.models import Models, read_model
from device_manager.twins.places import COMMONS, CONFIG, MODELS, Places

GENERATION = generation_key("generation")
ENGINE_TYPE = "engine-device-manager"
NO_RETENTION: Mapping[str, float] = {}


class EngineConfig(NamedTuple):
    """An engine.

    Attributes:
        index: its index, which is its id.
        group: the engine group that decides which asset models apply.
        closing: it is being deleted.
        retention: days that it keeps `measures` and `payloads`; what is not there is kept forever.
    """

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    group: str = COMMONS
    closing: bool = False
    retention: Mapping[str, float] = NO_RETENTION

    def source(self) -> dict[str, Any]:
        """The content of its document (device-manager 1.3)."""
        engine: dict[str, Any] = {"group": self.group, "index": self.index, "name": "device-manager"}
        engine |= {"closing": True} if self.closing else {}
        engine |= {"retention": dict(self.retention)} if self.retention else {}
        return {"type": ENGINE_TYPE, "engine": engine}


def read_engine(document: Document) -> EngineConfig | None:
    """The engine that a document of the platform's `config` describes, None when it describes something else."""
    engine = document.source.get("engine")
    if document.source.get("type") != ENGINE_TYPE or not isinstance(engine, dict):
        return None
    retention = engine.get("retention") or NO_RETENTION
    return EngineConfig(engine["index"], engine.get("group") or COMMONS, engine.get("closing") is True, retention)


def raise_generation(tx: Transaction) -> None:
    """Tell all processes that a model or an engine changes with this commit."""
    storage.raise_generation(tx, GENERATION)


def _is_touch(change: Change) -> bool:
    """Whether the document was written with the content that it had."""
    before, after = change.before, change.after
    return before is not None and after is not None and before.source == after.source


class Catalogue:
    """The models and engines of the platform, from memory.

    Attributes:
        models: all models.
        engines: engine index -> configuration, those being deleted included.
        generation: keeps them current.
        start, close, look, ensure: see `Generation`.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self.models = Models()
        self.engines: dict[str, EngineConfig] = {}
        self._store = store
        self._places = places
        self.generation = Generation(store, GENERATION, self, "models and engines")
        self.start = self.generation.start
        self.close = self.generation.close
        self.look = self.generation.look
        self.ensure = self.generation.ensure

    async def read(self) -> Callable[[], None]:
        """Read all models and engines; see `Memory.read`."""
        platform = self._places.platform
        models = [read_model(document) for document in await self._store.read_collection(platform, MODELS)]
        engines = [read_engine(document) for document in await self._store.read_collection(platform, CONFIG)]

        def take_over() -> None:
            self.models = Models(model for model in models if model)
            self.engines = {engine.index: engine for engine in engines if engine}

        return take_over

    def apply(self, change: Change) -> bool:
        """Take over a committed change; see `Memory.apply`."""
        index, collection, _ = change.key
        concerned = index == self._places.platform and collection in (MODELS, CONFIG) and not _is_touch(change)
        if concerned:
            self._apply(change)
        return concerned

    def _apply(self, change: Change) -> None:
        if change.before is not None:
            if model := read_model(change.before):
                self.models = self.models.without(model.id)
            if engine := read_engine(change.before):
                self.engines.pop(engine.index, None)
        if change.after is not None:
            if model := read_model(change.after):
                self.models = self.models.with_models((model,))
            if engine := read_engine(change.after):
                self.engines[engine.index] = engine

    async def engine(self, index: str) -> EngineConfig:
        """The configuration of an engine that is in use.

        Raises:
            ApiError: `services.storage.not_found` for an unknown engine, `device_manager.engines.closing` for one that
                is being deleted, `services.storage.unavailable`.
        """
        await self.ensure()
        engine = self.engines.get(index)
        if engine is None and self._store.shared:
            await self.look()
            engine = self.engines.get(index)
        if engine is None:
            key = self._places.engine_config(index)
            raise api_error("services.storage.not_found", key.id, key.index, key.collection)
        if engine.closing:
            raise api_error("device_manager.engines.closing", index)
        return engine
