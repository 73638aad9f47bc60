"""Actions of `device-manager/models` that search (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action


class ModelSearches(TwinsController):
    """Find models by a query."""

    @action(http=["POST /_/device-manager/models/assets/_search"])
    async def search_assets(
        self,
        engine_group: str,
        body: dict[str, Any] | None = None,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find asset models of an engine group and of `commons` by an Elasticsearch query.

        Example request:

            {"controller": "device-manager/models", "action": "searchAssets", "engineGroup": "commons",
             "body": {"query": {"prefix": {"asset.model": "Cont"}}}}

        Example result:

            {"hits": [{"_id": "model-asset-Container", "_score": 1.0,
                       "index": "device-manager", "collection": "models",
                       "_source": {"type": "asset", "engineGroup": "commons", "asset": {"model": "Container"}}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.models.reading.search("asset", body or {}, group=engine_group, offset=from_, size=size)

    @action(http=["POST /_/device-manager/models/devices/_search"])
    async def search_devices(
        self,
        body: dict[str, Any] | None = None,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find device models by an Elasticsearch query.

        Example request:

            {"controller": "device-manager/models", "action": "searchDevices",
             "body": {"query": {"prefix": {"device.model": "Dumm"}}}}

        Example result:

            {"hits": [{"_id": "model-device-DummyTemp", "_score": 1.0,
                       "index": "device-manager", "collection": "models",
                       "_source": {"type": "device", "device": {"model": "DummyTemp"}}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.models.reading.search("device", body or {}, group=None, offset=from_, size=size)

    @action(http=["POST /_/device-manager/models/groups/_search"])
    async def search_groups(
        self,
        engine_group: str,
        body: dict[str, Any] | None = None,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find group models of an engine group and of `commons` by an Elasticsearch query.

        Example request:

            {"controller": "device-manager/models", "action": "searchGroups", "engineGroup": "commons",
             "body": {"query": {"prefix": {"group.model": "Ware"}}}}

        Example result:

            {"hits": [{"_id": "model-group-Warehouse", "_score": 1.0,
                       "index": "device-manager", "collection": "models",
                       "_source": {"type": "group", "engineGroup": "commons", "group": {"model": "Warehouse"}}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.models.reading.search("group", body or {}, group=engine_group, offset=from_, size=size)

    @action(http=["POST /_/device-manager/models/measures/_search"])
    async def search_measures(
        self,
        body: dict[str, Any] | None = None,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find measure models by an Elasticsearch query.

        Example request:

            {"controller": "device-manager/models", "action": "searchMeasures",
             "body": {"query": {"prefix": {"measure.type": "temp"}}}}

        Example result:

            {"hits": [{"_id": "model-measure-temperature", "_score": 1.0,
                       "index": "device-manager", "collection": "models",
                       "_source": {"type": "measure", "measure": {"type": "temperature"}}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.models.reading.search("measure", body or {}, group=None, offset=from_, size=size)
