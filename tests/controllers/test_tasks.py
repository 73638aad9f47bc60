"""The controller `device-manager/tasks`: tasks can be looked at, listed and ended (design 9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.tasks import Progress, TaskKind

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Gate:
    """A kind of task that waits until it is let go on."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def step(self, arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        progress.done, progress.total = 3, 7
        await progress.save()
        self.reached.set()
        await self.open.wait()
        if arguments.get("fails"):
            raise ValueError("a mistake")
        await progress.save()


async def test_a_task_is_shown_from_its_begin_to_its_end(platform: Any) -> None:
    gate, tasks = Gate(), platform.twins.tasks
    tasks.register(TaskKind("test-gate", gate.step, cancellable=True))
    started = await tasks.start("test-gate", {}, Call(user_id="ada"), engine=platform.engine)
    await gate.reached.wait()
    shown = await platform.do("tasks:get", engineId=..., _id=started.id)
    assert isinstance(shown.pop("createdAt"), int) and isinstance(shown.pop("updatedAt"), int)
    assert shown == {
        "_id": started.id,
        "kind": "test-gate",
        "engineId": platform.engine,
        "state": "running",
        "cancelling": False,
        "done": 3,
        "total": 7,
        "result": None,
        "error": None,
        "userId": "ada",
        "endedAt": None,
    }
    for arguments, is_listed in (
        ({}, True),
        ({"engineId": ...}, True),
        ({"engineId": ..., "state": "running"}, True),
        ({"state": "failed"}, False),
        ({"engineId": platform.twins.platform}, False),
    ):
        listed = await platform.do("tasks:list", **arguments)
        assert listed["total"] == len(listed["tasks"])
        assert (started.id in [task["_id"] for task in listed["tasks"]]) is is_listed
    tried = await platform.do("tasks:cancel", _id=started.id, dryRun=True)
    assert (tried["cancelling"], tried["dryRun"]) == (True, True)
    assert (await platform.do("tasks:cancel", _id=started.id))["cancelling"] is True
    gate.open.set()
    await tasks.wait(started.id, 30)
    assert (await platform.do("tasks:get", _id=started.id))["state"] == "cancelled"


async def test_what_is_refused(platform: Any) -> None:
    gate, tasks = Gate(), platform.twins.tasks
    tasks.register(TaskKind("test-stubborn", gate.step))
    for action in ("get", "cancel"):
        error = await platform.refused(f"tasks:{action}", _id="nothing")
        assert (error["status"], error["id"]) == (404, "device_manager.tasks.unknown")
    started = await tasks.start("test-stubborn", {"fails": True}, Call())
    error = await platform.refused("tasks:cancel", _id=started.id)
    assert (error["status"], error["id"]) == (409, "device_manager.tasks.not_cancellable")
    error = await platform.refused("tasks:list", size=10_001)
    assert (error["status"], error["id"]) == (413, "services.storage.get_limit_exceeded")
    assert (await platform.refused("tasks:list", size=-1))["status"] == 400
    error = await platform.refused("tasks:list", state="sleeping")
    assert error["status"] == 400
    gate.open.set()
    await tasks.wait(started.id, 30)
    failed = await platform.do("tasks:get", _id=started.id)
    assert (failed["state"], failed["engineId"]) == ("failed", None)
    assert "a mistake" in failed["error"]["message"]
