"""Finds the devices of a payload, wherever they are, and what their links lead to (device-manager 3.2, 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.stamps import Source, Stamp
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import new_provisioning
from device_manager.twins.ingestion.contexts import fed_slots
from device_manager.twins.ingestion.delivery import Delivery
from device_manager.twins.ingestion.readings import Reading
from device_manager.twins.ingestion.trails import Fed, PayloadReads, Trail, Trails
from device_manager.twins.places import MEASURES, Places, asset_key, device_key

log = structlog.get_logger("ingestion")

NO_ENGINE = ("services.storage.not_found", "device_manager.engines.closing")


class AttachedDevice(NamedTuple):
    """A device in its engine.

    Attributes:
        engine: where it is.
        document: as its engine holds it.
        fed: what its links feed.
    """

    engine: str
    document: Document
    fed: Fed


class FoundDevices(NamedTuple):
    """The devices of a payload.

    Attributes:
        attached: those in an engine, by id.
        free: the records of those that are in no engine, by id.
        new: records to be made of those that nobody knows, by id.
        archive: the payload, if it was archived before.
        reads: what was read to find them.
    """

    attached: dict[str, AttachedDevice]
    free: dict[str, Document]
    new: dict[str, Source]
    archive: Document | None
    reads: PayloadReads


class Surroundings(NamedTuple):
    """What the measures of a payload meet.

    Attributes:
        assets: the linked assets that exist, by engine and id.
        stored: measures of this payload that are stored already, by id.
    """

    assets: dict[str, dict[str, Document]]
    stored: dict[str, Document]


class Finding:
    """Reads what payloads are about.

    Args:
        store: where everything is.
        catalogue: models and engines.
        places: where documents live.
    """

    def __init__(self, store: Store, catalogue: Catalogue, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places
        self._trails = Trails()

    async def devices(self, delivery: Delivery, call: Call, stamp: Stamp) -> FoundDevices:
        """The devices of a payload: two reads, the second one only if there are unknown ones or ones that moved.

        Devices in engines that are gone, or that the caller has no right to, are left out, and the log says so.

        Raises:
            ApiError: `device_manager.models.unknown_device` for a device to be provisioned; the store does not answer.
        """
        places = self._places
        records = {id: places.provisioning(id) for id in delivery.references}
        archive = places.payload(delivery.uuid) if delivery.is_repeatable and delivery.archive else None
        asked = list(records.values()) if archive is None else [*records.values(), archive]
        reads = PayloadReads(self._store)
        expected = self.expected(delivery.references, delivery.readings, call, is_repeatable=delivery.is_repeatable)
        found = await reads.read(asked, expected)
        free: dict[str, Document] = {}
        inside: dict[str, Key] = {}
        unknown: list[str] = []
        for id, key in records.items():
            record = found.get(key)
            if record is None:
                unknown.append(id)
                continue
            engine = record.source.get("engineId")
            if not engine:
                free[id] = record
            elif not call.may_use(engine):
                log.info("a payload is about a device that its sender has no right to", device=id)
            elif await self.serves(engine):
                inside[id] = device_key(engine, id)
            else:
                log.warning("the engine of a device is gone, its measures are not stored", device=id, engine=engine)
        archived = found.get(archive) if archive else None
        attached, new = await self._second_read(reads, inside, unknown, delivery, stamp)
        return FoundDevices(attached, free, new, archived, reads)

    def expected(
        self,
        devices: Iterable[str],
        readings: Mapping[str, Sequence[Reading]],
        call: Call,
        *,
        is_repeatable: bool,
    ) -> list[Key]:
        """What the measures of `devices` met when such ones came last: most devices are where they were."""
        keys: list[Key] = []
        for id in devices:
            trail = self._trails.get(id)
            if trail is None or not call.may_use(trail.engine):
                continue
            engine = self._catalogue.engines.get(trail.engine)
            if engine is None or engine.closing:
                continue
            keys.append(device_key(trail.engine, id))
            sent = readings.get(id, ())
            keys += fed_assets(trail, sent)
            if is_repeatable:
                keys += measure_keys(trail.engine, sent)
        return keys

    async def _second_read(
        self, reads: PayloadReads, inside: Mapping[str, Key], unknown: list[str], delivery: Delivery, stamp: Stamp
    ) -> tuple[dict[str, AttachedDevice], dict[str, Source]]:
        """The devices in their engines, and the records of unknown devices if they may be provisioned."""
        config = self._places.plugin_config()
        found = await reads.read([*inside.values(), config] if unknown else inside.values())
        attached = {}
        for id, key in inside.items():
            document = found.get(key)
            if document is None:
                log.warning("an engine lacks a device that is attached to it", device=id, engine=key.index)
            else:
                attached[id] = AttachedDevice(key.index, document, fed_slots(document.source))
        if not unknown:
            return attached, {}
        strategy = found[config].source.get("device-manager") if config in found else None
        if not isinstance(strategy, dict) or strategy.get("provisioningStrategy") != "auto":
            log.info("a payload is about devices that nobody provisioned", devices=unknown)
            return attached, {}
        model = self._catalogue.models.device(delivery.device_model)
        return attached, {
            id: new_provisioning(model.name, delivery.references[id], model.measures, None, stamp) for id in unknown
        }

    async def serves(self, engine: str) -> bool:
        """Whether `engine` exists and is not being deleted. Raises what the store raises when it does not answer."""
        known = self._catalogue.engines.get(engine)
        if known is not None:
            return not known.closing
        try:
            await self._catalogue.engine(engine)
        except ApiError as error:
            if error.id not in NO_ENGINE:
                raise
            return False
        return True

    async def surroundings(self, delivery: Delivery, devices: FoundDevices) -> Surroundings:
        """The assets that the measures of attached devices are about, and what is stored already: one read at most."""
        assets: dict[Key, None] = {}
        measures: dict[Key, None] = {}
        for id, (engine, _, fed) in devices.attached.items():
            trail = Trail(engine, fed)
            self._trails.keep(id, trail)
            readings = delivery.readings.get(id, ())
            assets.update(dict.fromkeys(fed_assets(trail, readings)))
            if delivery.is_repeatable:
                measures.update(dict.fromkeys(measure_keys(engine, readings)))
        found = await devices.reads.read([*assets, *measures])
        present: dict[str, dict[str, Document]] = {}
        for key in assets:
            if (asset := found.get(key)) is not None:
                present.setdefault(key.index, {})[key.id] = asset
            else:
                log.warning("a linked asset is gone, measures are stored without it", asset=key.id, engine=key.index)
        return Surroundings(present, {key.id: found[key] for key in measures if key in found})


def fed_assets(trail: Trail, readings: Iterable[Reading]) -> list[Key]:
    """The assets that measures of a device are about."""
    places = (trail.fed.get(reading.slot) for reading in readings)
    return [asset_key(trail.engine, place[0]) for place in places if place is not None]


def measure_keys(engine: str, readings: Iterable[Reading]) -> list[Key]:
    """Where measures are stored."""
    return [Key(engine, MEASURES, reading.id) for reading in readings]
