"""Actions of `security` on what users, profiles and roles can be searched by (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.request import Request


class MappingsActions(AccountController):
    """What applications store of users, profiles and roles is their own affair, so they say what is searched."""

    @action(http=["GET /users/_mapping"])
    async def get_user_mapping(self) -> dict[str, Any]:
        """The fields by which users can be searched.

        Example request:

            {"controller": "security", "action": "getUserMapping"}

        Example result:

            {"mapping": {"name": {"type": "keyword"}}}
        """
        return {"mapping": (await self._accounts.mapping("users"))["properties"]}

    @action(http=["PUT /users/_mapping"], writes=True)
    async def update_user_mapping(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """Add fields by which users can be searched that are written from now on.

        Example request:

            {"controller": "security", "action": "updateUserMapping",
             "body": {"properties": {"name": {"type": "keyword"}}}}

        Example result:

            {"dynamic": "false", "properties": {"name": {"type": "keyword"}}}

        Raises:
            ApiError: `services.storage.invalid_mapping`, `cannot_change_mapping`.
        """
        return await self._accounts.update_mapping("users", body, call_of(request))

    @action(http=["GET /profiles/_mapping"])
    async def get_profile_mapping(self) -> dict[str, Any]:
        """The fields by which profiles can be searched.

        Example request:

            {"controller": "security", "action": "getProfileMapping"}

        Example result:

            {"mapping": {"tags": {"type": "keyword"}}}
        """
        return {"mapping": (await self._accounts.mapping("profiles"))["properties"]}

    @action(http=["PUT /profiles/_mapping"], writes=True)
    async def update_profile_mapping(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """Add fields by which profiles can be searched that are written from now on.

        Example request:

            {"controller": "security", "action": "updateProfileMapping",
             "body": {"properties": {"tags": {"type": "keyword"}}}}

        Example result:

            {"dynamic": "false", "properties": {"tags": {"type": "keyword"}}}

        Raises:
            ApiError: `services.storage.invalid_mapping`, `cannot_change_mapping`.
        """
        return await self._accounts.update_mapping("profiles", body, call_of(request))

    @action(http=["GET /roles/_mapping"])
    async def get_role_mapping(self) -> dict[str, Any]:
        """The fields by which roles can be searched.

        Example request:

            {"controller": "security", "action": "getRoleMapping"}

        Example result:

            {"mapping": {"tags": {"type": "keyword"}}}
        """
        return {"mapping": (await self._accounts.mapping("roles"))["properties"]}

    @action(http=["PUT /roles/_mapping"], writes=True)
    async def update_role_mapping(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """Add fields by which roles can be searched that are written from now on.

        Example request:

            {"controller": "security", "action": "updateRoleMapping",
             "body": {"properties": {"tags": {"type": "keyword"}}}}

        Example result:

            {"dynamic": "false", "properties": {"tags": {"type": "keyword"}}}

        Raises:
            ApiError: `services.storage.invalid_mapping`, `cannot_change_mapping`.
        """
        return await self._accounts.update_mapping("roles", body, call_of(request))
