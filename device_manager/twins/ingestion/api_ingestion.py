"""Measures that a client sends for the slots of an asset (device-manager 2.2: measureIngest, mMeasureIngest)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document
from device_manager.storage.stamps import Stamp
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.ingestion.api import ApiMeasure, api_run, read_measures, read_source, typed, unassigned_run
from device_manager.twins.ingestion.finding import measure_keys
from device_manager.twins.ingestion.processing import Parts, Processing
from device_manager.twins.ingestion.readings import Reading, value_errors
from device_manager.twins.places import asset_key

log = structlog.get_logger("ingestion")


class ApiIngestion:
    """Stores measures whose source is a client.

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
        engine: str,
        asset_id: str,
        measures: Sequence[ApiMeasure],
        data_source: Mapping[str, object],
        uuid: str,
        call: Call,
        *,
        single: bool,
        is_repeatable: bool,
    ) -> None:
        """Store measures for the slots of an asset, all or none: one read and one write.

        Args:
            engine: the asset's engine.
            asset_id: the asset.
            measures: what was measured; nothing happens when there is none.
            data_source: `{id, metadata?}`.
            uuid: what the ids of the measures follow from.
            call: the caller.
            single: the refusal of values speaks of one measure.
            is_repeatable: the caller may send the same measures with the same uuid again.

        Raises:
            ApiError: `device_manager.ingestion.invalid_source`, `invalid_time`, `unknown_asset`, `unknown_slot`,
                `invalid_value`, `invalid_values`, `not_saved`, `outcome_unknown`;
                `device_manager.models.unknown_asset`; what a pipe raised.
        """
        source = read_source(data_source)
        if not measures:
            log.warning("a request to ingest measures holds none", asset=asset_id, engine=engine)
            return
        untyped = read_measures(uuid, source, measures, single=single)
        with self._parts.in_flight.one() as now:
            asset, stored = await self._read(engine, asset_id, untyped if is_repeatable else ())
            config = self._catalogue.engines.get(engine)
            if config is None:
                raise api_error("device_manager.ingestion.unknown_asset", asset_id, engine)
            group = config.group
            slots = self.slots_of(asset, group)
            readings = typed(untyped, slots, asset_id)
            self._refuse_values(readings, single=single)
            run = api_run(engine, group, source, asset, slots, readings, (), stored)
            await self._processing.store_runs(uuid, (run,), Stamp(None, now), call)
        await self._processing.finish((run,), call)

    async def ingest_unassigned(
        self,
        engine: str,
        measure_type: str,
        measures: Sequence[ApiMeasure],
        data_source: Mapping[str, object],
        uuid: str,
        call: Call,
    ) -> None:
        """Store measures of one type that are about no asset, all or none, by one write.

        Args:
            engine: where they are stored.
            measure_type: the type of all of them.
            measures: what was measured; the slot is the source's own name for it.
            data_source: `{id, metadata?}`.
            uuid: what the ids of the measures follow from.
            call: the caller.

        Raises:
            ApiError: an unknown engine; `device_manager.ingestion.invalid_source`, `invalid_time`, `invalid_values`,
                `not_saved`, `outcome_unknown`; what a pipe raised.
        """
        source = read_source(data_source)
        untyped = read_measures(uuid, source, measures, single=False)
        with self._parts.in_flight.one() as now:
            group = (await self._catalogue.engine(engine)).group
            readings = [reading._replace(type=measure_type) for reading in untyped]
            self._refuse_values(readings, single=False)
            run = unassigned_run(engine, group, source, readings)
            await self._processing.store_runs(uuid, (run,), Stamp(None, now), call)
        await self._processing.finish((run,), call)

    async def _read(
        self, engine: str, asset_id: str, readings: Sequence[Reading]
    ) -> tuple[Document, dict[str, Document]]:
        """The asset, and those of the measures that are stored already."""
        unknown = api_error("device_manager.ingestion.unknown_asset", asset_id, engine)
        if not await self._parts.finding.serves(engine):
            raise unknown
        key = asset_key(engine, asset_id)
        try:
            found = await self._parts.store.read([key, *measure_keys(engine, readings)])
        except ApiError as error:
            raise (error if error.is_fault else unknown) from error
        asset = found.pop(key, None)
        if asset is None:
            raise unknown
        return asset, {measure.id: document for measure, document in found.items()}

    def _refuse_values(self, readings: Sequence[Reading], *, single: bool) -> None:
        if errors := value_errors(self._catalogue.models, readings):
            kind = "invalid_value" if single else "invalid_values"
            raise api_error(f"device_manager.ingestion.{kind}", errors=errors)

    def slots_of(self, asset: Document, group: str) -> dict[str, str]:
        """The slots of an asset's model: name -> type. Raises `device_manager.models.unknown_asset`."""
        model = self._catalogue.models.asset(asset.source["model"], group)
        return {slot["name"]: slot["type"] for slot in model.measures}
