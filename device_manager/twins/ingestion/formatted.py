"""Measures of a device that need no decoder (device-manager 2.3: receiveMeasures, 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key
from device_manager.storage.stamps import Source, Stamp
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import twin_result
from device_manager.twins.ingestion.archive import archived_payload
from device_manager.twins.ingestion.buckets import DeviceBuckets
from device_manager.twins.ingestion.contexts import fed_slots
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.finding import AttachedDevice, FoundDevices
from device_manager.twins.ingestion.processing import Parts, Processing
from device_manager.twins.ingestion.readings import Reading, Sender, read_formatted, refuse_undeclared, refuse_values
from device_manager.twins.ingestion.trails import PayloadReads
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import DEVICES, device_key
from device_manager.twins.workspace import View

API_ACTION = "device-manager/devices:receiveMeasure"
"""What is archived as the action; clients search for this singular."""


class FormattedMeasures:
    """Stores measures that a client sends for a device.

    Args:
        parts: what it works with.
        catalogue: models and engines.
        events: the generic events around reading the device.
        processing: stores them.
        buckets: how many a device may send.
    """

    def __init__(
        self, parts: Parts, catalogue: Catalogue, events: TwinEvents, processing: Processing, buckets: DeviceBuckets
    ) -> None:
        self._parts = parts
        self._catalogue = catalogue
        self._events = events
        self._processing = processing
        self._buckets = buckets

    async def receive(
        self,
        engine: str,
        device_id: str,
        measures: Sequence[Any],
        uuids: Sequence[str],
        call: Call,
        *,
        is_repeatable: bool,
    ) -> None:
        """Store measures of a device: two reads and one write, one read if its links are what they were.

        Args:
            engine: the device's engine; the platform index finds the device wherever it is, with one more read.
            device_id: the device.
            measures: `{measureName, measuredAt?, type, values}` each.
            uuids: stored with every measure; what is archived gets the first one as its id.
            call: the caller.
            is_repeatable: the client may send the same with the same uuids again.

        Raises:
            ApiError: `device_manager.ingestion.wrong_item`, `wrong_member`, `invalid_time`, `undeclared`,
                `invalid_values`, `too_many_payloads`, `not_saved`, `outcome_unknown`; `services.storage.not_found`;
                `device_manager.models.unknown_device`; what a pipe raised.
        """
        uuid = uuids[0]
        with self._parts.in_flight.one() as now:
            stamp = Stamp(None, now)
            readings = read_formatted(Sender(uuid, "device", device_id), measures, now)
            if engine != self._parts.places.platform:
                await self._catalogue.engine(engine)
            found = await self._find(engine, device_id, uuid, readings, call, is_repeatable=is_repeatable)
            device = found.attached[device_id].document if found.attached else found.free[device_id]
            model = self._catalogue.models.device(device.source["model"])
            refuse_undeclared(readings, {slot["name"]: slot["type"] for slot in model.measures})
            self._buckets.take((device_id,))
            archive = archived_payload(uuid, model.name, list(measures), API_ACTION, None)
            references = {device_id: device.source["reference"]}
            delivery = Delivery(
                uuid, is_repeatable, tuple(uuids), model.name, references, {device_id: readings}, {}, archive
            )
            try:
                refuse_values(self._catalogue.models, readings)
            except ApiError as error:
                await self._processing.archive_failure(archive, error, stamp, call)
                raise
            await self._processing.process_found(delivery, found, stamp, call)

    async def _find(
        self, engine: str, device_id: str, uuid: str, readings: Sequence[Reading], call: Call, *, is_repeatable: bool
    ) -> FoundDevices:
        """The device, in its engine or in none. Raises `services.storage.not_found`."""
        archive = self._parts.places.payload(uuid) if is_repeatable else None
        reads = PayloadReads(self._parts.store)
        read: dict[str, Document] = {}

        async def act(wanted: list[Source]) -> list[Source]:
            id = wanted[0]["_id"]
            key = Key(engine, DEVICES, id)
            asked = [key] if archive is None else [key, archive]
            sent = {id: readings}
            expected = self._parts.finding.expected((id,), sent, call, is_repeatable=is_repeatable)
            read["device"] = self._view(await reads.read(asked, expected), call).get(key)
            return [twin_result(read["device"])]

        (left,) = await self._events.around("Get", [{"_id": device_id}], act, call)
        archived = reads.found.get(archive) if archive else None
        device = read["device"]
        if left["_source"] is not device.source:
            device = Document(device.id, left["_source"], device.version, device.token)
        attached_to = device.source.get("engineId")
        if engine == self._parts.places.platform:
            if not attached_to:
                return FoundDevices({}, {device_id: device}, {}, archived, reads)
            self._view({Key(engine, DEVICES, device_id): device}, call).provisioning(device_id)
            key = device_key(attached_to, device_id)
            device = self._view(await reads.read((key,)), call).get(key)
            engine = attached_to
        attached = {device_id: AttachedDevice(engine, device, fed_slots(device.source))}
        return FoundDevices(attached, {}, {}, archived, reads)

    def _view(self, documents: Mapping[Key, Document], call: Call) -> View:
        return View(self._parts.places, documents, call)
