"""The controller `device-manager/models`: asset, device and measure models (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.domain import Twins
from device_manager.twins.model_bodies import WriteAssetBody, WriteDeviceBody, WriteMeasureBody
from device_manager.twins.models import Model
from device_manager.twins.places import COMMONS, MODELS


class ModelsController(Controller):
    """`device-manager/models`: write, get and list models."""

    name = "device-manager/models"
    scope = Scope.PLATFORM

    def __init__(self, twins: Twins) -> None:
        self._writing = twins.models
        self._catalogue = twins.catalogue
        self._platform = twins.platform

    @action(http=["POST /_/device-manager/models/assets"], writes=True)
    async def write_asset(self, request: Request, body: WriteAssetBody) -> dict[str, Any]:
        """Create or replace an asset model; assets of it get its slots and metadata fields.

        Example request:

            {"controller": "device-manager/models", "action": "writeAsset",
             "body": {"engineGroup": "commons", "model": "Container",
                      "metadataMappings": {"weight": {"type": "integer"}}, "defaultValues": {"weight": 10},
                      "measures": [{"name": "temperatureExt", "type": "temperature"}]}}

        Example result:

            {"_id": "model-asset-Container", "_version": 1, "created": true,
             "_source": {"type": "asset", "engineGroup": "commons", "asset": {"model": "Container"}}}

        Raises:
            ApiError: `device_manager.models.not_pascal_case`, `duplicate_measures`, `unknown_default`,
                `undeclared_measure_type`, `mappings_conflict`, `services.storage.invalid_mapping`,
                `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    @action(http=["POST /_/device-manager/models/devices"], writes=True)
    async def write_device(self, request: Request, body: WriteDeviceBody) -> dict[str, Any]:
        """Create or replace a device model; attached devices of it get its slots.

        Example request:

            {"controller": "device-manager/models", "action": "writeDevice",
             "body": {"model": "DummyTemp", "measures": [{"name": "temperature", "type": "temperature"}]}}

        Example result:

            {"_id": "model-device-DummyTemp", "_version": 1, "created": true,
             "_source": {"type": "device", "device": {"model": "DummyTemp"}}}

        Raises:
            ApiError: `device_manager.models.not_pascal_case`, `duplicate_measures`, `undeclared_measure_type`,
                `mappings_conflict`, `services.storage.invalid_mapping`, `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    @action(http=["POST /_/device-manager/models/measures"], writes=True)
    async def write_measure(self, request: Request, body: WriteMeasureBody) -> dict[str, Any]:
        """Create or replace a measure model.

        Example request:

            {"controller": "device-manager/models", "action": "writeMeasure",
             "body": {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}}

        Example result:

            {"_id": "model-measure-temperature", "_version": 1, "created": true,
             "_source": {"type": "measure", "measure": {"type": "temperature"}}}

        Raises:
            ApiError: `device_manager.models.mappings_conflict`, `services.storage.invalid_mapping`,
                `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    async def _write(self, request: Request, model: Model) -> dict[str, Any]:
        document, is_new = await self._writing.write(model, call_of(request))
        return {"_id": document.id, "_source": document.source, "_version": document.version, "created": is_new}

    @action(http=["GET /_/device-manager/models/asset/:model"])
    async def get_asset(self, model: str, engine_group: str = COMMONS) -> dict[str, Any]:
        """An asset model of an engine group or of `commons`.

        Example request:

            {"controller": "device-manager/models", "action": "getAsset", "model": "Container",
             "engineGroup": "commons"}

        Example result:

            {"_id": "model-asset-Container", "_score": 1.0, "index": "device-manager", "collection": "models",
             "_source": {"type": "asset", "engineGroup": "commons", "asset": {"model": "Container"}}}

        Raises:
            ApiError: `device_manager.models.unknown_asset`.
        """
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.asset(model, engine_group), 1.0)

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
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.device(model), 1.0)

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
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.measure(type), 1.0)

    @action(http=["GET /_/device-manager/models/assets"])
    async def list_assets(self, engine_group: str) -> dict[str, Any]:
        """The asset models of an engine group and of `commons`, by name.

        Example request:

            {"controller": "device-manager/models", "action": "listAssets", "engineGroup": "commons"}

        Example result:

            {"total": 1, "models": [{"_id": "model-asset-Container", "_source": {"type": "asset"}}]}
        """
        await self._catalogue.ensure()
        return self._list(self._catalogue.models.of_group("asset", engine_group))

    @action(http=["GET /_/device-manager/models/devices"])
    async def list_devices(self) -> dict[str, Any]:
        """All device models, by name.

        Example request:

            {"controller": "device-manager/models", "action": "listDevices"}

        Example result:

            {"total": 1, "models": [{"_id": "model-device-DummyTemp", "_source": {"type": "device"}}]}
        """
        await self._catalogue.ensure()
        return self._list(self._catalogue.models.of_kind("device"))

    @action(http=["GET /_/device-manager/models/measures"])
    async def list_measures(self) -> dict[str, Any]:
        """All measure models, by type.

        Example request:

            {"controller": "device-manager/models", "action": "listMeasures"}

        Example result:

            {"total": 1, "models": [{"_id": "model-measure-temperature", "_source": {"type": "measure"}}]}
        """
        await self._catalogue.ensure()
        return self._list(self._catalogue.models.of_kind("measure"))

    def _hit(self, model: Model, score: float | None) -> dict[str, Any]:
        return {
            "_id": model.id,
            "_score": score,
            "_source": model.source,
            "index": self._platform,
            "collection": MODELS,
        }

    def _list(self, models: list[Model]) -> dict[str, Any]:
        return {"models": [self._hit(model, None) for model in models], "total": len(models)}
