"""A server that cannot start says why, stops what it has started, and leaves nothing open (router-protocol 3.4)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_manager.app import Application
from device_manager.errors import ApiError
from device_manager.lifecycle import Lifecycle, UncleanStop
from device_manager.plugins import PluginError
from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX
from device_manager.storage.opening import open_store
from device_manager.storage.servers import SERVERS
from device_manager.twins.ingestion.spool import Spool

PLUGIN = """
import asyncio
from pathlib import Path

from device_manager.plugins import hookimpl

ME = Path(__file__)


def note(step):
    with (ME.parent / "trace").open("a") as file:
        file.write(f"{ME.stem} {step}\\n")
    if ME.stem.startswith(f"fails_to_{step}"):
        raise RuntimeError("not today")


@hookimpl
async def start():
    note("start")
    if ME.stem.startswith("waits"):
        await asyncio.Event().wait()


@hookimpl
async def stop():
    note("stop")
"""
"""Notes in the file `trace` when it is started and stopped; what else it does follows from the name of its file."""


def plugins(folder: Path, *names: str) -> tuple[str, ...]:
    """Files of plugins, whose names say what they do."""
    folder.mkdir(exist_ok=True)
    (folder / "trace").write_text("")
    for name in names:
        (folder / f"{name}.py").write_text(PLUGIN)
    return tuple(str(folder / f"{name}.py") for name in names)


def traced(folder: Path) -> list[str]:
    return (folder / "trace").read_text().splitlines()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def own_threads() -> set[str]:
    """Threads of the parts; those of the loop's own pool stay for the next part that needs one."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


