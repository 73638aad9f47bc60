"""Parts that are started one after another and stopped in reverse order, whatever fails (router-protocol 3.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

Step = Callable[[], Awaitable[object]]

log = structlog.get_logger("lifecycle")


class UncleanStop(Exception):
    """Some parts could not be stopped as they should; all others were. The text names them and their reasons."""


class Lifecycle:
    """The parts that run, in the order in which they were started."""

    def __init__(self) -> None:
        self._running: list[tuple[str, Step]] = []

    async def start(self, name: str, start: Step | None, stop: Step) -> None:
        """Start a part.

        Args:
            name: of the part, for the log.
            start: begins it; None where there is nothing to begin.
            stop: ends it, also after a start that failed half-way.

        Raises:
            Exception: what `start` raises; the part is stopped with the others then.
        """
        self._running.append((name, stop))
        if start is not None:
            await start()

    async def stop(self) -> None:
        """Stop all parts, the last one first, every one whether others fail or not.

        Raises:
            UncleanStop: at least one failed.
        """
        failures: list[str] = []
        while self._running:
            name, stop = self._running.pop()
            try:
                await stop()
            except Exception as error:
                log.error("a part could not be stopped", part=name, exc_info=error)
                failures.append(f"{name}: {error}")
        if failures:
            raise UncleanStop("; ".join(failures))


async def cancelled(task: asyncio.Task[object] | None) -> None:
    """Cancel a task and return when it has ended; what it raised is nobody's any more."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
