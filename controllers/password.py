"""Setting a new password with a token: the local strategy's own controller (router-protocol 5.2)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.account_controller import Lifetime
from device_manager.controllers.calls import call_of
from device_manager.controllers.session_controller import SessionController
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.security.lifetimes import read_lifetime
from device_manager.security.scope import Scope


class ResetBody(msgspec.Struct):
    """Body of `reset`: the token, and the password to set."""

    token: str
    password: str


class PasswordController(SessionController):
    """`kuzzle-plugin-auth-passport-local/password`: for users who cannot log in any more."""

    name = "kuzzle-plugin-auth-passport-local/password"
    scope = Scope.NONE

    @action(http=["GET password/resetToken/:_id"], secret=True, scope=Scope.ALL)
    async def get_reset_password_token(self, _id: str) -> dict[str, Any]:
        """A token with which whoever has it sets a new password for a user, once; to be sent by mail, for example.

        Example request:

            {"controller": "kuzzle-plugin-auth-passport-local/password", "action": "getResetPasswordToken",
             "_id": "jane"}

        Example result:

            {"resetToken": "eyJhbGciOiJIUzI1NiJ9.eyJyZXNldEZvckt1aWQiOiJqYW5lIn0.c2ln"}

        Raises:
            ApiError: `security.credentials.not_found`.
        """
        return {"resetToken": await self._accounts.local.reset_token(_id)}

    @action(http=["POST password/reset"], writes=True, secret=True)
    async def reset(
        self, request: Request, body: ResetBody, expires_in: Lifetime = None, cookie_auth: bool = False
    ) -> Response:
        """Set a new password with a reset token, and log in. The sessions that the user had end.

        Example request:

            {"controller": "kuzzle-plugin-auth-passport-local/password", "action": "reset",
             "body": {"token": "eyJhbGciOiJIUzI1NiJ9.eyJyZXNldCI6ImphbmUifQ.c2ln", "password": "battery staple"}}

        Example result:

            {"_id": "jane", "jwt": "kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln", "expiresAt": 1795420800000,
             "ttl": 3600000}

        Raises:
            ApiError: of the local strategy `plugin.kuzzle-plugin-auth-passport-local.invalid_token`, `expired_token`,
                `weak_password`, `login_in_password`, `reused_password`; `security.credentials.rejected`,
                `security.user.closing`, `api.process.too_many_logins_requests` for who seems to guess passwords,
                `api.assert.missing_argument`, `invalid_type`, `invalid_argument`, `security.token.ttl_exceeded`.
        """
        lifetime = read_lifetime(expires_in, self._lifetime)
        self._tokens.check_lifetime(lifetime)
        address = self._address(request)
        kuid = await self._accounts.local.reset(body.token, body.password, call_of(request), address)
        if request.dry_run:
            return Response(request, result={"_id": kuid})
        return await self._open_session(request, kuid, lifetime, cookie_auth)
