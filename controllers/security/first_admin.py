"""Taking a platform out of its open state: actions of the controller `security` (router-protocol 5.10, design 8)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.router.response import ABSENT, Response
from device_manager.security.users import new_kuid


class FirstAdminBody(msgspec.Struct):
    """The body of `createFirstAdmin`: what is stored of the user, and credentials by strategy."""

    content: dict[str, Any] = {}
    credentials: dict[str, Any] = {}


class FirstAdminActions(AccountController):
    """The first administrator, and what strangers may do."""

    @action(http=["POST /_createFirstAdmin/:_id", "POST /_createFirstAdmin"], writes=True, secret=True)
    async def create_first_admin(
        self,
        request: Request,
        body: FirstAdminBody,
        reset: bool,
        refresh: Refresh = True,
        _id: str | None = None,
        kuid: str = "human",
    ) -> dict[str, Any]:
        """Make a user with all rights, as long as there is none; `reset` also closes the platform to strangers.

        Without `_id` the user gets a generated id: of words, or a UUID when `kuid` is `uuid`.

        Example request:

            {"controller": "security", "action": "createFirstAdmin", "_id": "ada", "reset": true,
             "body": {"content": {"fullName": "Ada"},
                      "credentials": {"local": {"username": "ada", "password": "a long sentence"}}}}

        Example result:

            {"_id": "ada", "_source": {"profileIds": ["admin"], "fullName": "Ada"}}

        Raises:
            ApiError: `api.process.admin_exists` (412), `security.user.already_exists` (412),
                `api.assert.forbidden_argument` for `profileIds`, `security.credentials.unknown_strategy`, `rejected` or
                `username_taken`.
        """
        call = call_of(request, refresh=refresh)
        id = new_kuid(kuid) if _id is None else _id
        return await self._security.first_admin.create(id, body.content, body.credentials, call, reset=reset)

    @action(http=["POST /_restrictDefaultRights"], writes=True)
    async def restrict_default_rights(self, request: Request, refresh: Refresh = True) -> Response:
        """Leave strangers no more than to log in, and users of the profile `default` their own account.

        Example request:

            {"controller": "security", "action": "restrictDefaultRights"}

        Example result:

            null
        """
        await self._security.first_admin.restrict_default_rights(call_of(request, refresh=refresh))
        return Response(request, result=ABSENT)
