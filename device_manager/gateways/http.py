"""HTTP connections: uvicorn's protocol with requests straight to the router (router-protocol 1.7 to 1.9).

Overridden here because an ASGI application cannot see it: the bound on the head, deadlines for head and body, refused
requests that are answered before their body is read, upgrades to HTTP/2 that are declined without losing the body.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import struct
from collections import deque
from collections.abc import Awaitable
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from device_manager.errors import ApiError, api_error
from device_manager.gateways.http_exchange import (
    MOST_HEAD_BYTES,
    Exchange,
    HeaderBlock,
    bad_request,
    body_too_large,
    head_fault,
    head_too_large,
)
from device_manager.gateways.http_front import HttpFront
from device_manager.gateways.http_rendering import Answer
from device_manager.gateways.http_stream import BrokenStream, Streaming
from device_manager.gateways.incoming import FREE_BYTES, Share
from device_manager.gateways.service import Service
from device_manager.gateways.stall import StallWatch
from device_manager.gateways.websocket import WebSocketProtocol
from device_manager.router.streams import close_stream

logger = logging.getLogger(__name__)

RESET = struct.pack("ii", 1, 0)
"""Lingering for no time: closing sends a reset."""
LINGER = 5.0
"""Seconds during which bytes of a refused request are thrown away, so that its sender reads the answer."""
DISCARDED_BYTES = 64 << 20
UPGRADE_HEADERS = frozenset({b"connection", b"upgrade", b"http2-settings"})


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection: requests are read one after another and answered in order."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.service = cast(Service, config.loaded_app)
        self.front = HttpFront(self.service)
        self.header_block: HeaderBlock | None = None
        self.exchange: Exchange | None = None
        self.running: Exchange | None = None
        self.line: deque[Exchange] = deque()
        self.in_head = True
        self.head_bytes = 0
        self.ended = False
        self.upgrading = False
        self.paused = False
        self.write_paused = False
        self.drain: asyncio.Future[None] | None = None
        self.streaming: asyncio.Task[None] | None = None
        self.deadline = math.inf
        self.discarded_bytes = 0
        self.share = Share(self.service.incoming)
        self.stall = StallWatch()

    @property
    def busy(self) -> bool:
        """A request runs or waits for its turn."""
        return self.running is not None or bool(self.line)

    # What the transport calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Arm the deadline of the first head; past the cap of connections say so and close."""
        super().connection_made(transport)
        settings = self.service.settings
        self.deadline = self.loop.time() + settings.header_timeout
        if len(self.connections) > settings.max_connections:
            self.refuse(api_error("api.process.overloaded"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits; what runs goes on and its answer is discarded, but a stream ends here."""
        self.ended = True
        self.line.clear()
        self.exchange = None
        self.share.hold(0)
        if self.streaming is not None:
            self.streaming.cancel()
        if self.running is not None and self.running.connection is not None:
            self.running.connection.alive = False
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Answer nothing more until the client has read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The client caught up."""
        self.write_paused = False
        if self.drain is not None and not self.drain.done():
            self.drain.set_result(None)
        self.pump()

    async def drained(self) -> None:
        """Return when the client has caught up."""
        if self.write_paused:
            self.drain = self.loop.create_future()
            await self.drain

    def data_received(self, data: bytes) -> None:
        """Bound the head, watch the clock, parse."""
        if self.ended:
            self.discarded_bytes += len(data)
            if self.discarded_bytes > DISCARDED_BYTES:
                self.transport.abort()
            return
        if not self.in_head:
            self.deadline = self.loop.time() + self.service.settings.body_timeout
        elif self.head_bytes > MOST_HEAD_BYTES:
            self.refuse(head_too_large())
            return
        else:
            if not self.head_bytes:
                self.deadline = self.loop.time() + self.service.settings.header_timeout
            self.head_bytes += len(data)
        self.feed(data)

    def feed(self, data: bytes) -> None:
        """Parse, and go on behind the head of an upgrade."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self.refuse(api_error("network.http.unsupported_verb", "?"))
        except httptools.HttpParserCallbackError as error:
            logger.error("Reading a request broke", exc_info=error)
            self.refuse(bad_request("the request could not be read"))
        except httptools.HttpParserError as error:
            self.refuse(bad_request(f"this is no valid HTTP/1.1 request: {error}"))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A head begins."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """The head is there: refuse it, take note of an upgrade, or begin to collect the body."""
        self.in_head = False
        if self.ended:
            return
        self.upgrading = self.parser.should_upgrade()
        if self.upgrading:
            return
        self.deadline = self.loop.time() + self.service.settings.body_timeout
        version = self.parser.get_http_version()
        keep_alive = version == "1.1" and self.parser.should_keep_alive() and not self.service.draining
        verb = self.parser.get_method().decode("ascii")
        if self.header_block is None or self.header_block.lines != self.headers:
            self.header_block = HeaderBlock(self.headers)
        self.exchange = Exchange(verb, self.url, self.header_block, keep_alive=keep_alive, chunks=version == "1.1")
        fault = head_fault(self.exchange, version, self.service.settings)
        if fault is not None:
            self.refuse(fault)
        else:
            self.ask_for_body()

    def ask_for_body(self) -> None:
        """Send the interim answer that a client waits for, once the answers before it are out."""
        if self.expect_100_continue and self.exchange is not None and not self.busy:
            self.expect_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect, within the limit."""
        if self.ended or self.upgrading or self.exchange is None:
            return
        self.exchange.body += body
        if len(self.exchange.body) > self.service.settings.max_message_bytes:
            self.refuse(body_too_large(self.service.settings))
        elif (len(self.exchange.body) > FREE_BYTES or self.share.counted_bytes) and not self.count_bodies():
            self.refuse(api_error("api.process.overloaded"))

    def count_bodies(self) -> bool:
        """Count the arriving and the running body into the memory of all connections; False when it is full."""
        bodies = [exchange.body for exchange in (self.exchange, self.running) if exchange is not None]
        return self.share.hold(sum(map(len, bodies)))

    def on_message_complete(self) -> None:
        """The request is whole: serve it when those before it are answered."""
        self.in_head = True
        self.head_bytes = 0
        exchange, self.exchange = self.exchange, None
        if self.ended or self.upgrading or exchange is None:
            return
        self.ended = not exchange.keep_alive
        self.deadline = math.inf
        self.line.append(exchange)
        self.pump()

    # Upgrades

    def upgrade(self, rest: bytes) -> None:
        """Become a WebSocket, or decline and read the same request as plain HTTP, its body included."""
        if self.ended:
            return
        protocols = [value.strip().lower() for name, value in self.headers if name == b"upgrade"]
        forbidden = self.service.origins.refusal(dict(self.headers).get(b"origin"))
        if self.parser.get_method() == b"CONNECT":
            self.refuse(api_error("network.http.unsupported_verb", "CONNECT"))
        elif protocols != [b"websocket"] or not self.service.websockets:
            self.decline_upgrade(rest)
        elif self.busy:
            self.refuse(bad_request("an upgrade has to wait for the answers of the requests before it"))
        elif self.service.draining:
            self.refuse(api_error("network.entrypoint.shutting_down"))
        elif forbidden is not None:
            self.refuse(forbidden)
        else:
            self.become_websocket(rest)

    def decline_upgrade(self, rest: bytes) -> None:
        """Feed a fresh parser with the head without its upgrade, then with what follows the head."""
        closes = any(name == b"connection" and b"close" in value.lower() for name, value in self.headers)
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in UPGRADE_HEADERS:
                head += [name, b": ", value, b"\r\n"]
        head.append(b"connection: close\r\n\r\n" if closes else b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.feed(b"".join(head))
        if rest and not self.ended:
            self.feed(rest)

    def become_websocket(self, rest: bytes) -> None:
        """Hand the transport over; frames that came with the upgrade are not lost."""
        self.ended = True
        self.connections.discard(self)
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            head += [name, b": ", value, b"\r\n"]
        head.append(b"\r\n")
        protocol = WebSocketProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        protocol.data_received(b"".join(head))
        self.transport.set_protocol(protocol)
        self.parser = None  # type: ignore[assignment]  # it refers back here: neither would go before a collection
        if rest and not protocol.finished:
            protocol.data_received(rest)

    # Answers, in order

    def pump(self) -> None:
        """Serve what is whole, one after another."""
        while self.line and self.running is None and not self.write_paused:
            exchange = self.running = self.line.popleft()
            if exchange.refused is not None:
                self.respond(exchange, self.front.refuse(exchange))
                continue
            answer = self.front.serve(exchange, self.client)
            if isinstance(answer, bytes):
                self.respond(exchange, answer)
            else:
                task = self.loop.create_task(self.respond_later(exchange, answer))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        self.regulate()

    async def respond_later(self, exchange: Exchange, pending: Streaming | Awaitable[Answer]) -> None:
        """Answer when the answer is there, then go on with the line."""
        answer = pending if isinstance(pending, Streaming) else await pending
        if isinstance(answer, bytes):
            self.respond(exchange, answer)
        else:
            await self.respond_in_pieces(exchange, answer)
        self.pump()

    async def respond_in_pieces(self, exchange: Exchange, answer: Streaming) -> None:
        """Send a stream at the pace of the client; it is cancelled when the client leaves."""
        if self.transport.is_closing():
            await close_stream(answer.chunks)
            return
        self.streaming = asyncio.current_task()
        try:
            await answer.send(self)
        except BrokenStream:
            self.break_off(ends_with_connection=not answer.chunked and answer.size is None)
        finally:
            self.streaming = None
        self.respond(exchange, b"")

    def break_off(self, *, ends_with_connection: bool) -> None:
        """End an answer so that the client notices: by the missing end, or by a reset where an end would look right."""
        if ends_with_connection:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()
        else:
            self.transport.close()

    def respond(self, exchange: Exchange, answer: bytes) -> None:
        """Write head and body in one piece."""
        self.running = None
        if self.share.counted_bytes:
            self.count_bodies()
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        if exchange.refused is not None:
            self.transport.write_eof()
            self.deadline = self.loop.time() + LINGER
        elif not exchange.keep_alive:
            self.transport.close()

    def regulate(self) -> None:
        """Read no further while whole requests wait, and set the deadline of what is expected next."""
        paused = bool(self.line)
        if paused != self.paused and not self.ended:
            self.paused = paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        if self.ended:
            return
        self.ask_for_body()
        if paused or (self.running is not None and self.in_head and not self.head_bytes):
            self.deadline = math.inf
        elif self.in_head and not self.head_bytes:
            self.deadline = self.loop.time() + self.service.settings.keep_alive

    def refuse(self, error: ApiError) -> None:
        """Answer in turn, read nothing more of the connection."""
        if self.ended:
            return
        self.ended = True
        begun, self.exchange = self.exchange, None
        self.line.append(Exchange.refusing(error, begun))
        self.deadline = math.inf
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self.pump()

    def shutdown(self) -> None:
        """Close between requests; otherwise the answer to the last one that came or still arrives closes."""
        last = self.exchange or (self.line[-1] if self.line else self.running)
        if last is not None:
            last.keep_alive = False
        elif not self.head_bytes:
            self.transport.close()

    def check_deadlines(self, now: float) -> None:
        """End what is overdue: a slow head or body, an idle connection, a refused one, a peer that reads nothing."""
        if self.stall.seconds(self.transport, now) > self.service.settings.stalled_reader_timeout:
            self.transport.abort()
        elif now < self.deadline:
            return
        elif self.ended:
            self.transport.abort()
        elif not self.in_head:
            self.refuse(bad_request("the rest of the body did not arrive in time", 408))
        elif self.head_bytes:
            self.refuse(bad_request("the rest of the head did not arrive in time", 408))
        else:
            self.transport.close()
