"""Loading roles, profiles and users in one call: an action of the controller `admin` (router-protocol 5.8)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from device_manager.errors import api_error
from device_manager.plugins.context import Caller
from device_manager.router.controller import Controller, action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.security.users import Users

Contents = dict[str, dict[str, Any]]
"""Contents by id."""


class SecuritiesBody(msgspec.Struct):
    """The body of `loadSecurities`."""

    roles: Contents = {}
    profiles: Contents = {}
    users: Contents = {}


class LoadSecurities(Controller):
    """`admin`: `loadSecurities`."""

    _users: Users
    _caller: Caller

    @action(http=["POST /admin/_loadSecurities"], writes=True, secret=True, scope=Scope.ALL)
    async def load_securities(
        self,
        request: Request,
        body: SecuritiesBody | None = None,
        on_existing_users: Literal["fail", "skip", "overwrite"] = "fail",
        force: bool = False,
        refresh: Refresh = True,
    ) -> dict[str, bool]:
        """Create or replace roles, then profiles, then create users, each as a request of its own with its events.

        Existing users are refused before anything is written, left alone (`skip`) or deleted and made again
        (`overwrite`). When a later one is refused, those before it stay: a repeated call completes what is missing.

        Example request:

            {"controller": "admin", "action": "loadSecurities", "onExistingUsers": "skip",
             "body": {"roles": {"watch": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}},
                      "profiles": {"tenant-a": {"policies": [
                          {"roleId": "watch", "restrictedTo": [{"index": "tenant-a"}]}]}},
                      "users": {"ada": {"content": {"profileIds": ["tenant-a"]},
                                        "credentials": {"local": {"username": "ada", "password": "a long sentence"}}}}}}

        Example result:

            {"acknowledge": true}

        Raises:
            ApiError: `security.user.prevent_overwrite` for existing users, and what `security:createOrReplaceRole`,
                `createOrReplaceProfile`, `deleteUser` and `createUser` refuse.
        """
        wanted = body or SecuritiesBody()
        existing = [hit["_id"] for hit in await self._users.get_many(list(wanted.users))]
        if existing and on_existing_users == "fail":
            raise api_error("security.user.prevent_overwrite")
        if request.dry_run:
            return {"acknowledge": True}
        args = {"force": force, "refresh": refresh}
        for id, content in wanted.roles.items():
            await self._load(request, "createOrReplaceRole", id, content, args)
        for id, content in wanted.profiles.items():
            await self._load(request, "createOrReplaceProfile", id, content, args)
        for id, content in wanted.users.items():
            if id not in existing:
                await self._load(request, "createUser", id, content, args)
            elif on_existing_users == "overwrite":
                await self._load(request, "deleteUser", id, None, args)
                await self._load(request, "createUser", id, content, args)
        return {"acknowledge": True}

    async def _load(
        self, request: Request, name: str, id: str, content: dict[str, Any] | None, args: dict[str, Any]
    ) -> None:
        await self._caller.call(
            "security", name, args={"_id": id, **args}, body=content, as_user=request.user_id, trigger_events=True
        )
