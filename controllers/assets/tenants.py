"""What is done with assets across engines (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.calls import call_of
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.places import ASSETS


class MigrateBody(msgspec.Struct, rename="camel"):
    """Assets that move to another engine."""

    assets_list: list[str]
    new_engine_id: str
    include_devices: bool = False


class AssetTenants(TwinsController):
    """Moving assets between engines, and keeping them up to date in all."""

    @action(http=["POST /_/device-manager/:engineId/assets/_migrateTenant"], collection=ASSETS, writes=True)
    async def migrate_tenant(self, request: Request, engine_id: str, body: MigrateBody) -> dict[str, Any]:
        """Move assets to another engine of the same engine group, which the caller needs a right to.

        They keep their ids and metadata, and leave their groups. With `includeDevices` the devices that they are
        linked to come along, with these links; other links end. Measures and history stay where they are. Each asset
        moves in one transaction, together with those that share devices with it. The work is a task, which goes on
        after a crash; if it takes more than a minute the answer tells what was done so far, and names it in `task`.

        Example request:

            {"controller": "device-manager/assets", "action": "migrateTenant", "engineId": "tenant-a",
             "body": {"assetsList": ["Container-A-1", "Container-A-404"], "newEngineId": "tenant-b",
                      "includeDevices": true}}

        Example result:

            {"errors": ["Container-A-404"], "successes": ["Container-A-1"]}

        Raises:
            ApiError: `device_manager.tenants.nothing_to_migrate`, `not_authorized`, `other_group` or `all_present`,
                `services.storage.not_found` (an engine), `services.storage.write_limit_exceeded`.
        """
        return await self._twins.tenants.migration.migrate(
            engine_id, body.assets_list, body.new_engine_id, call_of(request), with_devices=body.include_devices
        )

    @action(http=["PATCH /_/device-manager/assets/modelLocales"], collection=ASSETS, writes=True, scope=Scope.PLATFORM)
    async def update_model_locales(self, request: Request, model: str, refresh: Refresh) -> list[dict[str, Any]]:
        """Merge the locales of an asset model into those of its assets, in every engine that the caller may use.

        Example request:

            {"controller": "device-manager/assets", "action": "updateModelLocales", "model": "Container"}

        Example result:

            [{"engineIndex": "tenant-a",
              "result": {"errors": [],
                         "successes": [{"_id": "Container-A-1", "_version": 2, "status": 200,
                                        "_source": {"modelLocales": {"en": {"friendlyName": "Container"}}}}]}}]

        Raises:
            ApiError: `device_manager.tenants.unknown_asset_model`, `all_failed`, or `some_failed` (206); their
                `errors` name the assets and the reasons.
        """
        return await self._twins.tenants.locales.update(model, call_of(request, refresh=refresh))
