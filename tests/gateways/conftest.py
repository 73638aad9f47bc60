"""A gateway in front of a tiny router, on the loop of the test, and clients that speak bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
import pytest
import uvloop
from websockets.speedups import apply_mask

from device_manager.errors import api_error
from device_manager.events import EventBus
from device_manager.gateways.incoming import IncomingMemory
from device_manager.gateways.server import Gateway
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.routes import Match, RouteTree
from device_manager.settings import Settings


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on in production."""
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class EchoRouter:
    """Answers `server:now` at once, `test:wait` when the gate opens, and echoes what it was asked in the rest."""

    routes: RouteTree = field(default_factory=RouteTree)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[Request] = field(default_factory=list)
    started: int = 0
    finished: int = 0
    most_running: int = 0
    produce: Callable[[], AsyncIterator[bytes]] | None = None
    answer_with: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.routes.add("HEAD", "/_stream", "test", "stream")
        for verb in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            self.routes.add(verb, "/_stream", "test", "stream")
            self.routes.add(verb, "/_given", "test", "given")
            self.routes.add(verb, "/_now", "server", "now")
            self.routes.add(verb, "/_echo/:engineId/:_id", "test", "echo")
            self.routes.add(verb, "/_wait", "test", "wait")
            self.routes.add(verb, "/_raw/:kind", "test", "raw")
            self.routes.add(verb, "/_large", "test", "large")
            self.routes.add(verb, "/_broken", "test", "broken")

    def match(self, verb: str, raw_path: bytes) -> Match | None:
        """The action behind a path."""
        return self.routes.match(verb, raw_path)

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        """The router's one function."""
        if len(self.requests) < 10_000:
            self.requests.append(request)
        match request.action:
            case "now":
                return Response(request, result={"now": 1})
            case "wait":
                return self.wait(request)
            case "large":
                return Response(request, result="x" * 100_000)
            case "raw":
                return self.raw(request)
            case "broken":
                raise RuntimeError("the handler broke")
            case "stream" | "given":
                return self.given(request)
            case "unserializable":
                return Response(request, result={"value": 1 << 70})
            case "echo":
                return Response(request, result={"args": request.args, "body": request.body, "jwt": request.jwt})
            case _:
                error = api_error("api.process.action_not_found", request.controller, request.action)
                return Response(request, status=error.status, error=error)

    async def wait(self, request: Request) -> Response:
        """Answer when the test lets it."""
        self.started += 1
        self.most_running = max(self.most_running, self.started - self.finished)
        await self.gate.wait()
        self.finished += 1
        return Response(request, result="waited")

    def given(self, request: Request) -> Response:
        """What the test gave, as a stream or as it is."""
        stream = self.produce() if self.produce is not None and request.action == "stream" else None
        return Response(request, stream=stream, **self.answer_with)

    def raw(self, request: Request) -> Response:
        """Results that are bodies themselves."""
        results: dict[str, Any] = {"text": "plain", "bytes": b"\x00\xff", "null": None, "object": {"a": 1}}
        headers = {"x-own": "1", "content-type": "text/csv"} if request.args["kind"] == "text" else {"x-own": "1"}
        return Response(request, result=results[request.args["kind"]], raw=True, headers=headers)


@dataclass
class Running:
    """A gateway that listens."""

    gateway: Gateway
    router: EchoRouter
    events: EventBus = field(default_factory=EventBus)
    ready: bool = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.gateway.port

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def incoming(self) -> IncomingMemory:
        """What its clients have sent and it has not handled."""
        return self.gateway._service.incoming

    @property
    def connections(self) -> int:
        """Connections that the gateway holds."""
        server = self.gateway._server
        assert server is not None
        return len(server.server_state.connections)


