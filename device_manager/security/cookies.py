"""The token cookie of browsers (router-protocol 5.2)."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Any, Protocol

from device_manager.errors import api_error
from device_manager.security.lifetimes import NEVER

COOKIE = "authToken"
_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]*")
_ABOUT_THE_COOKIE = frozenset({"login", "checkToken", "logout"})
"""Actions of `auth` that work on the cookie itself when asked to: it need not be valid for them to run."""


class Connection(Protocol):
    """Where the headers are."""

    headers: dict[str, str]


class Message(Protocol):
    """What is looked at of a request."""

    controller: str
    action: str
    args: dict[str, Any]
    jwt: str | None

    @property
    def connection(self) -> Connection:
        """The connection that it came over."""


def token_of(message: Message, *, allowed: bool) -> str | None:
    """The token that a request is to be judged by: the one that it carries, or that of its cookie.

    Args:
        message: the request.
        allowed: whether cookies are in use (setting `cookie_auth`).

    Raises:
        ApiError: `security.cookie.unsupported` where cookies are not in use, `security.cookie.invalid` for one that
            cannot be read, `security.token.verification_error` for a cookie and a token at once.
    """
    token = message.jwt or None
    headers = message.connection.headers
    if "cookie" not in headers and "cookieAuth" not in message.args:
        return token
    wanted = wants_cookie(message)
    cookie = cookie_token(headers)
    if (wanted or cookie is not None) and not allowed:
        raise api_error("security.cookie.unsupported")
    if wanted and message.controller == "auth" and message.action in _ABOUT_THE_COOKIE:
        return token
    if cookie is None:
        return token
    if token is not None:
        raise api_error("security.token.verification_error", "a token and a cookie were sent together")
    return cookie


def wants_cookie(message: Message) -> bool:
    """Whether the client asks for the token to travel by cookie; over HTTP a flag."""
    value = message.args.get("cookieAuth")
    return value is True or isinstance(value, str)


def cookie_token(headers: dict[str, str]) -> str | None:
    """The token in the cookie header, None if there is none. Raises `security.cookie.invalid`."""
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            token = value.strip('"')
            if not _TOKEN.fullmatch(token):
                raise api_error("security.cookie.invalid")
            return token if token not in ("", "null") else None
    return None


def set_cookie(token: str, expires_at: int) -> str:
    """The value of the header `Set-Cookie` that hands a token out.

    Args:
        token: its text.
        expires_at: milliseconds since 1970; -1 makes the cookie end with the browser's session.
    """
    expiry = "" if expires_at == NEVER else f"; Expires={formatdate(expires_at / 1000, usegmt=True)}"
    return f"{COOKIE}={token}; Path=/{expiry}; HttpOnly; SameSite=Strict"


def clear_cookie() -> str:
    """The value of the header `Set-Cookie` that takes the token away."""
    return set_cookie("null", 0)
