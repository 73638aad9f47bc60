"""What users and profiles may do: actions of the controller `security` (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.security.memory import profiles_of
from device_manager.security.rights import rights_list


class RightsActions(AccountController):
    """Rights, listed."""

    @action(http=["GET /users/:_id/_rights"])
    async def get_user_rights(self, _id: str) -> dict[str, Any]:
        """What a user may do, where; `*` stands for all.

        Example request:

            {"controller": "security", "action": "getUserRights", "_id": "jane"}

        Example result:

            {"hits": [{"controller": "server", "action": "publicApi", "index": "*", "collection": "*",
                       "value": "allowed"}], "total": 1}

        Raises:
            ApiError: `security.user.not_found`.
        """
        memory = self._security.memory
        await memory.ensure()
        user = await memory.user(_id)
        if user is None:
            raise api_error("security.user.not_found", _id)
        rights = rights_list(profiles_of(memory, user), memory.role)
        return {"hits": rights, "total": len(rights)}

    @action(http=["GET /profiles/:_id/_rights"])
    async def get_profile_rights(self, _id: str) -> dict[str, Any]:
        """What users of a profile may do, where; `*` stands for all.

        Example request:

            {"controller": "security", "action": "getProfileRights", "_id": "crew"}

        Example result:

            {"hits": [{"controller": "document", "action": "get", "index": "weather", "collection": "*",
                       "value": "allowed"}], "total": 1}

        Raises:
            ApiError: `security.profile.not_found`.
        """
        memory = self._security.memory
        await memory.ensure()
        profile = memory.profile(_id)
        if profile is None:
            raise api_error("security.profile.not_found", _id)
        rights = rights_list([profile], memory.role)
        return {"hits": rights, "total": len(rights)}
