"""The controller `device-manager/models`: models of assets, devices, groups and measures (device-manager 2.5)."""

from __future__ import annotations

from device_manager.controllers.models.deleting import ModelDeletions
from device_manager.controllers.models.listing import ModelLists
from device_manager.controllers.models.reading import ModelReads
from device_manager.controllers.models.searching import ModelSearches
from device_manager.controllers.models.writing import ModelWrites
from device_manager.security.scope import Scope


class ModelsController(ModelWrites, ModelReads, ModelLists, ModelSearches, ModelDeletions):
    """`device-manager/models`: write, get, list, search and delete models."""

    name = "device-manager/models"
    scope = Scope.PLATFORM
