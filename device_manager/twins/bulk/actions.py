"""The bulk actions: many twins in one call, as if the records were applied one by one in order (design 7)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.errors import api_error
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.bulk.action import BulkAction, BulkContext, R
from device_manager.twins.bulk.engines import AttachMany, DetachMany
from device_manager.twins.bulk.import_assets import ImportAssets
from device_manager.twins.bulk.import_devices import ImportDevices
from device_manager.twins.bulk.import_records import ImportFile
from device_manager.twins.bulk.links import LinkMany, UnlinkMany
from device_manager.twins.bulk.outcome import BulkOutcome
from device_manager.twins.bulk.records import DeviceRecord, LinkRecord, UnlinkRecord
from device_manager.twins.bulk.run import BulkRun
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import Places


class Bulk:
    """What can be done with many twins in one call.

    Every method takes the engine that the call names (None leaves it to the records or their devices), the records,
    whether the call is all or nothing, and the caller. Every method raises `services.storage.write_limit_exceeded`
    (413) for too many records, an unknown engine, a store that fails before anything was written and, when strict, a
    `device_manager.bulk.*` error whose `errors` names every refused record.

    Attributes:
        limit: most records of one call.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places, settings: Settings
    ) -> None:
        self._store = store
        self._context = BulkContext(catalogue, events, places)
        self.limit = settings.bulk_records
        self._chunk = settings.bulk_chunk

    async def link(self, engine: str | None, records: Sequence[LinkRecord], strict: bool, call: Call) -> BulkOutcome:
        """Link devices to assets."""
        return await self._run(LinkMany(self._context, engine, call), records, strict)

    async def unlink(
        self, engine: str | None, records: Sequence[UnlinkRecord], strict: bool, call: Call
    ) -> BulkOutcome:
        """Unlink devices, wholly or in part."""
        return await self._run(UnlinkMany(self._context, engine, call), records, strict)

    async def attach(
        self, engine: str | None, records: Sequence[DeviceRecord], strict: bool, call: Call
    ) -> BulkOutcome:
        """Attach devices to the engines that the records name."""
        return await self._run(AttachMany(self._context, engine, call), records, strict)

    async def detach(
        self, engine: str | None, records: Sequence[DeviceRecord], strict: bool, call: Call
    ) -> BulkOutcome:
        """Take devices out of their engines."""
        return await self._run(DetachMany(self._context, engine, call), records, strict)

    async def import_assets(
        self, engine: str, file: ImportFile, strict: bool, call: Call, *, upsert: bool
    ) -> BulkOutcome:
        """Create assets; with `upsert` update those that exist."""
        action = ImportAssets(self._context, engine, call, file.columns, upsert=upsert)
        return await self._run(action, file.records, strict)

    async def import_devices(
        self, engine: str | None, file: ImportFile, strict: bool, call: Call, *, upsert: bool
    ) -> BulkOutcome:
        """Provision devices and attach them to the engines that the records name; with `upsert` update what exists.

        The platform index stands for no engine.
        """
        action = ImportDevices(self._context, engine, call, file.columns, upsert=upsert)
        return await self._run(action, file.records, strict)

    async def _run(self, action: BulkAction[R], records: Sequence[R], strict: bool) -> BulkOutcome:
        if len(records) > self.limit:
            raise api_error("services.storage.write_limit_exceeded")
        return await BulkRun(self._store, action, strict=strict, chunk=self._chunk).run(records)
