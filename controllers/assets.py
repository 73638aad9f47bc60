"""The controller `device-manager/assets` (device-manager 2.2, 4.2)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import LinkDevicesBody, UnlinkDevicesBody
from device_manager.router.controller import Controller, ControllerAlias, action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.domain import Twins
from device_manager.twins.linking import Linked
from device_manager.twins.places import ASSETS


class CreateBody(msgspec.Struct):
    """A new twin."""

    model: str
    reference: str
    metadata: dict[str, Any] = {}


class AssetsController(Controller):
    """`device-manager/assets`: create, find, link assets."""

    name = "device-manager/assets"
    aliases = (ControllerAlias("device-manager/asset", {}),)

    def __init__(self, twins: Twins) -> None:
        self._assets = twins.assets
        self._reading = twins.reading
        self._linking = twins.linking

    @action(http=["POST /_/device-manager/:engineId/assets"], collection=ASSETS, writes=True)
    async def create(self, request: Request, engine_id: str, body: CreateBody, refresh: Refresh) -> dict[str, Any]:
        """Create an asset of a model.

        Example request:

            {"controller": "device-manager/assets", "action": "create", "engineId": "tenant-a",
             "body": {"model": "Container", "reference": "A-1", "metadata": {"weight": 12}}}

        Example result:

            {"_id": "Container-A-1",
             "_source": {"model": "Container", "reference": "A-1", "metadata": {"weight": 12},
                         "measureSlots": [{"name": "temperatureExt", "type": "temperature"}],
                         "linkedMeasures": [], "groups": []}}

        Raises:
            ApiError: `device_manager.models.unknown_asset`, `services.storage.document_already_exists`, an unknown
                engine, metadata that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._assets.create(engine_id, body.model, body.reference, body.metadata, call))

    @action(http=["GET /_/device-manager/:engineId/assets/:_id"], collection=ASSETS)
    async def get(self, request: Request, _id: str, engine_id: str) -> dict[str, Any]:
        """One asset.

        Example request:

            {"controller": "device-manager/assets", "action": "get", "engineId": "tenant-a", "_id": "Container-A-1"}

        Example result:

            {"_id": "Container-A-1", "_source": {"model": "Container", "reference": "A-1"}}

        Raises:
            ApiError: `services.storage.not_found`.
        """
        return await self._reading.get(engine_id, ASSETS, _id, call_of(request))

    @action(
        http=["POST /_/device-manager/:engineId/assets/_search", "GET /_/device-manager/:engineId/assets/_search"],
        collection=ASSETS,
    )
    async def search(
        self,
        request: Request,
        engine_id: str,
        search_body: SearchBody,
        lang: Lang,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find assets by an Elasticsearch query or, with `lang: koncorde`, a Koncorde filter.

        Example request:

            {"controller": "device-manager/assets", "action": "search", "engineId": "tenant-a", "size": 25,
             "body": {"query": {"term": {"model": "Container"}}, "sort": [{"reference": "asc"}]}}

        Example result:

            {"hits": [{"_id": "Container-A-1", "_score": null, "index": "tenant-a", "collection": "assets",
                       "_source": {"model": "Container", "reference": "A-1"}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._reading.search(
            engine_id, ASSETS, search_body, offset=from_, size=size, lang=lang, call=call_of(request)
        )

    @action(http=["PUT /_/device-manager/:engineId/assets/:_id/_link"], collection=ASSETS, writes=True)
    async def link_devices(
        self, request: Request, _id: str, engine_id: str, body: LinkDevicesBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Link the asset to devices, all of them or none.

        Example request:

            {"controller": "device-manager/assets", "action": "linkDevices", "engineId": "tenant-a",
             "_id": "Container-A-1",
             "body": {"linkedMeasures": [{"deviceId": "DummyTemp-1",
                                          "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}}

        Example result:

            {"asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": [
                {"deviceId": "DummyTemp-1", "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}},
             "devices": [{"_id": "DummyTemp-1", "_source": {"model": "DummyTemp"}}]}

        Raises:
            ApiError: unknown or unattached devices, a `device_manager.links.*` refusal.
        """
        wanted = body.wanted()
        return _result(await self._linking.link_devices(engine_id, _id, wanted, call_of(request, refresh=refresh)))

    @action(
        http=[
            "DELETE /_/device-manager/:engineId/assets/:_id/_unlink",
            "DELETE /_/device-manager/:engineId/assets/:_id/unlink",
            "POST /_/device-manager/:engineId/assets/:_id/_unlink",
        ],
        collection=ASSETS,
        writes=True,
    )
    async def unlink_devices(
        self, request: Request, _id: str, engine_id: str, body: UnlinkDevicesBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Unlink devices from the asset, as a whole or some slot pairs, all of them or none.

        Example request:

            {"controller": "device-manager/assets", "action": "unlinkDevices", "engineId": "tenant-a",
             "_id": "Container-A-1",
             "body": {"linkedMeasures": [{"deviceId": "DummyTemp-1", "allMeasures": true}]}}

        Example result:

            {"asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": []}},
             "devices": [{"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}}]}

        Raises:
            ApiError: unknown or unattached devices, a `device_manager.links.*` refusal.
        """
        call = call_of(request, refresh=refresh)
        return _result(await self._linking.unlink_devices(engine_id, _id, body.wanted(_id), call))


def _result(linked: Linked) -> dict[str, Any]:
    return {
        "asset": twin_result(linked.asset) if linked.asset else None,
        "devices": [twin_result(device) for device in linked.others],
    }
