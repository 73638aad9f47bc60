"""A proxy in front of the cluster, for tests that make the way there slow or lossy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on, both ways, while its context lasts; subclasses say what happens to them.

    Attributes:
        cluster: the URL of what is behind it.
        url: where it listens.
    """

    url: str

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        parts = urlsplit(cluster)
        self._target = parts.hostname, parts.port
        self._connections: set[asyncio.Task[None]] = set()

    async def asked(self, data: bytes) -> None:
        """Called with each piece of a request before it is passed on."""

    async def answered(self, data: bytes) -> bool:
        """Called with each piece of an answer: whether to pass it on; if not, the connection is cut."""
        return True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        async with closing(writer):
            upstream, sender = await asyncio.open_connection(*self._target)
            async with closing(sender):
                ways = {
                    asyncio.create_task(self._ask(reader, sender)),
                    asyncio.create_task(self._answer(upstream, writer)),
                }
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self.asked(data)
            writer.write(data)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (data := await reader.read(1 << 16)) and await self.answered(data):
            writer.write(data)


class Gate(Proxy):
    """Bulks wait before it as long as it is closed; reads pass.

    Attributes:
        is_open: whether they pass.
    """

    def __init__(self, cluster: str) -> None:
        super().__init__(cluster)
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def asked(self, data: bytes) -> None:
        """See `Proxy.asked`."""
        if b"/_bulk" in data:
            await self.is_open.wait()


@contextlib.asynccontextmanager
async def closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close a connection for good at the end."""
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
