"""Ingestion as one object: the doors by which measures come in (device-manager 2.2, 2.3, 3; transactions 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from device_manager.decoders import DecodedPayload, Decoder, run_decoder
from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source, stamp_now
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.ingestion.api import ApiMeasure
from device_manager.twins.ingestion.api_ingestion import ApiIngestion
from device_manager.twins.ingestion.archive import archived_payload
from device_manager.twins.ingestion.buckets import DeviceBuckets
from device_manager.twins.ingestion.checkpoints import Checkpoints
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.finding import Finding
from device_manager.twins.ingestion.formatted import FormattedMeasures
from device_manager.twins.ingestion.identity import fresh_uuid, payload_uuid
from device_manager.twins.ingestion.in_flight import InFlight
from device_manager.twins.ingestion.named_sources import NamedSources
from device_manager.twins.ingestion.process_events import ProcessEvents
from device_manager.twins.ingestion.processing import Parts, Processing
from device_manager.twins.ingestion.readings import Sender, read_measurements, refuse_values
from device_manager.twins.ingestion.spool import Spool
from device_manager.twins.ingestion.spooling import Spooling
from device_manager.twins.ingestion.writing import Writing
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.measures.domain import Measures
from device_manager.twins.places import Places, twin_id

UNKNOWN_ACTION = "device-manager/payloads:receiveUnknown"
"""What is archived as the action for payloads that no decoder is known for."""

STORE_AWAY = ("services.storage.unavailable", "device_manager.ingestion.outcome_unknown")


class ReceivedPayload(NamedTuple):
    """A payload as a client sent it.

    Attributes:
        uuid: of the payload, an id that a document can have.
        body: what the decoder gets.
        api_action: `<controller>:<action>`, archived with it.
        is_repeatable: the uuid is one under which the client or the vendor sends this very payload when it retries.
        request: what the decoder gets beside the body.
    """

    uuid: str
    body: Any
    api_action: str
    is_repeatable: bool = False
    request: Any = None


class Ingestion:
    """Takes in measures.

    Args:
        store: where everything is.
        catalogue: models and engines, from memory.
        events: the listeners.
        places: where documents live.
        measures: last measures.
        settings: limits.

    Attributes:
        platform: the platform index, under which devices are found wherever they are.
        spools: payloads are taken while the store is away.
        buckets: how many payloads devices may send.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        events: EventBus,
        places: Places,
        measures: Measures,
        settings: Settings,
    ) -> None:
        self._catalogue = catalogue
        self.platform = places.platform
        self.spools = bool(settings.spool_directory)
        self.buckets = DeviceBuckets(settings.device_rate, settings.device_burst)
        self._in_flight = InFlight()
        finding = Finding(store, catalogue, places)
        self._writing = Writing(store, places, measures, settings.store_deadline)
        parts = Parts(store, places, finding, ProcessEvents(events), self._writing, self._in_flight)
        self._processing = Processing(parts)
        twin_events = TwinEvents(events, settings.pipe_concurrency)
        self._checkpoints = Checkpoints(store, catalogue, self._in_flight, self._writing.heal)
        self._spooling: Spooling | None = None
        if self.spools:
            spool = Spool(Path(settings.spool_directory), settings.spool_bytes)
            self._spooling = Spooling(spool, self._process)
        self._api = ApiIngestion(parts, catalogue, self._processing)
        self._named = NamedSources(parts, catalogue, self._processing)
        self._formatted = FormattedMeasures(parts, catalogue, twin_events, self._processing, self.buckets)

    @property
    def spooled_bytes(self) -> int:
        """Bytes of payloads that wait on disk."""
        return self._spooling.size if self._spooling is not None else 0

    async def start(self) -> None:
        """Begin to replay what waits on disk, and to look after other processes.

        Raises:
            StoreInUse: another process has the spool.
            ApiError: the store does not answer.
        """
        await self._checkpoints.start()
        if self._spooling is not None:
            await self._spooling.start()

    async def stop(self) -> None:
        """Stop what runs in the background."""
        if self._spooling is not None:
            await self._spooling.stop()
        await self._checkpoints.stop()

    async def receive_payload(self, payload: ReceivedPayload, decoder: Decoder, call: Call) -> dict[str, bool]:
        """Decode a payload, store what it brings and archive it (device-manager 3.2): `{valid}`.

        While the store is away it is put aside, if there is a spool: `{valid, spooled: true}`.

        Raises:
            ApiError: what the decoder refuses; `device_manager.ingestion.invalid_values`, `too_many_payloads`,
                `not_saved`, `outcome_unknown`, `spool_full`; `device_manager.models.unknown_device`; what a pipe
                raised.
        """
        uuid = payload.uuid
        outcome = await run_decoder(decoder, payload.body, payload.request)
        model = decoder.device_model
        archive = archived_payload(uuid, model, payload.body, payload.api_action, outcome.state, outcome.reason)
        stamp = stamp_now(None)
        decoded = outcome.decoded
        if outcome.error is not None:
            await self._processing.archive_failure(archive, outcome.error, stamp, call)
            raise outcome.error
        if decoded is None:
            if not call.dry_run:
                await self._processing.archive(archive, stamp)
            return {"valid": False}
        try:
            delivery = _delivery(uuid, payload.is_repeatable, model, decoded, archive)
            refuse_values(self._catalogue.models, delivery.all_readings)
        except ApiError as error:
            await self._processing.archive_failure(archive, error, stamp, call)
            raise
        self.buckets.take(delivery.references)
        return await self._accept(delivery, call)

    async def _accept(self, delivery: Delivery, call: Call) -> dict[str, bool]:
        """Store a payload, or put it aside while the store is away."""
        spooling = self._spooling
        if spooling is None or call.dry_run:
            await self._process(delivery, call)
            return {"valid": True}
        if not spooling.holds_any:
            try:
                await self._process(delivery, call)
            except ApiError as error:
                if error.id not in STORE_AWAY:
                    raise
            else:
                return {"valid": True}
        await spooling.add(delivery, call)
        return {"valid": True, "spooled": True}

    async def _process(self, delivery: Delivery, call: Call) -> None:
        await self._catalogue.ensure()
        await self._processing.process(delivery, call)

    async def archive_unknown(self, uuid: str, device_model: str, body: Any, call: Call) -> None:
        """Archive a payload that no decoder is known for (device-manager 2.7)."""
        source = archived_payload(uuid, device_model, body, UNKNOWN_ACTION, None) | {"valid": False}
        if not call.dry_run:
            await self._processing.archive(source, stamp_now(None))

    async def receive_measures(
        self,
        engine: str,
        device_id: str,
        measures: Sequence[Any],
        payload_uuids: Sequence[str],
        call: Call,
        *,
        key: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Store measures of a device that need no decoder; see `FormattedMeasures.receive`."""
        await self._catalogue.ensure()
        own = [] if key is None else [_uuid_of_key(call, f"receiveMeasures:{engine}:{device_id}", key)]
        given = list(payload_uuids) or own
        uuids = given or [request_id or fresh_uuid()]
        await self._formatted.receive(engine, device_id, measures, uuids, call, is_repeatable=bool(given))

    async def ingest(
        self,
        engine: str,
        asset_id: str,
        measures: Sequence[ApiMeasure],
        data_source: Source,
        call: Call,
        *,
        single: bool = False,
        key: str | None = None,
    ) -> None:
        """Store measures for the slots of an asset; see `ApiIngestion.ingest`."""
        await self._catalogue.ensure()
        uuid = fresh_uuid() if key is None else _uuid_of_key(call, f"measureIngest:{engine}:{asset_id}", key)
        await self._api.ingest(
            engine, asset_id, measures, data_source, uuid, call, single=single, is_repeatable=key is not None
        )

    async def ingest_unassigned(
        self, engine: str, measure_type: str, measures: Sequence[ApiMeasure], data_source: Source, call: Call
    ) -> None:
        """Store measures of one type that are about no asset; see `ApiIngestion.ingest_unassigned`."""
        await self._catalogue.ensure()
        await self._api.ingest_unassigned(engine, measure_type, measures, data_source, fresh_uuid(), call)

    async def ingest_named(
        self, source: Source, target: Source, measurements: Sequence[Any], payload_uuids: Sequence[str], call: Call
    ) -> None:
        """Store measures of a source for a target that are given; see `NamedSources.ingest`."""
        await self._catalogue.ensure()
        uuids = list(payload_uuids) or [fresh_uuid()]
        await self._named.ingest(source, target, measurements, uuids, call, is_repeatable=bool(payload_uuids))


def _uuid_of_key(call: Call, scope: str, key: str) -> str:
    return payload_uuid(call.user_id or "", scope, key)


def _delivery(uuid: str, is_repeatable: bool, model: str, decoded: DecodedPayload, archive: Source) -> Delivery:
    """What a decoded payload brings, under the ids of its devices. Raises what `read_measurements` raises."""
    references = {twin_id(model, reference): reference for reference in decoded.references}
    readings, metadata = {}, {}
    for id, reference in references.items():
        if found := decoded.get_measurements(reference):
            readings[id] = read_measurements(Sender(uuid, "device", id), found)
        if members := decoded.get_metadata(reference):
            metadata[id] = members
    return Delivery(uuid, is_repeatable, (uuid,), model, references, readings, metadata, archive)
