"""Actions of `auth` about the caller's credentials (router-protocol 5.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController, caller_of
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.security.local import LocalStrategy


def _routes(verb: str, end: str) -> list[str]:
    """The route of an action, and the older one behind it: official SDKs choose by this order."""
    return [f"{verb} /_me/credentials/:strategy{end}", f"{verb} /credentials/:strategy/_me{end}"]


class CredentialsPart(AccountController):
    """What callers log in with."""

    @action(http=_routes("POST", "/_create"), writes=True, secret=True)
    async def create_my_credentials(self, request: Request, strategy: str, body: dict[str, Any]) -> dict[str, str]:
        """Give the calling user credentials of a strategy.

        Example request:

            {"controller": "auth", "action": "createMyCredentials", "strategy": "local",
             "body": {"username": "jane", "password": "correct horse"}}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`, `rejected`,
                `username_taken`, `already_exist`, `security.user.closing`.
        """
        kuid = caller_of(request)
        return await self._accounts.strategy(strategy).create(kuid, body, call_of(request))

    @action(http=_routes("PUT", "/_update"), writes=True, secret=True)
    async def update_my_credentials(self, request: Request, strategy: str, body: dict[str, Any]) -> dict[str, str]:
        """Change the calling user's username, password or both.

        Where the setting `require_password` is on, `currentPassword` has to be in the body too.

        Example request:

            {"controller": "auth", "action": "updateMyCredentials", "strategy": "local",
             "body": {"password": "battery staple"}}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`, `rejected`,
                `username_taken`, `not_found`, `wrong_password`, `security.user.closing`,
                `api.process.too_many_logins_requests` for who seems to guess passwords.
        """
        kuid = caller_of(request)
        changed = self._accounts.strategy(strategy)
        body = dict(body)
        await self._confirm(request, changed, body.pop("currentPassword", None))
        return await changed.update(kuid, body, call_of(request), self._address(request))

    async def _confirm(self, request: Request, strategy: LocalStrategy, password: object) -> None:
        """Make sure that it is the user who calls, not somebody who found the device unlocked."""
        if self._settings.require_password:
            await strategy.confirm(caller_of(request), password, self._address(request))

    @action(http=_routes("DELETE", ""), writes=True, secret=True)
    async def delete_my_credentials(
        self, request: Request, strategy: str, body: dict[str, Any] | None = None
    ) -> dict[str, bool]:
        """Take the calling user's credentials of a strategy away.

        Where the setting `require_password` is on, `currentPassword` has to be in the body.

        Example request:

            {"controller": "auth", "action": "deleteMyCredentials", "strategy": "local"}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`, `not_found`, `rejected`,
                `wrong_password`, `security.user.closing`.
        """
        kuid = caller_of(request)
        deleted = self._accounts.strategy(strategy)
        await self._confirm(request, deleted, (body or {}).get("currentPassword"))
        await deleted.delete(kuid, call_of(request))
        return {"acknowledged": True}

    @action(http=_routes("GET", ""))
    async def get_my_credentials(self, request: Request, strategy: str) -> dict[str, str]:
        """What may be told of the calling user's credentials of a strategy.

        Example request:

            {"controller": "auth", "action": "getMyCredentials", "strategy": "local"}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`, `not_found`.
        """
        return await self._accounts.strategy(strategy).info(caller_of(request))

    @action(http=_routes("GET", "/_exists"))
    async def credentials_exist(self, request: Request, strategy: str) -> bool:
        """Whether the calling user has credentials of a strategy.

        Example request:

            {"controller": "auth", "action": "credentialsExist", "strategy": "local"}

        Example result:

            true

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`.
        """
        return await self._accounts.strategy(strategy).find(caller_of(request)) is not None

    @action(http=_routes("POST", "/_validate"), secret=True)
    async def validate_my_credentials(self, request: Request, strategy: str, body: dict[str, Any]) -> bool:
        """True for credentials that the calling user could have; otherwise the error says what is wrong with them.

        Where a policy forbids to take old passwords again, each question counts as an attempt to guess one.

        Example request:

            {"controller": "auth", "action": "validateMyCredentials", "strategy": "local",
             "body": {"username": "jane", "password": "correct horse"}}

        Example result:

            true

        Raises:
            ApiError: `security.rights.unauthorized`, `security.credentials.unknown_strategy`, `rejected`,
                `username_taken`, `api.process.too_many_logins_requests`.
        """
        kuid = caller_of(request)
        return await self._accounts.strategy(strategy).validate(kuid, body, self._address(request))
