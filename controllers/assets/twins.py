"""Creating and reading assets (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twin_bodies import CreateBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.places import ASSETS


class AssetTwins(TwinsController):
    """Assets as documents."""

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
        return twin_result(await self._twins.assets.create(engine_id, body.model, body.reference, body.metadata, call))

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
        return await self._twins.reading.get(engine_id, ASSETS, _id, call_of(request))

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
        return await self._twins.reading.search(
            engine_id, ASSETS, search_body, offset=from_, size=size, lang=lang, call=call_of(request)
        )
