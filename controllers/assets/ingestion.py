"""Measures that clients send for the slots of an asset (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of, key_of
from device_manager.controllers.ingestion_bodies import MeasureIngestBody, MMeasureIngestBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.ingestion.api import ApiMeasure
from device_manager.twins.places import MEASURES


class AssetIngestion(TwinsController):
    """Storing measures that a client knows for itself."""

    @action(
        http=["POST /_/device-manager/:engineId/assets/:assetId/measures/:slotName"],
        collection=MEASURES,
        writes=True,
        aliases=["ingestMeasure"],
    )
    async def measure_ingest(
        self,
        request: Request,
        asset_id: str,
        engine_id: str,
        slot_name: str,
        body: MeasureIngestBody,
        refresh: Refresh,
        engine_group: str | None = None,
    ) -> dict[str, Any] | None:
        """Store one measure for a slot of an asset. Its type is that of the slot.

        `dataSource` is `{id, metadata?}`. `engineGroup` is accepted and not needed: the engine knows its group.

        Example request:

            {"controller": "device-manager/assets", "action": "measureIngest", "engineId": "tenant-a",
             "assetId": "Container-A-1", "slotName": "temperatureExt",
             "body": {"dataSource": {"id": "weather-service"}, "measuredAt": 1732000000000,
                      "values": {"temperature": 21.5}}}

        Example result:

            null

        Raises:
            ApiError: `device_manager.ingestion.invalid_source`, `invalid_time`, `unknown_asset`, `unknown_slot`,
                `invalid_value`, `not_saved`.
        """
        measures = [ApiMeasure(slot_name, body.measured_at, body.values)]
        call = call_of(request, refresh=refresh)
        ingest = self._twins.ingestion.ingest
        await ingest(engine_id, asset_id, measures, body.data_source, call, single=True, key=key_of(request))
        return {} if request.dry_run else None

    @action(
        http=["POST /_/device-manager/:engineId/assets/:assetId/_mMeasureIngest"],
        collection=MEASURES,
        writes=True,
        aliases=["ingestMeasures"],
    )
    async def m_measure_ingest(
        self,
        request: Request,
        asset_id: str,
        engine_id: str,
        body: MMeasureIngestBody,
        refresh: Refresh,
        engine_group: str | None = None,
    ) -> dict[str, Any] | None:
        """Store measures for slots of an asset, all of them or none. Their types are those of the slots.

        `dataSource` is `{id, metadata?}`. `engineGroup` is accepted and not needed: the engine knows its group.

        Example request:

            {"controller": "device-manager/assets", "action": "mMeasureIngest", "engineId": "tenant-a",
             "assetId": "Container-A-1",
             "body": {"dataSource": {"id": "weather-service", "metadata": {"station": "KSEA"}},
                      "measurements": [{"slotName": "temperatureExt", "measuredAt": 1732000000000,
                                        "values": {"temperature": 21.5}}]}}

        Example result:

            null

        Raises:
            ApiError: `device_manager.ingestion.invalid_source`, `invalid_time`, `unknown_asset`, `unknown_slot`,
                `invalid_values`, `not_saved`.
        """
        call = call_of(request, refresh=refresh)
        ingest = self._twins.ingestion.ingest
        await ingest(engine_id, asset_id, body.measures(), body.data_source, call, key=key_of(request))
        return {} if request.dry_run else None
