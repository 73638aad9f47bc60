"""Bodies of the actions on groups (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.twins.groups.wishes import GroupWish, generated_ids


class GroupBody(msgspec.Struct):
    """Members of a group. The path, and what a list of groups holds, are checked by the domain's own rules."""

    name: str | None = None
    path: Any = None
    model: str | None = None
    metadata: dict[str, Any] | None = None


class NewGroupBody(msgspec.Struct):
    """A new group."""

    name: str
    metadata: dict[str, Any] = {}
    model: str | None = None
    path: Any = None


def group_wish(id: str | None, body: GroupBody | NewGroupBody) -> GroupWish:
    """What the caller wants of the group `id`, or of a new one when there is no id."""
    return GroupWish((id,) if id else generated_ids(), body.name, body.path, body.model, body.metadata)


class GroupsBody(msgspec.Struct):
    """Several groups: `{_id?, name?, path?, model?, metadata?}` each."""

    groups: list[dict[str, Any]]


class AssetsOfGroupBody(msgspec.Struct, rename="camel"):
    """Assets that come into a group, or leave it."""

    path: str
    asset_ids: list[str]


class DevicesOfGroupBody(msgspec.Struct, rename="camel"):
    """Devices that come into a group, or leave it."""

    path: str
    device_ids: list[str]


class ItemsBody(msgspec.Struct, rename="camel"):
    """What to list of a group."""

    include_children: bool = False
