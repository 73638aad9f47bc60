"""What there is to do: kinds of tasks, as the parts of the domain register them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

Cursor = Any
"""Where a task stands: JSON. None is where it begins, and what its last step returns."""


class Interrupted(Exception):
    """A step ends here: the server stops, the task was cancelled, or another process took it over."""


class Progress(Protocol):
    """What a step knows and says of its task.

    Attributes:
        task_id: id of the task.
        user_id: who started it; stored as author of what it writes, if a kind wants that.
        done: how much was done so far, in whatever the kind counts.
        total: how much there is to do; None while nobody knows.
        result: JSON that the task's record is to show.
    """

    task_id: str
    user_id: str | None
    done: int
    total: int | None
    result: Any

    async def save(self) -> None:
        """Make the figures readable in the middle of a step; the cursor stays where it was. Call it between batches.

        Raises:
            Interrupted: end the step here; let it through.
            ApiError: `services.storage.unavailable`.
        """


Step = Callable[[dict[str, Any], Cursor, Progress], Awaitable[Cursor]]


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task.

    A step may run twice, wholly or in part, because its process may end before it is known that it was done; and for
    a moment in two processes, when one seemed to be dead: it has to be repeatable, one bounded transaction at a time.
    When it fails because the store is away it is tried again until it is not; any other error ends the task.

    Attributes:
        name: unique among all kinds; records keep it, so it does not change from version to version.
        step: `await step(arguments, cursor, progress)` does a bounded part of the work and returns where the next step
            begins, None when nothing is left. The first one gets None.
        cancellable: whether the work may be left half done.
        kept: seconds for which a task can be read after its end; None for as long as most.
    """

    name: str
    step: Step
    cancellable: bool = False
    kept: float | None = None
