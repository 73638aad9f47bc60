"""The client of the commands goes on when the server restarts, and gives up in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from device_manager.cli.client import CallRefused, Client, InvalidUrl, ServerUnreachable, websocket_url
from device_manager.cli.process import ServerProcess

StartServer = Callable[..., ServerProcess]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:7512", "ws://127.0.0.1:7512"),
        ("https://example.org", "wss://example.org"),
        ("ws://[::1]:7512/path", "ws://[::1]:7512"),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert websocket_url(url) == expected


@pytest.mark.parametrize("url", ["127.0.0.1:7512", "ftp://127.0.0.1", "http://", "http://h:port", "http://h:99999"])
def test_unusable_urls(url: str) -> None:
    with pytest.raises(InvalidUrl, match="URL"):
        websocket_url(url)


async def test_calls_survive_a_restart(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server)
    async with Client(server.url) as client:
        assert isinstance((await client.call("server", "now"))["now"], int)
        server.kill()
        waiting = [asyncio.create_task(client.call("server", "now")) for _ in range(20)]
        await asyncio.to_thread(server.start)
        assert all(isinstance(answer["now"], int) for answer in await asyncio.gather(*waiting))


async def test_errors_carry_what_the_server_said(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server)
    async with Client(server.url, token="not a token") as client:
        with pytest.raises(CallRefused) as refused:
            await client.call("server", "nope")
    assert refused.value.error["status"] in {401, 404}
    assert refused.value.resent is False


async def test_it_gives_up(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server)
    async with Client(server.url, patience=1.0) as client:
        server.kill()
        started = time.monotonic()
        with pytest.raises(ServerUnreachable, match="Cannot connect to ws://127"):
            await client.call("server", "now")
    assert time.monotonic() - started < 5


async def test_nobody_there_is_told_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(ServerUnreachable):
        async with Client("http://127.0.0.1:1"):
            pass
    assert time.monotonic() - started < 2
