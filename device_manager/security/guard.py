"""The interface by which the router asks for identities and rights, and the guard that lets everybody in (design 8)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from device_manager.errors import api_error

ANONYMOUS = "-1"
"""The user id of callers who did not log in."""


class Call(Protocol):
    """What a guard sees of a request."""

    controller: str
    action: str
    args: dict[str, Any]
    jwt: str | None
    user_id: str | None


class TokenState(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What `auth:checkToken` tells about a token (router-protocol 5.2).

    Attributes:
        valid: whether it may be used.
        kuid: id of its user, if valid.
        expires_at: milliseconds since 1970, null for never.
        state: why it is not valid.
    """

    valid: bool
    kuid: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET
    state: str | msgspec.UnsetType = msgspec.UNSET


class Guard(Protocol):
    """Identifies callers and checks their rights."""

    def authorize(self, request: Call) -> Awaitable[None] | None:
        """Set `request.user_id` from its token and check that the user may do this; at once where nothing is fetched.

        Raises:
            ApiError: 401 `security.token.invalid`, 401 `security.rights.unauthorized` for anonymous callers,
                403 `security.rights.forbidden` for others.
        """

    def check_rights(self, request: Call) -> Awaitable[None] | None:
        """Check that the user `request.user_id` may do this, whatever token there is (design 5: `as_user`).

        Raises:
            ApiError: 403 `security.rights.forbidden`.
        """

    async def check_token(self, token: str | None) -> TokenState:
        """The state of a token; no token is the valid state of an anonymous caller."""


class OpenGuard:
    """Anonymous callers may do everything. There are no users yet, so that every token is unknown."""

    def authorize(self, request: Call) -> None:
        """Let the request pass unless it holds a token."""
        if request.jwt:
            raise api_error("security.token.invalid")

    def check_rights(self, request: Call) -> None:
        """Let every user pass."""

    async def check_token(self, token: str | None) -> TokenState:
        """No token is valid, any token is not."""
        if not token:
            return TokenState(valid=True, kuid=ANONYMOUS, expires_at=None)
        return TokenState(valid=False, state=api_error("security.token.invalid").message)
