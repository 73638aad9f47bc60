"""Actions of `security` on one user (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.security.users import new_kuid


class UserBody(msgspec.Struct):
    """A new user: what is stored, `profileIds` included, and credentials by strategy."""

    content: dict[str, Any]
    credentials: dict[str, Any] = {}


class RestrictedUserBody(msgspec.Struct):
    """A new user whose profiles the server decides."""

    content: dict[str, Any] = {}
    credentials: dict[str, Any] = {}


class UpsertUserBody(msgspec.Struct):
    """What to merge into a user, and what a new one gets beside it."""

    content: dict[str, Any]
    default: dict[str, Any] = {}
    credentials: dict[str, Any] = {}


class UsersActions(AccountController):
    """Create, change, delete, get."""

    @action(http=["POST /users/_create", "POST /users/:_id/_create"], writes=True, secret=True)
    async def create_user(
        self,
        request: Request,
        body: UserBody,
        _id: str | None = None,
        kuid: str = "human",
        refresh: Refresh = True,
    ) -> dict[str, Any]:
        """Add a user, with credentials by strategy: both or none.

        Without `_id` the user gets a generated id: of words, or a UUID when `kuid` is `uuid`.

        Example request:

            {"controller": "security", "action": "createUser", "_id": "jane",
             "body": {"content": {"profileIds": ["default"], "name": "Jane"},
                      "credentials": {"local": {"username": "jane", "password": "correct horse"}}}}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}}

        Raises:
            ApiError: `security.user.already_exists`, `security.profile.not_found`, `closing`,
                `security.credentials.unknown_strategy`, `rejected`, `username_taken`, `api.assert.missing_argument`,
                `invalid_type`, `empty_argument`, `invalid_argument`.
        """
        call = call_of(request, refresh=refresh)
        id = new_kuid(kuid) if _id is None else _id
        return await self._accounts.users.create(id, body.content, body.credentials, call)

    @action(http=["POST /users/_createRestricted", "POST /users/:_id/_createRestricted"], writes=True, secret=True)
    async def create_restricted_user(
        self,
        request: Request,
        body: RestrictedUserBody,
        _id: str | None = None,
        kuid: str = "human",
        refresh: Refresh = True,
    ) -> dict[str, Any]:
        """Add a user with the profiles that the server gives to newcomers (setting `restricted_profiles`).

        Example request:

            {"controller": "security", "action": "createRestrictedUser", "_id": "joe",
             "body": {"content": {"name": "Joe"},
                      "credentials": {"local": {"username": "joe", "password": "battery staple"}}}}

        Example result:

            {"_id": "joe", "_source": {"profileIds": ["default"], "name": "Joe"}}

        Raises:
            ApiError: `api.assert.forbidden_argument`, `security.user.already_exists`, `security.profile.closing`,
                `security.credentials.unknown_strategy`, `rejected`, `username_taken`.
        """
        if "profileIds" in body.content:
            raise api_error("api.assert.forbidden_argument", "body.content.profileIds")
        content = body.content | {"profileIds": list(self._settings.restricted_profiles)}
        call = call_of(request, refresh=refresh)
        id = new_kuid(kuid) if _id is None else _id
        return await self._accounts.users.create(id, content, body.credentials, call)

    @action(http=["PUT /users/:_id/_update"], writes=True)
    async def update_user(
        self, request: Request, _id: str, body: dict[str, Any], refresh: Refresh = True
    ) -> dict[str, Any]:
        """Merge the body into a user's content.

        Example request:

            {"controller": "security", "action": "updateUser", "_id": "jane", "body": {"profileIds": ["admin"]}}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["admin"], "name": "Jane"}}

        Raises:
            ApiError: `security.user.not_found`, `prevent_overwrite`, `anonymous_profile_required`,
                `security.profile.not_found`, `closing`, `api.assert.invalid_type`, `empty_argument`.
        """
        return await self._accounts.users.update(_id, body, call_of(request, refresh=refresh))

    @action(http=["PUT /users/:_id/_replace"], writes=True)
    async def replace_user(
        self, request: Request, _id: str, body: dict[str, Any], refresh: Refresh = True
    ) -> dict[str, Any]:
        """Give a user a new content.

        Example request:

            {"controller": "security", "action": "replaceUser", "_id": "jane",
             "body": {"profileIds": ["default"], "name": "Jane Doe"}}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane Doe"}}

        Raises:
            ApiError: `security.user.not_found`, `prevent_overwrite`, `anonymous_profile_required`,
                `security.profile.not_found`, `closing`, `api.assert.missing_argument`, `invalid_type`,
                `empty_argument`.
        """
        return await self._accounts.users.replace(_id, body, call_of(request, refresh=refresh))

    @action(http=["POST /users/:_id/_upsert"], writes=True, secret=True)
    async def upsert_user(
        self, request: Request, _id: str, body: UpsertUserBody, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Merge `content` into a user, or add one of `default` and `content` with credentials if there is none.

        Example request:

            {"controller": "security", "action": "upsertUser", "_id": "jane",
             "body": {"content": {"profileIds": ["default"]}, "default": {"name": "Jane"}}}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}}

        Raises:
            ApiError: `security.user.prevent_overwrite`, `anonymous_profile_required`, `security.profile.not_found`,
                `closing`, `security.credentials.unknown_strategy`, `rejected`, `username_taken`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`.
        """
        call = call_of(request, refresh=refresh)
        return await self._accounts.users.upsert(_id, body.content, body.default, body.credentials, call)

    @action(http=["DELETE /users/:_id"], writes=True)
    async def delete_user(self, request: Request, _id: str, refresh: Refresh = True) -> dict[str, str]:
        """Delete a user with credentials, API keys and tokens.

        Example request:

            {"controller": "security", "action": "deleteUser", "_id": "jane"}

        Example result:

            {"_id": "jane"}

        Raises:
            ApiError: `security.user.not_found`, `prevent_overwrite`.
        """
        await self._accounts.users.delete(_id, call_of(request, refresh=refresh))
        return {"_id": _id}

    @action(http=["GET /users/:_id"])
    async def get_user(self, _id: str) -> dict[str, Any]:
        """A user; `-1` or `anonymous` is the one of callers who did not log in.

        Example request:

            {"controller": "security", "action": "getUser", "_id": "jane"}

        Example result:

            {"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}}

        Raises:
            ApiError: `security.user.not_found`.
        """
        return await self._accounts.users.get(_id)

    @action(http=["GET /users/:_id/_strategies"])
    async def get_user_strategies(self, _id: str) -> dict[str, Any]:
        """The strategies by which a user can log in.

        Example request:

            {"controller": "security", "action": "getUserStrategies", "_id": "jane"}

        Example result:

            {"strategies": ["local"], "total": 1}

        Raises:
            ApiError: `security.user.not_found`.
        """
        users = self._accounts.users
        await users.get(_id)
        strategies = await users.strategies_of(_id)
        return {"strategies": strategies, "total": len(strategies)}

    @action(http=["DELETE /users/:_id/tokens"], writes=True)
    async def revoke_tokens(self, request: Request, _id: str) -> None:
        """End all tokens that a user got by logging in; API keys stay.

        Example request:

            {"controller": "security", "action": "revokeTokens", "_id": "jane"}

        Example result:

            null

        Raises:
            ApiError: `security.user.not_found`.
        """
        await self._accounts.users.get(_id)
        await self._tokens.revoke_all(_id, dry_run=request.dry_run)

    @action(http=["POST /_checkRights/:userId"])
    async def check_rights(self, request: Request, user_id: str, body: dict[str, Any]) -> dict[str, bool]:
        """Whether a user might make the request that the body is.

        Example request:

            {"controller": "security", "action": "checkRights", "userId": "jane",
             "body": {"controller": "device-manager/assets", "action": "get", "engineId": "harbour"}}

        Example result:

            {"allowed": true}

        Raises:
            ApiError: `security.user.not_found`, `api.assert.missing_argument`, `invalid_type`.
        """
        user = await self._accounts.users.get(user_id)
        return await self._is_allowed(request, body, str(user["_id"]))
