"""Bringing collections up to date with models: of the platform and of all engines (device-manager 1.10, 2.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from device_manager.errors import ApiError
from device_manager.storage.contract import Store
from device_manager.twins.catalogue import Catalogue, EngineConfig
from device_manager.twins.engines import Engines
from device_manager.twins.mappings import engine_mappings, platform_devices
from device_manager.twins.models import Models
from device_manager.twins.places import DEVICES, Places

ENGINES_AT_ONCE = 8
"""Engines whose collections are mapped at the same time."""

Mappings = dict[str, dict[str, Any]]

log = structlog.get_logger("models")


class ModelMapping:
    """Maps collections as models want them."""

    def __init__(self, store: Store, catalogue: Catalogue, engines: Engines, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._engines = engines
        self._places = places

    async def map_changes(self, before: Models, after: Models) -> None:
        """Map what differs from one state of the models to the other: collections that no change concerns cost nothing.

        Raises:
            ApiError: `device_manager.engines.collection_failed`, a store that fails.
        """
        platform = platform_devices(after)
        if platform != platform_devices(before):
            await self._store.create_collection(self._places.platform, DEVICES, platform)
        changed: dict[str, Mappings] = {}

        async def one(engine: EngineConfig) -> None:
            if engine.group not in changed:
                old = engine_mappings(before, engine.group)
                new = engine_mappings(after, engine.group)
                changed[engine.group] = {name: mapping for name, mapping in new.items() if mapping != old[name]}
            for collection, mapping in changed[engine.group].items():
                await self._engines.map_collection(engine.index, collection, mapping)

        for refusal in await self._for_engines(one):
            raise refusal

    async def map_everything(self) -> None:
        """Map all collections as the stored models want them.

        Raises:
            ApiError: `device_manager.engines.collection_failed`, a store that fails.
        """
        for refusal in await self._map_everything():
            raise refusal

    async def map_at_start(self) -> None:
        """Bring all collections up to date; an engine whose data does not fit is named in the log and left alone."""
        for refusal in await self._map_everything():
            if refusal.is_unavailable:
                raise refusal
            log.error("engine is not mapped as its models want it", reason=refusal.message)

    async def _map_everything(self) -> list[ApiError]:
        models = self._catalogue.models
        await self._store.create_collection(self._places.platform, DEVICES, platform_devices(models))
        return await self._for_engines(lambda engine: self._engines.map_collections(engine, models))

    async def _for_engines(self, act: Callable[[EngineConfig], Awaitable[None]]) -> list[ApiError]:
        """Do something for every engine that is in use, some at a time; what was refused."""
        gate = asyncio.Semaphore(ENGINES_AT_ONCE)

        async def one(engine: EngineConfig) -> None:
            async with gate:
                await act(engine)

        engines = [engine for engine in self._catalogue.engines.values() if not engine.closing]
        return _refusals(await asyncio.gather(*map(one, engines), return_exceptions=True))


def _refusals(outcomes: Iterable[BaseException | None]) -> list[ApiError]:
    """The refusals among outcomes; anything else that was raised is raised."""
    refusals = []
    for outcome in outcomes:
        if isinstance(outcome, ApiError):
            refusals.append(outcome)
        elif outcome is not None:
            raise outcome
    return refusals
