"""Creating and reading devices (device-manager 2.3)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twin_bodies import CreateBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.places import DEVICES


class DeviceTwins(TwinsController):
    """Devices as documents."""

    @action(http=["POST /_/device-manager/:engineId/devices"], collection=DEVICES, writes=True)
    async def create(self, request: Request, body: CreateBody, engine_id: str, refresh: Refresh) -> dict[str, Any]:
        """Provision a device of a model and attach it to the engine; the platform index only provisions it.

        Example request:

            {"controller": "device-manager/devices", "action": "create", "engineId": "tenant-a",
             "body": {"model": "DummyTemp", "reference": "1", "metadata": {"color": "red"}}}

        Example result:

            {"_id": "DummyTemp-1",
             "_source": {"model": "DummyTemp", "reference": "1", "engineId": "tenant-a", "metadata": {"color": "red"},
                         "measureSlots": [{"name": "temperature", "type": "temperature"}],
                         "linkedMeasures": [], "groups": []}}

        Raises:
            ApiError: `device_manager.models.unknown_device`, `device_manager.engines.unknown`,
                `services.storage.document_already_exists`.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.devices.create(engine_id, body.model, body.reference, body.metadata, call))

    @action(http=["GET /_/device-manager/:engineId/devices/:_id"], collection=DEVICES)
    async def get(self, request: Request, _id: str, engine_id: str) -> dict[str, Any]:
        """One device; in the platform index its provisioning document.

        Example request:

            {"controller": "device-manager/devices", "action": "get", "engineId": "tenant-a", "_id": "DummyTemp-1"}

        Example result:

            {"_id": "DummyTemp-1", "_source": {"model": "DummyTemp", "reference": "1", "engineId": "tenant-a"}}

        Raises:
            ApiError: `services.storage.not_found`.
        """
        return await self._twins.reading.get(engine_id, DEVICES, _id, call_of(request))

    @action(http=["POST /_/device-manager/:engineId/devices/_search"], collection=DEVICES)
    async def search(
        self,
        request: Request,
        engine_id: str,
        search_body: SearchBody,
        lang: Lang,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find devices by an Elasticsearch query or, with `lang: koncorde`, a Koncorde filter.

        Example request:

            {"controller": "device-manager/devices", "action": "search", "engineId": "tenant-a", "lang": "koncorde",
             "body": {"query": {"equals": {"model": "DummyTemp"}}}}

        Example result:

            {"hits": [{"_id": "DummyTemp-1", "_score": 1.0, "index": "tenant-a", "collection": "devices",
                       "_source": {"model": "DummyTemp", "reference": "1"}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.reading.search(
            engine_id, DEVICES, search_body, offset=from_, size=size, lang=lang, call=call_of(request)
        )
