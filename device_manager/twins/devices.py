"""Creating, attaching and changing devices (device-manager 2.3): each action one transaction with its pipes."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.steps import step
from device_manager.twins.asking import Answers, answer_of, transact_asking
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.device_steps import (
    attach_device,
    attach_keys,
    create_device,
    device_keys,
    exists_elsewhere,
    free_device,
    plan_device,
    update_device,
)
from device_manager.twins.documents import Source, Stamp, new_device, new_provisioning, stamp_now
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.metadata import MetadataChange, WrittenTwin
from device_manager.twins.models import Model
from device_manager.twins.places import Places, device_key, twin_id
from device_manager.twins.workspace import View, Workspace

CREATE, ATTACH, CHANGE = "create", "attach", "change"
"""Questions to the pipes."""


class NewDevice(NamedTuple):
    """A device about to be created: the platform's record and, unless it stays free, what its engine holds.

    `model` is what both were planned by.
    """

    id: str
    engine: str | None
    provisioning: Source
    source: Source | None
    model: Model


class Devices:
    """The devices of the platform and of its engines."""

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
        stored = await self._commit_create(engine, model_name, reference, metadata, call)
        await self._tell_new(engine, WrittenTwin(stored, True, None), call)
        return stored

    @step
    async def _commit_create(
        self, engine: str, model_name: str, reference: str, metadata: Source, call: Call
    ) -> Document:
        await self._catalogue.ensure()
        model = self._catalogue.models.device(model_name)
        new = await self._asked_new(engine, model, reference, metadata, call)

        def decide(work: Workspace, answers: Answers | None) -> Document:
            held = [self._places.engine_config(new.engine)] if new.engine else []
            work.load((self._places.model(model.id), *held))
            stored = create_device(work, new.engine, new.id, new.provisioning, new.source, new.model)
            return stored if new.engine else _shown(stored, model, metadata)

        return await transact_asking(self._store, self._places, decide, None, new.id, call)

    def _new(self, engine: str, model: Model, reference: str, metadata: Source, stamp: Stamp) -> NewDevice:
        own = None if engine == self._places.platform else engine
        provisioning = new_provisioning(model.name, reference, model.measures, own, stamp)
        source = plan_device(provisioning, model, metadata, own, stamp) if own else None
        return NewDevice(twin_id(model.name, reference), own, provisioning, source, model)

    async def _asked_new(self, engine: str, model: Model, reference: str, metadata: Source, call: Call) -> NewDevice:
        """A new device as the pipes want it."""
        new = self._new(engine, model, reference, metadata, stamp_now(call.user_id))
        provisioning = await self._events.before_write({"_id": new.id, "_source": new.provisioning}, call)
        if new.engine is None or new.source is None:
            return new._replace(provisioning=provisioning)
        await self._check_engine(new.engine)
        source = await self._events.before_attach(new.engine, new.id, new.source, call)
        return new._replace(provisioning=provisioning, source=source)

    async def _check_engine(self, engine: str) -> None:
        """Refuse an engine that is not in use. Raises `device_manager.engines.unknown`."""
        if engine not in self._catalogue.engines:
            await self._catalogue.look()
        config = self._catalogue.engines.get(engine)
        if config is None or config.closing:
            raise api_error("device_manager.engines.unknown", engine)

    async def attach(self, engine: str, device_id: str, call: Call) -> Document:
        """Attach a provisioned device to an engine; returns the engine's document.

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`,
                `device_manager.engines.unknown`, `device_manager.models.unknown_device`, and what a pipe raised.
        """
        stored = await self._commit_attach(engine, device_id, call)
        await self._tell_new(engine, WrittenTwin(stored, True, None), call)
        return stored

    @step
    async def _commit_attach(self, engine: str, device_id: str, call: Call) -> Document:
        await self._catalogue.ensure()
        keys = attach_keys(self._places, engine, device_id)
        known = await self._store.read(keys)
        free = free_device(View(self._places, known, call), device_id).source
        await self._check_engine(engine)
        planned = self._planned(free, {}, engine, stamp_now(call.user_id))
        source = await self._events.before_attach(engine, device_id, planned, call)

        def decide(tx: Transaction) -> Document:
            work = Workspace(tx, self._places, call)
            work.load(keys)
            return attach_device(work, engine, device_id, source, stamp_now(call.user_id))

        return await self._store.transact(decide, known=known, dry_run=call.dry_run, refresh=call.refresh)

    def _planned(self, provisioning: Source, given: Source, engine: str, stamp: Stamp) -> Source:
        """A provisioned device as `engine` is going to hold it. Raises `device_manager.models.unknown_device`."""
        model = self._catalogue.models.device(provisioning["model"])
        return plan_device(provisioning, model, given, engine, stamp)

    async def update(self, engine: str, device_id: str, metadata: Source, call: Call) -> Document:
        """Merge `metadata` into that of a device, deeply; null is a value that empties a field.

        Raises:
            ApiError: an unknown engine, `services.storage.not_found`, what the mapping refuses, and what a pipe raised.
        """
        return await self._change(engine, device_id, MetadataChange(metadata), call)

    async def replace_metadata(self, engine: str, device_id: str, metadata: Source, call: Call) -> Document:
        """Give top-level members of a device's metadata new values as a whole; others stay, unknown ones are left out.

        Raises:
            ApiError: what `update` raises.
        """
        return await self._change(engine, device_id, MetadataChange(metadata, whole=True), call)

    async def _change(self, engine: str, device_id: str, change: MetadataChange, call: Call) -> Document:
        written = await self._commit_change(engine, device_id, change, call)
        if not call.dry_run and written.metadata is not None:
            await self._events.after_change("device", written.document, written.metadata, call, whole=change.whole)
        return written.document

    @step
    async def _commit_change(self, engine: str, device_id: str, wanted: MetadataChange, call: Call) -> WrittenTwin:
        await self._catalogue.engine(engine)
        key = device_key(engine, device_id)

        async def ask(view: View, answered: Answers) -> Answers:
            source = view.get(key).source
            return {CHANGE: await self._events.before_change("device", device_id, source, wanted, call)}

        def decide(work: Workspace, answers: Answers | None) -> WrittenTwin:
            work.load((key,))
            work.get(key)
            change: MetadataChange = answer_of(answers, CHANGE, wanted)
            device = update_device(work, engine, device_id, change, stamp_now(call.user_id))
            return WrittenTwin(device, False, change.given)

        asking = ask if self._events.listens_before_change("device", whole=wanted.whole) else None
        return await transact_asking(self._store, self._places, decide, asking, device_id, call)

    async def upsert(self, engine: str, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Create a device in an engine, attach the one that is free, or merge `metadata` into that of the engine's.

        On the platform index it only provisions a device.

        Raises:
            ApiError: what `create`, `attach` and `update` raise; `device_manager.devices.exists_elsewhere`.
        """
        if engine == self._places.platform:
            return await self._provision(model_name, reference, metadata, call)
        written = await self._commit_upsert(engine, model_name, reference, metadata, call)
        await self._tell_new(engine, written, call)
        return written.document

    async def _provision(self, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Create a device without engine unless there is one."""
        await self._catalogue.ensure()
        model = self._catalogue.models.device(model_name)
        key = self._places.provisioning(twin_id(model_name, reference))
        found = (await self._store.read((key,))).get(key)
        if found is None:
            return await self.create(key.index, model_name, reference, metadata, call)
        if found.source.get("engineId"):
            raise exists_elsewhere(key.id, found.source["engineId"], call)
        return _shown(found, model, metadata)

    @step
    async def _commit_upsert(
        self, engine: str, model_name: str, reference: str, metadata: Source, call: Call
    ) -> WrittenTwin:
        await self._catalogue.ensure()
        await self._check_engine(engine)
        id = twin_id(model_name, reference)
        record, key = self._places.provisioning(id), device_key(engine, id)
        wanted = MetadataChange(metadata)

        async def ask(view: View, answered: Answers) -> Answers:
            found = view.documents.get(record)
            if found is None:
                model = self._catalogue.models.device(model_name)
                return {CREATE: await self._asked_new(engine, model, reference, metadata, call)}
            if found.source.get("engineId"):
                return {CHANGE: await self._events.before_change("device", id, view.get(key).source, wanted, call)}
            planned = self._planned(found.source, {}, engine, stamp_now(call.user_id))
            source = await self._events.before_attach(engine, id, planned, call)
            return {ATTACH: (source, await self._events.before_change("device", id, source, wanted, call))}

        def decide(work: Workspace, answers: Answers | None) -> WrittenTwin:
            known = self._catalogue.models.find("device", model_name)
            work.load((*device_keys(self._places, engine, id), *([self._places.model(known.id)] if known else ())))
            stamp = stamp_now(call.user_id)
            found = work.documents.get(record)
            if found is None:
                model = self._catalogue.models.device(model_name)
                default = self._new(engine, model, reference, metadata, stamp)
                new: NewDevice = answer_of(answers, CREATE, default)
                return WrittenTwin(create_device(work, engine, id, new.provisioning, new.source, new.model), True, None)
            attached_to = found.source.get("engineId")
            if attached_to == engine:
                work.get(key)
                change: MetadataChange = answer_of(answers, CHANGE, wanted)
                return WrittenTwin(update_device(work, engine, id, change, stamp), False, change.given)
            if attached_to:
                raise exists_elsewhere(id, attached_to, call)
            planned = self._planned(found.source, {}, engine, stamp)
            source, change = answer_of(answers, ATTACH, (planned, wanted))
            merged: Source = change.applied(source)
            return WrittenTwin(attach_device(work, engine, id, merged, stamp), True, change.given)

        return await transact_asking(
            self._store, self._places, decide, ask if self._listens_before_upsert() else None, id, call
        )

    def _listens_before_upsert(self) -> bool:
        events = self._events
        return (
            events.documents.listens_before("Write")
            or events.listens("device-manager:device:attach-engine:before")
            or events.listens_before_change("device", whole=False)
        )

    async def _tell_new(self, engine: str, written: WrittenTwin, call: Call) -> None:
        """Run the `after` pipes of a device that was created, attached or changed."""
        if call.dry_run:
            return
        runs = []
        if written.is_new:
            runs.append(partial(self._events.after_write, written.document, call))
            if engine != self._places.platform:
                runs.append(partial(self._events.after_attach, engine, written.document, call))
        if written.metadata is not None:
            runs.append(partial(self._events.after_change, "device", written.document, written.metadata, call))
        await self._events.tell_all(runs)


def _shown(provisioned: Document, model: Model, metadata: Source) -> Document:
    """What a device without engine looks like; the platform does not keep its metadata."""
    source = provisioned.source
    shown = new_device(
        model.name, source["reference"], source.get("measureSlots") or [], metadata, None, Stamp(None, 0)
    )
    return Document(provisioned.id, shown | {"_kuzzle_info": source.get("_kuzzle_info")}, provisioned.version)
