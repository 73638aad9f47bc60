"""The controller `auth`: who the caller is (router-protocol 5.2)."""

from __future__ import annotations

import msgspec

from device_manager.router.controller import Controller, action
from device_manager.security import Guard, TokenState
from device_manager.security.scope import Scope


class CheckTokenBody(msgspec.Struct, rename="camel"):
    """Body of `auth:checkToken`: the token in question."""

    token: str | None = None


class AuthController(Controller):
    """`auth`: tokens. SDKs call `checkToken` whenever they connect.

    Args:
        guard: knows the tokens.
    """

    name = "auth"
    scope = Scope.NONE

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    @action(http=["POST /_checkToken"])
    async def check_token(self, body: CheckTokenBody) -> TokenState:
        """`{valid, kuid, expiresAt}`, or `{valid: false, state}` with status 200. Without a token: anonymous."""
        return await self._guard.check_token(body.token)
