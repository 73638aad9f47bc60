"""Devices by file (device-manager 6.3, design 7)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.import_bodies import ImportDevicesBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.places import DEVICES


class DeviceImports(TwinsController):
    """Creating and updating many devices."""

    @action(
        http=[
            "POST /_/device-manager/devices/_import",
            "PUT /_/device-manager/devices/_import",
            "POST /_/device-manager/:engineId/devices/_import",
            "PUT /_/device-manager/:engineId/devices/_import",
        ],
        collection=DEVICES,
        writes=True,
        scope=Scope.FOUND,
    )
    async def import_devices(
        self,
        request: Request,
        body: ImportDevicesBody,
        strict: bool,
        upsert: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        r"""Create many devices, as if the records were applied one by one in order.

        `csv` has the columns `model` and `reference` and, optionally, `_id` (which has to be `<model>-<reference>`),
        `engineId` and `metadata.<field>` for each field; `records` are objects `{model, reference, _id?, engineId?,
        metadata?}`. A device is attached in the same transaction to the engine that its record names, else to that of
        the call, else it is only provisioned. Cells are converted by the model's mappings: a position is `lat,lon`,
        arrays and objects are JSON, an empty cell is no value. What exists is an error of its record or, with
        `upsert`, gets the metadata merged into its own, and is attached if it was free.

        Example request:

            {"controller": "device-manager/devices", "action": "importDevices", "engineId": "tenant-a",
             "body": {"csv": "model,reference,metadata.color\nDummyTemp,1,red\nDummyTemp,,blue"}}

        Example result:

            {"successes": [{"row": 1, "_id": "DummyTemp-1", "model": "DummyTemp", "reference": "1",
                            "engineId": "tenant-a", "created": true, "changed": true}],
             "errors": [{"row": 2, "_id": null, "model": "DummyTemp", "reference": "", "status": 400,
                         "id": "api.assert.missing_argument", "reason": "Missing argument \"reference\"."}]}

        Raises:
            ApiError: `device_manager.bulk.malformed` or `unknown_column`, `services.storage.write_limit_exceeded` and
                `services.storage.not_found` (the engine); when `strict`, `device_manager.bulk.refused` or
                `unknown_engines`, whose `errors` names every refused record.
        """
        bulk = self._twins.bulk
        call = call_of(request, refresh=refresh)
        return (await bulk.import_devices(engine_id, body.to_file(bulk.limit), strict, call, upsert=upsert)).to_dict()
