"""Importing devices: provisioned, and attached to an engine in the same transaction (device-manager 2.3, 6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.bulk.action import Answers, Applied, answer_of
from device_manager.twins.bulk.import_assets import CHANGE, CREATE, Import
from device_manager.twins.bulk.import_records import COLUMNS, ENGINE, ImportRecord
from device_manager.twins.device_steps import (
    attach_device,
    attach_keys,
    create_device,
    exists_elsewhere,
    plan_device,
    update_device,
)
from device_manager.twins.documents import Source, Stamp, new_provisioning, stamp_now
from device_manager.twins.listeners import TwinKind
from device_manager.twins.metadata import MetadataChange
from device_manager.twins.models import Model
from device_manager.twins.places import device_key
from device_manager.twins.workspace import View, Workspace

ATTACH = ("attach",)
"""A question to the pipes, beside those about creations and changes."""


class ImportDevices(Import):
    """Provisions devices and attaches them, or merges metadata into those that exist.

    A record without an engine takes that of the call; without both, the device is only provisioned, which leaves no
    room for metadata.
    """

    kind: TwinKind = "device"
    known_columns = (*COLUMNS, ENGINE)

    def model_of(self, name: str) -> Model:
        """See `Import.model_of`."""
        return self.catalogue.models.device(name)

    async def prepare(self, records: Sequence[ImportRecord]) -> Sequence[ImportRecord]:
        """See `BulkAction.prepare`; looks again when a record names an engine that is not in memory."""
        await self.look_for({record.engine_id for record in records})
        if self.engine == self.places.platform:
            self.engine = None
        return await super().prepare(records)

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return super().listens_before or self.events.listens_before_attach()

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return super().listens_after or self.events.listens_after_attach()

    def rounds(self, records: Sequence[ImportRecord], view: View) -> Iterator[list[Key]]:
        """See `BulkAction.rounds`: all at once where the engine is known, else the provisioning documents first."""
        models = dict.fromkeys(record.model for record in records)
        keys = dict.fromkeys(self.places.model(self.model_of(name).id) for name in models)
        keys |= dict.fromkeys(self.places.provisioning(record.id) for record in records)
        for record in records:
            engine = self._named(record)
            if engine in self.catalogue.engines:
                keys.update(dict.fromkeys(attach_keys(self.places, engine, record.id)))
                keys.update({device_key(engine, record.id): None} if self.upsert else {})
        yield list(keys)
        if self.upsert:
            yield [
                device_key(engine, record.id)
                for record in records
                if not self._named(record) and (engine := self._own(record, view)) in self.catalogue.engines
            ]

    def _named(self, record: ImportRecord) -> str:
        """The engine that the record or the call names; empty for none, and for the platform."""
        engine = record.engine_id or self.engine or ""
        return "" if engine == self.places.platform else engine

    def _own(self, record: ImportRecord, view: View) -> str:
        """The engine that the device is attached to; empty for none."""
        found = view.documents.get(self.places.provisioning(record.id))
        return (found.source.get("engineId") or "") if found else ""

    def _target(self, record: ImportRecord, view: View) -> str:
        """The engine that is going to hold the device; empty for none.

        Raises:
            ApiError: `device_manager.engines.unknown`, `device_manager.devices.exists_elsewhere`,
                `services.storage.document_already_exists`.
        """
        named, own = self._named(record), self._own(record, view)
        if named:
            self.check_engine(named)
        elif not own and not self.call.may_use(self.places.platform):  # without an engine it is the platform's
            raise api_error("device_manager.engines.unknown", self.places.platform)
        if self.places.provisioning(record.id) in view.documents:
            self.refuse_existing()
            if own and (not self.call.may_use(own) or named not in ("", own)):
                raise exists_elsewhere(record.id, own, self.call)
        return named or own

    async def ask(self, record: ImportRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question, about the creation, the attachment or the change."""
        engine = self._target(record, view)
        found = view.documents.get(self.places.provisioning(record.id))
        stamp = stamp_now(self.call.user_id)
        if found is None:
            model, (provisioning, source) = self.model_of(record.model), self._new(record, engine, stamp)
            provisioning = await self.events.before_write({"_id": record.id, "_source": provisioning}, self.call)
            if source is not None:
                source = await self.events.before_attach(engine, record.id, source, self.call)
            return {CREATE: (model, provisioning, source)}
        if not engine:
            return {}
        change = MetadataChange(record.metadata)
        if not found.source.get("engineId"):
            planned = self._attached(record, found, engine, stamp)
            source = await self.events.before_attach(engine, record.id, planned, self.call)
            return {ATTACH: (source, await self.events.before_change("device", record.id, source, change, self.call))}
        device = view.get(device_key(engine, record.id))
        return {CHANGE: await self.events.before_change("device", record.id, device.source, change, self.call)}

    def apply(self, work: Workspace, record: ImportRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`."""
        engine = self._target(record, work)
        shown = {"engineId": engine or None}
        key = device_key(engine, record.id) if engine else self.places.provisioning(record.id)
        found = work.documents.get(self.places.provisioning(record.id))
        if found is None:
            default = (self.model_of(record.model), *self._new(record, engine, stamp))
            model, provisioning, source = answer_of(answers, CREATE, default)
            create_device(work, engine or None, record.id, provisioning, source, model)
            return Applied(True, {**shown, "created": True}, (key,))
        wanted = MetadataChange(record.metadata)
        if not engine:
            return Applied(False, {**shown, "created": False})
        if not found.source.get("engineId"):
            planned = self._attached(record, found, engine, stamp)
            source, change = answer_of(answers, ATTACH, (planned, wanted))
            attach_device(work, engine, record.id, change.applied(source), stamp)
            return Applied(True, {**shown, "created": True}, (key,))
        change = answer_of(answers, CHANGE, wanted)
        device = work.get(key)
        if change.applied(device.source) == device.source:
            return Applied(False, {**shown, "created": False})
        update_device(work, engine, record.id, change, stamp)
        return Applied(True, {**shown, "created": False}, (key,))

    async def tell(self, record: ImportRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`."""
        for device in twins:
            if not applied.members["created"]:
                await self.events.after_change("device", device, record.metadata, self.call)
                continue
            await self.events.after_write(device, self.call)
            if applied.members["engineId"]:
                await self.events.after_attach(applied.members["engineId"], device, self.call)

    def _new(self, record: ImportRecord, engine: str, stamp: Stamp) -> tuple[Source, Source | None]:
        """The platform's record of a new device, and what its engine is going to hold."""
        model = self.model_of(record.model)
        provisioning = new_provisioning(model.name, record.reference, model.measures, engine or None, stamp)
        return provisioning, plan_device(provisioning, model, record.metadata, engine, stamp) if engine else None

    def _attached(self, record: ImportRecord, found: Document, engine: str, stamp: Stamp) -> Source:
        """A device that is free, as its engine is going to hold it."""
        return plan_device(found.source, self.model_of(record.model), {}, engine, stamp)
