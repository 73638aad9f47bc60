"""What the shape of one document takes from others: models, paths of groups, the other twin, last measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from device_manager.migration.shapes import TwinModel, embedded_measures, group_ids, group_path
from device_manager.migration.survey import OLD_GROUPS, Survey, kind_left
from device_manager.storage.contract import Document, Key, Store
from device_manager.twins.catalogue import EngineConfig
from device_manager.twins.measures.last_measures import Slot, TwinKind, record_key
from device_manager.twins.models import Model, ModelKind, Models, read_model
from device_manager.twins.places import ASSETS, COMMONS, DEVICES, GROUPS, MODELS, asset_key, device_key

MOST_PATHS = 10_000
"""Paths of groups that are remembered."""

Source = dict[str, Any]


class Lookups:
    """Reads what is needed a page at a time.

    Args:
        store: where the data is.
        survey: what there is.
        platform: name of the platform index.

    Attributes:
        steps: what is done, by index.
    """

    def __init__(self, store: Store, survey: Survey, platform: str) -> None:
        self._store = store
        self._platform = platform
        self._survey = survey
        self.steps = {(stage.index, stage.does) for stage in survey.stages}
        self._present = set(survey.names)
        self._engines = {engine.index: engine for engine in survey.engines}
        self._models: Models | None = None
        self._paths: dict[Key, str] = {}

    def engine(self, index: str) -> EngineConfig:
        """The configuration of an engine."""
        return self._engines.get(index) or EngineConfig(index, COMMONS)

    def kind_left(self, index: str, collection: str) -> str:
        """What the documents of a collection are that stay as they are."""
        return kind_left(index, collection, self._survey, self._platform)

    def is_present(self, index: str, collection: str) -> bool:
        """Whether the data has this collection."""
        return (index, collection) in self._present

    def learn(self, index: str, collection: str) -> None:
        """The data has a collection from now on."""
        self._present.add((index, collection))

    def forget(self, index: str, collection: str) -> None:
        """The data does not have this collection any more."""
        self._present.discard((index, collection))

    async def models(self) -> Models:
        """All models."""
        if self._models is None:
            pages = self._store.scan(self._platform, MODELS)
            self._models = Models([model async for page in pages for one in page if (model := read_model(one))])
        return self._models

    async def twin_models(self, kind: ModelKind, page: Iterable[Document], group: str | None) -> dict[str, TwinModel]:
        """What the models of twins give them, by document id; those of unknown models are left out."""
        models = await self.models()
        found = {}
        for twin in page:
            name = twin.source.get("model")
            model = models.find(kind, name, group) if isinstance(name, str) else None
            if model is not None:
                found[twin.id] = TwinModel(_slots(model), model.content.get("locales") or {})
        return found

    async def paths(self, engine: str, page: Iterable[Document]) -> Mapping[str, str]:
        """The paths of the groups that documents name by id; groups that do not exist are left out."""
        wanted = dict.fromkeys(id for document in page for id in group_ids(document.source))
        if len(self._paths) > MOST_PATHS:
            self._paths.clear()
        unknown = [id for id in wanted if Key(engine, GROUPS, id) not in self._paths]
        for collection in (OLD_GROUPS, GROUPS):
            if unknown and self.is_present(engine, collection):
                found = await self._store.read(Key(engine, collection, id) for id in unknown)
                for key, group in found.items():
                    self._paths[Key(engine, GROUPS, key.id)] = group_path(key.id, group.source)
        paths = {id: self._paths.get(Key(engine, GROUPS, id)) for id in wanted}
        return {id: path for id, path in paths.items() if path is not None}

    async def linked_assets(self, engine: str, page: Iterable[Document]) -> dict[str, Source]:
        """The assets that devices of version 2 name, by asset id."""
        ids = {asset_id for device in page if isinstance(asset_id := device.source.get("assetId"), str) and asset_id}
        if not ids or not self.is_present(engine, ASSETS):
            return {}
        found = await self._store.read(asset_key(engine, id) for id in ids)
        return {key.id: asset.source for key, asset in found.items()}

    async def engine_devices(self, page: Iterable[Document]) -> dict[str, Source]:
        """The devices in the engines that the platform's records name, by device id."""
        named = [(record.source.get("engineId"), record.id) for record in page]
        keys = [device_key(engine, id) for engine, id in named if engine and self.is_present(engine, DEVICES)]
        return {key.id: device.source for key, device in (await self._store.read(keys)).items()}

    async def unrecorded(
        self, records: Store | None, engine: str, kind: TwinKind, page: Iterable[Document]
    ) -> dict[str, set[str]]:
        """The slots whose embedded measure is newer than all of history, by twin.

        Args:
            records: the store with the records of last measures; None when there are none yet, so that nothing is told.
            engine: the engine.
            kind: what the twins are.
            page: the twins.
        """
        embedded = {twin.id: embedded_measures(twin.source) for twin in page}
        keys = {
            record_key(engine, Slot(kind, id, slot)): (id, slot, at)
            for id, slots in embedded.items()
            for slot, at in slots.items()
        }
        if records is None:
            return {}
        found = await records.read(keys)
        lacking: dict[str, set[str]] = {}
        for key, (id, slot, at) in keys.items():
            if key not in found or found[key].source["measuredAt"] < at:
                lacking.setdefault(id, set()).add(slot)
        return lacking


def _slots(model: Model) -> list[Source]:
    """The measure slots that a model declares, those left out that name neither a slot nor a type."""
    declared = [slot for slot in model.content.get("measures") or () if isinstance(slot, dict)]
    return [{"name": slot["name"], "type": slot["type"]} for slot in declared if slot.keys() >= {"name", "type"}]
