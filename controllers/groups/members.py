"""Who is in which group (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.groups.bodies import AssetsOfGroupBody, DevicesOfGroupBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.groups.members import Membership
from device_manager.twins.groups.paths import last_segment
from device_manager.twins.groups.reading import group_result
from device_manager.twins.places import GROUPS


class GroupMemberships(TwinsController):
    """Assets and devices that come into groups and leave them."""

    @action(http=["POST /_/device-manager/:engineId/groups/:_id/addAssets"], collection=GROUPS, writes=True)
    async def add_assets(
        self, request: Request, engine_id: str, body: AssetsOfGroupBody, refresh: Refresh, _id: str | None = None
    ) -> dict[str, Any]:
        """Put assets into the group at a path, all of them or none. One that is in it already stays as it is.

        Example request:

            {"controller": "device-manager/groups", "action": "addAssets", "engineId": "tenant-a", "_id": "hall-1",
             "body": {"path": "site.hall-1", "assetIds": ["Container-A-1"]}}

        Example result:

            {"successes": [{"_id": "Container-A-1", "_version": 2, "created": false, "status": 200,
                            "_source": {"groups": [{"path": "site.hall-1", "date": 1700000000000}]}}],
             "errors": [],
             "group": {"_id": "hall-1", "_version": 3, "_source": {"name": "Hall 1", "path": "site.hall-1"}}}

        Raises:
            ApiError: `services.storage.not_found` (the group), `device_manager.groups.unknown_path`,
                `wrong_path_end` for another `_id`, `unknown_twins`, `kind_refused` or `model_refused`.
        """
        _check_id(_id, body.path)
        wanted = Membership(engine_id, body.path, "assets", body.asset_ids, adds=True)
        return await self._change(wanted, request, refresh)

    @action(http=["POST /_/device-manager/:engineId/groups/addDevices"], collection=GROUPS, writes=True)
    async def add_devices(
        self, request: Request, engine_id: str, body: DevicesOfGroupBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Put devices into the group at a path, all of them or none. One that is in it already stays as it is.

        Example request:

            {"controller": "device-manager/groups", "action": "addDevices", "engineId": "tenant-a",
             "body": {"path": "site.hall-1", "deviceIds": ["DummyTemp-1"]}}

        Example result:

            {"successes": [{"_id": "DummyTemp-1", "_version": 2, "created": false, "status": 200,
                            "_source": {"groups": [{"path": "site.hall-1", "date": 1700000000000}]}}],
             "errors": [],
             "group": {"_id": "hall-1", "_version": 3, "_source": {"name": "Hall 1", "path": "site.hall-1"}}}

        Raises:
            ApiError: `services.storage.not_found` (the group), `device_manager.groups.unknown_path`, `unknown_twins`,
                `kind_refused` or `model_refused`.
        """
        wanted = Membership(engine_id, body.path, "devices", body.device_ids, adds=True)
        return await self._change(wanted, request, refresh)

    @action(http=["POST /_/device-manager/:engineId/groups/removeAssets"], collection=GROUPS, writes=True)
    async def remove_assets(
        self, request: Request, engine_id: str, body: AssetsOfGroupBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Take assets out of the group at a path, all of them or none; they stay in the groups below it.

        Example request:

            {"controller": "device-manager/groups", "action": "removeAssets", "engineId": "tenant-a",
             "body": {"path": "site.hall-1", "assetIds": ["Container-A-1"]}}

        Example result:

            {"successes": [{"_id": "Container-A-1", "_version": 3, "created": false, "status": 200,
                            "_source": {"groups": []}}],
             "errors": [],
             "group": {"_id": "hall-1", "_version": 4, "_source": {"name": "Hall 1", "path": "site.hall-1"}}}

        Raises:
            ApiError: `device_manager.groups.unknown_path` or `unknown_twins`.
        """
        wanted = Membership(engine_id, body.path, "assets", body.asset_ids, adds=False)
        return await self._change(wanted, request, refresh)

    @action(http=["POST /_/device-manager/:engineId/groups/removeDevices"], collection=GROUPS, writes=True)
    async def remove_devices(
        self, request: Request, engine_id: str, body: DevicesOfGroupBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Take devices out of the group at a path, all of them or none; they stay in the groups below it.

        Example request:

            {"controller": "device-manager/groups", "action": "removeDevices", "engineId": "tenant-a",
             "body": {"path": "site.hall-1", "deviceIds": ["DummyTemp-1"]}}

        Example result:

            {"successes": [{"_id": "DummyTemp-1", "_version": 3, "created": false, "status": 200,
                            "_source": {"groups": []}}],
             "errors": [],
             "group": {"_id": "hall-1", "_version": 4, "_source": {"name": "Hall 1", "path": "site.hall-1"}}}

        Raises:
            ApiError: `device_manager.groups.unknown_path` or `unknown_twins`.
        """
        wanted = Membership(engine_id, body.path, "devices", body.device_ids, adds=False)
        return await self._change(wanted, request, refresh)

    async def _change(self, wanted: Membership, request: Request, refresh: bool) -> dict[str, Any]:
        grouped = await self._twins.groups.members.change(wanted, call_of(request, refresh=refresh))
        return {
            "successes": [group_result(twin) | {"created": False, "status": 200} for twin in grouped.twins],
            "errors": [],
            "group": group_result(grouped.group),
        }


def _check_id(id: str | None, path: str) -> None:
    """Refuse a route that names another group than the path does."""
    if id and last_segment(path) != id:
        raise api_error("device_manager.groups.wrong_path_end", path, id)
