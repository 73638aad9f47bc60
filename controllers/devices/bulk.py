"""Many devices in one call (device-manager 6.3, design 7)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import MLinkAssetsBody, link_request_dict
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.bulk_outcome import BulkOutcome
from device_manager.twins.places import DEVICES


class DeviceBulk(TwinsController):
    """Linking many devices to many assets."""

    @action(
        http=["PUT /_/device-manager/devices/_mLink", "PUT /_/device-manager/:engineId/devices/_mLink"],
        collection=DEVICES,
        writes=True,
    )
    async def m_link_assets(
        self,
        request: Request,
        body: MLinkAssetsBody,
        strict: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        r"""Link many devices to many assets, as if the records were applied one by one in order.

        `records` or `csv` (columns `assetId`, `deviceId` and, optionally, `deviceSlot` and `assetSlot`) name the pairs;
        without slots they are paired by type. Without an engine each device's own is used. With `strict` the call is
        applied as a whole or refused as a whole.

        Example request:

            {"controller": "device-manager/devices", "action": "mLinkAssets", "engineId": "tenant-a",
             "body": {"csv": "assetId,deviceId\nContainer-A-1,DummyTemp-1\nContainer-A-2,DummyTemp-404"}}

        Example result:

            {"successes": [{"row": 1, "assetId": "Container-A-1", "deviceId": "DummyTemp-1", "changed": true,
                            "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}],
             "errors": [{"row": 2, "assetId": "Container-A-2", "deviceId": "DummyTemp-404", "status": 404,
                         "id": "services.storage.not_found",
                         "reason": "Document \"DummyTemp-404\" not found in \"device-manager\":\"devices\"."}]}

        Raises:
            ApiError: `device_manager.bulk.malformed`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.unknown_twins`,
                `not_attached` or `refused`, whose `errors` names every refused record.
        """
        records = body.to_records(self._twins.bulk.limit)
        outcome = await self._twins.bulk.link(engine_id, records, strict, call_of(request, refresh=refresh))
        if body.link_requests is not None:
            return _late_result(body, outcome)
        return outcome.to_dict()


def _late_result(body: MLinkAssetsBody, outcome: BulkOutcome) -> dict[str, Any]:
    """The answer to `linkRequests`: `{valids, invalids: [{error, linkRequest}]}`."""
    requests = [link_request_dict(request) for request in body.link_requests or ()]
    return {
        "valids": [requests[success.record.row - 1] for success in outcome.successes],
        "invalids": [
            {"error": refusal.error.to_dict(), "linkRequest": requests[refusal.record.row - 1]}
            for refusal in outcome.errors
        ],
    }
