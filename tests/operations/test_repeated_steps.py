"""A process may die after a step of a reset and before it is noted: every step may run twice (design 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from device_manager.app import Application
from device_manager.operations import upkeep_of
from device_manager.settings import Settings


class Noted:
    """The progress of a task whose notes go nowhere."""

    task_id = "task"
    user_id: str | None = None
    done = 0
    total: int | None = None
    result: Any = None

    async def save(self) -> None:
        """Nothing is kept."""


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    application = Application(Settings(store=f"sqlite:{tmp_path}", port=0))
    await application.start()
    yield application
    await application.stop()


async def run_twice(step: Any) -> Noted:
    progress, cursor = Noted(), None
    while True:
        await step({}, cursor, progress)
        cursor = await step({}, cursor, progress)
        if cursor is None:
            return progress


async def test_the_database(application: Application) -> None:
    call = application.router.call
    for engine in ("north", "south"):
        await call("device-manager/engine", "create", args={"index": engine})
        await call("device-manager/groups", "create", args={"engineId": engine, "_id": "site"}, body={"name": "Site"})
    await call("index", "create", args={"index": "weather"})
    await run_twice(application.twins.database_reset._step)
    assert await application.store.indices() == ["device-manager"]
    assert application.twins.catalogue.engines == {}
    await call("device-manager/engine", "create", args={"index": "north"})
    await call("device-manager/groups", "create", args={"engineId": "north", "_id": "site"}, body={"name": "Site"})


async def test_security(application: Application) -> None:
    call = application.router.call
    for name in ("ada", "bob", "eve"):
        credentials = {"local": {"username": name, "password": "a long sentence"}}
        body = {"content": {"profileIds": ["admin"]}, "credentials": credentials}
        await call("security", "createUser", args={"_id": name}, body=body)
    await call("security", "restrictDefaultRights")
    is_open = application.security.is_open
    assert not is_open
    reset = upkeep_of(application, may_open=True).security_reset
    progress = await run_twice(reset._step)
    assert progress.result["deletedUsers"] == 3
    is_open = application.security.is_open
    assert is_open
    assert (await call("security", "searchUsers"))["total"] == 0
    assert (await call("server", "adminExists")) == {"exists": False}
