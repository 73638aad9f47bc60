"""What every process keeps in memory: models and engine configurations, and how it knows they are current (design 6).

Each write to a cached kind raises the number in the `generation` document in the same commit. A process applies its own
commits at once, and reads that number every second to notice those of others; when it could not for three seconds it
stops trusting its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, Change, Document, Key, Store, Transaction
from device_manager.twins.models import Models, read_model
from device_manager.twins.places import COMMONS, CONFIG, MODELS, Places

POLL_INTERVAL = 1.0
"""Seconds between two looks at the generation."""
TRUST = 3.0
"""Seconds after the last look for which the memory is trusted."""

CACHE = "cache"
CACHE_MAPPING: dict[str, Any] = {"dynamic": "strict", "properties": {"value": {"type": "long"}}}
GENERATION = Key(INTERNAL_INDEX, CACHE, "generation")
ENGINE_TYPE = "engine-device-manager"

log = structlog.get_logger("catalogue")


class EngineConfig(NamedTuple):
    """An engine.

    Attributes:
        index: its index, which is its id.
        group: the engine group that decides which asset models apply.
        closing: it is being deleted.
    """

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    group: str = COMMONS
    closing: bool = False

    def source(self) -> dict[str, Any]:
        """The content of its document (device-manager 1.3)."""
        engine = {"group": self.group, "index": self.index, "name": "device-manager"}
        return {"type": ENGINE_TYPE, "engine": engine | ({"closing": True} if self.closing else {})}


def read_engine(document: Document) -> EngineConfig | None:
    """The engine that a document of the platform's `config` describes, None when it describes something else."""
    engine = document.source.get("engine")
    if document.source.get("type") != ENGINE_TYPE or not isinstance(engine, dict):
        return None
    return EngineConfig(engine["index"], engine.get("group") or COMMONS, engine.get("closing") is True)


def raise_generation(tx: Transaction) -> None:
    """Tell all processes that something cached changes with this commit."""
    known = tx.read((GENERATION,)).get(GENERATION)
    if known is None:
        tx.create(GENERATION.index, GENERATION.collection, {"value": 1}, GENERATION.id)
    else:
        tx.replace(GENERATION, {"value": known.source["value"] + 1})


def _is_touch(change: Change) -> bool:
    """Whether the document was written with the content that it had."""
    before, after = change.before, change.after
    return before is not None and after is not None and before.source == after.source


class Catalogue:
    """The models and engines of the platform, from memory.

    Attributes:
        models: all models.
        engines: engine index -> configuration, those being deleted included.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self.models = Models()
        self.engines: dict[str, EngineConfig] = {}
        self._store = store
        self._places = places
        self._generation = -1
        self._applied = 0
        self._looked = float("-inf")
        self._loading = asyncio.Lock()
        self._joined: asyncio.Task[None] | None = None
        self._has_failed = False
        self._poll: asyncio.Task[None] | None = None
        store.on_commit(self._on_commit)

    async def start(self) -> None:
        """Load everything, then keep looking for other processes' changes."""
        await self._store.create_collection(INTERNAL_INDEX, CACHE, CACHE_MAPPING)
        await self.look()
        if self._store.shared:
            self._poll = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop looking."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            try:
                await self._join_look()
            except ApiError as error:
                log.warning("cannot look for changed models and engines", reason=error.message)

    async def look(self) -> None:
        """Read the generation, and everything when it is not the one that memory is at.

        Raises:
            ApiError: the store does not answer.
        """
        async with self._loading:
            started = time.monotonic()
            generation = await self._read_generation()
            while generation != self._generation:
                await self._load(generation)
                started = time.monotonic()
                generation = await self._read_generation()
            self._looked = started

    async def _read_generation(self) -> int:
        document = (await self._store.read((GENERATION,))).get(GENERATION)
        return document.source["value"] if document else 0

    async def _load(self, generation: int) -> None:
        applied = self._applied
        platform = self._places.platform
        for collection in (MODELS, CONFIG):
            await self._store.refresh(platform, collection)
        models = [read_model(document) async for page in self._store.scan(platform, MODELS) for document in page]
        engines = [read_engine(document) async for page in self._store.scan(platform, CONFIG) for document in page]
        if applied == self._applied:
            self.models = Models(model for model in models if model)
            self.engines = {engine.index: engine for engine in engines if engine}
            self._generation = generation

    def _on_commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            index, collection, _ = change.key
            if change.key == GENERATION:
                self._follow(change.after)
            elif index == self._places.platform and collection in (MODELS, CONFIG) and not _is_touch(change):
                self._applied += 1
                self._apply(change)

    def _follow(self, after: Document | None) -> None:
        """Our own commit raised the generation: memory stays current unless another process raised it in between."""
        if after is not None and after.source["value"] == self._generation + 1:
            self._generation += 1

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

    async def ensure(self) -> None:
        """Make sure that memory may be trusted; costs nothing as long as it is looked after.

        Raises:
            ApiError: `services.storage.unavailable` (503) when it is too old and the store does not answer.
        """
        if self._store.shared and time.monotonic() - self._looked > TRUST:
            if self._has_failed:  # the look in the background finds out when the store is back
                raise api_error("services.storage.unavailable", "it did not say which models and engines are current")
            await self._join_look()

    async def _join_look(self) -> None:
        """Wait for the look that runs, or start one: looking in turn, callers would wait one deadline after another."""
        if self._joined is None:
            self._joined = asyncio.create_task(self.look())
            self._joined.add_done_callback(self._end_look)
        await asyncio.shield(self._joined)

    def _end_look(self, look: asyncio.Task[None]) -> None:
        self._joined = None
        if not look.cancelled():
            self._has_failed = look.exception() is not None

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
