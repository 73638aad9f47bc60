"""The controller `device-manager/groups` (device-manager 2.4)."""

from __future__ import annotations

from device_manager.controllers.groups.batches import GroupBatches
from device_manager.controllers.groups.changes import GroupChanges
from device_manager.controllers.groups.members import GroupMemberships
from device_manager.controllers.groups.reading import GroupReads
from device_manager.security.scope import Scope


class GroupsController(GroupBatches, GroupMemberships, GroupChanges, GroupReads):
    """`device-manager/groups`: the hierarchy of groups, and the twins in them."""

    name = "device-manager/groups"
    scope = Scope.ENGINE
