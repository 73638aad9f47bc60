"""The roles and profiles that every platform has from the start (router-protocol 5.10, device-manager 5.4).

They are stored once, when they are missing; from then on they are the operator's.
"""

from __future__ import annotations

import re
from typing import Any

Content = dict[str, Any]

ADMIN = "admin"
DEFAULT = "default"
ANONYMOUS = "anonymous"
PAYLOAD_GATEWAY = "payload_gateway"
FACADE_ROLE = "facade"
PROTECTED = frozenset({ADMIN, DEFAULT, ANONYMOUS})
"""Roles and profiles that cannot be deleted."""


def _role(**controllers: list[str]) -> Content:
    """The content of a role; `dm_assets` stands for the controller `device-manager/assets`."""
    return {
        "controllers": {
            re.sub("^dm_", "device-manager/", name): {"actions": dict.fromkeys(actions, True)}
            for name, actions in controllers.items()
        }
    }


EVERYTHING: Content = {"controllers": {"*": {"actions": {"*": True}}}}

OPEN_ROLES: dict[str, Content] = {ADMIN: EVERYTHING, DEFAULT: EVERYTHING, ANONYMOUS: EVERYTHING}
"""What a fresh store begins with: everybody may do everything."""

RESTRICTED_ROLES: dict[str, Content] = {
    DEFAULT: _role(
        auth=["checkToken", "getCurrentUser", "getMyRights", "logout", "updateSelf"],
        server=["publicApi"],
    ),
    ANONYMOUS: _role(
        auth=["checkToken", "getCurrentUser", "getMyRights", "login"],
        server=["openapi", "publicApi"],
    ),
}
"""What users and strangers may do once the platform is closed."""


def _profile(role: str, rate_limit: int = 0) -> Content:
    return {"policies": [{"roleId": role}], "rateLimit": rate_limit}


OPEN_PROFILES: dict[str, Content] = {name: _profile(name) for name in (ADMIN, DEFAULT, ANONYMOUS)}
RESTRICTED_PROFILES: dict[str, Content] = {DEFAULT: _profile(DEFAULT, 10), ANONYMOUS: _profile(ANONYMOUS, 200)}

_LINKING = ["linkAssets", "unlinkAssets"]
_READING = [
    "get",
    "search",
    "getMeasures",
    "getLastMeasures",
    "mGetLastMeasures",
    "exportMeasures",
    "getLastMeasuredAt",
    "mGetLastMeasuredAt",
]
_GROUP_ADMIN = _role(dm_groups=["*"], dm_models=["listGroups", "getGroup"])
_GROUP_READER = _role(dm_groups=["get", "search"], dm_models=["listGroups", "getGroup"])

DOMAIN_ROLES: dict[str, Content] = {
    "assets.admin": _role(
        dm_assets=["*"],
        dm_models=["deleteAsset", "listAssets", "getAsset", "writeAsset", "listMeasures"],
        dm_devices=_LINKING,
    ),
    "assets.reader": _role(dm_assets=_READING, dm_models=["listAssets", "getAsset", "listMeasures"]),
    "assets.configuration": _role(dm_assets=["replaceMetadata", "update"]),
    "assets.creation": _role(dm_assets=["create", "delete", "upsert"]),
    "devices.admin": _role(
        dm_devices=[
            *("attachEngine", "create", "detachEngine", "get", "linkAssets", "search", "unlinkAssets", "update"),
            *("getMeasures", "exportMeasures"),
        ],
        dm_assets=["linkDevices", "unlinkDevices"],
        dm_models=["deleteDevice", "listDevices", "getDevice", "writeDevice", "listMeasures"],
    ),
    "devices.platform-admin": _role(
        dm_devices=["*"], dm_models=["deleteDevice", "listDevices", "getDevice", "writeDevice"]
    ),
    "devices.reader": _role(dm_devices=_READING, dm_models=["listDevices", "getDevice", "listMeasures"]),
    "devices.assetAssociation": _role(dm_assets=["linkDevices", "unlinkDevices"], dm_devices=_LINKING),
    "devices.configuration": _role(dm_devices=["replaceMetadata", "update"]),
    "devices.creation": _role(dm_devices=["attachEngine", "create", "detachEngine", "upsert"]),
    "group.admin": _GROUP_ADMIN,
    "groups.admin": _GROUP_ADMIN,
    "group.reader": _GROUP_READER,
    "groups.reader": _GROUP_READER,
    "measures.admin": _role(dm_models=["deleteMeasure", "listMeasures", "getMeasure", "writeMeasure"]),
    "measures.reader": _role(dm_models=["listMeasures", "getMeasure"]),
    "decoders.admin": _role(dm_decoders=["*"]),
    "payloads.all": _role(dm_payloads=["*"]),
    PAYLOAD_GATEWAY: _role(dm_payloads=["*"]),
    FACADE_ROLE: _role(dm_assets=["*"], dm_devices=["*"], dm_groups=["*"], dm_models=["*"], dm_tasks=["*"]),
}
"""Roles for those who work with twins; combine them in profiles, restricted to engines."""

DOMAIN_PROFILES: dict[str, Content] = {PAYLOAD_GATEWAY: _profile(PAYLOAD_GATEWAY)}
"""For gateways that post payloads: of the user of the same name, and of those that operators make."""
