"""Actions of `auth` about the caller's API keys (router-protocol 5.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController, ApiKeyBody, Lifetime, caller_of
from device_manager.controllers.calls import call_of
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh
from device_manager.router.request import Request
from device_manager.security.lifetimes import NEVER, check_limit, read_lifetime


class ApiKeysPart(AccountController):
    """Long-lived tokens for programs."""

    @action(http=["POST /api-keys/_create"], writes=True, secret=True)
    async def create_api_key(
        self,
        request: Request,
        body: ApiKeyBody,
        _id: str | None = None,
        expires_in: Lifetime = None,
        refresh: Refresh = True,
    ) -> dict[str, Any]:
        """Make an API key of the calling user's. Its token is in this answer and nowhere else.

        Example request:

            {"controller": "auth", "action": "createApiKey", "_id": "gateway-7", "expiresIn": "30 days",
             "body": {"description": "gateway 7"}}

        Example result:

            {"_id": "gateway-7",
             "_source": {"userId": "jane", "description": "gateway 7", "expiresAt": 1797984000000, "ttl": 2592000000,
                         "fingerprint": "4f5cf2", "token": "kapikey-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln"}}

        Raises:
            ApiError: `security.rights.unauthorized`, `api.assert.invalid_argument`, `missing_argument`,
                `services.storage.document_already_exists`, `security.token.ttl_exceeded`, `security.user.closing`.
        """
        kuid = caller_of(request)
        lifetime = read_lifetime(expires_in, NEVER)
        longest = self._settings.api_key_longest
        check_limit(lifetime, int(longest * 1000) if longest >= 0 else NEVER)
        call = call_of(request, refresh=refresh)
        return await self._accounts.api_keys.create(kuid, body.description, lifetime, _id, call)

    @action(http=["POST /api-keys/_search"])
    async def search_api_keys(
        self,
        request: Request,
        lang: Lang,
        body: dict[str, Any] | None = None,
        from_: int = 0,
        size: int = 10,
    ) -> dict[str, Any]:
        """The calling user's API keys; the body is a query, not a search body.

        Example request:

            {"controller": "auth", "action": "searchApiKeys", "body": {"match": {"description": "gateway"}}}

        Example result:

            {"hits": [{"_id": "gateway-7",
                       "_source": {"userId": "jane", "description": "gateway 7", "expiresAt": -1, "ttl": -1,
                                   "fingerprint": "4f5cf2"}}], "total": 1}

        Raises:
            ApiError: `security.rights.unauthorized`, `services.storage.get_limit_exceeded`.
        """
        return await self._search_api_keys(caller_of(request), body, lang, from_, size)

    @action(http=["DELETE /api-keys/:_id"], writes=True)
    async def delete_api_key(self, request: Request, _id: str, refresh: Refresh = True) -> dict[str, str]:
        """Delete one of the calling user's API keys: nobody can use it any more.

        Example request:

            {"controller": "auth", "action": "deleteApiKey", "_id": "gateway-7"}

        Example result:

            {"_id": "gateway-7"}

        Raises:
            ApiError: `security.rights.unauthorized`, `services.storage.not_found`.
        """
        await self._accounts.api_keys.delete(caller_of(request), _id, call_of(request, refresh=refresh))
        return {"_id": _id}
