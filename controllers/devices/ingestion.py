"""Measures that clients send for a device, without a decoder (device-manager 2.3)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of, key_of
from device_manager.controllers.ingestion_bodies import ReceiveMeasuresBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.places import DEVICES


class DeviceIngestion(TwinsController):
    """Storing measures of devices that need no decoder."""

    @action(
        http=[
            "PUT /_/device-manager/:engineId/devices/:_id/measures",
            "POST /_/device-manager/:engineId/device/:_id/measures",
        ],
        collection=DEVICES,
        writes=True,
    )
    async def receive_measures(
        self, request: Request, engine_id: str, _id: str, body: ReceiveMeasuresBody, refresh: Refresh
    ) -> dict[str, Any] | None:
        """Store measures of a device; its links say which asset slots they are for.

        A measure without `measuredAt` was taken now. `payloadUuids` identify what is sent: the same measures sent again
        under the same ones are stored once. With the platform index for `engineId` the device is found wherever it is.

        Example request:

            {"controller": "device-manager/devices", "action": "receiveMeasures", "engineId": "tenant-a",
             "_id": "DummyTemp-1",
             "body": {"payloadUuids": ["5b1e6a3c"],
                      "measures": [{"measureName": "temperature", "type": "temperature", "measuredAt": 1732000000000,
                                    "values": {"temperature": 21.5}}]}}

        Example result:

            null

        Raises:
            ApiError: `device_manager.ingestion.wrong_item`, `wrong_member`, `invalid_time`, `undeclared`,
                `invalid_values`, `not_saved`; `services.storage.not_found`.
        """
        await self._twins.ingestion.receive_measures(
            engine_id,
            _id,
            body.measures,
            body.payload_uuids,
            call_of(request, refresh=refresh),
            key=key_of(request),
            request_id=request.id,
        )
        return {} if request.dry_run else None
