"""What the links of a device make of its measures: the documents that get stored (device-manager 1.7, 3.4). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_manager.storage.contract import Document
from device_manager.storage.sources import patched
from device_manager.storage.stamps import Source
from device_manager.twins.ingestion.readings import Reading
from device_manager.twins.links import device_links


class Run:
    """Measures of one source for one target, which listeners get together.

    Attributes:
        engine: where they are stored; None for those of a device without an engine.
        source: what sent them, as listeners see it.
        target: what they are for, as listeners see it.
        asset: as stored, None when they are about none.
        measures: the documents, in the order in which they were sent.
        ids: their ids, in the same order.
        sent: ids of everything that was sent in this run, what is stored already included.
    """

    __slots__ = ("asset", "engine", "ids", "measures", "sent", "source", "target")

    def __init__(self, engine: str | None, source: Source, target: Source, asset: Document | None) -> None:
        self.engine = engine
        self.source = source
        self.target = target
        self.asset = asset
        self.measures: list[Source] = []
        self.ids: list[str] = []
        self.sent: list[str] = []

    def add(self, id: str, measure: Source) -> None:
        """Add a measure."""
        self.ids.append(id)
        self.measures.append(measure)


def device_source(device_id: str, device: Source, metadata: Source) -> Source:
    """The source of a run, as listeners see it: the device, and the metadata that came with the payload."""
    return {
        "type": "device",
        "id": device_id,
        "reference": device["reference"],
        "model": device["model"],
        "deviceMetadata": device.get("metadata") or {},
        "groups": device.get("groups") or [],
        "metadata": metadata,
    }


def device_origin(source: Source, payload_uuids: Sequence[str]) -> Source:
    """The origin of a device's measures, without the slot. Metadata of the payload wins over the stored one."""
    known, given = source["deviceMetadata"], source["metadata"]
    return {
        "type": "device",
        "_id": source["id"],
        "deviceModel": source["model"],
        "reference": source["reference"],
        "measureName": None,
        "payloadUuids": payload_uuids,
        "deviceMetadata": patched(known, given) if given else known,
        "groups": source["groups"],
    }


def api_origin(source: Source, payload_uuids: Sequence[str]) -> Source:
    """The origin of measures that a client knows for itself; `source` is `{type, id, metadata?}`."""
    origin: Source = {"type": "api", "_id": source["id"], "payloadUuids": payload_uuids}
    if (metadata := source.get("metadata")) is not None:
        origin["apiMetadata"] = metadata
    return origin


def asset_context(asset: Document) -> Source:
    """What a measure keeps of its asset, without the slot."""
    source = asset.source
    return {
        "_id": asset.id,
        "model": source["model"],
        "reference": source["reference"],
        "measureName": None,
        "metadata": source.get("metadata") or {},
        "groups": source.get("groups") or [],
    }


def measure_source(reading: Reading, origin: Source, asset: Source | None) -> Source:
    """A measure as it is stored."""
    return {
        "type": reading.type,
        "measuredAt": reading.measured_at,
        "values": reading.values,
        "origin": origin,
        "asset": asset,
    }


def fed_slots(device: Source) -> dict[str, tuple[str, str]]:
    """Device slot -> (asset, asset slot), by the device's links; of a slot in several links the first one counts."""
    fed: dict[str, tuple[str, str]] = {}
    for asset_id, pairs in device_links(device).items():
        for pair in pairs:
            fed.setdefault(pair.device, (asset_id, pair.asset))
    return fed


def device_runs(
    engine: str | None,
    source: Source,
    fed: Mapping[str, tuple[str, str]],
    assets: Mapping[str, Document],
    readings: Sequence[Reading],
    payload_uuids: Sequence[str],
    stored: Mapping[str, Document],
) -> list[Run]:
    """The runs for the measures of one device: one for each linked asset, in link order, and one for the rest.

    Args:
        engine: the device's engine, None when it has none.
        source: what `device_source` says.
        fed: what `fed_slots` says.
        assets: those of the linked assets that exist, by id.
        readings: what was sent.
        payload_uuids: stored with every measure.
        stored: measures that are stored already, by id: they are left out.
    """
    origin = device_origin(source, payload_uuids)
    runs: dict[str | None, Run] = {asset_id: _run(engine, source, asset_id, assets) for asset_id, _ in fed.values()}
    contexts = {asset_id: asset_context(run.asset) for asset_id, run in runs.items() if run.asset is not None}
    for reading in readings:
        asset_id, asset_slot = fed.get(reading.slot, (None, None))
        run = runs.get(asset_id)
        if run is None:
            run = runs[asset_id] = _run(engine, source, None, assets)
        run.sent.append(reading.id)
        if reading.id in stored:
            continue
        context = contexts.get(asset_id) if asset_id is not None else None
        asset = None if context is None else context | {"measureName": asset_slot}
        run.add(reading.id, measure_source(reading, origin | {"measureName": reading.slot}, asset))
    return [run for run in runs.values() if run.measures]


def _run(engine: str | None, source: Source, asset_id: str | None, assets: Mapping[str, Document]) -> Run:
    target = {"type": "device", "indexId": engine, "assetId": asset_id}
    return Run(engine, source, target, assets.get(asset_id) if asset_id is not None else None)
