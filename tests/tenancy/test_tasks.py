"""Tasks about an engine are unknown to those who have no right to it (design 8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.tasks import Progress, TaskKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASKS = "device-manager/tasks"


async def test_tasks_of_other_tenants_are_unknown(town: Any) -> None:
    let_go = asyncio.Event()

    async def step(arguments: dict[str, Any], cursor: Any, progress: Progress) -> None:
        await let_go.wait()

    tasks = town.application.twins.tasks
    tasks.register(TaskKind("test-tenancy", step, cancellable=True))
    ids = {engine: (await tasks.start("test-tenancy", {}, Call(), engine=engine)).id for engine in (town.ours, "")}
    ids[town.theirs] = (await tasks.start("test-tenancy", {}, Call(), engine=town.theirs)).id
    for user, visible in (("tenant", {town.ours}), ("keeper", {town.ours, ""}), ("root", {town.ours, town.theirs, ""})):
        answer = await town.ask(user, {"controller": TASKS, "action": "list", "state": "running"})
        assert {task["_id"] for task in answer["result"]["tasks"]} == {ids[engine] for engine in visible}
        for engine, id in ids.items():
            for action in ("get", "cancel"):
                answer = await town.ask(user, {"controller": TASKS, "action": action, "_id": id}, dry_run=True)
                assert (answer["error"] is None) is (engine in visible), (user, engine, answer)
                if engine not in visible:
                    assert (answer["status"], answer["error"]["id"]) == (404, "device_manager.tasks.unknown")
    let_go.set()
    for id in ids.values():
        await tasks.wait(id, 30)
