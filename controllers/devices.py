"""The controller `device-manager/devices` (device-manager 2.3, 4.2, 6.1, 6.3)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.assets import CreateBody
from device_manager.controllers.calls import call_of
from device_manager.controllers.link_bodies import (
    LinkAssetBody,
    LinkAssetsBody,
    MLinkAssetsBody,
    UnlinkAssetsBody,
    link_request_dict,
)
from device_manager.router.controller import Controller, ControllerAlias, action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.twins.bulk_outcome import BulkOutcome
from device_manager.twins.documents import twin_result
from device_manager.twins.domain import Twins
from device_manager.twins.linking import Linked
from device_manager.twins.links import UnlinkSelection
from device_manager.twins.places import DEVICES


class DevicesController(Controller):
    """`device-manager/devices`: create, attach, find, link devices."""

    name = "device-manager/devices"
    aliases = (ControllerAlias("device-manager/device", {"mLink": "mLinkAssets"}),)

    def __init__(self, twins: Twins) -> None:
        self._devices = twins.devices
        self._reading = twins.reading
        self._linking = twins.linking
        self._bulk = twins.bulk

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
        return twin_result(await self._devices.create(engine_id, body.model, body.reference, body.metadata, call))

    @action(
        http=["PUT /_/device-manager/:engineId/devices/:_id/_attach"],
        collection=DEVICES,
        writes=True,
        aliases=["attachTenant"],
    )
    async def attach_engine(
        self, request: Request, engine_id: str, _id: str, refresh: Refresh
    ) -> dict[str, Any] | None:
        """Attach a provisioned device to an engine.

        Example request:

            {"controller": "device-manager/devices", "action": "attachEngine", "engineId": "tenant-a",
             "_id": "DummyTemp-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`,
                `device_manager.engines.unknown`.
        """
        await self._devices.attach(engine_id, _id, call_of(request, refresh=refresh))
        return {} if request.dry_run else None

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
        return await self._reading.get(engine_id, DEVICES, _id, call_of(request))

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
        return await self._reading.search(
            engine_id, DEVICES, search_body, offset=from_, size=size, lang=lang, call=call_of(request)
        )

    @action(http=["PUT /_/device-manager/:engineId/devices/:_id/_link"], collection=DEVICES, writes=True)
    async def link_assets(
        self, request: Request, _id: str, engine_id: str, body: LinkAssetsBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Link the device to assets, all of them or none: slot by slot, or by type with `implicitMeasuresLinking`.

        Example request:

            {"controller": "device-manager/devices", "action": "linkAssets", "engineId": "tenant-a",
             "_id": "DummyTemp-1",
             "body": {"linkedMeasures": [{"assetId": "Container-A-1",
                                          "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": [
                {"assetId": "Container-A-1",
                 "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}]}},
             "assets": [{"_id": "Container-A-1", "_source": {"model": "Container"}}]}

        Raises:
            ApiError: an unknown or unattached device, unknown assets, a `device_manager.links.*` refusal.
        """
        wanted = body.wanted()
        return _result(await self._linking.link_assets(engine_id, _id, wanted, call_of(request, refresh=refresh)))

    @action(
        http=[
            "DELETE /_/device-manager/:engineId/devices/:_id/_unlink",
            "DELETE /_/device-manager/:engineId/devices/:_id/unlink",
            "POST /_/device-manager/:engineId/devices/:_id/_unlink",
        ],
        collection=DEVICES,
        writes=True,
    )
    async def unlink_assets(
        self, request: Request, _id: str, engine_id: str, body: UnlinkAssetsBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Unlink the device: everything, whole assets, device slots or slot pairs; the union of what is named goes.

        Example request:

            {"controller": "device-manager/devices", "action": "unlinkAssets", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "body": {"assets": ["Container-A-1"], "measureSlots": ["battery"]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}},
             "assets": [{"_id": "Container-A-1", "_source": {"linkedMeasures": []}}]}

        Raises:
            ApiError: an unknown or unattached device, a `device_manager.links.*` refusal.
        """
        call = call_of(request, refresh=refresh)
        return _result(await self._linking.unlink_assets(engine_id, _id, body.selection(), call))

    @action(http=["PUT /_/device-manager/:engineId/devices/:_id/_link/:assetId"], collection=DEVICES, writes=True)
    async def link_asset(
        self,
        request: Request,
        _id: str,
        engine_id: str,
        asset_id: str,
        implicit_measures_linking: bool,
        body: LinkAssetBody,
        refresh: Refresh,
    ) -> dict[str, Any]:
        """Link the device to one asset (older form of `linkAssets`); without names, free slots are paired by type.

        Example request:

            {"controller": "device-manager/devices", "action": "linkAsset", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "assetId": "Container-A-1",
             "body": {"measureNames": [{"asset": "temperatureExt", "device": "temperature"}]}}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"model": "DummyTemp"}},
             "asset": {"_id": "Container-A-1", "_source": {"model": "Container"}}}

        Raises:
            ApiError: what `linkAssets` raises.
        """
        wanted = [(asset_id, body.wanted(implicit_measures_linking))]
        linked = await self._linking.link_assets(engine_id, _id, wanted, call_of(request, refresh=refresh))
        return _single_result(linked)

    @action(collection=DEVICES, writes=True)
    async def unlink_asset(self, request: Request, _id: str, engine_id: str, refresh: Refresh) -> dict[str, Any]:
        """Unlink the device from all it is linked to (older form of `unlinkAssets`).

        Example request:

            {"controller": "device-manager/devices", "action": "unlinkAsset", "engineId": "tenant-a",
             "_id": "DummyTemp-1"}

        Example result:

            {"device": {"_id": "DummyTemp-1", "_source": {"linkedMeasures": []}},
             "asset": {"_id": "Container-A-1", "_source": {"linkedMeasures": []}}}

        Raises:
            ApiError: what `unlinkAssets` raises.
        """
        everything = UnlinkSelection(all_measures=True)
        linked = await self._linking.unlink_assets(engine_id, _id, everything, call_of(request, refresh=refresh))
        return _single_result(linked)

    @action(
        http=["PUT /_/device-manager/devices/_mLink", "PUT /_/device-manager/:engineId/devices/_mLink"],
        collection=DEVICES,
        writes=True,
    )
    async def m_link_assets(
        self,
        request: Request,
        body: MLinkAssetsBody,
        strict: bool,
        refresh: Refresh,
        engine_id: str | None = None,
    ) -> dict[str, Any]:
        r"""Link many devices to many assets, as if the records were applied one by one in order.

        `records` or `csv` (columns `assetId`, `deviceId` and, optionally, `deviceSlot` and `assetSlot`) name the pairs;
        without slots they are paired by type. Without an engine each device's own is used. With `strict` the call is
        applied as a whole or refused as a whole.

        Example request:

            {"controller": "device-manager/devices", "action": "mLinkAssets", "engineId": "tenant-a",
             "body": {"csv": "assetId,deviceId\nContainer-A-1,DummyTemp-1\nContainer-A-2,DummyTemp-404"}}

        Example result:

            {"successes": [{"row": 1, "assetId": "Container-A-1", "deviceId": "DummyTemp-1", "changed": true,
                            "measureSlots": [{"asset": "temperatureExt", "device": "temperature"}]}],
             "errors": [{"row": 2, "assetId": "Container-A-2", "deviceId": "DummyTemp-404", "status": 404,
                         "id": "services.storage.not_found",
                         "reason": "Document \"DummyTemp-404\" not found in \"device-manager\":\"devices\"."}]}

        Raises:
            ApiError: unusable records or CSV (400), too many of them (413), an unknown engine; when `strict`, a
                `device_manager.bulk.*` error whose `errors` names every refused record.
        """
        records = body.to_records(self._bulk.limit)
        outcome = await self._bulk.link(engine_id, records, strict, call_of(request, refresh=refresh))
        if body.link_requests is not None:
            return _late_result(body, outcome)
        return outcome.to_dict()


def _result(linked: Linked) -> dict[str, Any]:
    return {
        "device": twin_result(linked.device) if linked.device else None,
        "assets": [twin_result(asset) for asset in linked.others],
    }


def _single_result(linked: Linked) -> dict[str, Any]:
    return {
        "device": twin_result(linked.device) if linked.device else None,
        "asset": twin_result(linked.others[0]) if linked.others else None,
    }


def _late_result(body: MLinkAssetsBody, outcome: BulkOutcome) -> dict[str, Any]:
    """The answer to `linkRequests`: `{valids, invalids: [{error, linkRequest}]}`."""
    requests = [link_request_dict(request) for request in body.link_requests or ()]
    return {
        "valids": [requests[success.record.row - 1] for success in outcome.successes],
        "invalids": [
            {"error": refusal.error.to_dict(), "linkRequest": requests[refusal.record.row - 1]}
            for refusal in outcome.errors
        ],
    }
