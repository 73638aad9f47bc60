"""One run of a migration: all stages at once in a dry run, as a task that survives its process otherwise (design 9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from device_manager.call import Call
from device_manager.migration.stages import Stages
from device_manager.migration.survey import Stage
from device_manager.migration.tally import Tally
from device_manager.storage.contract import Store
from device_manager.tasks import Progress, TaskKind, TaskRecord, Tasks

TASK = "migrate"
"""Kind and id of the task: one at a time in a store."""
SAVE_EVERY = 0.5
"""Seconds between two notes of how far a stage is."""
LOOK_EVERY = 0.5
"""Seconds between two looks at how far the task is."""

Tell = Callable[[int], None]
"""Told how many documents are done so far."""


class Saved(msgspec.Struct, rename="camel"):
    """What the task's record shows.

    Attributes:
        finished: the figures of finished stages.
        current: those of the stage that runs.
    """

    finished: Tally = msgspec.field(default_factory=Tally)
    current: Tally = msgspec.field(default_factory=Tally)


async def run_dry(stages: Stages, plan: list[Stage], tell: Tell) -> Tally:
    """Go through everything and change nothing. Raises what stores raise."""
    tally, done = Tally(), 0

    async def advance(more: int) -> None:
        nonlocal done
        done += more
        tell(done)

    for stage in plan:
        await stages.run(stage, tally, advance)
    return tally


class MigrationTask:
    """The task that runs stages one after another; a step is a stage.

    Attributes:
        kind: for the runner of tasks.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self.kind = TaskKind(TASK, self._step, cancellable=True)

    async def _step(self, arguments: dict[str, Any], cursor: int | None, progress: Progress) -> int | None:
        plan = msgspec.convert(arguments["stages"], list[Stage])
        number = cursor or 0
        saved = msgspec.convert(progress.result or {}, Saved)
        tally = _carried(saved.current)
        before = sum(stage.documents for stage in plan[:number])
        progress.total = sum(stage.documents for stage in plan)
        noted, seen = time.monotonic(), 0

        async def advance(more: int) -> None:
            nonlocal noted, seen
            seen += more
            progress.done = min(before + seen, progress.total or 0)
            if time.monotonic() - noted >= SAVE_EVERY:
                progress.result = msgspec.to_builtins(Saved(saved.finished, tally))
                await progress.save()
                noted = time.monotonic()

        await self._stages.run(plan[number], tally, advance)
        saved.finished.include(tally)
        progress.result = msgspec.to_builtins(Saved(saved.finished))
        progress.done = before + plan[number].documents
        return number + 1 if number + 1 < len(plan) else None


def _carried(interrupted: Tally) -> Tally:
    """What an interrupted stage had written already: when it begins again, it finds these documents unchanged."""
    tally = Tally(changes=dict(interrupted.changes))
    for name, kind in interrupted.kinds.items():
        tally.kind(name).changed = kind.changed
        tally.kind(name).copied = kind.copied
    return tally


class Outcome(msgspec.Struct):
    """How a run ended.

    Attributes:
        tally: its figures.
        resumed: it went on with what an earlier one had begun.
        error: why it failed, for people.
    """

    tally: Tally
    resumed: bool
    error: str | None = None


class Work(NamedTuple):
    """What a run is to do.

    Attributes:
        source: tells the data that is read from any other.
        plan: the stages, in order.
    """

    source: str
    plan: list[Stage]

    @classmethod
    def of(cls, record: TaskRecord) -> Work:
        """What a task was begun with."""
        return cls(record.arguments.get("source", ""), msgspec.convert(record.arguments["stages"], list[Stage]))


async def run_task(
    store: Store, stages: Stages, work: Work, grace: float, tell: Tell, resuming: Callable[[TaskRecord], None]
) -> Outcome:
    """Run the task to its end, or go on with one that was interrupted.

    Args:
        store: where the task is kept.
        stages: runs stages.
        work: of a new task; one that goes on keeps its own.
        grace: seconds after which an interrupted one counts as given up.
        tell: told how many documents are done.
        resuming: told the task that is gone on with.

    Raises:
        ApiError: the store does not answer.
    """
    tasks = Tasks(store, grace=grace)
    tasks.register(MigrationTask(stages).kind)
    arguments = {"source": work.source, "stages": msgspec.to_builtins(work.plan)}
    try:
        await tasks.prepare()
        record = await tasks.start(TASK, arguments, Call(), TASK)
        resumed = record.cursor is not None or record.done > 0 or record.result is not None
        if resumed:
            resuming(record)
        await tasks.open()
        while not record.is_over:
            record = await tasks.wait(TASK, LOOK_EVERY)
            tell(record.done)
    finally:
        await tasks.close()
    saved = msgspec.convert(record.result or {}, Saved)
    return Outcome(saved.finished, resumed, record.error["message"] if record.error else None)
