"""A WebSocket client of the server for the commands: many calls over one connection, reconnecting when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import websockets
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 10.0
"""Seconds that a call waits for a server that is away or overloaded before it gives up."""
RETRY_AFTER = 0.5
"""Seconds between two tries to connect, and before a call is sent again to an overloaded server."""
RESENDS = 5
"""How often a call is sent again after the connection broke."""
BUSY = frozenset({429, 503})


class InvalidUrl(ValueError):
    """The URL of the server cannot be used; the text says why."""


class ServerUnreachable(Exception):
    """Nobody answered within the patience of the client; the text says what was tried and what happened."""


class CallRefused(Exception):
    """The server answered with an error.

    Attributes:
        error: the error object of the envelope: `message`, `status`, mostly `id`, sometimes `errors`.
        resent: the call was sent more than once, because the connection broke before an answer came.
    """

    def __init__(self, error: dict[str, Any], *, resent: bool) -> None:
        super().__init__(error["message"])
        self.error = error
        self.resent = resent


class _ConnectionLost(Exception):
    """The connection broke before the answer came."""


def websocket_url(url: str) -> str:
    """The WebSocket address that belongs to the `http` or `ws` address `url`.

    Raises:
        InvalidUrl: another scheme, no host, or a port that is no number.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrl(f'"{url}" is not a URL: {error}') from error
    scheme = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise InvalidUrl(f'"{url}" is not a URL like http://127.0.0.1:7512')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}:{port}" if port else f"{scheme}://{host}"


class Client:
    """A connection to the server at `url`; `async with` opens and closes it.

    Calls may run at the same time; answers find their calls by request id. A call whose connection breaks is sent again
    on a new connection, so use it for calls that may be applied twice without harm.
    """

    def __init__(self, url: str, *, token: str | None = None, patience: float = PATIENCE) -> None:
        self._url = websocket_url(url)
        self._token = token
        self._patience = patience
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        await self._connected(time.monotonic())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()
        if self._reader is not None:
            await self._reader

    async def call(self, controller: str, action: str, *, body: Any = None, **args: Any) -> Any:
        """Call an action and return its result.

        Args:
            controller: wire name, such as `device-manager/devices`.
            action: wire name, such as `linkAssets`.
            body: the body; None sends none.
            args: further members of the request, such as `engineId` and `_id`.

        Raises:
            CallRefused: the server answered with an error, other than being overloaded.
            ServerUnreachable: no answer, or only 429 and 503, for as long as the client's patience.
        """
        request = {"controller": controller, "action": action, **args}
        if body is not None:
            request["body"] = body
        if self._token is not None:
            request["jwt"] = self._token
        for resent in range(RESENDS + 1):
            deadline = time.monotonic() + self._patience
            with contextlib.suppress(_ConnectionLost):
                return await self._answered(request, deadline, resent=resent > 0)
        raise ServerUnreachable(f"{self._url} broke the connection {RESENDS + 1} times before it answered")

    async def _answered(self, request: dict[str, Any], deadline: float, *, resent: bool) -> Any:
        """Send `request` until the server is not too busy to answer it."""
        while True:
            answer = await self._exchange(await self._connected(deadline), request)
            error = answer.get("error")
            if error is None:
                return answer.get("result")
            if error["status"] not in BUSY:
                raise CallRefused(error, resent=resent)
            if time.monotonic() > deadline:
                raise ServerUnreachable(f"{self._url} answers {error['status']}: {error['message']}")
            await asyncio.sleep(RETRY_AFTER)

    async def _exchange(self, connection: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
        request_id = f"cli-{next(self._numbers)}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            message = orjson.dumps(request | {"requestId": request_id})
            try:
                await connection.send(message, text=True)
            except websockets.ConnectionClosed as closed:
                raise _ConnectionLost from closed
            return await answer
        finally:
            self._waiting.pop(request_id, None)

    async def _connected(self, deadline: float) -> ClientConnection:
        """The open connection, made anew when there is none."""
        async with self._connecting:
            while self._connection is None:
                try:
                    self._connection = await connect(
                        self._url, max_size=None, compression=None, proxy=None, open_timeout=self._patience
                    )
                except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
                    if time.monotonic() > deadline:
                        raise ServerUnreachable(f"Cannot connect to {self._url}: {error}") from error
                    await asyncio.sleep(RETRY_AFTER)
                else:
                    self._reader = asyncio.create_task(self._read(self._connection))
            return self._connection

    async def _read(self, connection: ClientConnection) -> None:
        """Hand every answer to its call; when the connection ends, tell the calls that still wait."""
        try:
            async for message in connection:
                answer = orjson.loads(message)
                waiting = self._waiting.get(answer.get("requestId"))
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except websockets.ConnectionClosed:
            pass
        finally:
            self._connection = None
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(_ConnectionLost())
