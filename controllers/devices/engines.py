"""Which engine a device belongs to (device-manager 2.3)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.places import DEVICES


class DeviceEngines(TwinsController):
    """Attaching devices to engines and detaching them."""

    @action(
        http=["PUT /_/device-manager/:engineId/devices/:_id/_attach"],
        collection=DEVICES,
        writes=True,
        aliases=["attachTenant"],
    )
    async def attach_engine(
        self, request: Request, engine_id: str, _id: str, refresh: Refresh
    ) -> dict[str, Any] | None:
        """Attach a provisioned device to an engine.

        Example request:

            {"controller": "device-manager/devices", "action": "attachEngine", "engineId": "tenant-a",
             "_id": "DummyTemp-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`,
                `device_manager.engines.unknown`.
        """
        await self._twins.devices.attach(engine_id, _id, call_of(request, refresh=refresh))
        return {} if request.dry_run else None

    @action(
        http=[
            "DELETE /_/device-manager/devices/:_id/_detach",
            "DELETE /_/device-manager/:engineId/devices/:_id/_detach",
        ],
        collection=DEVICES,
        writes=True,
        aliases=["detachTenant"],
        scope=Scope.FOUND,
    )
    async def detach_engine(
        self, request: Request, _id: str, refresh: Refresh, engine_id: str | None = None
    ) -> dict[str, Any] | None:
        """Take a device out of its engine, its links with it; it stays provisioned and its measures stay.

        Without `engineId` it is taken out of whatever engine it is in.

        Example request:

            {"controller": "device-manager/devices", "action": "detachEngine", "_id": "DummyTemp-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached`, `attached_elsewhere` when it
                is in another engine than `engineId`.
        """
        await self._twins.detaching.detach(engine_id, _id, call_of(request, refresh=refresh))
        return {} if request.dry_run else None
