"""Actions of `security` on the credentials of users (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.request import Request


class CredentialsActions(AccountController):
    """What users log in with."""

    @action(http=["POST /credentials/:strategy/:_id/_create"], writes=True, secret=True)
    async def create_credentials(
        self, request: Request, strategy: str, _id: str, body: dict[str, Any]
    ) -> dict[str, str]:
        """Give a user credentials of a strategy.

        Example request:

            {"controller": "security", "action": "createCredentials", "strategy": "local", "_id": "jane",
             "body": {"username": "jane", "password": "correct horse"}}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `rejected`, `username_taken`, `already_exist`,
                `security.user.not_found`, `closing`.
        """
        return await self._accounts.strategy(strategy).create(_id, body, call_of(request))

    @action(http=["PUT /credentials/:strategy/:_id/_update"], writes=True, secret=True)
    async def update_credentials(
        self, request: Request, strategy: str, _id: str, body: dict[str, Any]
    ) -> dict[str, str]:
        """Change a user's username, password or both.

        Example request:

            {"controller": "security", "action": "updateCredentials", "strategy": "local", "_id": "jane",
             "body": {"password": "battery staple"}}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `rejected`, `username_taken`, `not_found`,
                `security.user.not_found`, `closing`, `api.process.too_many_logins_requests` for who seems to guess
                passwords.
        """
        changed = self._accounts.strategy(strategy)
        return await changed.update(_id, body, call_of(request), self._address(request))

    @action(http=["DELETE /credentials/:strategy/:_id"], writes=True)
    async def delete_credentials(self, request: Request, strategy: str, _id: str) -> dict[str, bool]:
        """Take a user's credentials of a strategy away.

        Example request:

            {"controller": "security", "action": "deleteCredentials", "strategy": "local", "_id": "jane"}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `not_found`, `security.user.not_found`,
                `closing`.
        """
        await self._accounts.strategy(strategy).delete(_id, call_of(request))
        return {"acknowledged": True}

    @action(http=["GET /credentials/:strategy/:_id/_exists"])
    async def has_credentials(self, strategy: str, _id: str) -> bool:
        """Whether a user has credentials of a strategy.

        Example request:

            {"controller": "security", "action": "hasCredentials", "strategy": "local", "_id": "jane"}

        Example result:

            true

        Raises:
            ApiError: `security.credentials.unknown_strategy`.
        """
        return await self._accounts.strategy(strategy).find(_id) is not None

    @action(http=["POST /credentials/:strategy/:_id/_validate"], secret=True)
    async def validate_credentials(self, request: Request, strategy: str, _id: str, body: dict[str, Any]) -> bool:
        """True for credentials that a user could have; otherwise the error says what is wrong with them.

        Where a policy forbids to take old passwords again, each question counts as an attempt to guess one.

        Example request:

            {"controller": "security", "action": "validateCredentials", "strategy": "local", "_id": "jane",
             "body": {"username": "jane", "password": "correct horse"}}

        Example result:

            true

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `rejected`, `username_taken`,
                `api.process.too_many_logins_requests`.
        """
        return await self._accounts.strategy(strategy).validate(_id, body, self._address(request))

    @action(http=["GET /credentials/:strategy/:_id"])
    async def get_credentials(self, strategy: str, _id: str) -> dict[str, str]:
        """What may be told of a user's credentials of a strategy.

        Example request:

            {"controller": "security", "action": "getCredentials", "strategy": "local", "_id": "jane"}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `not_found`.
        """
        return await self._accounts.strategy(strategy).info(_id)

    @action(http=["GET /credentials/:strategy/:_id/_byId"])
    async def get_credentials_by_id(self, strategy: str, _id: str) -> dict[str, str]:
        """The same by what identifies the credentials: for the strategy `local` the username.

        Example request:

            {"controller": "security", "action": "getCredentialsById", "strategy": "local", "_id": "jane"}

        Example result:

            {"username": "jane", "kuid": "jane"}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `not_found`.
        """
        return await self._accounts.strategy(strategy).info_by_id(_id)

    @action(http=["GET /credentials/:strategy/_fields"])
    async def get_credential_fields(self, strategy: str) -> list[str]:
        """The fields that credentials of a strategy have.

        Example request:

            {"controller": "security", "action": "getCredentialFields", "strategy": "local"}

        Example result:

            ["username", "password"]

        Raises:
            ApiError: `security.credentials.unknown_strategy`.
        """
        return list(self._accounts.strategy(strategy).fields)

    @action(http=["GET /credentials/_fields"])
    async def get_all_credential_fields(self) -> dict[str, list[str]]:
        """The fields of credentials by strategy.

        Example request:

            {"controller": "security", "action": "getAllCredentialFields"}

        Example result:

            {"local": ["username", "password"]}
        """
        return {name: list(strategy.fields) for name, strategy in self._accounts.strategies.items()}
