"""Actions of `device-manager/models` that list all models of a kind (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action


class ModelLists(TwinsController):
    """List models."""

    @action(http=["GET /_/device-manager/models/assets"])
    async def list_assets(self, engine_group: str) -> dict[str, Any]:
        """The asset models of an engine group and of `commons`, by name.

        Example request:

            {"controller": "device-manager/models", "action": "listAssets", "engineGroup": "commons"}

        Example result:

            {"total": 1, "models": [{"_id": "model-asset-Container", "_source": {"type": "asset"}}]}
        """
        return await self._twins.models.reading.all("asset", engine_group)

    @action(http=["GET /_/device-manager/models/devices"])
    async def list_devices(self) -> dict[str, Any]:
        """All device models, by name.

        Example request:

            {"controller": "device-manager/models", "action": "listDevices"}

        Example result:

            {"total": 1, "models": [{"_id": "model-device-DummyTemp", "_source": {"type": "device"}}]}
        """
        return await self._twins.models.reading.all("device")

    @action(http=["GET /_/device-manager/models/groups"])
    async def list_groups(self, engine_group: str) -> dict[str, Any]:
        """The group models of an engine group and of `commons`, by name.

        Example request:

            {"controller": "device-manager/models", "action": "listGroups", "engineGroup": "commons"}

        Example result:

            {"total": 1, "models": [{"_id": "model-group-Warehouse", "_source": {"type": "group"}}]}
        """
        return await self._twins.models.reading.all("group", engine_group)

    @action(http=["GET /_/device-manager/models/measures"])
    async def list_measures(self) -> dict[str, Any]:
        """All measure models, by type.

        Example request:

            {"controller": "device-manager/models", "action": "listMeasures"}

        Example result:

            {"total": 1, "models": [{"_id": "model-measure-temperature", "_source": {"type": "measure"}}]}
        """
        return await self._twins.models.reading.all("measure")
