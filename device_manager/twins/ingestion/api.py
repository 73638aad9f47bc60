"""Measures that a client knows for itself, sent for the slots of an asset (device-manager 2.2: measureIngest). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.errors import api_error
from device_manager.storage.contract import Document
from device_manager.storage.stamps import Source
from device_manager.twins.ingestion.contexts import Run, api_origin, asset_context, measure_source
from device_manager.twins.ingestion.identity import measure_id
from device_manager.twins.ingestion.readings import Reading, whole_milliseconds


class ApiMeasure(NamedTuple):
    """One measure for a slot of an asset.

    Attributes:
        slot: of the asset.
        measured_at: milliseconds since 1970.
        values: what was measured.
    """

    slot: str
    measured_at: float
    values: Source


def read_source(source: Mapping[str, Any]) -> Source:
    """The data source that a client names, as the source of a run. Raises `device_manager.ingestion.invalid_source`."""
    id, metadata = source.get("id"), source.get("metadata")
    if not isinstance(id, str) or not (metadata is None or isinstance(metadata, dict)):
        raise api_error("device_manager.ingestion.invalid_source")
    return {"type": "api", "id": id} | ({} if metadata is None else {"metadata": metadata})


def read_measures(uuid: str, source: Source, measures: Sequence[ApiMeasure], *, single: bool) -> list[Reading]:
    """The measures under their ids, without types yet. Two identical measures are one.

    Raises:
        ApiError: `device_manager.ingestion.invalid_time`, `unusable_values`.
    """
    readings = {}
    for place, (slot, measured_at, values) in enumerate(measures):
        at = whole_milliseconds(measured_at, None if single else f"measurements[{place}].measuredAt")
        id = measure_id(uuid, "api", source["id"], slot, at, values)
        readings[id] = Reading(id, slot, "", at, values)
    return list(readings.values())


def unassigned_run(engine: str, group: str, source: Source, readings: Sequence[Reading]) -> Run:
    """The measures of an API source about no asset; their origin says what the source calls each of them."""
    run = Run(engine, source, {"type": "api", "indexId": engine, "assetId": None, "engineGroup": group}, None)
    origin = api_origin(source, ())
    for reading in readings:
        run.sent.append(reading.id)
        run.add(reading.id, measure_source(reading, origin | {"measureName": reading.slot}, None))
    return run


def typed(readings: Sequence[Reading], slots: Mapping[str, str], asset_id: str) -> list[Reading]:
    """The measures with the types of their slots. Raises `device_manager.ingestion.unknown_slot`."""
    for reading in readings:
        if reading.slot not in slots:
            raise api_error("device_manager.ingestion.unknown_slot", reading.slot, asset_id)
    return [reading._replace(type=slots[reading.slot]) for reading in readings]


def api_run(
    engine: str,
    group: str,
    source: Source,
    asset: Document,
    slots: Mapping[str, str],
    readings: Sequence[Reading],
    payload_uuids: Sequence[str],
    stored: Mapping[str, Document],
) -> Run:
    """The measures of an API source for one asset; those that name no slot of the asset are about no asset.

    Args:
        engine: the asset's engine.
        group: the engine's group.
        source: what `read_source` says.
        asset: as stored.
        slots: the slots of the asset's model.
        readings: what was sent.
        payload_uuids: stored with every measure.
        stored: measures that are stored already, by id: they are left out.
    """
    target = {"type": "api", "indexId": engine, "assetId": asset.id, "engineGroup": group}
    run = Run(engine, source, target, asset)
    origin, context = api_origin(source, payload_uuids), asset_context(asset)
    for reading in readings:
        run.sent.append(reading.id)
        if reading.id not in stored:
            about = context | {"measureName": reading.slot} if reading.slot in slots else None
            run.add(reading.id, measure_source(reading, origin, about))
    return run
