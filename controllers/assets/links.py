"""Links of one asset (device-manager 4.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import LinkDevicesBody, UnlinkDevicesBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.linking import Linked
from device_manager.twins.places import ASSETS


class AssetLinks(TwinsController):
    """Linking one asset to devices."""

    @action(http=["PUT /_/device-manager/:engineId/assets/:_id/_link"], collection=ASSETS, writes=True)
    async def link_devices(
        self, request: Request, _id: str, engine_id: str, body: LinkDevicesBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Link the asset to devices, all of them or none.

        Example request:

            {"controller": "device-manager/assets", "action": "linkDevices", "engineId": "tenant-a",
             "_id": "Container-A-1",
             "body": {"linkedMeasures": [{"deviceId": "DummyTemp-1",
                                          "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}}

        Example result:

            {"asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": [
                {"deviceId": "DummyTemp-1", "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}},
             "devices": [{"_id": "DummyTemp-1", "_source": {"model": "DummyTemp"}}]}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`,
                `device_manager.links.no_entry`, `no_slot_to_link`, `undeclared_device_slot`, `unknown_asset_slot`,
                `different_types`, `asset_slot_taken`, `device_slot_taken`, `no_free_slot`, `slot_named_twice`.
        """
        wanted = body.wanted()
        return _result(
            await self._twins.linking.link_devices(engine_id, _id, wanted, call_of(request, refresh=refresh))
        )

    @action(
        http=[
            "DELETE /_/device-manager/:engineId/assets/:_id/_unlink",
            "DELETE /_/device-manager/:engineId/assets/:_id/unlink",
            "POST /_/device-manager/:engineId/assets/:_id/_unlink",
        ],
        collection=ASSETS,
        writes=True,
    )
    async def unlink_devices(
        self, request: Request, _id: str, engine_id: str, body: UnlinkDevicesBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Unlink devices from the asset, as a whole or some slot pairs, all of them or none.

        Example request:

            {"controller": "device-manager/assets", "action": "unlinkDevices", "engineId": "tenant-a",
             "_id": "Container-A-1",
             "body": {"linkedMeasures": [{"deviceId": "DummyTemp-1", "allMeasures": true}]}}

        Example result:

            {"asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": []}},
             "devices": [{"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}}]}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`,
                `device_manager.links.no_slot_to_unlink`, `device_not_linked`, `slot_not_linked`.
        """
        call = call_of(request, refresh=refresh)
        return _result(await self._twins.linking.unlink_devices(engine_id, _id, body.wanted(_id), call))


def _result(linked: Linked) -> dict[str, Any]:
    return {
        "asset": twin_result(linked.asset) if linked.asset else None,
        "devices": [twin_result(device) for device in linked.others],
    }
