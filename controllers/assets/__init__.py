"""The controller `device-manager/assets` (device-manager 2.2, 4.2)."""

from __future__ import annotations

from device_manager.controllers.assets.bulk import AssetBulk
from device_manager.controllers.assets.changes import AssetChanges
from device_manager.controllers.assets.exports import AssetExports
from device_manager.controllers.assets.ingestion import AssetIngestion
from device_manager.controllers.assets.links import AssetLinks
from device_manager.controllers.assets.measures import AssetMeasures
from device_manager.controllers.assets.tenants import AssetTenants
from device_manager.controllers.assets.twins import AssetTwins
from device_manager.router.controller import ControllerAlias
from device_manager.security.scope import Scope


class AssetsController(
    AssetBulk, AssetLinks, AssetChanges, AssetExports, AssetMeasures, AssetIngestion, AssetTenants, AssetTwins
):
    """`device-manager/assets`: create, find, link, import assets."""

    name = "device-manager/assets"
    scope = Scope.ENGINE
    aliases = (ControllerAlias("device-manager/asset", {}),)
