"""The controller `device-manager/devices` (device-manager 2.3, 4.2, 6.1, 6.3)."""

from __future__ import annotations

from device_manager.controllers.devices.bulk import DeviceBulk
from device_manager.controllers.devices.changes import DeviceChanges
from device_manager.controllers.devices.engines import DeviceEngines
from device_manager.controllers.devices.exports import DeviceExports
from device_manager.controllers.devices.imports import DeviceImports
from device_manager.controllers.devices.ingestion import DeviceIngestion
from device_manager.controllers.devices.links import DeviceLinks
from device_manager.controllers.devices.measures import DeviceMeasures
from device_manager.controllers.devices.twins import DeviceTwins
from device_manager.router.controller import ControllerAlias
from device_manager.security.scope import Scope

OLD_ACTIONS = {
    "mLink": "mLinkAssets",
    "mUnlink": "mUnlinkAssets",
    "mAttach": "mAttachEngines",
    "mDetach": "mDetachEngines",
}


class DevicesController(
    DeviceBulk,
    DeviceImports,
    DeviceLinks,
    DeviceEngines,
    DeviceChanges,
    DeviceExports,
    DeviceMeasures,
    DeviceIngestion,
    DeviceTwins,
):
    """`device-manager/devices`: create, attach, find, link, import devices."""

    name = "device-manager/devices"
    scope = Scope.ENGINE
    aliases = (ControllerAlias("device-manager/device", OLD_ACTIONS),)
