"""The command line as a process, and an engine to use it on."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

sys.path.insert(0, str(Path(__file__).parent / "incumbent"))
from kuzzle_platform import KuzzlePlatform  # found only now

_engines = itertools.count(1)


@dataclass(frozen=True)
class Ran:
    """What a finished command left behind."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.output)
        return content


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "device_manager", *map(str, arguments)]


@pytest.fixture
def start_command(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `device-manager` in a folder of its own, with only the given `DEVICE_MANAGER_*` variables."""

    def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DEVICE_MANAGER_")}
        return subprocess.Popen(
            command_line(*arguments),
            cwd=tmp_path,
            env=inherited | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run_command(start_command: Callable[..., subprocess.Popen[str]]) -> Callable[..., Ran]:
    """Runs `device-manager` to its end."""

    def run(*arguments: object, **environment: str) -> Ran:
        with start_command(*arguments, **environment) as process:
            output, errors = process.communicate(timeout=60)
        return Ran(process.returncode, output, errors)

    return run


@dataclass(frozen=True)
class Fleet:
    """An engine with assets and devices that are not linked."""

    engine: str
    url: str
    pairs: list[tuple[str, str]]

    def call(self, controller: str, action: str, **args: Any) -> Any:
        """One call of an action."""

        async def once() -> Any:
            async with Client(self.url) as client:
                return await client.call(f"device-manager/{controller}", action, **args)

        return asyncio.run(once())

    def links(self, device: str) -> list[str]:
        """Ids of the assets that the device is linked to."""
        source = self.call("devices", "get", engineId=self.engine, _id=device)["_source"]
        return [entry["assetId"] for entry in source["linkedMeasures"]]

    def write(self, path: Path, pairs: list[tuple[str, str]] | None = None) -> Path:
        """A CSV file of all pairs, or of `pairs`."""
        lines = [f"{asset},{device}" for asset, device in self.pairs if pairs is None]
        lines += [f"{asset},{device}" for asset, device in pairs or []]
        path.write_text("\n".join(["assetId,deviceId", *lines]) + "\n")
        return path


@pytest.fixture
def make_fleet(
    server: ServerProcess, create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]]
) -> Callable[..., Fleet]:
    """Creates an engine of its own with `count` pairs that have `slots` slots."""

    def make(count: int, *, slots: int = 1) -> Fleet:
        engine = f"fleet-{next(_engines)}"

        async def fill() -> list[tuple[str, str]]:
            async with Client(server.url) as client:
                return await create_fleet(client, engine, count, slots=slots)

        return Fleet(engine, server.url, asyncio.run(fill()))

    return make


@pytest.fixture
def write_platform(empty_cluster: str) -> Callable[..., KuzzlePlatform]:
    """Fills the cluster with a platform of version 2 or 3 and nothing else but empty collections of this product."""

    def write(version: int, **size: Any) -> KuzzlePlatform:
        platform = KuzzlePlatform(empty_cluster, version, **size)
        platform.write()
        return platform

    return write
