"""The fixtures: servers of one test module, each with a store of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from device_manager.testing.server import TestServer

StartServer = Callable[..., TestServer]
"""`start_device_manager(*plugins, plugin_settings=None, settings=None)`."""


@pytest.fixture(scope="module")
def start_device_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start servers: `start_device_manager(*plugins, plugin_settings={name: {...}}, settings={...})`.

    `plugins` are files or modules to load beside the installed ones, `plugin_settings` their sections by plugin name,
    `settings` the server's own. Each server has an empty SQLite store and listens on a free port; all are stopped when
    the module's tests are done.
    """
    started: list[TestServer] = []
    numbers = itertools.count(1)

    def start(
        *plugins: str,
        plugin_settings: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> TestServer:
        folder = tmp_path_factory.mktemp(f"device-manager-{next(numbers)}-")
        server = TestServer.in_folder(folder, plugins, plugin_settings=plugin_settings, settings=settings)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def device_manager(start_device_manager: StartServer) -> TestServer:
    """A server with the installed plugins."""
    return start_device_manager()
