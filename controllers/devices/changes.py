"""Changing and deleting devices (device-manager 2.3)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twin_bodies import MetadataBody, UpsertBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.places import DEVICES


class DeviceChanges(TwinsController):
    """What happens to devices once they exist."""

    @action(http=["PUT /_/device-manager/:engineId/devices"], collection=DEVICES, writes=True)
    async def upsert(self, request: Request, engine_id: str, body: UpsertBody, refresh: Refresh) -> dict[str, Any]:
        """Create a device in the engine, attach it when it is free, or merge the metadata into that of the engine's.

        Example request:

            {"controller": "device-manager/devices", "action": "upsert", "engineId": "tenant-a",
             "body": {"model": "DummyTemp", "reference": "1", "metadata": {"color": "blue"}}}

        Example result:

            {"_id": "DummyTemp-1",
             "_source": {"model": "DummyTemp", "reference": "1", "engineId": "tenant-a", "metadata": {"color": "blue"}}}

        Raises:
            ApiError: `device_manager.devices.exists_elsewhere`, `device_manager.models.unknown_device`,
                `device_manager.engines.unknown`, metadata that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.devices.upsert(engine_id, body.model, body.reference, body.metadata, call))

    @action(http=["PUT /_/device-manager/:engineId/devices/:_id"], collection=DEVICES, writes=True)
    async def update(
        self, request: Request, _id: str, engine_id: str, body: MetadataBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Merge metadata into that of a device: objects member by member, all else as a whole; null empties a field.

        Example request:

            {"controller": "device-manager/devices", "action": "update", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "body": {"metadata": {"color": "green"}}}

        Example result:

            {"_id": "DummyTemp-1",
             "_source": {"model": "DummyTemp", "reference": "1", "metadata": {"color": "green"}}}

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine, metadata that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.devices.update(engine_id, _id, body.metadata, call))

    @action(http=["PATCH /_/device-manager/:engineId/devices/:_id/metadata"], collection=DEVICES, writes=True)
    async def replace_metadata(
        self, request: Request, _id: str, engine_id: str, body: MetadataBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Replace fields of a device's metadata as a whole; other fields stay, those that it lacks are left out.

        Example request:

            {"controller": "device-manager/devices", "action": "replaceMetadata", "engineId": "tenant-a",
             "_id": "DummyTemp-1", "body": {"metadata": {"color": "black"}}}

        Example result:

            {"_id": "DummyTemp-1",
             "_source": {"model": "DummyTemp", "reference": "1", "metadata": {"color": "black"}}}

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine, metadata that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.devices.replace_metadata(engine_id, _id, body.metadata, call))

    @action(http=["DELETE /_/device-manager/:engineId/devices/:_id"], collection=DEVICES, writes=True)
    async def delete(self, request: Request, engine_id: str, _id: str, refresh: Refresh) -> dict[str, Any] | None:
        """Delete a device from its engine and from the platform, its links with it. Its measures stay.

        With the platform index for `engineId` it is deleted wherever it is.

        Example request:

            {"controller": "device-manager/devices", "action": "delete", "engineId": "tenant-a", "_id": "DummyTemp-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine.
        """
        await self._twins.detaching.delete(engine_id, _id, call_of(request, refresh=refresh))
        return {} if request.dry_run else None
