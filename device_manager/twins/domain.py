"""The domain as one object: wires its parts and prepares the platform's collections (device-manager 1.2, 5.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from device_manager.decoders import Decoder
from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.plugins.models import ModelDeclaration
from device_manager.settings import Settings
from device_manager.storage.contract import Store, Transaction
from device_manager.storage.unique import prepare_unique_keys
from device_manager.tasks import Tasks
from device_manager.twins.assets import Assets
from device_manager.twins.bulk.actions import Bulk
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.database_reset import DatabaseReset
from device_manager.twins.decoders import payloads_collection, with_models_of
from device_manager.twins.detaching import Detaching
from device_manager.twins.devices import Devices
from device_manager.twins.doctor import examine
from device_manager.twins.documents import created, stamp_now
from device_manager.twins.engine_deletion import EngineDeletion
from device_manager.twins.engines import Engines
from device_manager.twins.exports.exporting import Exports
from device_manager.twins.groups.domain import Groups
from device_manager.twins.ingestion.service import Ingestion
from device_manager.twins.linking import Linking
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.mappings import (
    MODELS_COLLECTION,
    PLATFORM_CONFIG,
    platform_devices,
)
from device_manager.twins.measures.domain import Measures
from device_manager.twins.model_domain import ModelDomain
from device_manager.twins.models import Models
from device_manager.twins.native.writes import NativeWrites
from device_manager.twins.payloads import PayloadArchive
from device_manager.twins.places import CONFIG, DEVICES, MODELS, PAYLOADS, Places
from device_manager.twins.reading import Reading
from device_manager.twins.repair import Repairing
from device_manager.twins.tenants.domain import Tenants


class Twins:
    """Engines, models, devices, assets and their links.

    Attributes:
        catalogue: models and engines, from memory.
        engines: engine administration.
        engine_deletion: deletion of engines.
        database_reset: removal of everything but users and rights.
        models: models, from the request to the last twin.
        assets: creation, change and deletion of assets.
        devices: creation, attachment and change of devices.
        detaching: detachment and deletion of devices.
        reading: get and search of twins.
        linking: links of one twin.
        bulk: many twins in one call.
        payloads: the archive of payloads.
        tenants: work across engines.
        groups: the hierarchy of groups and who is in it.
        ingestion: the ways by which measures come in.
        native_writes: the rules for native writes to the domain's collections.
        exports: twins and measures as files.
        platform: name of the platform index.
        measures: stored measures and the newest ones.
        tasks: work that goes on beside requests; every part registers its kinds when it is made.
        examiners: find what is wrong in the engine's data that other parts keep, in the form of `examine`.
    """

    def __init__(self, store: Store, events: EventBus, settings: Settings) -> None:
        places = Places(settings.platform_index)
        twin_events = TwinEvents(events, settings.pipe_concurrency)
        self._store = store
        self._places = places
        self.platform = settings.platform_index
        self.tasks = Tasks(store, grace=settings.recovery_grace)
        self.catalogue = Catalogue(store, places)
        self.engines = Engines(store, self.catalogue, places)
        self.engine_deletion = EngineDeletion(store, self.catalogue, places, self.tasks)
        self.database_reset = DatabaseReset(store, places, self.tasks, self.engine_deletion, self._furnish)
        self.measures = Measures(store, self.catalogue, places, self.tasks, settings)
        self.models = ModelDomain(
            store, self.catalogue, self.engines, self.tasks, twin_events.documents, places, settings
        )
        self.assets = Assets(store, self.catalogue, twin_events, places)
        self.devices = Devices(store, self.catalogue, twin_events, places)
        self.detaching = Detaching(store, self.catalogue, twin_events, places)
        self.reading = Reading(store, twin_events, settings.search_size)
        self.linking = Linking(store, self.catalogue, twin_events, places, settings.bulk_records)
        self.bulk = Bulk(store, self.catalogue, twin_events, places, settings)
        self.groups = Groups(store, self.catalogue, twin_events, places, settings)
        self.tenants = Tenants(store, self.catalogue, twin_events, places, self.tasks, settings)
        self.payloads = PayloadArchive(store, places)
        self.ingestion = Ingestion(store, self.catalogue, events, places, self.measures, settings)
        self.exports = Exports(store, self.catalogue, self.measures.reading, settings)
        self.native_writes = NativeWrites(self.catalogue, self.models.propagation, places)
        self.examiners: list[Callable[[str], Awaitable[list[dict[str, Any]]]]] = []
        self._models: tuple[ModelDeclaration, ...] = ()
        self._decoders: tuple[Decoder, ...] = ()

    async def start(self, models: Iterable[ModelDeclaration] = (), decoders: Sequence[Decoder] = ()) -> None:
        """Create what is missing of the platform, load models and engines, write the models of plugins and decoders.

        Raises:
            ApiError: the store refuses a collection or a model.
        """
        self._models, self._decoders = tuple(models), tuple(decoders)
        await self._make_collections()
        await self.tasks.prepare()
        await self.catalogue.start()
        await self.measures.following.start()
        await self._write_models()
        await self.tasks.open()
        await self.tenants.retention.start()

    async def _furnish(self) -> None:
        """Make what a platform begins with, as far as it is missing."""
        await self._make_collections()
        await self._write_models()

    async def _write_models(self) -> None:
        """Map all collections, and store the models that plugins and decoders bring along."""
        await self.models.mapping.map_at_start()
        await self.models.writing.register(with_models_of(self._decoders, self._models, self.catalogue.models))

    async def _make_collections(self) -> None:
        store, platform = self._store, self.platform
        if platform not in await store.indices():
            try:
                await store.create_index(platform)
            except ApiError as error:
                if error.id != "services.storage.index_already_exists":
                    raise
        await prepare_unique_keys(store)
        await store.create_collection(platform, CONFIG, PLATFORM_CONFIG)
        await store.create_collection(platform, MODELS, MODELS_COLLECTION)
        await store.create_collection(platform, PAYLOADS, payloads_collection(self._decoders))
        await store.create_collection(platform, DEVICES, platform_devices(Models()))
        await self._write_plugin_config()

    async def _write_plugin_config(self) -> None:
        key = self._places.plugin_config()
        source = {"type": "device-manager", "device-manager": {"provisioningStrategy": "auto"}}

        def decide(tx: Transaction) -> None:
            if key not in tx.read((key,)):
                tx.create(key.index, key.collection, created(source, stamp_now(None)), key.id)

        await self._store.transact(decide)

    async def examine(self, engine: str) -> list[dict[str, Any]]:
        """What is wrong in an engine: `{engine, kind, document, text}` each (design 12)."""
        await self.measures.following.settled()
        findings = await examine(self._store, (engine,), self.platform)
        for examiner in self.examiners:
            findings += await examiner(engine)
        return findings

    async def repair(self, engine: str, call: Call) -> list[dict[str, Any]]:
        """Repair what `examine` finds in an engine: `{engine, document, text, error}` each (design 9)."""
        repairing = Repairing(self._store, self.platform, call.user_id)
        settled = await repairing.settle_transactions(dry_run=call.dry_run)
        return [repair._asdict() for repair in settled + await repairing.repair(engine, dry_run=call.dry_run)]

    async def stop(self) -> None:
        """Stop what runs in the background."""
        await self.ingestion.stop()
        await self.tenants.retention.close()
        await self.exports.tickets.close()
        await self.measures.following.close()
        await self.tasks.close()
        await self.catalogue.close()
