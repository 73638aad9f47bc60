"""Attaching many devices to engines and detaching them, in one call (device-manager 2.3, 6.3; design 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from device_manager.storage.contract import Document, Key
from device_manager.twins.bulk.action import Answers, Applied, BulkAction, answer_of
from device_manager.twins.bulk.links import DeviceAction, ask_unlinks
from device_manager.twins.bulk.records import DeviceRecord
from device_manager.twins.device_steps import (
    attach_device,
    detach_device,
    device_keys,
    free_device,
    linked_assets,
    plan_device,
)
from device_manager.twins.documents import Source, Stamp, stamp_now
from device_manager.twins.listeners import NO_PATCHES
from device_manager.twins.places import asset_key, device_key
from device_manager.twins.workspace import View, Workspace

ATTACH = "attach-engine"
DETACH = "detach-engine"


class AttachMany(BulkAction[DeviceRecord]):
    """Attaches provisioned devices to engines. What is attached there already is a success."""

    async def prepare(self, records: Sequence[DeviceRecord]) -> Sequence[DeviceRecord]:
        """See `BulkAction.prepare`; looks again when a record names an engine that is not in memory."""
        await self.look_for({record.engine_id for record in records})
        return await super().prepare(records)

    def rounds(self, records: Sequence[DeviceRecord], view: View) -> Iterator[list[Key]]:
        """See `BulkAction.rounds`: all at once."""
        keys: dict[Key, None] = {}
        for record in records:
            if record.engine_id in self.catalogue.engines:
                keys.update(dict.fromkeys(device_keys(self.places, record.engine_id, record.device_id)))
        yield list(keys)

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_before_attach()

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_after_attach()

    async def ask(self, record: DeviceRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question a device that gets attached."""
        if ATTACH in answered or self._is_attached(record, view):
            return {}
        planned = self._planned(record, view, stamp_now(self.call.user_id))
        return {ATTACH: await self.events.before_attach(record.engine_id, record.device_id, planned, self.call)}

    def apply(self, work: Workspace, record: DeviceRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`."""
        if self._is_attached(record, work):
            return Applied(False, {})
        planned = self._planned(record, work, stamp)
        source: Source = answer_of(answers, ATTACH, planned)
        attach_device(work, record.engine_id, record.device_id, source, stamp)
        return Applied(True, {}, (device_key(record.engine_id, record.device_id),))

    async def tell(self, record: DeviceRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`."""
        for device in twins:
            await self.events.after_write(device, self.call)
            await self.events.after_attach(record.engine_id, device, self.call)

    def _is_attached(self, record: DeviceRecord, view: View) -> bool:
        self.check_engine(record.engine_id)
        return view.provisioning(record.device_id).source.get("engineId") == record.engine_id

    def _planned(self, record: DeviceRecord, view: View, stamp: Stamp) -> Source:
        provisioning = free_device(view, record.device_id).source
        model = self.catalogue.models.device(provisioning["model"])
        return plan_device(provisioning, model, {}, record.engine_id, stamp)


class DetachMany(DeviceAction[DeviceRecord]):
    """Takes devices out of their engines; their links go in the same transaction. What is free is a success."""

    follows_links = True

    def _named_engine(self, record: DeviceRecord) -> str | None:
        engine = record.engine_id or self.engine
        return engine if engine in self.catalogue.engines else None

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens(f"device-manager:device:{DETACH}:before") or self.events.listens_before(
            "unlink-asset"
        )

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens(f"device-manager:device:{DETACH}:after") or self.events.listens_after("unlink-asset")

    async def ask(self, record: DeviceRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question a link that goes, and one about the device."""
        engine = self._engine(record, view)
        device = view.documents.get(device_key(engine or "", record.device_id))
        if engine is None or device is None:
            return {}
        everything = dict.fromkeys(linked_assets(view, engine, record.device_id), ())
        answers: dict[Any, Any] = dict(await ask_unlinks(self, engine, device, everything, view, answered))
        if DETACH not in answered:
            await self.events.before_detach(engine, device, self.call)
        return {**answers, DETACH: True}

    def apply(self, work: Workspace, record: DeviceRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`."""
        engine = self._engine(record, work)
        if engine is None:
            return Applied(False, {})
        linked = linked_assets(work, engine, record.device_id)
        patches = {asset_id: answer_of(answers, asset_id, NO_PATCHES) for asset_id in linked}
        if device_key(engine, record.device_id) in work.documents:
            answer_of(answers, DETACH, True)
        removal = detach_device(work, engine, record.device_id, stamp, patches)
        twins: list[Key | Document] = [removal.device] if removal.device else []
        twins += [asset_key(engine, asset_id) for asset_id in linked if removal.device]
        return Applied(True, {"engineId": engine}, tuple(twins))

    async def tell(self, record: DeviceRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`: each asset that was unlinked, then the device."""
        if twins:
            device, *assets = twins
            for asset in assets:
                await self.events.after("unlink-asset", device, asset, self.call)
            await self.events.after_detach(device.source["engineId"], device, self.call)

    def _engine(self, record: DeviceRecord, view: View) -> str | None:
        """The engine that the device leaves, None for one that is free. Raises an unknown device or engine."""
        named = record.engine_id or self.engine
        if named:
            self.check_engine(named)
        if not view.provisioning(record.device_id).source.get("engineId"):
            return None
        return view.attachment(record.device_id, named)
