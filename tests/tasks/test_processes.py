"""What one process begins another one finishes: after a kill, after a stop, and while the first one is only slow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from device_manager.tasks import TaskRecord, Tasks, TaskState

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRACE = 1.0
STEPS = 40


@pytest.fixture
def url(tmp_path: Path, store_url: str) -> str:
    """A store of the test's own, where processes cannot share one."""
    return store_url if store_url.startswith("elasticsearch") else f"sqlite:{tmp_path}"


async def finished(tasks: Tasks, id: str) -> TaskRecord:
    record = await tasks.wait(id, 60)
    assert (record.state, record.done, record.total) == (TaskState.FINISHED, STEPS, STEPS), record
    return record


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_task_outlives_its_process(
    url: str, start_victim: Any, open_store_at: Any, make_ledger: Any, counting_kind: Any, how: str
) -> None:
    name = f"{how}{url[-6:]}"
    victim = start_victim(url, name, steps=STEPS, pause=0.02)
    id = victim.task_id()
    if how == "kill":
        victim.kill()
    else:
        assert victim.stop() == 0
    store = await open_store_at(url)
    tasks = Tasks(store, grace=GRACE)
    tasks.register(counting_kind(store))
    await tasks.open()
    record = await finished(tasks, id)
    ledger = make_ledger(store)
    ledger.name = name
    assert await ledger.read() == list(range(1, STEPS + 1))
    assert record.owner == ""
    await tasks.close()


async def test_a_process_that_was_only_slow_does_not_disturb_its_successor(
    elasticsearch_url: str, start_victim: Any, open_store_at: Any, make_ledger: Any, counting_kind: Any
) -> None:
    url = f"elasticsearch:{elasticsearch_url}"
    store = await open_store_at(url)
    tasks = Tasks(store, grace=GRACE)
    tasks.register(counting_kind(store))
    await tasks.open()
    victim = start_victim(url, "slow", steps=STEPS, pause=0.05)
    id = victim.task_id()
    first = (await tasks.get(id)).owner
    while not (await tasks.get(id)).done:
        await asyncio.sleep(0.01)
    assert (await tasks.get(id)).owner == first
    victim.pause()
    while (await tasks.get(id)).owner == first:
        await asyncio.sleep(0.05)
    victim.resume()
    await finished(tasks, id)
    ledger = make_ledger(store)
    ledger.name = "slow"
    assert await ledger.read() == list(range(1, STEPS + 1))
    assert victim.stop() == 0
    await tasks.close()


async def test_a_busy_process_keeps_its_tasks(
    elasticsearch_url: str, start_victim: Any, open_store_at: Any, make_ledger: Any, counting_kind: Any
) -> None:
    """A step that takes longer than the grace time is no reason to take the task away from a process that is alive."""
    url = f"elasticsearch:{elasticsearch_url}"
    store = await open_store_at(url)
    tasks = Tasks(store, grace=GRACE)
    tasks.register(counting_kind(store))
    await tasks.open()
    victim = start_victim(url, "long", steps=1, pause=3 * GRACE)
    id = victim.task_id()
    owners = set()
    while not (record := await tasks.get(id)).is_over:
        owners.add(record.owner)
        await asyncio.sleep(0.05)
    assert len(owners) == 1 and record.state is TaskState.FINISHED
    assert victim.stop() == 0
    await tasks.close()