async def fails_and_leaves_nothing(
    settings: Settings,
    error: type[BaseException],
    text: str,
    prepare: Callable[[Application], None] = lambda application: None,
) -> None:
    threads, tasks = own_threads(), asyncio.all_tasks()
    application = Application(settings)
    prepare(application)
    with pytest.raises(error, match=text):
        await application.start()
    assert own_threads() <= threads
    async with asyncio.timeout(30):
        while asyncio.all_tasks() - tasks:
            await asyncio.sleep(0.01)
    for gateway in (application.gateway, application.sitewise_gateway):
        if gateway is not None and gateway.port:
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", gateway.port)
    again = open_store(settings)
    await again.start()
    if again.shared and SERVERS in await again.collections(INTERNAL_INDEX):
        await again.refresh(INTERNAL_INDEX, SERVERS)
        found = [server.id async for page in again.scan(INTERNAL_INDEX, SERVERS) for server in page]
        assert application.servers.id not in found
    await again.close()


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_nothing_is_left_of_a_start_that_fails(
    store: str, tmp_path: Path, taken_port: int, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:{tmp_path / 'data'}"
    if store == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"

    def fail_at(event: str) -> Callable[[Application], None]:
        async def fail(nothing: Any) -> None:
            raise ApiError("not today", status=500)

        def prepare(application: Application) -> None:
            application.events.add_pipe(event, fail, owner="test")
            application.events.compile()

        return prepare

    folder = tmp_path / "plugins"
    names = [f"{name}_{store}" for name in ("one", "two", "fails_to_start", "four")]
    loaded = plugins(folder, *names)
    spool = str(tmp_path / "spool")
    plain = Settings(store=url, port=0, sitewise_port=0, spool_directory=spool)
    early = ("kuzzle:state:start", "kuzzle:state:live") if store == "sqlite" else ()
    for event in (*early, "kuzzle:state:ready"):
        await fails_and_leaves_nothing(plain, ApiError, "not today", fail_at(event))
    taken = f"127.0.0.1:{taken_port} cannot be listened on: Address already in use"
    await fails_and_leaves_nothing(Settings(store=url, port=0, sitewise_port=taken_port), OSError, taken)
    if store == "elasticsearch":
        return
    await fails_and_leaves_nothing(Settings(store=url, port=taken_port), OSError, taken)
    failing = Settings(store=url, port=0, plugin=loaded, spool_directory=spool)
    await fails_and_leaves_nothing(failing, PluginError, f'"{names[2]}" failed in start: not today')
    one, two, three, _ = names
    assert traced(folder) == [f"{one} start", f"{two} start", f"{three} start", f"{two} stop", f"{one} stop"]
    (tmp_path / "file").write_text("")
    application = Application(Settings(store=f"sqlite:{tmp_path / 'file'}", port=0))
    with pytest.raises(RuntimeError, match="file is no folder: the store needs one of its own"):
        await application.start()
    others = Spool(Path(spool), plain.spool_bytes)
    others.open()
    await fails_and_leaves_nothing(plain, RuntimeError, "spool .* in use")
    await others.close()


class Ended:
    """A `device-manager serve` that was run to its end.

    Attributes:
        status: of its exit.
        lines: what it said, the reminder that everybody may do everything left out.
    """

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.lines = [line for line in text.splitlines() if "anonymous callers may do everything" not in line]


async def serve(*flags: str, until: Callable[[], bool] | None = None) -> Ended:
    """Run a server until it ends by itself, or by SIGTERM once `until` is true."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device_manager", "serve", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        if until is not None:
            while not until():
                await asyncio.sleep(0.05)
            process.terminate()
        said, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    return Ended(process.returncode, said.decode())


async def test_it_says_why_and_how_it_ended(tmp_path: Path, taken_port: int) -> None:
    sqlite = [("--store", f"sqlite:{tmp_path / str(number)}", "--port", "0") for number in range(5)]
    [waiting] = plugins(tmp_path / "waiting", "waits")
    [unclean] = plugins(tmp_path / "unclean", "fails_to_stop")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{free.getsockname()[1]}"
    expected = {
        "address": (
            serve(*sqlite[0], "--port", str(taken_port)),
            1,
            f"Error: The server cannot start: 127.0.0.1:{taken_port} cannot be listened on: Address already in use. "
            f"`ss -ltnp 'sport = :{taken_port}'` tells by which process.",
        ),
        "port": (
            serve(*sqlite[1], "--port", "99999"),
            2,
            "Error: Unusable setting: Expected `int` <= 65535 - at `$.port`",
        ),
        "elasticsearch": (
            serve("--store", f"elasticsearch:http://{nowhere}", "--port", "0", "--store-start-wait", "0"),
            1,
            "Error: The server cannot start: The store does not answer: PUT /_cluster/settings: "
            f"Cannot connect to host {nowhere}",
        ),
        "redis": (
            serve(*sqlite[2], "--redis", f"http://{nowhere}"),
            2,
            'Error: Unusable setting "redis": Redis URL must specify one of the following schemes',
        ),
        "impatient": (
            serve(*sqlite[3], "--plugin", waiting, until=lambda: bool(traced(tmp_path / "waiting"))),
            0,
            "stopped before the start was complete",
        ),
        "unclean": (
            serve(*sqlite[4], "--plugin", unclean, until=lambda: bool(traced(tmp_path / "unclean"))),
            1,
            'Error: The server has stopped, but not as it should: plugins: Plugin "fails_to_stop" failed in stop: not',
        ),
    }
    ended = await asyncio.gather(*(run for run, _, _ in expected.values()))
    for (name, (_, status, text)), end in zip(expected.items(), ended, strict=True):
        assert end.status == status, (name, end.lines)
        assert text in end.lines[-1], (name, end.lines)
        assert name == "unclean" or not any("Traceback" in line or "Unclosed" in line for line in end.lines), name


async def test_every_part_is_stopped_whatever_others_do() -> None:
    lifecycle, trace = Lifecycle(), []

    def step(name: str, *, fails: bool = False) -> Callable[[], Any]:
        async def run() -> None:
            trace.append(name)
            if fails:
                raise ValueError(f"{name} is stuck")

        return run

    await lifecycle.start("a", step("a"), step("not a"))
    await lifecycle.start("b", None, step("not b", fails=True))
    with pytest.raises(ValueError, match="c is stuck"):
        await lifecycle.start("c", step("c", fails=True), step("not c", fails=True))
    with pytest.raises(UncleanStop, match="c: not c is stuck; b: not b is stuck"):
        await lifecycle.stop()
    assert trace == ["a", "c", "not c", "not b", "not a"]
    await lifecycle.stop()
    assert len(trace) == 5
