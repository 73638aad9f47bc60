"""Actions of `device-manager/models` that write (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.twins.model_bodies import (
    UpdateAssetBody,
    WriteAssetBody,
    WriteDeviceBody,
    WriteGroupBody,
    WriteMeasureBody,
)
from device_manager.twins.model_writing import Propagated
from device_manager.twins.models import Model


class ModelWrites(TwinsController):
    """Create, replace and change models."""

    @action(http=["POST /_/device-manager/models/assets"], writes=True)
    async def write_asset(self, request: Request, body: WriteAssetBody) -> dict[str, Any]:
        """Create or replace an asset model; assets of it get its slots and metadata fields.

        That is done when the answer comes, unless there are so many assets that it takes longer than ten seconds: then
        the member `task` of the result is the task that goes on, as `device-manager/tasks:get` tells of it.

        The first model of a name has the id `model-asset-<name>`; one of the same name in another engine group has
        `model-asset-<group>-<name>`, and is used by the engines of that group instead of that of `commons`.

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

    @action(http=["PATCH /_/device-manager/models/assets/:model"], writes=True)
    async def update_asset(
        self, request: Request, engine_group: str, model: str, body: UpdateAssetBody
    ) -> dict[str, Any]:
        """Add to an asset model, or change parts of it; what the body leaves out stays. Mappings can only grow.

        `measures` and `tooltipModels` are replaced as a whole. Default values have to be of fields that
        `metadataMappings` of the same request names.

        Example request:

            {"controller": "device-manager/models", "action": "updateAsset", "engineGroup": "commons",
             "model": "Container", "body": {"metadataMappings": {"color": {"type": "keyword"}}}}

        Example result:

            {"_id": "model-asset-Container", "_version": 2,
             "_source": {"type": "asset", "engineGroup": "commons", "asset": {"model": "Container"}}}

        Raises:
            ApiError: `device_manager.models.not_pascal_case`, `unknown_default`, `unknown_asset`, `duplicate_measures`,
                `undeclared_measure_type`, `update_conflict`, `services.storage.invalid_mapping`,
                `invalid_mapping_type`.
        """
        done = await self._twins.models.writing.update_asset(engine_group, model, body, call_of(request))
        return _shown(done)

    @action(http=["POST /_/device-manager/models/devices"], writes=True)
    async def write_device(self, request: Request, body: WriteDeviceBody) -> dict[str, Any]:
        """Create or replace a device model; devices of it get its slots, as assets do with `writeAsset`.

        Example request:

            {"controller": "device-manager/models", "action": "writeDevice",
             "body": {"model": "DummyTemp", "measures": [{"name": "temperature", "type": "temperature"}]}}

        Example result:

            {"_id": "model-device-DummyTemp", "_version": 1, "created": true,
             "_source": {"type": "device", "device": {"model": "DummyTemp"}}}

        Raises:
            ApiError: `device_manager.models.not_pascal_case`, `duplicate_measures`, `unknown_default`,
                `undeclared_measure_type`, `mappings_conflict`, `services.storage.invalid_mapping`,
                `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    @action(http=["POST /_/device-manager/models/groups"], writes=True)
    async def write_group(self, request: Request, body: WriteGroupBody) -> dict[str, Any]:
        """Create or replace a group model; its affinity says which twins groups of it may hold.

        Example request:

            {"controller": "device-manager/models", "action": "writeGroup",
             "body": {"engineGroup": "commons", "model": "Warehouse",
                      "affinity": {"type": ["assets"], "models": {"assets": ["Container"]}, "strict": true},
                      "metadataMappings": {"surface": {"type": "integer"}}}}

        Example result:

            {"_id": "model-group-Warehouse", "_version": 1, "created": true,
             "_source": {"type": "group", "engineGroup": "commons", "group": {"model": "Warehouse"}}}

        Raises:
            ApiError: `device_manager.models.not_pascal_case`, `unknown_default`, `affinity_incomplete`,
                `affinity_type`, `affinity_strict`, `affinity_models_missing`, `affinity_models`, `mappings_conflict`,
                `services.storage.invalid_mapping`, `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    @action(http=["POST /_/device-manager/models/measures"], writes=True)
    async def write_measure(self, request: Request, body: WriteMeasureBody) -> dict[str, Any]:
        """Create or replace a measure model; from then on values are held against its JSON Schema (draft-07).

        Example request:

            {"controller": "device-manager/models", "action": "writeMeasure",
             "body": {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}},
                      "validationSchema": {"type": "object", "required": ["temperature"]}}}

        Example result:

            {"_id": "model-measure-temperature", "_version": 1, "created": true,
             "_source": {"type": "measure", "measure": {"type": "temperature"}}}

        Raises:
            ApiError: `device_manager.models.invalid_schema`, `mappings_conflict`, `services.storage.invalid_mapping`,
                `invalid_mapping_type`.
        """
        return await self._write(request, body.to_model())

    async def _write(self, request: Request, model: Model) -> dict[str, Any]:
        done = await self._twins.models.writing.write(model, call_of(request))
        return _shown(done) | {"created": done.written.created}


def _shown(done: Propagated) -> dict[str, Any]:
    document = done.written.document
    result: dict[str, Any] = {"_id": document.id, "_source": document.source, "_version": document.version}
    if done.task is not None:
        task = done.task
        result["task"] = {
            "_id": task.id,
            "state": task.state.value,
            "done": task.done,
            "total": task.total,
            "result": task.result,
            "error": task.error,
        }
    return result
