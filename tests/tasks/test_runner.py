"""Tasks run to their end, are found by their id, end early, fail with their reason, and are forgotten (design 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.storage.contract import Store
from device_manager.storage.steps import RECORDER
from device_manager.tasks import Progress, TaskKind, TaskRecord, Tasks, TaskState
from device_manager.tasks.records import add_task

pytestmark = pytest.mark.asyncio(loop_scope="module")

MakeRunner = Callable[..., Awaitable[Tasks]]
ADA = Call(user_id="ada")


async def over(tasks: Tasks, id: str) -> TaskRecord:
    """The task once it is over."""
    record = await tasks.wait(id, 30)
    assert record.is_over, record
    return record


class Gate:
    """A kind whose step waits until the test lets it go on."""

    def __init__(self, *, cancellable: bool = True, steps: int = 1) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.runs = 0
        self.contexts: list[Any] = []
        self._steps = steps
        self.kind = TaskKind("gate", self._step, cancellable=cancellable)

    async def _step(self, arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        self.runs += 1
        self.contexts.append(RECORDER.get())
        progress.done = self.runs
        self.reached.set()
        await self.open.wait()
        await progress.save()
        return self.runs if self.runs < self._steps else None


async def test_steps_run_one_after_another_and_progress_can_be_read(make_runner: MakeRunner, ledger: Any) -> None:
    tasks = await make_runner()
    started = await tasks.start("count", {"name": ledger.name, "steps": 5}, ADA, engine="harbour")
    assert (started.state, started.done, started.user_id) == (TaskState.RUNNING, 0, "ada")
    record = await over(tasks, started.id)
    assert (record.state, record.done, record.total, record.engine) == (TaskState.FINISHED, 5, 5, "harbour")
    assert record.ended_at is not None and record.error is None
    assert await ledger.read() == [1, 2, 3, 4, 5]
    assert record.id in [task.id for task in await tasks.list(engines=["harbour"])]
    assert record.id not in [task.id for task in await tasks.list(engines=["", "elsewhere"])]
    assert record.id not in [task.id for task in await tasks.list(state=TaskState.RUNNING)]
    assert [task.id for task in await tasks.list(size=1)] == [record.id]


async def test_one_task_of_an_id_runs_at_a_time(make_runner: MakeRunner) -> None:
    gate = Gate()
    tasks = await make_runner(gate.kind)
    await tasks.start("gate", {}, ADA, "only")
    await gate.reached.wait()
    again = await tasks.start("gate", {"other": 1}, ADA, "only")
    assert (again.arguments, again.begun) == ({}, 1)
    gate.open.set()
    assert (await over(tasks, "only")).state is TaskState.FINISHED
    assert gate.runs == 1
    kept = await tasks.start("gate", {"other": 1}, ADA, "only", again=False)
    assert kept.is_over and gate.runs == 1
    anew = await tasks.start("gate", {"other": 1}, ADA, "only")
    assert (anew.arguments, anew.begun, anew.state) == ({"other": 1}, 2, TaskState.RUNNING)
    assert (await over(tasks, "only")).state is TaskState.FINISHED
    assert gate.runs == 2


async def test_a_dry_run_starts_nothing(make_runner: MakeRunner) -> None:
    gate = Gate()
    tasks = await make_runner(gate.kind)
    assert (await tasks.start("gate", {}, Call(dry_run=True), "dry")).state is TaskState.RUNNING
    with pytest.raises(ApiError) as refused:
        await tasks.get("dry")
    assert refused.value.id == "device_manager.tasks.unknown"
    assert not gate.runs


async def test_a_task_begins_with_the_transaction_that_adds_it_and_outside_of_its_request(
    make_runner: MakeRunner, store: Store
) -> None:
    gate = Gate()
    tasks = await make_runner(gate.kind)
    plan = tasks.plan("gate", {}, ADA)

    class Recorder:
        def recording(self, decide: Any) -> Any:
            return decide

    token = RECORDER.set(Recorder())  # type: ignore[arg-type]
    await store.transact(lambda tx: add_task(tx, plan))
    RECORDER.reset(token)
    gate.open.set()
    assert (await over(tasks, plan.record.id)).state is TaskState.FINISHED
    assert gate.contexts == [None]


async def test_a_cancelled_task_ends_after_the_batch_that_it_is_at(make_runner: MakeRunner) -> None:
    gate = Gate(steps=3)
    tasks = await make_runner(gate.kind)
    task = await tasks.start("gate", {}, ADA)
    await gate.reached.wait()
    assert (await tasks.cancel(task.id, Call(dry_run=True))).cancelling
    assert not (await tasks.get(task.id)).cancelling
    asked = await tasks.cancel(task.id, ADA)
    assert asked.cancelling and not asked.is_over
    gate.open.set()
    record = await over(tasks, task.id)
    assert (record.state, record.done, gate.runs) == (TaskState.CANCELLED, 1, 1)
    assert (await tasks.cancel(task.id, ADA)).state is TaskState.CANCELLED


async def test_what_must_not_be_left_half_done_is_not_cancelled(make_runner: MakeRunner) -> None:
    gate = Gate(cancellable=False)
    tasks = await make_runner(gate.kind)
    task = await tasks.start("gate", {}, ADA)
    with pytest.raises(ApiError) as refused:
        await tasks.cancel(task.id, ADA)
    assert refused.value.id == "device_manager.tasks.not_cancellable"
    gate.open.set()
    assert (await over(tasks, task.id)).state is TaskState.FINISHED


@pytest.mark.parametrize("foreseen", [True, False])
async def test_a_failure_keeps_its_reason(make_runner: MakeRunner, refuse: Any, foreseen: bool) -> None:
    async def step(arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        if cursor is None:
            progress.done, progress.result = 1, ["first"]
            return 1
        raise refuse(412) if foreseen else ValueError("a mistake")

    tasks = await make_runner(TaskKind("failing", step))
    record = await over(tasks, (await tasks.start("failing", {}, ADA)).id)
    assert (record.state, record.done, record.result) == (TaskState.FAILED, 1, ["first"])
    with pytest.raises(ApiError) as raised:
        record.raise_failure()
    if foreseen:
        error = raised.value
        assert error.to_dict() == refuse(412).to_dict()
    else:
        assert raised.value.id == "plugin.runtime.unexpected_error" and "a mistake" in raised.value.message


async def test_a_store_that_is_away_only_delays_a_step(make_runner: MakeRunner, refuse: Any) -> None:
    attempts = []

    async def step(arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        attempts.append(cursor)
        if len(attempts) < 3:
            raise refuse(503)

    tasks = await make_runner(TaskKind("patient", step))
    record = await over(tasks, (await tasks.start("patient", {}, ADA)).id)
    assert (record.state, len(attempts)) == (TaskState.FINISHED, 3)


async def test_a_stopped_runner_leaves_its_tasks_to_the_next_one(make_runner: MakeRunner, ledger: Any) -> None:
    first = await make_runner()
    task = await first.start("count", {"name": ledger.name, "steps": 30, "pause": 0.02}, ADA)
    while not (await first.get(task.id)).done:
        await asyncio.sleep(0)
    await first.close()
    left = await first.get(task.id)
    assert (left.state, left.owner) == (TaskState.RUNNING, "") and 0 < left.done < 30
    second = await make_runner()
    record = await over(second, task.id)
    assert (record.state, record.done) == (TaskState.FINISHED, 30)
    assert await ledger.read() == list(range(1, 31))


async def test_a_kind_that_nobody_knows_is_left_alone(make_runner: MakeRunner, ledger: Any) -> None:
    first = await make_runner()
    task = await first.start("count", {"name": ledger.name, "steps": 3, "pause": 0.05}, ADA)
    await first.close()
    gate = Gate()
    second = await make_runner(gate.kind)
    assert not (await second.wait(task.id, 0.3)).is_over
    third = await make_runner()
    assert (await over(third, task.id)).state is TaskState.FINISHED
    assert await ledger.read() == [1, 2, 3]


async def test_what_ended_long_ago_is_forgotten(make_runner: MakeRunner, ledger: Any) -> None:
    tasks = await make_runner()
    done = await over(tasks, (await tasks.start("count", {"name": ledger.name, "steps": 1}, ADA)).id)
    gate = Gate()
    other = await make_runner(gate.kind)
    running = await other.start("gate", {}, ADA)
    await tasks.prune()
    assert (await tasks.get(done.id)).is_over
    await tasks.prune(kept=-1)
    with pytest.raises(ApiError):
        await tasks.get(done.id)
    assert not (await tasks.get(running.id)).is_over
    gate.open.set()
    await over(other, running.id)
