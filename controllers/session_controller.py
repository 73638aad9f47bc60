"""What the actions share that answer with a session: logging in and resetting a password (router-protocol 5.2)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.events import EventBus
from device_manager.router.registry import Registry
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.security.cookies import set_cookie
from device_manager.security.lifetimes import NEVER
from device_manager.security.rates import PerSecond
from device_manager.security.service import Security
from device_manager.security.tokens import Issued, TokenKind
from device_manager.settings import Settings


class SessionController(AccountController):
    """Base of the parts that hand out sessions."""

    def __init__(self, security: Security, registry: Registry, settings: Settings, events: EventBus) -> None:
        super().__init__(security, registry, settings, events)
        self._logins = PerSecond()

    async def _open_session(self, request: Request, kuid: str, lifetime: int, cookie_auth: bool) -> Response:
        """A token for a user who has just proved to be that user.

        A connection that acts on an API key or a token without end of the same user keeps it. One that acts on another
        session of that user goes on with the new one, with all its subscriptions.
        """
        lasting = _lasting(request, kuid)
        if lasting is not None:
            return session_answer(request, lasting, cookie_auth=cookie_auth)
        issued = await self._tokens.issue(kuid, lifetime)
        held = request.connection.held
        if held is not None and held.identity.kuid == kuid:
            self._tokens.links.link(request.connection, issued.token, issued.identity)
        return session_answer(request, issued, cookie_auth=cookie_auth)


def _lasting(request: Request, kuid: str) -> Issued | None:
    """The token of the request or its connection, if logging in again as the same user should not replace it."""
    held = request.connection.held
    if request.identity is not None and request.jwt:
        token, identity = request.jwt, request.identity
    elif held is not None:
        token, identity = held.token, held.identity
    else:
        return None
    if identity.kuid != kuid or not (identity.kind is TokenKind.API_KEY or identity.expires_at == NEVER):
        return None
    return Issued(token, kuid, identity.expires_at, NEVER, identity)


def session_answer(request: Request, issued: Issued, *, cookie_auth: bool) -> Response:
    """The answer that hands out a token: in the result, or in a cookie that scripts cannot read."""
    result: dict[str, Any] = {"_id": issued.kuid, "expiresAt": issued.expires_at, "ttl": issued.ttl}
    if not cookie_auth:
        return Response(request, result=result | {"jwt": issued.token})
    return Response(request, result=result, headers={"set-cookie": set_cookie(issued.token, issued.expires_at)})
