"""What every connection of one gateway shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.routes import Match
from device_manager.settings import Settings


class Handler(Protocol):
    """The router, as far as the gateways know it."""

    def match(self, verb: str, raw_path: bytes) -> Match | None:
        """The action behind an HTTP path; raises `ApiError` for a path that cannot be decoded."""
        ...

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        """Answer at once where nothing has to be awaited; never raises."""
        ...


@dataclass(slots=True)
class Service:
    """The router and the state of the gateway in front of it.

    Attributes:
        handler: answers requests.
        settings: limits and timeouts.
        ready: whether the process can serve, for `GET /_ready`.
        tell: emits the events `connection:new` and `connection:remove`.
        draining: the server is stopping; new requests are refused.
        date: value of the header `Date`, kept current by the server.
    """

    handler: Handler
    settings: Settings
    ready: Callable[[], bool]
    tell: Callable[[str, Connection], None]
    draining: bool = False
    date: bytes = b""
