"""Names pipes in the log that take longer than the warning time, and ends those past their deadline (design 5)."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import structlog

from device_manager.events.chain import Link

log = structlog.get_logger("events")


class Running:
    """One call of a pipe that has not returned yet.

    Attributes:
        expired: its deadline has passed and its task was cancelled for that reason.
    """

    __slots__ = ("cancelling", "deadline", "event", "expired", "link", "named", "started", "task")

    def __init__(self, link: Link, event: str, deadline: float | None) -> None:
        self.link = link
        self.event = event
        self.deadline = deadline
        self.task: asyncio.Task[Any] | None = asyncio.current_task() if deadline is not None else None
        self.cancelling = 0
        self.expired = False
        self.named = False
        self.started = perf_counter()

    def expire(self) -> None:
        """Cancel the task in which the pipe runs, as `asyncio.timeout` does."""
        if self.task is not None and not self.expired:
            self.expired = True
            self.cancelling = self.task.cancelling()
            self.task.cancel()

    def absorb(self) -> bool:
        """Take the deadline's cancellation back, once; whether the task was cancelled for no other reason."""
        if not self.expired or self.task is None:
            return False
        task, self.task = self.task, None
        return task.uncancel() <= self.cancelling


class PipeWatch:
    """The pipes that run now. One timer looks at all of them, because a timer per call costs more than most pipes.

    Args:
        warning: seconds after which a pipe is named.
        deadline: seconds after which a pipe with a deadline is ended, at most one look late.
    """

    def __init__(self, warning: float, deadline: float) -> None:
        self._warning = warning
        self._interval = min(warning, deadline) / 2
        self._running: set[Running] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, running: Running) -> None:
        """Watch `running` until `end`."""
        self._running.add(running)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def end(self, running: Running, elapsed: float) -> None:
        """Forget `running`, which took `elapsed` seconds."""
        self._running.discard(running)
        if elapsed > self._warning and not running.named:
            self._name(running, elapsed)

    def _look(self) -> None:
        self._timer = None
        now = perf_counter()
        for running in list(self._running):
            elapsed = now - running.started
            if elapsed > self._warning and not running.named:
                self._name(running, elapsed)
            if running.deadline is not None and elapsed > running.deadline:
                running.expire()
        if self._running:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def _name(self, running: Running, elapsed: float) -> None:
        running.named = True
        link = running.link
        link.statistics.slow += 1
        log.warning("slow pipe", pipe=link.name, plugin=link.owner, event_name=running.event, seconds=round(elapsed, 3))

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
