"""The way of one payload from decoded measures to stored ones (device-manager 3.2 to 3.4, transactions 2)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Put, Store
from device_manager.storage.sources import patched
from device_manager.storage.stamps import INFO, Source, Stamp
from device_manager.twins.call import Call
from device_manager.twins.ingestion.archive import archive_put, failed_payload
from device_manager.twins.ingestion.bulk import Bulk, Merge
from device_manager.twins.ingestion.contexts import Run, device_runs, device_source
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.finding import AttachedDevice, Finding, FoundDevices, Surroundings
from device_manager.twins.ingestion.in_flight import InFlight
from device_manager.twins.ingestion.newest_five import with_newest
from device_manager.twins.ingestion.process_events import ProcessEvents
from device_manager.twins.ingestion.writing import Writing, invalidated
from device_manager.twins.patches import CHANGEABLE
from device_manager.twins.places import MEASURES, Places, device_key

log = structlog.get_logger("ingestion")

PROVISIONING_ROUNDS = 3
"""How often devices are looked for again because somebody else provisioned them meanwhile."""


class Parts(NamedTuple):
    """What processing works with."""

    store: Store
    places: Places
    finding: Finding
    events: ProcessEvents
    writing: Writing
    in_flight: InFlight


class Processing:
    """Stores payloads.

    Args:
        parts: what it works with.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def process(self, delivery: Delivery, call: Call) -> None:
        """Contextualise and store what a payload brings, all of it by one write.

        Raises:
            ApiError: what a `before` pipe raised, nothing but the archive being written; what an `after` pipe raised,
                with `committed: true`; `device_manager.ingestion.not_saved`; `outcome_unknown` when the store failed
                while writing; what the store raises when it does not answer before.
        """
        with self._parts.in_flight.one() as now:
            stamp = Stamp(None, now)
            runs: list[Run] = []
            for _ in range(PROVISIONING_ROUNDS):
                found = await self._find(delivery, call, stamp)
                again = await self._process(delivery, found, runs, stamp, call)
                if not again:
                    break
                delivery = delivery.only({key.id for key in again})
        await self.finish(runs, call)

    async def _find(self, delivery: Delivery, call: Call, stamp: Stamp) -> FoundDevices:
        """The devices; a payload whose devices cannot be provisioned is archived as refused."""
        try:
            return await self._parts.finding.devices(delivery, call, stamp)
        except ApiError as error:
            if delivery.archive is not None and not error.is_fault:
                await self.archive_failure(delivery.archive, error, stamp, call)
            raise

    async def process_found(self, delivery: Delivery, found: FoundDevices, stamp: Stamp, call: Call) -> None:
        """Like `process`, for devices that were read a moment ago, none of which has to be provisioned."""
        runs: list[Run] = []
        await self._process(delivery, found, runs, stamp, call)
        await self.finish(runs, call)

    async def store_runs(self, uuid: str, runs: Sequence[Run], stamp: Stamp, call: Call) -> None:
        """Run the `before` pipes and store measures that have an engine, by one write; nothing else comes with them.

        Raises:
            ApiError: what `process` raises.
        """
        runs = [run for run in runs if run.measures]
        await self._parts.events.before(runs, call)
        if call.dry_run or not runs:
            return
        bulk = Bulk(stamp)
        for run in runs:
            bulk.add_run(run)
        await self.write(uuid, bulk)

    async def archive(self, source: Source, stamp: Stamp) -> None:
        """Archive a payload of which nothing else is stored; one that was processed before stays as it is.

        Raises:
            ApiError: `device_manager.ingestion.outcome_unknown` when the store fails.
        """
        with _in_doubt(source["uuid"]):
            await self._parts.writing.archive(source, stamp)

    async def archive_failure(self, source: Source, error: ApiError, stamp: Stamp, call: Call) -> None:
        """Archive a payload that is refused with `error`; its sender hears of that, whatever becomes of the archive."""
        if call.dry_run:
            return
        try:
            await self._parts.writing.archive(failed_payload(source, error.message), stamp)
        except ApiError as failure:
            log.error("a refused payload is not archived", payload=source["uuid"], reason=failure.message)

    async def finish(self, runs: Sequence[Run], call: Call) -> None:
        """Show what is stored to searches, if the caller wants it so, and to the `after` pipes."""
        if call.dry_run:
            return
        if call.refresh:
            for engine in dict.fromkeys(run.engine for run in runs if run.engine is not None):
                await self._parts.store.refresh(engine, MEASURES)
        await self._parts.events.after([run for run in runs if run.measures], call)

    async def _process(
        self, delivery: Delivery, found: FoundDevices, done: list[Run], stamp: Stamp, call: Call
    ) -> set[Key]:
        """One round; returns the records of devices that somebody else provisioned meanwhile."""
        parts = self._parts
        around = await parts.finding.surroundings(delivery, found)
        runs = _runs(delivery, found, around)
        try:
            await parts.events.before(runs, call)
        except ApiError as error:
            if delivery.archive is not None:
                await self.archive_failure(delivery.archive, error, stamp, call)
            raise
        if call.dry_run:
            return set()
        bulk = self._bulk(delivery, found, around, runs, stamp)
        try:
            again = await self.write(delivery.uuid, bulk)
        except ApiError as error:
            if error.id == "device_manager.ingestion.not_saved" and bulk.archive is not None:
                await parts.writing.store_archive(_failed(bulk.archive, error))
            raise
        late = {key.id for key in again}
        done += [run for run in runs if run.source["id"] not in late]
        return again

    async def write(self, uuid: str, bulk: Bulk) -> set[Key]:
        """Store it; see `Writing.write`. Raises `device_manager.ingestion.outcome_unknown` when the store fails."""
        with _in_doubt(uuid):
            return await self._parts.writing.write(bulk)

    def _bulk(
        self, delivery: Delivery, found: FoundDevices, around: Surroundings, runs: Sequence[Run], stamp: Stamp
    ) -> Bulk:
        bulk = Bulk(stamp)
        newest: dict[str, list[Source]] = {}
        for run in runs:
            if run.engine is not None:
                bulk.add_run(run)
            else:
                newest[run.source["id"]] = run.measures
        for id, record in found.new.items():
            bulk.add_device(self._parts.places.provisioning(id), with_newest(record, newest.get(id, ())))
        for id, measures in newest.items():
            if id in found.free:
                bulk.add_merge(self._parts.places.provisioning(id), found.free[id], _adding(measures))
        since = _first_attempt(found.archive, around.stored)
        for id, metadata in delivery.metadata.items():
            device = found.attached.get(id)
            if device is not None and not _is_merged(device, since):
                bulk.add_merge(device_key(device.engine, id), device.document, _merging(metadata))
        if delivery.archive is not None:
            bulk.archive = archive_put(self._parts.places, delivery.archive, found.archive, stamp)
        return bulk


