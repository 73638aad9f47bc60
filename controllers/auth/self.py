"""Actions of `auth` about the calling user (router-protocol 5.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController, caller_of
from device_manager.controllers.calls import call_of
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import ANONYMOUS, Request
from device_manager.security.memory import profiles_of
from device_manager.security.rights import rights_list


class SelfPart(AccountController):
    """Who the caller is and what the caller may do."""

    @action(http=["GET /_me", "GET /users/_me"])
    async def get_current_user(self, request: Request) -> dict[str, Any]:
        """The calling user, with the strategies by which that user can log in.

        Example request:

            {"controller": "auth", "action": "getCurrentUser"}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}, "strategies": ["local"]}
        """
        users = self._accounts.users
        kuid = request.user_id or ANONYMOUS
        return {**await users.get(kuid), "strategies": await users.strategies_of(kuid)}

    @action(http=["PUT /_me", "PUT /_updateSelf"], writes=True)
    async def update_self(self, request: Request, body: dict[str, Any], refresh: Refresh = True) -> dict[str, Any]:
        """Merge the body into the calling user's content.

        Example request:

            {"controller": "auth", "action": "updateSelf", "body": {"name": "Jane Doe"}}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane Doe"}}

        Raises:
            ApiError: `security.rights.unauthorized`, `api.assert.forbidden_argument`.
        """
        kuid = caller_of(request)
        for name in ("_id", "profileIds"):
            if name in body:
                raise api_error("api.assert.forbidden_argument", f"body.{name}")
        return await self._accounts.users.update(kuid, body, call_of(request, refresh=refresh))

    @action(http=["GET /_me/_rights", "GET /users/_me/_rights"])
    async def get_my_rights(self, request: Request) -> dict[str, Any]:
        """What the calling user may do, where; `*` stands for all.

        Example request:

            {"controller": "auth", "action": "getMyRights"}

        Example result:

            {"hits": [{"controller": "server", "action": "publicApi", "index": "*", "collection": "*",
                       "value": "allowed"}], "total": 1}
        """
        memory = self._security.memory
        await memory.ensure()
        user = await memory.user(request.user_id or ANONYMOUS)
        rights = rights_list(profiles_of(memory, user), memory.role) if user is not None else []
        return {"hits": rights, "total": len(rights)}

    @action(http=["POST /_checkRights"])
    async def check_rights(self, request: Request, body: dict[str, Any]) -> dict[str, bool]:
        """Whether the caller might make the request that the body is.

        Example request:

            {"controller": "auth", "action": "checkRights",
             "body": {"controller": "device-manager/assets", "action": "get", "engineId": "harbour"}}

        Example result:

            {"allowed": true}

        Raises:
            ApiError: `api.assert.missing_argument`, `invalid_type`.
        """
        return await self._is_allowed(request, body, request.user_id or ANONYMOUS)
