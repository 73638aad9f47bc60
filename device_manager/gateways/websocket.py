"""WebSocket connections: uvicorn's protocol with messages straight to the router (router-protocol 1.2 to 1.5).

What an ASGI application cannot see is overridden here: client PINGs count as a sign of life, answers are batched,
a peer that does not read is cut, a failed handshake is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request as Upgrade

from device_manager.errors import ApiError, api_error
from device_manager.gateways.answers import refusal, shed, unexpected_response
from device_manager.gateways.frames import FrameCutter
from device_manager.gateways.gate import FairGate
from device_manager.gateways.incoming import FREE_BYTES, Share
from device_manager.gateways.json_text import UnreadableJson, find_request_id, read_json
from device_manager.gateways.outgoing import Outgoing
from device_manager.gateways.rate import MessageRate
from device_manager.gateways.service import AFTER_PARSING, BEFORE_PARSING, Service
from device_manager.gateways.stall import StallWatch
from device_manager.gateways.upgrade import BAD_HANDSHAKE, connection_of
from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response

logger = logging.getLogger(__name__)

PING, PONG = b'{"p":1}', b'{"p":2}'
LONGEST_PING = 64
"""Longer messages are not looked at for being a ping with white space."""
GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, POLICY_VIOLATION = 1001, 1002, 1007, 1008
INTERNAL_ERROR, TRY_AGAIN_LATER = 1011, 1013
MOST_FRAGMENTS = 65_536
"""Of one message: each of them costs memory beside its bytes."""
LINGER = 2.0
"""Seconds that a peer gets to take a close frame before the connection is aborted."""
DISCARDED_BYTES = 64 << 20
"""Bytes thrown away after a failure, so that the peer reads the close frame instead of a reset."""
WRITE_HIGH, WRITE_LOW = 1 << 20, 1 << 18


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, from the upgrade on."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.service = cast(Service, config.loaded_app)
        settings = self.service.settings
        self.max_depth = settings.max_depth
        self.cutter = FrameCutter(settings.max_message_bytes)
        self.gate = FairGate(
            self.answer,
            most_running=settings.connection_running,
            most_waiting=settings.connection_waiting,
            most_waiting_bytes=settings.connection_waiting_bytes,
            loop=self.loop,
            tasks=self.tasks,
        )
        self.outgoing: Outgoing = None  # type: ignore[assignment]
        self.peer = Connection("", "websocket")
        self.last_byte = self.loop.time()
        self.finished = False
        self.abort_at: float | None = None
        self.discarded_bytes = 0
        self.stall = StallWatch()
        self.share = Share(self.service.incoming)
        self.fragment_bytes = 0
        self.rate = MessageRate(settings.connection_rate) if settings.connection_rate else None

    @property
    def busy(self) -> bool:
        """A request runs or waits, or an answer has not been handed to the kernel."""
        return not self.finished and not self.gate.idle

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Prepare the way out."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(WRITE_HIGH, WRITE_LOW)
        limit = self.service.settings.connection_outgoing_bytes
        self.outgoing = Outgoing(self.transport, self.loop, limit, self.cut_slow_reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what waits; what runs goes on and its answers are discarded.

        Whatever refers back here lets go, so that the memory is free at once and not after some collection of garbage.
        """
        self.finish()
        self.share.hold(0)
        self.outgoing.end()
        self.gate.end()
        self.conn.parser.close()
        self.peer.close()
        super().connection_lost(exc)
        if self.peer.id:
            self.service.events.emit("connection:remove", self.peer)

    def pause_writing(self) -> None:
        """The client reads slower than it asks: let its requests wait."""
        super().pause_writing()
        self.gate.hold()

    def resume_writing(self) -> None:
        """The client caught up."""
        super().resume_writing()
        self.outgoing.flush()
        self.gate.resume()

    def data_received(self, data: bytes) -> None:
        """Cut whole frames out of the stream; complete text messages skip the frame parser."""
        self.last_byte = self.loop.time()
        if not self.handshake_complete:
            self.receive_upgrade(data)
            return
        if self.discards(data):
            return
        for kind, piece in self.cutter.feed(data):
            if self.discards(data):
                return
            if kind != "text":
                self.receive_frame(piece)
            elif not self.frames:
                self.receive_message(piece)
            else:
                self.fail(PROTOCOL_ERROR, "expected a continuation frame")
        if not self.count_incoming() and not self.finished:
            self.fail(TRY_AGAIN_LATER, "the server holds too many unfinished messages")

    def count_incoming(self, coming: int = 0) -> bool:
        """Count what came and is not handled, and `coming` bytes more, into the memory of all connections.

        False when it has no place for them.
        """
        held = self.cutter.held_bytes + self.fragment_bytes + self.gate.held_bytes + coming
        return (held <= FREE_BYTES and not self.share.counted_bytes) or self.share.hold(held)

    # The handshake

    def receive_upgrade(self, data: bytes) -> None:
        """Parse the upgrade; a request that the parser refuses is answered, or its socket would stay open for ever."""
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_complete = True
            self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()) or BAD_HANDSHAKE)
            self.finish()
            self.transport.close()

    def handle_connect(self, event: Upgrade) -> None:
        """Accept on any path, and echo the first subprotocol offered, whatever it is."""
        self.request = event
        self.response = self.conn.accept(event)
        self.handshake_initiated = self.handshake_complete = True
        if self.response.status_code == 101:
            offered = ",".join(event.headers.get_all("Sec-WebSocket-Protocol"))
            if offered:
                self.response.headers["Sec-WebSocket-Protocol"] = offered.split(",")[0].strip()
            self.peer = connection_of(event, self.client)
            self.peer.push, self.peer.cut = self.outgoing.send_text, self.cut_for_loss
            self.service.events.emit("connection:new", self.peer)
        self.conn.send_response(self.response)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.response.status_code == 101:
            self.start_keepalive()
        else:
            self.close_sent = True
            self.finish()
            self.transport.close()

    # Frames and messages

    def receive_frame(self, raw: bytes) -> None:
        """Hand a control frame, a binary one or a fragment to the frame parser."""
        self.conn.receive_data(raw)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
            return
        self.handle_events()
        if self.frames:
            self.fragment_bytes += len(raw)
            if len(self.frames) > MOST_FRAGMENTS:
                self.fail(POLICY_VIOLATION, f"a message of more than {MOST_FRAGMENTS} fragments")

    def send_receive_event_to_app(self) -> None:
        """A fragmented or binary message is complete; bytes are taken as UTF-8 text."""
        message = b"".join(self.frames)
        self.frames = []
        self.fragment_bytes = 0
        self.receive_message(message)

    def receive_message(self, message: bytes) -> None:
        """Answer pings first, then admit, refuse or let wait."""
        if self.close_sent or not message:
            return
        if self.rate is not None and not self.rate.passes():
            self.outgoing.send_text(shed("network.websocket.ratelimit_exceeded", message, self.service.refused))
            return
        if message == PING or (len(message) <= LONGEST_PING and b'"p"' in message and is_ping(message)):
            self.outgoing.send_text(PONG)
        elif self.service.draining:
            self.outgoing.send_text(shed("network.entrypoint.shutting_down", message, self.service.refused))
        elif (len(message) > FREE_BYTES and not self.count_incoming(len(message))) or not self.gate.admit(message):
            self.outgoing.send_text(shed("api.process.overloaded", message, self.service.refused))

    def answer(self, message: bytes) -> Awaitable[None] | None:
        """Route one message; gives what has to be awaited when it cannot be answered at once."""
        if self.service.hears_websocket:
            return self.answer_heard(message)
        try:
            request = parse(self.read(message), self.peer)
        except (Refused, UnreadableJson) as refused:
            self.refuse(message, refused)
            return None
        return self.route(request)

    async def answer_heard(self, message: bytes) -> None:
        """Route a message whose way to the router leads through pipes."""
        show, about = self.service.show_payload, {"connection": self.peer}
        try:
            text = await show(BEFORE_PARSING.format("websocket"), about, message.decode())
            payload = self.read(text.encode()) if isinstance(text, str) else text
            request = parse(await show(AFTER_PARSING.format("websocket"), about, payload), self.peer)
        except (ApiError, Refused, UnicodeDecodeError, UnreadableJson) as refused:
            self.refuse(message, refused)
            return
        pending = self.route(request)
        if pending is not None:
            await pending

    def read(self, message: bytes) -> dict[str, Any]:
        """The JSON object of a message; raises `UnreadableJson`."""
        payload = read_json(message, self.max_depth)
        if type(payload) is not dict:
            raise UnreadableJson("a request is a JSON object.")
        return payload

    def route(self, request: Request) -> Awaitable[None] | None:
        """Hand a request to the router and its answer to the client, now or later."""
        try:
            outcome = self.service.handler.handle(request)
        except Exception as error:
            outcome = unexpected_response(request, error)
        if type(outcome) is Response:
            self.send_answer(request, outcome)
            return None
        return self.answer_later(request, cast(Awaitable[Response], outcome))

    async def answer_later(self, request: Request, pending: Awaitable[Response]) -> None:
        """Send the answer when it is there; nobody may be left to read it."""
        try:
            response = await pending
        except Exception as error:
            response = unexpected_response(request, error)
        self.send_answer(request, response)

    def send_answer(self, request: Request, response: Response) -> None:
        """Send an answer, and let go of what is to follow it."""
        self.outgoing.send_text(encode(response, room=True))
        follow, request.on_answer = request.on_answer, None
        if follow is not None:
            follow(response.error is None)

    def refuse(self, message: bytes, refused: Exception) -> None:
        """Text that is no UTF-8 ends the connection; other messages that cannot be served end themselves only."""
        if isinstance(refused, Refused):
            self.outgoing.send_text(encode(refused.response, room=bool(refused.response.request.id)))
            return
        try:
            message.decode()
        except UnicodeDecodeError:
            self.fail(INVALID_DATA, "invalid UTF-8")
            return
        if not isinstance(refused, ApiError):
            refused = api_error("network.websocket.unexpected_error", str(refused))
        self.outgoing.send_text(refusal(refused, find_request_id(message), room=True))

    def handle_ping(self) -> None:
        """Answer through the bounded way out: a peer may send PINGs and never read the PONGs."""
        for frame in self.conn.data_to_send():
            self.outgoing.send_frame(frame)

    # The end

    def handle_close(self, event: Frame) -> None:
        """The peer closes or echoes our close."""
        self.finish()
        self.write_last(self.conn.data_to_send())
        self.transport.close()

    def handle_parser_exception(self) -> None:
        """Tell the peer why and discard what it still sends: a reset would eat the close frame."""
        self.finish()
        self.write_last(self.conn.data_to_send())
        if not self.transport.is_closing():
            self.transport.write_eof()

    def fail(self, code: int, reason: str) -> None:
        """End the connection because of what the peer sent."""
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the sweep aborts a peer that does not echo it."""
        if self.finished or self.close_sent:
            return
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.write_last(self.conn.data_to_send())

    def cut_slow_reader(self) -> None:
        """Give up on a peer that does not read: 1011 if it can still be told, then abort."""
        address = self.client[0] if self.client else "?"
        self.service.cut += 1
        logger.warning("Cut the WebSocket of %s: it does not read its answers.", address)
        self.outgoing.discard()
        self.gate.hold()
        self.gate.drop_waiting()
        self.close(INTERNAL_ERROR, "client is too slow")

    def cut_for_loss(self, reason: str) -> None:
        """End a connection whose client was not sent what it should have been: 1013, so that it comes again."""
        self.service.cut_for_losses += 1
        logger.warning("Cut the WebSocket of %s: %s.", self.client[0] if self.client else "?", reason)
        self.close(TRY_AGAIN_LATER, reason)

    def write_last(self, frames: list[bytes]) -> None:
        """Write everything queued and then the close frame."""
        self.close_sent = True
        self.stop_keepalive()
        self.abort_at = self.abort_at or self.loop.time() + LINGER
        if not self.transport.is_closing():
            self.outgoing.write_all()
            self.outgoing.discard()
            self.transport.write(b"".join(frames))

    def finish(self) -> None:
        """Handle nothing more of what this peer sends."""
        self.finished = True
        self.abort_at = self.abort_at or self.loop.time() + LINGER
        self.gate.drop_waiting()

    def discards(self, data: bytes) -> bool:
        """Whether the connection has failed, so that what still comes is thrown away, within a bound."""
        if not self.finished:
            return False
        self.discarded_bytes += len(data)
        if self.discarded_bytes > DISCARDED_BYTES:
            self.transport.abort()
        return True

    def check_deadlines(self, now: float) -> None:
        """End what is overdue: a close that is not echoed, a silent peer, one that reads nothing."""
        if self.close_sent or self.transport.is_closing():
            self.abort_at = self.abort_at or now + LINGER
            if now >= self.abort_at:
                self.transport.abort()
            return
        self.count_incoming()
        settings = self.service.settings
        silence = now - self.last_byte
        if silence > settings.idle_timeout:
            self.close(GOING_AWAY, "idle")
        elif silence > settings.body_timeout and (self.cutter.held_bytes or self.frames):
            self.fail(POLICY_VIOLATION, "the rest of the message did not arrive in time")
        elif self.stall.seconds(self.transport, now) > settings.stalled_reader_timeout:
            self.cut_slow_reader()


def is_ping(message: bytes) -> bool:
    """Whether a short message is the SDK's ping, however it is spaced."""
    try:
        payload = read_json(message, LONGEST_PING)
    except UnreadableJson:
        return False
    return isinstance(payload, dict) and len(payload) == 1 and type(payload.get("p")) is int and payload["p"] == 1
