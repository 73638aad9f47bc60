"""What every connection of one gateway shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.gateways.incoming import IncomingMemory
from device_manager.gateways.networks import Networks
from device_manager.gateways.origins import Origins
from device_manager.metrics import Metrics
from device_manager.router.foreign import ForeignInterfaces
from device_manager.router.request import Request
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


HTTP_EVENTS = tuple(f"http:{verb}" for verb in ("get", "head", "post", "put", "patch", "delete", "options"))
BEFORE_PARSING, AFTER_PARSING = "protocol:{}:beforeParsingPayload", "protocol:{}:afterParsingPayload"


@dataclass(slots=True)
class Service:
    """The router and the state of the gateway in front of it.

    Attributes:
        handler: answers requests.
        settings: limits and timeouts.
        ready: whether the process can serve, for `GET /_ready`.
        events: runs the pipes on messages and requests before the router sees them, and `connection:new` and `:remove`.
        draining: the server is stopping; new requests are refused.
        date: value of the header `Date`, kept current by the server.
        origins: which web pages may call.
        incoming: counts what clients have sent and nobody has handled yet.
        metrics: figures for Prometheus, which the setting `metrics_networks` gives to callers without a right.
        open_to: those networks.
        refused: HTTP messages that could not be served and WebSocket messages that were turned away unread, by error.
        cut: WebSocket clients that were cut so far because they did not read.
        cut_for_losses: those that were cut because they were not sent what they should have been.
        foreign: the foreign interfaces.
        websockets: whether connections may become WebSockets.
        hears_http, hears_websocket: whether anything listens to the events of one protocol's messages.
    """

    handler: Handler
    settings: Settings
    ready: Callable[[], bool]
    events: EventBus
    draining: bool = False
    date: bytes = b""
    origins: Origins = field(init=False)
    incoming: IncomingMemory = field(init=False)
    metrics: Metrics | None = None
    open_to: Networks = field(init=False)
    refused: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    cut_for_losses: int = 0
    foreign: ForeignInterfaces | None = None
    websockets: bool = True
    hears_http: bool = False
    hears_websocket: bool = False

    def __post_init__(self) -> None:
        self.origins = Origins(self.settings)
        self.incoming = IncomingMemory(self.settings.max_incoming_bytes)
        self.open_to = Networks("metrics_networks", self.settings.metrics_networks)

    def listen(self) -> None:
        """Note what is listened to. Call it when all listeners are known."""
        listens = self.events.listens
        both = (BEFORE_PARSING, AFTER_PARSING)
        self.hears_http = any(map(listens, (*HTTP_EVENTS, *(event.format("http") for event in both))))
        self.hears_websocket = any(listens(event.format("websocket")) for event in both)

    async def show_payload(self, event: str, message: dict[str, Any], payload: Any) -> Any:
        """Run a pipe on a message and give its payload as the listeners left it (router-protocol 1.3 and 1.8).

        Args:
            event: one of the two events of the protocol.
            message: what else the listeners get.
            payload: text or bytes before the parsing, the value after it.

        Raises:
            ApiError: what a pipe refuses.
        """
        shown = await self.events.pipe(event, {**message, "payload": payload})
        if not isinstance(shown, dict) or "payload" not in shown:
            raise api_error("plugin.runtime.unexpected_error", f'a pipe on "{event}" must keep the member "payload".')
        return shown["payload"]

    async def show_request(self, event: str, request: Request) -> Request:
        """Run a pipe on a request before the router gets it, `http:<verb>`.

        Raises:
            ApiError: what a pipe refuses.
        """
        shown = await self.events.pipe(event, request)
        if not isinstance(shown, Request):
            problem = f'a pipe on "{event}" must return a request or None, not {type(shown).__name__}.'
            raise api_error("plugin.runtime.unexpected_error", problem)
        return shown
