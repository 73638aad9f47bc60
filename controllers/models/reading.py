"""Actions of `device-manager/models` that get one model (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.twins.places import COMMONS


class ModelReads(TwinsController):
    """Get one model."""

    @action(http=["GET /_/device-manager/models/asset/:model"])
    async def get_asset(self, model: str, engine_group: str = COMMONS) -> dict[str, Any]:
        """An asset model of an engine group or of `commons`.

        Example request:

            {"controller": "device-manager/models", "action": "getAsset",
             "model": "Container", "engineGroup": "commons"}

        Example result:

            {"_id": "model-asset-Container", "_score": 1.0, "index": "device-manager", "collection": "models",
             "_source": {"type": "asset", "engineGroup": "commons", "asset": {"model": "Container"}}}

        Raises:
            ApiError: `device_manager.models.unknown_asset`.
        """
        return await self._twins.models.reading.asset(model, engine_group)

    @action(http=["GET /_/device-manager/models/device/:model"])
    async def get_device(self, model: str) -> dict[str, Any]:
        """A device model.

        Example request:

            {"controller": "device-manager/models", "action": "getDevice", "model": "DummyTemp"}

        Example result:

            {"_id": "model-device-DummyTemp", "_score": 1.0, "index": "device-manager", "collection": "models",
             "_source": {"type": "device", "device": {"model": "DummyTemp"}}}

        Raises:
            ApiError: `device_manager.models.unknown_device`.
        """
        return await self._twins.models.reading.device(model)

    @action(http=["GET /_/device-manager/models/group/:model"])
    async def get_group(self, model: str, engine_group: str | None = None) -> dict[str, Any]:
        """A group model of an engine group or of `commons`; without an engine group, that of any.

        Example request:

            {"controller": "device-manager/models", "action": "getGroup",
             "model": "Warehouse", "engineGroup": "commons"}

        Example result:

            {"_id": "model-group-Warehouse", "_score": 1.0, "index": "device-manager", "collection": "models",
             "_source": {"type": "group", "engineGroup": "commons", "group": {"model": "Warehouse"}}}

        Raises:
            ApiError: `device_manager.models.unknown_group`.
        """
        return await self._twins.models.reading.group(model, engine_group)

    @action(http=["GET /_/device-manager/models/measure/:type"])
    async def get_measure(self, type: str) -> dict[str, Any]:
        """A measure model.

        Example request:

            {"controller": "device-manager/models", "action": "getMeasure", "type": "temperature"}

        Example result:

            {"_id": "model-measure-temperature", "_score": 1.0, "index": "device-manager", "collection": "models",
             "_source": {"type": "measure", "measure": {"type": "temperature"}}}

        Raises:
            ApiError: `device_manager.models.unknown_measure`.
        """
        return await self._twins.models.reading.measure(type)
