"""Deleting an engine leaves nothing of it, however often a step of it runs; on both stores (device-manager 2.1)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.storage.contract import INTERNAL_INDEX
from device_manager.twins.call import Call

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Progress:
    """What a step of a task is told."""

    task_id = "test"
    user_id: str | None = "ada"
    done = 0
    total: int | None = None
    result: Any = None

    async def save(self) -> None:
        """Nobody looks."""


async def claims(platform: Any, engine: str) -> int:
    await platform.store.refresh(INTERNAL_INDEX, "unique")
    found = await platform.store.search(INTERNAL_INDEX, "unique", Search(Term("engine", engine)))
    return int(found.total)


async def test_nothing_is_left_of_an_engine(platform: Any) -> None:
    engine = f"e{uuid.uuid4().hex[:10]}"
    await platform.do("engine:create", index=engine)
    device = await platform.device("1", engineId=engine)
    await platform.do("groups:create", engineId=engine, _id="a", body={"name": "A"})
    assert await claims(platform, engine) == 2
    key = {"idempotencyKey": f"delete-{engine}"}
    first = await platform.do("engine:delete", index=engine, **key)
    assert first.keys() == {"index", "collections"}
    assert await platform.do("engine:delete", index=engine, **key) == first
    assert await claims(platform, engine) == 0
    assert not (await platform.do("engine:exists", index=engine))["exists"]
    assert not [name for name in await platform.store.collections(INTERNAL_INDEX) if engine in name]
    record = (await platform.store.get(platform.twins.platform, "devices", device)).source
    assert record["engineId"] is None
    assert (await platform.refused("engine:delete", index=engine))["status"] == 404

    await platform.do("engine:create", index=engine)
    await platform.do("groups:create", engineId=engine, _id="b", body={"name": "a"})
    late = platform.twins.engine_deletion._step
    for cursor in (None, ["assets", "groups", "config"], ["config"]):
        assert await late({"engine": engine}, cursor, Progress()) is None
    assert (await platform.do("groups:get", engineId=engine, _id="b"))["_source"]["name"] == "a"
    await platform.do("engine:delete", index=engine)
    assert not (await platform.do("engine:exists", index=engine))["exists"]


async def test_steps_that_run_twice_come_to_the_same(platform: Any) -> None:
    engine = f"e{uuid.uuid4().hex[:10]}"
    await platform.do("engine:create", index=engine)
    devices = [await platform.device(number, engineId=engine) for number in "12"]
    tasks = platform.twins.tasks
    tasks._is_closed = True  # as if the process died right after the mark
    try:
        await platform.twins.engine_deletion._close(engine, Call())
    finally:
        tasks._is_closed = False
    error = await platform.refused("groups:create", engineId=engine, body={"name": "A"})
    assert error["id"] == "device_manager.engines.closing"
    cursor: Any = None
    while True:
        for _ in range(2):
            after = await platform.twins.engine_deletion._step({"engine": engine}, cursor, Progress())
        cursor = after
        if cursor is None:
            break
    assert not (await platform.do("engine:exists", index=engine))["exists"]
    for device in devices:
        assert (await platform.store.get(platform.twins.platform, "devices", device)).source["engineId"] is None
