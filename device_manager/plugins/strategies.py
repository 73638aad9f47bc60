"""Ways to log in that plugins bring along (router-protocol 3.7, 5.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple


class LoginStrategy(NamedTuple):
    """A strategy for `auth:login`, beside `local`.

    Attributes:
        name: the argument `strategy` of `auth:login`.
        verify: gets what the caller sent as credentials, and the request; the id of the user who proved to be one, None
            for wrong credentials. It may raise `ApiError`.
    """

    name: str
    verify: Callable[[dict[str, Any], Any], Awaitable[str | None]]
