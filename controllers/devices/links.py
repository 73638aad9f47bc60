"""Links of one device (device-manager 4.2, 6.1)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import LinkAssetBody, LinkAssetsBody, UnlinkAssetsBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.linking import Linked
from device_manager.twins.links import UnlinkSelection
from device_manager.twins.places import DEVICES


class DeviceLinks(TwinsController):
    """Linking one device to assets."""

    @action(http=["PUT /_/device-manager/:engineId/devices/:_id/_link"], collection=DEVICES, writes=True)
    async def link_assets(
        self, request: Request, _id: str, engine_id: str, body: LinkAssetsBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Link the device to assets, all of them or none: slot by slot, or by type with `implicitMeasuresLinking`.

        Example request:

            {"controller": "device-manager/devices", "action": "linkAssets", "engineId": "tenant-a",
             "_id": "DummyTemp-1",
             "body": {"linkedMeasures": [{"assetId": "Container-A-1",
                                          "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": [
                {"assetId": "Container-A-1",
                 "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}},
             "assets": [{"_id": "Container-A-1", "_source": {"model": "Container"}}]}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`,
                `device_manager.links.no_entry`, `no_slot_to_link`, `undeclared_device_slot`, `unknown_asset_slot`,
                `different_types`, `asset_slot_taken`, `device_slot_taken`, `no_free_slot`, `slot_named_twice`.
        """
        wanted = body.wanted()
        return _result(await self._twins.linking.link_assets(engine_id, _id, wanted, call_of(request, refresh=refresh)))

    @action(
        http=[
            "DELETE /_/device-manager/:engineId/devices/:_id/_unlink",
            "DELETE /_/device-manager/:engineId/devices/:_id/unlink",
            "POST /_/device-manager/:engineId/devices/:_id/_unlink",
        ],
        collection=DEVICES,
        writes=True,
    )
    async def unlink_assets(
        self, request: Request, _id: str, engine_id: str, body: UnlinkAssetsBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Unlink the device: everything, whole assets, device slots or slot pairs; the union of what is named goes.

        Example request:

            {"controller": "device-manager/devices", "action": "unlinkAssets", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "body": {"assets": ["Container-A-1"], "measureSlots": ["battery"]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}},
             "assets": [{"_id": "Container-A-1", "_source": {"linkedMeasures": []}}]}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`,
                `device_manager.links.nothing_to_unlink`, `no_slot_to_unlink`, `device_not_linked`, `slot_not_linked`.
        """
        call = call_of(request, refresh=refresh)
        return _result(await self._twins.linking.unlink_assets(engine_id, _id, body.selection(), call))

    @action(http=["PUT /_/device-manager/:engineId/devices/:_id/_link/:assetId"], collection=DEVICES, writes=True)
    async def link_asset(
        self,
        request: Request,
        _id: str,
        engine_id: str,
        asset_id: str,
        implicit_measures_linking: bool,
        body: LinkAssetBody,
        refresh: Refresh,
    ) -> dict[str, Any]:
        """Link the device to one asset (older form of `linkAssets`); without names, free slots are paired by type.

        Example request:

            {"controller": "device-manager/devices", "action": "linkAsset", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "assetId": "Container-A-1",
             "body": {"measureNames": [{"asset": "temperatureExt", "device": "temperature"}]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"model": "DummyTemp"}},
             "asset": {"_id": "Container-A-1", "_source": {"model": "Container"}}}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`,
                `device_manager.links.undeclared_device_slot`, `unknown_asset_slot`, `different_types`,
                `asset_slot_taken`, `device_slot_taken`, `no_free_slot`, `slot_named_twice`.
        """
        wanted = [(asset_id, body.wanted(implicit_measures_linking))]
        linked = await self._twins.linking.link_assets(engine_id, _id, wanted, call_of(request, refresh=refresh))
        return _single_result(linked)

    @action(collection=DEVICES, writes=True)
    async def unlink_asset(self, request: Request, _id: str, engine_id: str, refresh: Refresh) -> dict[str, Any]:
        """Unlink the device from all it is linked to (older form of `unlinkAssets`).

        Example request:

            {"controller": "device-manager/devices", "action": "unlinkAsset", "engineId": "tenant-a",
             "_id": "DummyTemp-1"}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}},
             "asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": []}}}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere`.
        """
        everything = UnlinkSelection(all_measures=True)
        linked = await self._twins.linking.unlink_assets(engine_id, _id, everything, call_of(request, refresh=refresh))
        return _single_result(linked)


def _result(linked: Linked) -> dict[str, Any]:
    return {
        "device": twin_result(linked.device) if linked.device else None,
        "assets": [twin_result(asset) for asset in linked.others],
    }


def _single_result(linked: Linked) -> dict[str, Any]:
    return {
        "device": twin_result(linked.device) if linked.device else None,
        "asset": twin_result(linked.others[0]) if linked.others else None,
    }
