"""Actions of `device-manager/models` that delete (device-manager 2.5)."""

from __future__ import annotations

from device_manager.controllers.calls import call_of
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.request import Request


class ModelDeletions(TwinsController):
    """Delete models that nothing uses."""

    @action(http=["DELETE /_/device-manager/models/asset/:_id"], writes=True)
    async def delete_asset(self, request: Request, _id: str) -> None:
        """Delete an asset model that no assets use, by the id of its document; mappings stay as they are.

        Example request:

            {"controller": "device-manager/models", "action": "deleteAsset", "_id": "model-asset-Container"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`; `device_manager.models.in_use`, with the first ten `users` and
                their `count`.
        """
        await self._twins.models.deletion.delete(_id, call_of(request))

    @action(http=["DELETE /_/device-manager/models/device/:_id"], writes=True)
    async def delete_device(self, request: Request, _id: str) -> None:
        """Delete a device model that no devices use, by the id of its document; mappings stay as they are.

        Example request:

            {"controller": "device-manager/models", "action": "deleteDevice", "_id": "model-device-DummyTemp"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`; `device_manager.models.in_use`, with the first ten `users` and
                their `count`.
        """
        await self._twins.models.deletion.delete(_id, call_of(request))

    @action(http=["DELETE /_/device-manager/models/group/:_id"], writes=True)
    async def delete_group(self, request: Request, _id: str) -> None:
        """Delete a group model that no groups use, by the id of its document; mappings stay as they are.

        Example request:

            {"controller": "device-manager/models", "action": "deleteGroup", "_id": "model-group-Warehouse"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`; `device_manager.models.in_use`, with the first ten `users` and
                their `count`.
        """
        await self._twins.models.deletion.delete(_id, call_of(request))

    @action(http=["DELETE /_/device-manager/models/measure/:_id"], writes=True)
    async def delete_measure(self, request: Request, _id: str) -> None:
        """Delete a measure model that no models use, by the id of its document; mappings stay as they are.

        Example request:

            {"controller": "device-manager/models", "action": "deleteMeasure", "_id": "model-measure-temperature"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`; `device_manager.models.in_use`, with the first ten `users` and
                their `count`.
        """
        await self._twins.models.deletion.delete(_id, call_of(request))
