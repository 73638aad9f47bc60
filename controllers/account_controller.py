"""What the controllers `auth` and `security` share (router-protocol 5.2, 5.10)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.query.search import Search
from device_manager.router.controller import Controller
from device_manager.router.parse import Refused, parse
from device_manager.router.registry import Registry
from device_manager.router.request import ANONYMOUS, Request
from device_manager.security.addresses import client_address
from device_manager.security.lifetimes import NEVER
from device_manager.security.searching import page_size
from device_manager.security.service import Security
from device_manager.settings import Settings
from device_manager.storage.finding import read_search

Lifetime = float | str | None
"""The argument `expiresIn`: milliseconds, or text such as `1h`; -1 for no end."""


class ApiKeyBody(msgspec.Struct, rename="camel"):
    """Body of `createApiKey`: what the key is for."""

    description: str


class AccountController(Controller):
    """Base of the parts of `auth` and `security`.

    Args:
        security: users and rights.
        registry: knows the actions.
        settings: lifetimes and bounds.
        events: runs the pipes of `auth:strategyAuthenticated`.
    """

    def __init__(self, security: Security, registry: Registry, settings: Settings, events: EventBus) -> None:
        self._security = security
        self._accounts = security.accounts
        self._tokens = security.tokens
        self._registry = registry
        self._settings = settings
        self._events = events
        self._lifetime = int(settings.token_lifetime * 1000) if settings.token_lifetime >= 0 else NEVER

    def _address(self, request: Request) -> str:
        """Where the caller is."""
        return client_address(request.connection, self._settings.trusted_proxies)

    async def _is_allowed(self, request: Request, body: dict[str, Any], kuid: str) -> dict[str, bool]:
        """Whether a user might make the request that `body` is: `{allowed}`.

        Raises:
            ApiError: `api.assert.missing_argument`, `invalid_type`, `security.user.not_found`.
        """
        for name in ("controller", "action"):
            if name not in body:
                raise api_error("api.assert.missing_argument", f"body.{name}")
            if not isinstance(body[name], str):
                raise api_error("api.assert.invalid_type", f"body.{name}", "string")
        try:
            wanted = parse(dict(body), request.connection)
        except Refused as refused:
            assert refused.response.error is not None  # noqa: S101  # a refusal has one
            raise refused.response.error from None
        rule = self._registry.rule(wanted)
        return {"allowed": await self._security.guard.is_allowed(wanted, rule, kuid)}

    async def _search_api_keys(
        self, kuid: str, body: dict[str, Any] | None, lang: str, offset: int, size: int
    ) -> dict[str, Any]:
        """The API keys of a user that match the query which `body` is: `{hits, total}`, the total that of `hits`."""
        search = self._search({"query": body} if body else {}, lang, offset, size)
        hits = await self._accounts.api_keys.search(kuid, search.query, search.offset, search.size)
        return {"hits": hits, "total": len(hits)}

    def _search(self, body: dict[str, Any], lang: str, offset: int, size: int | None) -> Search:
        """The search that a body with `query` describes; where nobody says how many, all that one answer may hold.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        limit = self._settings.search_size
        size = page_size(body, size, offset=offset, limit=limit)
        return read_search(body, offset=offset, size=size, lang=lang, limit=limit)


def caller_of(request: Request) -> str:
    """The id of the user who calls. Raises `security.rights.unauthorized` for callers who did not log in."""
    if request.user_id is None or request.user_id == ANONYMOUS:
        raise api_error("security.rights.unauthorized", request.controller, request.action, ANONYMOUS)
    return request.user_id
