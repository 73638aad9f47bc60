"""Actions of `security` on the API keys of users (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController, ApiKeyBody, Lifetime
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh
from device_manager.router.request import Request
from device_manager.security.lifetimes import NEVER, read_lifetime


class ApiKeysActions(AccountController):
    """Long-lived tokens for programs, made by administrators."""

    @action(http=["POST /users/:userId/api-keys/_create"], writes=True, secret=True)
    async def create_api_key(
        self,
        request: Request,
        user_id: str,
        body: ApiKeyBody,
        _id: str | None = None,
        expires_in: Lifetime = None,
        refresh: Refresh = True,
    ) -> dict[str, Any]:
        """Make an API key of a user's. Its token is in this answer and nowhere else.

        Example request:

            {"controller": "security", "action": "createApiKey", "userId": "jane", "_id": "gateway-7",
             "body": {"description": "gateway 7"}}

        Example result:

            {"_id": "gateway-7",
             "_source": {"userId": "jane", "description": "gateway 7", "expiresAt": -1, "ttl": -1,
                         "fingerprint": "4f5cf2", "token": "kapikey-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln"}}

        Raises:
            ApiError: `security.user.not_found`, `closing`, `api.assert.invalid_argument`, `missing_argument`,
                `services.storage.document_already_exists`.
        """
        lifetime, call = read_lifetime(expires_in, NEVER), call_of(request, refresh=refresh)
        return await self._accounts.api_keys.create(user_id, body.description, lifetime, _id, call)

    @action(http=["POST /users/:userId/api-keys/_search"])
    async def search_api_keys(
        self,
        user_id: str,
        lang: Lang,
        body: dict[str, Any] | None = None,
        from_: int = 0,
        size: int = 10,
    ) -> dict[str, Any]:
        """The API keys of a user; the body is a query, not a search body.

        Example request:

            {"controller": "security", "action": "searchApiKeys", "userId": "jane"}

        Example result:

            {"hits": [{"_id": "gateway-7",
                       "_source": {"userId": "jane", "description": "gateway 7", "expiresAt": -1, "ttl": -1,
                                   "fingerprint": "4f5cf2"}}], "total": 1}

        Raises:
            ApiError: `security.user.not_found`, `services.storage.get_limit_exceeded`.
        """
        await self._accounts.users.get(user_id)
        return await self._search_api_keys(user_id, body, lang, from_, size)

    @action(http=["DELETE /users/:userId/api-keys/:_id"], writes=True)
    async def delete_api_key(self, request: Request, user_id: str, _id: str, refresh: Refresh = True) -> dict[str, str]:
        """Delete an API key of a user: nobody can use it any more.

        Example request:

            {"controller": "security", "action": "deleteApiKey", "userId": "jane", "_id": "gateway-7"}

        Example result:

            {"_id": "gateway-7"}

        Raises:
            ApiError: `services.storage.not_found`.
        """
        await self._accounts.api_keys.delete(user_id, _id, call_of(request, refresh=refresh))
        return {"_id": _id}
