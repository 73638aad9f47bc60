"""Measures of a source for a target that a plugin names itself (device-manager 3.4, 3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document
from device_manager.storage.stamps import Source, Stamp
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.ingestion.api import api_run, read_source
from device_manager.twins.ingestion.contexts import Run, device_runs
from device_manager.twins.ingestion.finding import measure_keys
from device_manager.twins.ingestion.processing import Parts, Processing
from device_manager.twins.ingestion.readings import Reading, Sender, read_formatted, refuse_values
from device_manager.twins.links import asset_links
from device_manager.twins.models import Model
from device_manager.twins.places import asset_key

DEVICE_MEMBERS: Mapping[str, Any] = {"deviceMetadata": {}, "groups": [], "metadata": {}}
"""What the source of a device may leave out."""


class NamedSources:
    """Stores measures whose source and target are given instead of found.

    Args:
        parts: what it works with.
        catalogue: models and engines.
        processing: stores them.
    """

    def __init__(self, parts: Parts, catalogue: Catalogue, processing: Processing) -> None:
        self._parts = parts
        self._catalogue = catalogue
        self._processing = processing

    async def ingest(
        self,
        source: Source,
        target: Source,
        measurements: Sequence[Any],
        uuids: Sequence[str],
        call: Call,
        *,
        is_repeatable: bool,
    ) -> None:
        """Store measures: an API's for an asset, or a device's for an asset or for none; one read and one write.

        Args:
            source: `{type: "api", id, metadata?}` or `{type: "device", id, reference, model, deviceMetadata, groups,
                metadata}`.
            target: `{type, indexId, assetId?}`.
            measurements: `{measureName, measuredAt?, type, values}` each.
            uuids: stored with every measure of a device.
            call: the caller.
            is_repeatable: the same measures may come again with the same uuids.

        Raises:
            ApiError: `device_manager.ingestion.unusable_context`, `unknown_asset`, `not_linked`, `wrong_item`,
                `wrong_member`, `invalid_time`, `invalid_values`, `not_saved`, `outcome_unknown`; what a pipe raised.
        """
        engine, kind, id = target.get("indexId"), source.get("type"), source.get("id")
        is_known = kind in ("api", "device") and kind == target.get("type")
        if not is_known or not (isinstance(engine, str) and isinstance(kind, str) and isinstance(id, str)):
            context = orjson.dumps({"source": source, "target": target}, default=repr).decode()
            raise api_error("device_manager.ingestion.unusable_context", context)
        with self._parts.in_flight.one() as now:
            readings = read_formatted(Sender(uuids[0], kind, id), measurements, now)
            asset_id = target.get("assetId")
            group = (await self._catalogue.engine(engine)).group
            asset, stored = await self._read(engine, asset_id, readings if is_repeatable else ())
            if kind == "api":
                if asset is None:
                    raise api_error("device_manager.ingestion.unknown_asset", asset_id, engine)
                runs = [self._api_run(engine, group, read_source(source), asset, readings, stored)]
            else:
                runs = _device_runs(engine, {**DEVICE_MEMBERS, **source}, asset, readings, uuids, stored)
            refuse_values(self._catalogue.models, readings)
            await self._processing.store_runs(uuids[0], runs, Stamp(None, now), call)
        await self._processing.finish(runs, call)

    async def _read(
        self, engine: str, asset_id: str | None, readings: Sequence[Reading]
    ) -> tuple[Document | None, dict[str, Document]]:
        """The asset if there is one, and those of the measures that are stored already."""
        key = asset_key(engine, asset_id) if asset_id else None
        asked = [*([key] if key else []), *measure_keys(engine, readings)]
        found = await self._parts.store.read(asked) if asked else {}
        asset = found.pop(key, None) if key else None
        return asset, {measure.id: document for measure, document in found.items()}

    def _api_run(
        self,
        engine: str,
        group: str,
        source: Source,
        asset: Document,
        readings: Sequence[Reading],
        stored: Mapping[str, Document],
    ) -> Run:
        slots = {slot["name"]: slot["type"] for slot in self._model(asset, group).measures}
        typed = [reading._replace(type=slots.get(reading.slot, reading.type)) for reading in readings]
        return api_run(engine, group, source, asset, slots, typed, (), stored)

    def _model(self, asset: Document, group: str) -> Model:
        return self._catalogue.models.asset(asset.source["model"], group)


def _device_runs(
    engine: str,
    source: Source,
    asset: Document | None,
    readings: Sequence[Reading],
    uuids: Sequence[str],
    stored: Mapping[str, Document],
) -> list[Run]:
    """The runs for a device's measures; those for slots that are not linked to the asset are about none."""
    if asset is None:
        return device_runs(engine, source, {}, {}, readings, uuids, stored)
    pairs = asset_links(asset.source).get(source["id"])
    if pairs is None:
        raise _not_linked(source["id"], asset)
    fed: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        fed.setdefault(pair.device, (asset.id, pair.asset))
    return device_runs(engine, source, fed, {asset.id: asset}, readings, uuids, stored)


def _not_linked(device_id: str, asset: Document) -> ApiError:
    return api_error("device_manager.ingestion.not_linked", device_id, asset.source["model"], asset.source["reference"])
