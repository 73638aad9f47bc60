"""Both stores, each behind the fixture `store`; every test has an engine of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from device_manager.app import Application
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.opening import open_store


@pytest_asyncio.fixture(params=["sqlite", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store."""
    url = f"sqlite:{tmp_path / 'data'}"
    if request.param == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    store = open_store(Settings(store=url))
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def engine() -> str:
    """The name of an engine that no other test uses."""
    return f"plant-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """What the server of a module has to have other than the defaults."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sqlite", "elasticsearch"])
async def application(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> AsyncIterator[Application]:
    """One server a store, in this process; no users of other tests close it to strangers."""
    url = f"sqlite:{tmp_path_factory.mktemp('facades')}"
    if request.param == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('emptied_cluster')()}"
    application = Application(Settings(store=url, port=0, **settings))
    await application.start()
    yield application
    await application.stop()
