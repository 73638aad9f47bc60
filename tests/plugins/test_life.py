"""The events of a server's life and of its connections reach plugins (router-protocol 3.4)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import orjson
import websockets

from device_manager.app import Application
from device_manager.settings import Settings

Write = Callable[[str, str], Path]

PLUGIN = """
    import asyncio

    from device_manager.errors import ApiError
    from device_manager.plugins import hook, hookimpl, pipe

    trace = []
    gone = asyncio.Event()

    @pipe("kuzzle:state:start", inline=True)
    def state_start(payload): trace.append("state start")

    @pipe("kuzzle:state:live", inline=True)
    def state_live(payload): trace.append("live")

    @pipe("kuzzle:state:ready", inline=True)
    def state_ready(payload): trace.append("ready")

    @pipe("kuzzle:shutdown", inline=True)
    def shutdown(payload):
        trace.append("shutdown")
        raise ApiError("Not yet.", status=400)

    @hook("connection:new", inline=True)
    def came(connection): trace.append(f"came {connection.protocol}")

    @hook("connection:remove", inline=True)
    def went(connection):
        trace.append(f"went {connection.alive}")
        gone.set()

    @hookimpl
    async def start(context):
        trace.append("start")
        context.answer("life:trace", lambda _: (trace, gone))

    @hookimpl
    def stop(): trace.append("stop")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_whole_life(write: Write, tmp_path: Path) -> None:
    path = write("life.py", PLUGIN)
    settings = Settings(store=f"sqlite:{tmp_path / 'data'}", port=free_port(), plugin=(str(path),))
    application = Application(settings)
    await application.start()
    try:
        trace, gone = await application.answers.ask("life:trace")
        async with websockets.connect(f"ws://127.0.0.1:{settings.port}") as client:
            await client.send('{"controller":"server","action":"now","requestId":"r1"}')
            assert orjson.loads(await client.recv())["room"] == "r1"
        await gone.wait()
    finally:
        await application.stop()
    assert trace == [
        "state start",
        "start",
        "live",
        "ready",
        "came websocket",
        "went False",
        "shutdown",
        "stop",
    ]
