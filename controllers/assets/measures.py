"""What assets measured, measure now, and were like (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.measure_bodies import TwinsBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, SearchBody
from device_manager.router.request import Request
from device_manager.twins.measures.reading import Window
from device_manager.twins.measures.state import read_moment
from device_manager.twins.places import HISTORY, MEASURES


class AssetMeasures(TwinsController):
    """Measures of assets."""

    @action(
        http=[
            "GET /_/device-manager/:engineId/assets/:_id/measures",
            "POST /_/device-manager/:engineId/assets/:_id/measures",
        ],
        collection=MEASURES,
    )
    async def get_measures(
        self,
        request: Request,
        _id: str,
        engine_id: str,
        lang: Lang,
        search_body: SearchBody,
        size: int = 25,
        from_: int = 0,
        start_at: Any = None,
        end_at: Any = None,
        type: str | None = None,
    ) -> dict[str, Any]:
        """The measures that were taken for an asset, the newest first unless `sort` says otherwise.

        `startAt` and `endAt` are ISO 8601 dates, both inclusive; `type` is a measure type; `query` is written in
        `lang`. An asset that was deleted has its measures still.

        Example request:

            {"controller": "device-manager/assets", "action": "getMeasures", "engineId": "tenant-a",
             "_id": "Container-A-1", "startAt": "2026-03-01T00:00:00Z", "size": 100,
             "body": {"query": {"range": {"values.temperature": {"gt": 30}}}}}

        Example result:

            {"measures": [{"_id": "X2mB0Zk3uLQvYc8sT1Wd", "_score": null, "index": "tenant-a", "collection": "measures",
                           "_source": {"type": "temperature", "measuredAt": 1772323200000,
                                       "values": {"temperature": 31.5},
                                       "asset": {"_id": "Container-A-1", "measureName": "temperatureExt"},
                                       "origin": {"type": "device", "_id": "DummyTemp-1",
                                                  "measureName": "temperature"}}}],
             "total": 1}

        Raises:
            ApiError: `services.storage.not_found` for an unknown engine, `api.assert.invalid_type` for a date, a 400
                that names the clause, `services.storage.get_limit_exceeded`.
        """
        window = Window(from_, size, start_at, end_at, type)
        return await self._twins.measures.reading.history(engine_id, "asset", _id, window, search_body, lang)

    @action(
        http=[
            "GET /_/device-manager/:engineId/assets/:_id/lastMeasures",
            "POST /_/device-manager/:engineId/assets/:_id/lastMeasures",
        ],
        collection=MEASURES,
    )
    async def get_last_measures(
        self, request: Request, _id: str, engine_id: str, measure_count: int = 100
    ) -> dict[str, Any]:
        """The newest measure of each slot of an asset, by slot.

        `measureCount` is the most slots to return; those that were measured last come first.

        Example request:

            {"controller": "device-manager/assets", "action": "getLastMeasures", "engineId": "tenant-a",
             "_id": "Container-A-1"}

        Example result:

            {"temperatureExt": {"name": "temperatureExt", "type": "temperature", "measuredAt": 1772323200000,
                                "values": {"temperature": 31.5}, "originId": "DummyTemp-1",
                                "payloadUuids": ["5f0c1d1e-8a1b-4a55-9d3c-2f6f0c7a9e11"]}}

        Raises:
            ApiError: `device_manager.measures.none` when there is no measure, `services.storage.not_found` for an
                unknown engine, `api.assert.invalid_argument` for a count below 1.
        """
        return await self._twins.measures.reading.last_of_one(engine_id, "asset", _id, measure_count)

    @action(http=["POST /_/device-manager/:engineId/assets/_mGetLastMeasures"], collection=MEASURES)
    async def m_get_last_measures(
        self, request: Request, engine_id: str, body: TwinsBody, measure_count: int = 100
    ) -> dict[str, Any]:
        """The newest measure of each slot of several assets, by id and slot; assets without measures are left out.

        Example request:

            {"controller": "device-manager/assets", "action": "mGetLastMeasures", "engineId": "tenant-a",
             "body": {"ids": ["Container-A-1", "Container-A-2"]}}

        Example result:

            {"Container-A-1": {"temperatureExt": {"name": "temperatureExt", "type": "temperature",
                                                  "measuredAt": 1772323200000, "values": {"temperature": 31.5},
                                                  "originId": "DummyTemp-1", "payloadUuids": []}}}

        Raises:
            ApiError: `services.storage.not_found` for an unknown engine, `api.assert.invalid_argument` for a count
                below 1.
        """
        return await self._twins.measures.reading.last(engine_id, "asset", body.ids, measure_count)

    @action(
        http=[
            "GET /_/device-manager/:engineId/assets/:_id/lastMeasuredAt",
            "POST /_/device-manager/:engineId/assets/:_id/lastMeasuredAt",
        ],
        collection=MEASURES,
    )
    async def get_last_measured_at(self, request: Request, _id: str, engine_id: str) -> dict[str, Any]:
        """When an asset measured last, in milliseconds since 1970.

        Example request:

            {"controller": "device-manager/assets", "action": "getLastMeasuredAt", "engineId": "tenant-a",
             "_id": "Container-A-1"}

        Example result:

            {"lastMeasuredAt": 1772323200000}

        Raises:
            ApiError: `device_manager.measures.none` when there is no measure, `services.storage.not_found` for an
                unknown engine.
        """
        return {"lastMeasuredAt": await self._twins.measures.reading.one_last_measured_at(engine_id, "asset", _id)}

    @action(http=["POST /_/device-manager/:engineId/assets/_mGetLastMeasuredAt"], collection=MEASURES)
    async def m_get_last_measured_at(self, request: Request, engine_id: str, body: TwinsBody) -> dict[str, Any]:
        """When each of several assets measured last, by id; assets without measures are left out.

        Example request:

            {"controller": "device-manager/assets", "action": "mGetLastMeasuredAt", "engineId": "tenant-a",
             "body": {"ids": ["Container-A-1", "Container-A-2"]}}

        Example result:

            {"Container-A-1": 1772323200000}

        Raises:
            ApiError: `services.storage.not_found` for an unknown engine.
        """
        return await self._twins.measures.reading.last_measured_at(engine_id, "asset", body.ids)

    @action(http=["GET /_/device-manager/:engineId/assets/:_id/state/:timestamp"], collection=HISTORY)
    async def get_state_at(self, request: Request, _id: str, engine_id: str, timestamp: Any) -> dict[str, Any]:
        """An asset as it was at a moment: metadata, groups and links, and the newest measure of each slot until then.

        `timestamp` is an ISO 8601 date or milliseconds since 1970. An asset that is gone has its past still.

        Example request:

            {"controller": "device-manager/assets", "action": "getStateAt", "engineId": "tenant-a",
             "_id": "Container-A-1", "timestamp": "2026-03-01T00:00:00Z"}

        Example result:

            {"_id": "Container-A-1", "at": 1772323200000,
             "_source": {"model": "Container", "reference": "A-1", "metadata": {"weight": 12}, "groups": [],
                         "linkedMeasures": [{"deviceId": "DummyTemp-1", "measureSlots": [
                             {"asset": "temperatureExt", "device": "temperature"}]}]},
             "measures": {"temperatureExt": {"name": "temperatureExt", "type": "temperature",
                                             "measuredAt": 1772323190000, "values": {"temperature": 31.5},
                                             "originId": "DummyTemp-1", "payloadUuids": []}}}

        Raises:
            ApiError: `device_manager.assets.unknown_at` before the asset was created and after it was deleted,
                `services.storage.not_found` for an unknown engine, `api.assert.invalid_type` for what is no date.
        """
        return await self._twins.measures.states.at(engine_id, _id, read_moment(timestamp, "timestamp"))
