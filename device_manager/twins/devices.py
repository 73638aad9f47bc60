"""Creating devices and attaching them to engines (device-manager 2.3)."""

from __future__ import annotations

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import (
    Source,
    changed,
    device_metadata,
    new_device,
    new_provisioning,
    stamp_now,
)
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.models import Model
from device_manager.twins.places import DEVICES, Places, twin_id


class Devices:
    """Creates devices on the platform and attaches them to engines."""

    def __init__(self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places

    async def create(self, engine: str, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Provision a device and attach it to `engine`, in one transaction; the platform index only provisions it.

        Returns:
            The engine's document; for the platform index what a device without engine looks like.

        Raises:
            ApiError: `device_manager.models.unknown_device`, `device_manager.engines.unknown`,
                `services.storage.document_already_exists`, and what a pipe raised.
        """
        await self._catalogue.ensure()
        model = self._catalogue.models.device(model_name)
        id = twin_id(model_name, reference)
        attached_to = None if engine == self._places.platform else engine
        provisioning = new_provisioning(model_name, reference, model.measures, attached_to, stamp_now(call.user_id))
        provisioning = await self._events.before_write({"_id": id, "_source": provisioning}, call)
        if attached_to is not None:
            device = await self._planned(attached_to, id, provisioning, model, metadata, call)

        def decide(tx: Transaction) -> Document:
            stored = tx.create(self._places.platform, DEVICES, provisioning, id)
            if attached_to is None:
                shown = new_device(model_name, reference, model.measures, metadata, None, stamp_now(call.user_id))
                return Document(stored.id, shown | {"_kuzzle_info": stored.source["_kuzzle_info"]}, stored.version)
            self._hold(tx, attached_to)
            return tx.create(attached_to, DEVICES, device, id)

        stored = await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)
        if not call.dry_run:
            await self._events.after_write(stored, call)
            if attached_to is not None:
                await self._events.after_attach(attached_to, stored, call)
        return stored

    async def attach(self, engine: str, device_id: str, call: Call) -> Document:
        """Attach a provisioned device to an engine; returns the engine's document.

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`,
                `device_manager.engines.unknown`, `device_manager.models.unknown_device`, and what a pipe raised.
        """
        key = self._places.provisioning(device_id)
        found = await self._store.get(*key)
        if found.source.get("engineId"):
            raise api_error("device_manager.devices.already_attached", device_id)
        await self._catalogue.ensure()
        model = self._catalogue.models.device(found.source["model"])
        planned = await self._planned(engine, device_id, found.source, model, {}, call)

        def decide(tx: Transaction) -> Document:
            documents = tx.read((key, self._places.engine_config(engine)))
            provisioning = documents.get(key)
            if provisioning is None:
                raise api_error("services.storage.not_found", key.id, key.index, key.collection)
            if provisioning.source.get("engineId"):
                raise api_error("device_manager.devices.already_attached", device_id)
            self._hold(tx, engine)
            tx.replace(key, changed(provisioning.source | {"engineId": engine}, stamp_now(call.user_id)))
            slots = provisioning.source.get("measureSlots") or []
            return tx.create(engine, DEVICES, planned | {"measureSlots": slots}, device_id)

        known = {key: found}
        stored = await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh)
        if not call.dry_run:
            await self._events.after_write(stored, call)
            await self._events.after_attach(engine, stored, call)
        return stored

    async def _planned(
        self, engine: str, id: str, provisioning: Source, model: Model, given: Source, call: Call
    ) -> Source:
        """The device as the engine is going to hold it, its metadata as the `before` pipes want it."""
        if engine not in self._catalogue.engines:
            await self._catalogue.look()
        config = self._catalogue.engines.get(engine)
        if config is None or config.closing:
            raise api_error("device_manager.engines.unknown", engine)
        source = new_device(
            provisioning["model"],
            provisioning["reference"],
            provisioning.get("measureSlots") or [],
            device_metadata(model.metadata_mappings, model.default_metadata, given),
            engine,
            stamp_now(call.user_id),
        )
        source["metadata"] = await self._events.before_attach(engine, {"_id": id, "_source": source}, call)
        return await self._events.before_write({"_id": id, "_source": source}, call)

    def _hold(self, tx: Transaction, engine: str) -> None:
        """Make the commit depend on the engine staying in use: its deletion marks the same document first."""
        key = self._places.engine_config(engine)
        config = tx.read((key,)).get(key)
        if config is None or config.source["engine"].get("closing"):
            raise api_error("device_manager.engines.unknown", engine)
        tx.touch(key)