class RawClient:
    """A TCP connection that sends exactly what a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int | None = None) -> RawClient:
        """Connect; a small receive buffer makes a client that reads nothing stall its server soon."""
        connected = socket.socket()
        if receive_buffer is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", port))
        except OSError:
            connected.close()
            raise
        reader, writer = await asyncio.open_connection(sock=connected, limit=1 << 16)
        return cls(reader, writer)

    @classmethod
    async def websocket(cls, port: int, headers: str = "", **options: Any) -> RawClient:
        """Connect and upgrade."""
        client = await cls.connect(port, **options)
        client.send(UPGRADE % headers.encode())
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101"), head
        return client

    def send(self, data: bytes) -> None:
        """Queue bytes."""
        self.writer.write(data)

    def send_text(self, text: str | bytes, first: int = 0x81) -> None:
        """Queue one masked frame."""
        self.send(frame(text.encode() if isinstance(text, str) else text, first))

    async def head(self) -> bytes:
        """Everything up to an empty line."""
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """One HTTP answer: status, headers by lower-case name, body."""
        first, *lines = (await self.head()).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        async with asyncio.timeout(10):
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body

    async def received(self) -> tuple[int, bytes]:
        """One WebSocket frame: first byte and payload."""
        async with asyncio.timeout(10):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2))
            elif length == 127:
                length = int.from_bytes(await self.reader.readexactly(8))
            return first, await self.reader.readexactly(length)

    async def answer(self) -> Any:
        """One text message, parsed."""
        first, payload = await self.received()
        assert first == 0x81, (first, payload)
        return orjson.loads(payload)

    async def close_code(self) -> int:
        """The code of the close frame, after whatever comes before it."""
        while True:
            first, payload = await self.received()
            if first == 0x88:
                return int.from_bytes(payload[:2])

    async def chunks(self) -> list[bytes]:
        """The chunks of a chunked body, up to its end.

        Raises:
            asyncio.IncompleteReadError: the connection ended before the body.
        """
        found = []
        async with asyncio.timeout(10):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                found.append((await self.reader.readexactly(size + 2))[:-2])
            assert await self.reader.readexactly(2) == b"\r\n"
        return found

    async def closed(self, seconds: float = 10.0) -> bytes:
        """Read until the server closes; what came."""
        pieces = []
        async with asyncio.timeout(seconds):
            try:
                while piece := await self.reader.read(1 << 16):
                    pieces.append(piece)
            except ConnectionResetError:
                pass
        return b"".join(pieces)

    def leave(self) -> None:
        """Drop the connection."""
        self.writer.transport.abort()


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A client frame with the mask `abcd`."""
    length = len(payload)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((first, 0xFE)) + length.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + length.to_bytes(8)
    return head + b"abcd" + apply_mask(payload, b"abcd")


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)


@pytest.fixture
async def raw() -> AsyncIterator[type[RawClient]]:
    """The client that sends bytes; connections that the test leaves open are dropped."""

    class TrackedClient(RawClient):
        opened: ClassVar[list[RawClient]] = []

        def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            super().__init__(reader, writer)
            self.opened.append(self)

    yield TrackedClient
    for client in TrackedClient.opened:
        client.leave()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()


@pytest.fixture
def masked() -> Callable[..., bytes]:
    """Builds client frames."""
    return frame


@pytest.fixture
def upgrade() -> bytes:
    """An upgrade request with a place for further headers."""
    return UPGRADE


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start gateways with given settings and listeners; all are stopped after the test."""
    started: list[Running] = []

    async def run(prepare: Callable[[EventBus], None] | None = None, **settings: Any) -> Running:
        router = EchoRouter()
        given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "shutdown_timeout": 2.0}
        running = Running(None, router)  # type: ignore[arg-type]
        if prepare is not None:
            prepare(running.events)
        running.gateway = Gateway(
            router, Settings(**given | settings), ready=lambda: running.ready, events=running.events
        )
        await running.gateway.start()
        started.append(running)
        return running

    yield run
    for running in started:
        running.router.gate.set()
        await running.gateway.stop()
        await running.events.close()


@pytest.fixture
async def server(start: Start) -> Running:
    """A gateway with default settings."""
    return await start()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # the conditions watched are not events
                await asyncio.sleep(0.01)

    return wait
