"""One port for HTTP and WebSocket: start, the sweep over all connections, and a shutdown that drains (design 9)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import cast

import uvicorn
from uvicorn._types import ASGIApplication

from device_manager.events import EventBus
from device_manager.gateways.http import HttpProtocol
from device_manager.gateways.listener import listen
from device_manager.gateways.log_limit import limit_log
from device_manager.gateways.service import Handler, Service
from device_manager.gateways.websocket import GOING_AWAY, WebSocketProtocol
from device_manager.metrics import Metrics
from device_manager.router.foreign import ForeignInterfaces
from device_manager.settings import Settings

logger = logging.getLogger(__name__)

TICKS_PER_SECOND = 10
SWEEP_TICKS = 3
"""The server's ticks between two looks at the deadlines of all connections."""
CLOSE_TIMEOUT = 2.0
"""Seconds that clients get to echo the close frame of a stopping server."""
POLL = 0.02
"""Seconds between two looks at what still runs while the server stops."""


class DrainingServer(uvicorn.Server):
    """uvicorn's server without its signal handling, with deadlines and a shutdown that loses no running request."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the listening sockets."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Tick until `stop_soon` is called."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1 / TICKS_PER_SECOND)

    def stop_soon(self) -> None:
        """Begin the shutdown."""
        self.should_exit = True
        self.stopping.set()

    async def on_tick(self, counter: int) -> bool:
        """Keep the date current and look after overdue connections."""
        if counter % TICKS_PER_SECOND == 0:
            self.service.date = formatdate(usegmt=True).encode()
        if counter % SWEEP_TICKS == 0:
            self.sweep()
        return await super().on_tick(counter)

    def sweep(self) -> None:
        """End overdue connections; one failing check must not stop the others."""
        now = asyncio.get_running_loop().time()
        for connection in self._connections():
            try:
                connection.check_deadlines(now)
            except Exception:
                logger.exception("Checking the deadlines of a connection broke")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, finish what runs, close with 1001, abort what is left."""
        self.service.draining = True
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await self._finish_running()
        await self._close_connections()
        for server in self.servers:
            await server.wait_closed()

    async def _finish_running(self) -> None:
        for connection in self._connections():
            if isinstance(connection, HttpProtocol):
                connection.shutdown()
        await self._until(self._all_answered, self.service.settings.shutdown_timeout)

    async def _close_connections(self) -> None:
        for connection in self._connections():
            if isinstance(connection, WebSocketProtocol):
                connection.close(GOING_AWAY, "the server is stopping")
            else:
                connection.transport.close()
        await self._until(lambda: not self.server_state.connections, CLOSE_TIMEOUT)
        for connection in self._connections():
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=CLOSE_TIMEOUT)

    def _connections(self) -> list[HttpProtocol | WebSocketProtocol]:
        return list(cast("Iterable[HttpProtocol | WebSocketProtocol]", self.server_state.connections))

    def _all_answered(self) -> bool:
        running = self.server_state.tasks  # also those whose clients have left
        return not running and not any(connection.busy for connection in self._connections())

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not condition() and loop.time() < end:
            await asyncio.sleep(POLL)
            self.sweep()


class Gateway:
    """The port, in front of a router.

    Args:
        router: answers requests.
        settings: address, limits and timeouts.
        ready: whether the process can serve, asked by `GET /_ready`.
        events: runs the pipes on messages, and the hooks of `connection:new` and `connection:remove`.
        metrics: figures for Prometheus.
        foreign: the foreign interfaces.
        websockets: whether connections may become WebSockets; those that may not are answered as plain HTTP.
        beside: the gateway at another port of the same server, with which this one shares the memory for unfinished
            messages and the count of refused ones.

    Raises:
        InvalidSettings: `metrics_networks` lists something else than networks.
    """

    def __init__(
        self,
        router: Handler,
        settings: Settings,
        *,
        ready: Callable[[], bool],
        events: EventBus | None = None,
        metrics: Metrics | None = None,
        foreign: ForeignInterfaces | None = None,
        websockets: bool = True,
        beside: Gateway | None = None,
    ) -> None:
        date = formatdate(usegmt=True).encode()
        events = events or EventBus()
        self._service = Service(
            router, settings, ready, events, date=date, metrics=metrics, foreign=foreign, websockets=websockets
        )
        if beside is not None:
            self._service.incoming, self._service.refused = beside.service.incoming, beside.service.refused
        self._server: DrainingServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def service(self) -> Service:
        """What all connections share."""
        return self._service

    @property
    def connections(self) -> dict[str, int]:
        """Connections that are open, by protocol."""
        opened = {"http": 0, "websocket": 0}
        if self._server is not None:
            for connection in self._server._connections():
                opened["websocket" if isinstance(connection, WebSocketProtocol) else "http"] += 1
        return opened

    async def start(self, host: str | None = None, port: int | None = None) -> None:
        """Listen; the address comes from the settings unless given. Returns once connections are accepted.

        Raises:
            OSError: the address cannot be bound.
        """
        settings = self._service.settings
        listener = listen(
            settings.host if host is None else host,
            settings.port if port is None else port,
            settings.stalled_reader_timeout,
        )
        self._port = listener.getsockname()[1]
        limit_log("uvicorn.error")
        limit_log("device_manager.gateways")
        self._service.listen()
        config = _configuration(self._service)
        config.load()
        self._server = DrainingServer(config, self._service)
        self._serving = asyncio.create_task(self._server._serve([listener]))
        waiting = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({waiting, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._serving.done():
            listener.close()
            self._serving.result()

    async def stop(self) -> None:
        """Stop gracefully: running requests are answered, WebSockets closed with 1001. Safe to call twice."""
        if self._server is not None and self._serving is not None:
            self._server.stop_soon()
            await self._serving


def _configuration(service: Service) -> uvicorn.Config:
    settings = service.settings
    return uvicorn.Config(
        # uvicorn hands its application to every connection; ours is what the connections share.
        cast(ASGIApplication, service),
        interface="asgi3",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        lifespan="off",
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=int(settings.keep_alive),
        timeout_graceful_shutdown=5,
        backlog=2048,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