@contextlib.contextmanager
def _in_doubt(uuid: str) -> Iterator[None]:
    """Say which payload it is whose writes may be stored or not."""
    try:
        yield
    except ApiError as error:
        if error.id != "services.storage.unavailable":
            raise
        raise api_error("device_manager.ingestion.outcome_unknown", uuid, error.message, uuid=uuid) from error


def _runs(delivery: Delivery, found: FoundDevices, around: Surroundings) -> list[Run]:
    """The runs of all devices: known ones first, then those to be provisioned."""
    runs: list[Run] = []
    for id in delivery.references:
        readings = delivery.readings.get(id)
        device = found.attached.get(id)
        if not readings or device is None:
            continue
        source = device_source(id, device.document.source, delivery.metadata.get(id) or {})
        assets = around.assets.get(device.engine, {})
        uuids = delivery.payload_uuids
        runs += device_runs(device.engine, source, device.fed, assets, readings, uuids, around.stored)
    records: Mapping[str, Source] = {id: record.source for id, record in found.free.items()} | found.new
    for id, record in records.items():
        if readings := delivery.readings.get(id):
            source = device_source(id, record, delivery.metadata.get(id) or {})
            runs += device_runs(None, source, {}, {}, readings, delivery.payload_uuids, {})
    return runs


def _adding(measures: Sequence[Source]) -> Merge:
    return lambda record: with_newest(record, measures)


def _merging(metadata: Source) -> Merge:
    def merge(device: Source) -> Source:
        known = device.get(CHANGEABLE) or {}
        merged = patched(known, metadata)
        return device if merged == known else device | {CHANGEABLE: merged}

    return merge


def _first_attempt(archive: Document | None, stored: Mapping[str, Document]) -> int | None:
    """When an earlier attempt to store this payload began, if it left anything; by the clock that wrote that."""
    left = [*stored.values(), *([archive] if archive and archive.source.get("valid") else ())]
    traces = [document.source.get(INFO) or {} for document in left]
    times = [info["createdAt"] for info in traces if type(info.get("createdAt")) is int]
    return min(times, default=None)


def _is_merged(device: AttachedDevice, since: int | None) -> bool:
    """Whether an earlier attempt of this payload, begun at `since`, changed the device already, or others did so later.

    All that an attempt writes bears one time. A device that was not changed since then has not got the metadata; on one
    that was, metadata of a payload from back then would undo what is newer.
    """
    if since is None:
        return False
    info = device.document.source.get(INFO) or {}
    changed = info.get("updatedAt") or info.get("createdAt")
    return type(changed) is int and changed >= since


def _failed(archive: Put, error: ApiError) -> Put:
    """What archives a payload that was refused after all."""
    return invalidated(archive._replace(source=failed_payload(archive.source, error.message)))
