"""Actions of `auth` that hand out, check and end tokens (router-protocol 5.2)."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from device_manager.controllers.account_controller import Lifetime, caller_of
from device_manager.controllers.session_controller import SessionController, session_answer
from device_manager.errors import ApiError, api_error
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.security import TokenState
from device_manager.security.cookies import clear_cookie, cookie_token
from device_manager.security.lifetimes import NEVER, read_lifetime
from device_manager.security.tokens import Identity, TokenKind


class CheckTokenBody(msgspec.Struct, rename="camel"):
    """Body of `auth:checkToken`: the token in question."""

    token: str | None = None


class SessionsPart(SessionController):
    """Login, logout and what lies between."""

    @action(http=["GET /_login/:strategy", "POST /_login/:strategy"], secret=True)
    async def login(
        self,
        request: Request,
        strategy: str,
        body: dict[str, Any] | None = None,
        expires_in: Lifetime = None,
        cookie_auth: bool = False,
    ) -> Response:
        """Exchange credentials for a token; with `cookieAuth` it comes as a cookie that scripts cannot read.

        Example request:

            {"controller": "auth", "action": "login", "strategy": "local", "expiresIn": "8h",
             "body": {"username": "jane", "password": "correct horse"}}

        Example result:

            {"_id": "jane", "jwt": "kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln", "expiresAt": 1795420800000,
             "ttl": 28800000}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `plugin.strategy.missing_user`, `unknown_kuid`,
                `plugin.kuzzle-plugin-auth-passport-local.expired_password`, `must_change_password`,
                `api.process.too_many_logins_requests`, `api.assert.invalid_argument`, `security.token.ttl_exceeded`.
        """
        self._count_login(request)
        self._check_strategy(strategy)
        lifetime = read_lifetime(expires_in, self._lifetime)
        kuid = await self._verify(strategy, body, request)
        content = await self._authenticated(strategy, kuid)
        if not isinstance(content.get("_id"), str):  # a plugin asks for a further step
            return Response(request, result=content)
        return await self._open_session(request, content["_id"], lifetime, cookie_auth)

    def _count_login(self, request: Request) -> None:
        most = self._settings.logins_per_second if request.connection.protocol != "internal" else 0
        if most and not self._logins.passes(request.connection.id, most):
            raise api_error("api.process.too_many_logins_requests")

    def _check_strategy(self, name: str) -> None:
        if name not in self._accounts.logins:
            self._accounts.strategy(name)

    async def _verify(self, strategy: str, credentials: dict[str, Any] | None, request: Request) -> str:
        """The id of the user who knows these credentials."""
        login = self._accounts.logins.get(strategy)
        if login is None:
            return await self._accounts.strategy(strategy).verify(credentials, self._address(request))
        kuid = await login.verify(credentials or {}, request)
        if kuid is None:
            raise api_error("plugin.strategy.missing_user", "Wrong credentials.")
        if not isinstance(kuid, str):
            raise api_error("plugin.strategy.invalid_kuid", strategy)
        return kuid

    async def _authenticated(self, strategy: str, kuid: str) -> dict[str, Any]:
        """The user who logs in, after the pipes of `auth:strategyAuthenticated`, which may put somebody else there."""
        await self._security.memory.ensure()
        if await self._security.memory.user(kuid) is None:
            raise api_error("plugin.strategy.unknown_kuid", strategy)
        event = "auth:strategyAuthenticated"
        if not self._events.listens(event):
            return {"_id": kuid}
        shown = {"strategy": strategy, "content": await self._accounts.users.get(kuid)}
        content = (await self._events.pipe(event, shown))["content"]
        if isinstance(content.get("_id"), str) and await self._security.memory.user(content["_id"]) is None:
            raise api_error("plugin.strategy.unknown_kuid", strategy)
        return dict(content)

    @action(http=["POST /_logout"])
    async def logout(self, request: Request, global_: bool = False, cookie_auth: bool = False) -> Response:
        """End the caller's token, or with `global` all tokens that the user got by logging in. API keys stay.

        Example request:

            {"controller": "auth", "action": "logout", "global": true}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `security.rights.unauthorized`.
        """
        identity = await self._cookie_identity(request) if cookie_auth else request.identity
        if identity is None and not cookie_auth:
            caller_of(request)
        if identity is not None and (global_ or identity.kind is not TokenKind.API_KEY):
            await self._end(request, identity, everything=global_)
        headers = {"set-cookie": clear_cookie()} if cookie_auth else None
        return Response(request, result={"acknowledged": True}, headers=headers)

    async def _end(self, request: Request, identity: Identity, *, everything: bool) -> None:
        """End a session, or all of its user; an API key is good for as long as it is stored."""
        with contextlib.ExitStack() as stack:
            if identity.kind is not TokenKind.API_KEY:
                stack.enter_context(self._tokens.links.logging_out(request.connection, identity))
            if everything:
                await self._tokens.revoke_all(identity.kuid)
            else:
                await self._tokens.revoke(identity)

    async def _cookie_identity(self, request: Request) -> Identity | None:
        """Who the cookie stands for; None without one and for one that is not good any more."""
        token = cookie_token(request.connection.headers)
        if request.identity is not None or token is None:
            return request.identity
        try:
            verified = self._tokens.verify(token)
            return verified if isinstance(verified, Identity) else await verified
        except ApiError as error:
            if error.status != 401:
                raise
            return None

    @action(http=["POST /_checkToken"])
    async def check_token(self, request: Request, body: CheckTokenBody, cookie_auth: bool = False) -> TokenState:
        """Whether a token, or with `cookieAuth` the one of the cookie, is good. Without one: the anonymous user.

        A token that is not good is no error: the answer is `{valid: false, state}` with status 200.

        Example request:

            {"controller": "auth", "action": "checkToken",
             "body": {"token": "kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln"}}

        Example result:

            {"valid": true, "kuid": "jane", "expiresAt": 1795420800000}
        """
        token = cookie_token(request.connection.headers) if cookie_auth else body.token
        return await self._security.guard.check_token(token)

    @action(http=["POST /_refreshToken"], secret=True)
    async def refresh_token(
        self,
        request: Request,
        expires_in: Lifetime = None,
        strategy: str | None = None,
        cookie_auth: bool = False,
    ) -> Response:
        """Exchange the caller's token for a new one; the old one stays good for a second, for messages on their way.

        Example request:

            {"controller": "auth", "action": "refreshToken", "expiresIn": "8h"}

        Example result:

            {"_id": "jane", "jwt": "kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln", "expiresAt": 1795420800000,
             "ttl": 28800000}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.token.invalid`, `refresh_forbidden`, `ttl_exceeded`,
                `api.assert.invalid_argument`, `security.credentials.unknown_strategy`.
        """
        identity = _identity_of(request)
        if strategy is not None:
            self._check_strategy(strategy)
        issued = await self._tokens.refresh(identity, read_lifetime(expires_in, self._lifetime))
        self._tokens.links.move(identity, issued.token, issued.identity)
        return session_answer(request, issued, cookie_auth=cookie_auth)

    @action(http=["POST /_createToken"], secret=True)
    async def create_token(
        self, request: Request, expires_in: Lifetime = None, single_use: bool = False
    ) -> dict[str, Any]:
        """A further token of the caller's, for a link or another program; with `singleUse` the first use ends it.

        Example request:

            {"controller": "auth", "action": "createToken", "expiresIn": "2m", "singleUse": true}

        Example result:

            {"token": "kauth-eyJhbGciOiJIUzI1NiJ9.eyJfaWQiOiJqYW5lIn0.c2ln", "expiresAt": 1795392120000,
             "singleUse": true, "ttl": 120000}

        Raises:
            ApiError: `security.rights.unauthorized`, `security.token.invalid_expiration`, `ttl_exceeded`,
                `api.assert.invalid_argument`.
        """
        kuid = caller_of(request)
        lifetime = read_lifetime(expires_in, self._lifetime)
        if lifetime == NEVER:
            raise api_error("security.token.invalid_expiration")
        issued = await self._tokens.issue(kuid, lifetime, single_use=single_use)
        return {
            "token": issued.token,
            "expiresAt": issued.expires_at,
            "singleUse": single_use,
            "ttl": issued.ttl,
        }

    @action(http=["GET /strategies"])
    async def get_strategies(self) -> list[str]:
        """The ways to log in.

        Example request:

            {"controller": "auth", "action": "getStrategies"}

        Example result:

            ["local"]
        """
        return [*self._accounts.strategies, *self._accounts.logins]


def _identity_of(request: Request) -> Identity:
    if request.identity is None:
        caller_of(request)
        raise api_error("security.token.invalid")
    return request.identity
