"""Many devices in one call (device-manager 6.3, design 7)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.bulk_bodies import MEnginesBody, MUnlinkAssetsBody
from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import MLinkAssetsBody, link_request_dict
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.bulk.outcome import BulkOutcome
from device_manager.twins.places import DEVICES


class DeviceBulk(TwinsController):
    """Links and engines of many devices."""

    @action(
        http=["PUT /_/device-manager/devices/_mLink", "PUT /_/device-manager/:engineId/devices/_mLink"],
        collection=DEVICES,
        writes=True,
        scope=Scope.FOUND,
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

    @action(
        http=["PUT /_/device-manager/devices/_mUnlink", "PUT /_/device-manager/:engineId/devices/_mUnlink"],
        collection=DEVICES,
        writes=True,
        scope=Scope.FOUND,
    )
    async def m_unlink_assets(
        self,
        request: Request,
        body: MUnlinkAssetsBody,
        strict: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        r"""Unlink many devices, as if the records were applied one by one in order.

        `records`, `deviceIds` or `csv` (column `deviceId` and, optionally, `assetId`, `deviceSlot` and `assetSlot`) say
        what goes: the link with an asset or, without one, all links of the device; of these only the slots that are
        named. What is not linked is a success with `changed: false`. `measureSlots` of a success names what went.

        Example request:

            {"controller": "device-manager/devices", "action": "mUnlinkAssets", "engineId": "tenant-a",
             "body": {"csv": "assetId,deviceId\nContainer-A-1,DummyTemp-1\n,DummyTemp-404"}}

        Example result:

            {"successes": [{"row": 1, "assetId": "Container-A-1", "deviceId": "DummyTemp-1", "changed": true,
                            "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}],
             "errors": [{"row": 2, "assetId": null, "deviceId": "DummyTemp-404", "status": 404,
                         "id": "services.storage.not_found",
                         "reason": "Document \"DummyTemp-404\" not found in \"device-manager\":\"devices\"."}]}

        Raises:
            ApiError: `device_manager.bulk.malformed`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.unknown_twins`,
                `not_attached` or `refused`, whose `errors` names every refused record.
        """
        bulk = self._twins.bulk
        call = call_of(request, refresh=refresh)
        return (await bulk.unlink(engine_id, body.to_records(bulk.limit), strict, call)).to_dict()

    @action(
        http=["PUT /_/device-manager/devices/_mAttach", "PUT /_/device-manager/:engineId/devices/_mAttach"],
        collection=DEVICES,
        writes=True,
        scope=Scope.FOUND,
    )
    async def m_attach_engines(
        self,
        request: Request,
        body: MEnginesBody,
        strict: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        """Attach many provisioned devices to engines, as if the records were applied one by one in order.

        `records` or `csv` (columns `deviceId` and `engineId`) name them; a record without an engine takes that of the
        call. What is attached there already is a success with `changed: false`.

        Example request:

            {"controller": "device-manager/devices", "action": "mAttachEngines",
             "body": {"records": [{"deviceId": "DummyTemp-1", "engineId": "tenant-a"}]}}

        Example result:

            {"successes": [{"row": 1, "engineId": "tenant-a", "deviceId": "DummyTemp-1", "changed": true}],
             "errors": []}

        Raises:
            ApiError: `device_manager.bulk.malformed`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.unknown_twins`,
                `already_attached` or `unknown_engines`, whose `errors` names every refused record.
        """
        bulk = self._twins.bulk
        call = call_of(request, refresh=refresh)
        return (await bulk.attach(engine_id, body.to_attach(engine_id, bulk.limit), strict, call)).to_dict()

    @action(
        http=["PUT /_/device-manager/devices/_mDetach", "PUT /_/device-manager/:engineId/devices/_mDetach"],
        collection=DEVICES,
        writes=True,
        scope=Scope.FOUND,
    )
    async def m_detach_engines(
        self,
        request: Request,
        body: MEnginesBody,
        strict: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        """Take many devices out of their engines, as if the records were applied one by one in order.

        `records`, `deviceIds` or `csv` (column `deviceId` and, optionally, `engineId`) name them. A device leaves with
        all its links, which the history of the assets tells. What is attached nowhere is a success with
        `changed: false`; a device in another engine than the one that is named is an error.

        Example request:

            {"controller": "device-manager/devices", "action": "mDetachEngines", "body": {"deviceIds": ["DummyTemp-1"]}}

        Example result:

            {"successes": [{"row": 1, "engineId": "tenant-a", "deviceId": "DummyTemp-1", "changed": true}],
             "errors": []}

        Raises:
            ApiError: `device_manager.bulk.malformed`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.unknown_twins` or
                `refused`, whose `errors` names every refused record.
        """
        bulk = self._twins.bulk
        call = call_of(request, refresh=refresh)
        return (await bulk.detach(engine_id, body.to_detach(bulk.limit), strict, call)).to_dict()


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
