"""Plugins written to files, and servers without sockets that load them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_manager.controllers.server import ServerController, ServerParts
from device_manager.events import Answers, EventBus
from device_manager.metrics import Metrics
from device_manager.plugins import PluginContext, Plugins
from device_manager.router.router import Router
from device_manager.router.statistics import Statistics
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.opening import open_store

Write = Callable[[str, str], Path]
StartWith = Callable[..., Any]


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    """Plugin files become modules; the next test may use their names again."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file below the test's folder."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return put


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    bus = EventBus(deadline=5)
    yield bus
    await bus.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(Settings(store=f"sqlite:{tmp_path / 'data'}"))
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def start_with(bus: EventBus, store: Store) -> StartWith:
    """Builds a router with the loaded plugins, in the order in which a server does, and starts the plugins."""

    async def start(plugins: Plugins, sections: dict[str, dict[str, Any]] | None = None) -> Router:
        router = Router(bus)
        answers = Answers()

        def make_context(name: str, settings: dict[str, Any]) -> PluginContext:
            return PluginContext(name, settings=settings, router=router, store=store, events=bus, questions=answers)

        plugins.attach(bus)
        plugins.prepare(make_context, sections)
        router.register(
            ServerController(ServerParts(router=router, metrics=Metrics(), statistics=Statistics(router, dict)))
        )
        for controller in plugins.controllers():
            router.register(controller)
        router.compile()
        await plugins.start()
        return router

    return start
