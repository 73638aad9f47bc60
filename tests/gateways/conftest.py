"""A gateway in front of a tiny router, on the loop of the test, and clients that speak bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from device_manager.errors import api_error
from device_manager.gateways.server import Gateway
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.routes import RouteTree
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

    def __post_init__(self) -> None:
        for verb in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            self.routes.add(verb, "/_now", "server", "now")
            self.routes.add(verb, "/_echo/:engineId/:_id", "test", "echo")
            self.routes.add(verb, "/_wait", "test", "wait")
            self.routes.add(verb, "/_raw/:kind", "test", "raw")
            self.routes.add(verb, "/_large", "test", "large")
            self.routes.add(verb, "/_broken", "test", "broken")

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
    def connections(self) -> int:
        """Connections that the gateway holds."""
        server = self.gateway._server
        assert server is not None
        return len(server.server_state.connections)


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start gateways with given settings; all are stopped after the test."""
    started: list[Running] = []

    async def run(**settings: Any) -> Running:
        router = EchoRouter()
        given = Settings(**{"host": "127.0.0.1", "port": 0, "shutdown_timeout": 2.0} | settings)
        running = Running(None, router)  # type: ignore[arg-type]
        running.gateway = Gateway(router, given, ready=lambda: running.ready)
        await running.gateway.start()
        started.append(running)
        return running

    yield run
    for running in started:
        running.router.gate.set()
        await running.gateway.stop()


@pytest.fixture
async def server(start: Start) -> Running:
    """A gateway with default settings."""
    return await start()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
