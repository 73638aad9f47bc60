"""Changing and deleting assets (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.twin_bodies import MetadataBody, UpsertBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.documents import twin_result
from device_manager.twins.places import ASSETS


class AssetChanges(TwinsController):
    """What happens to assets once they exist."""

    @action(http=["PUT /_/device-manager/:engineId/assets"], collection=ASSETS, writes=True)
    async def upsert(self, request: Request, engine_id: str, body: UpsertBody, refresh: Refresh) -> dict[str, Any]:
        """Create an asset, or merge the metadata into that of the asset with this model and reference.

        Example request:

            {"controller": "device-manager/assets", "action": "upsert", "engineId": "tenant-a",
             "body": {"model": "Container", "reference": "A-1", "metadata": {"weight": 14}}}

        Example result:

            {"_id": "Container-A-1",
             "_source": {"model": "Container", "reference": "A-1", "metadata": {"weight": 14}}}

        Raises:
            ApiError: `device_manager.models.unknown_asset` for one that would be created, an unknown engine, metadata
                that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.assets.upsert(engine_id, body.model, body.reference, body.metadata, call))

    @action(http=["PUT /_/device-manager/:engineId/assets/:_id"], collection=ASSETS, writes=True)
    async def update(
        self, request: Request, _id: str, engine_id: str, body: MetadataBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Merge metadata into that of an asset: objects member by member, all else as a whole; null empties a field.

        Example request:

            {"controller": "device-manager/assets", "action": "update", "engineId": "tenant-a",
             "_id": "Container-A-1", "body": {"metadata": {"weight": 14, "note": null}}}

        Example result:

            {"_id": "Container-A-1",
             "_source": {"model": "Container", "reference": "A-1", "metadata": {"weight": 14, "note": null}}}

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine, metadata that the mapping refuses.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.assets.update(engine_id, _id, body.metadata, call))

    @action(http=["PATCH /_/device-manager/:engineId/assets/:_id/metadata"], collection=ASSETS, writes=True)
    async def replace_metadata(
        self, request: Request, _id: str, engine_id: str, body: MetadataBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Replace fields of an asset's metadata as a whole; other fields stay, those that its model lacks are left out.

        Example request:

            {"controller": "device-manager/assets", "action": "replaceMetadata", "engineId": "tenant-a",
             "_id": "Container-A-1", "body": {"metadata": {"weight": 15}}}

        Example result:

            {"_id": "Container-A-1",
             "_source": {"model": "Container", "reference": "A-1", "metadata": {"weight": 15, "note": null}}}

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine, metadata that the mapping refuses,
                `device_manager.models.unknown_asset` for new fields of an asset whose model is gone.
        """
        call = call_of(request, refresh=refresh)
        return twin_result(await self._twins.assets.replace_metadata(engine_id, _id, body.metadata, call))

    @action(http=["DELETE /_/device-manager/:engineId/assets/:_id"], collection=ASSETS, writes=True)
    async def delete(
        self, request: Request, engine_id: str, _id: str, strict: bool, refresh: Refresh
    ) -> dict[str, Any] | None:
        """Delete an asset, its links with it; with `strict` an asset that is linked is refused.

        Its measures and its history stay, and the history ends with an entry named `delete`.

        Example request:

            {"controller": "device-manager/assets", "action": "delete", "engineId": "tenant-a", "_id": "Container-A-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, an unknown engine, `device_manager.assets.still_linked`.
        """
        await self._twins.assets.delete(engine_id, _id, call_of(request, refresh=refresh), strict=strict)
        return {} if request.dry_run else None
