"""Admission per WebSocket connection: a bounded number of requests runs, a bounded number of raw messages waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Start = Callable[[bytes], Awaitable[None] | None]
"""Handles one message: None when it is answered already, else what has to be awaited in a task."""

STARTED_PER_TURN = 256
"""Waiting messages that are started before other connections get their turn."""


class FairGate:
    """Keeps one connection from taking the server for itself.

    Args:
        start: handles one message.
        most_running: messages whose handling may be awaited at once.
        most_waiting: raw messages that may wait for their turn.
        most_waiting_bytes: bytes that they may hold together.
        loop: runs the tasks.
        tasks: keeps the tasks referenced; shared by all connections, so that a stopping server can wait for them.
    """

    __slots__ = (
        "_held",
        "_loop",
        "_most_running",
        "_most_waiting",
        "_most_waiting_bytes",
        "_pumping",
        "_start",
        "_tasks",
        "_waiting",
        "_waiting_bytes",
        "running",
        "running_bytes",
    )

    def __init__(
        self,
        start: Start,
        *,
        most_running: int,
        most_waiting: int,
        most_waiting_bytes: int,
        loop: asyncio.AbstractEventLoop,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._start = start
        self._most_running = most_running
        self._most_waiting = most_waiting
        self._most_waiting_bytes = most_waiting_bytes
        self._loop = loop
        self._tasks = tasks
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._held = False
        self._pumping = False
        self.running = 0
        self.running_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the messages that run or wait."""
        return self.running_bytes + self._waiting_bytes

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return not self.running and not self._waiting

    def admit(self, message: bytes) -> bool:
        """Start a message or let it wait; False when it has to be refused."""
        if self.running < self._most_running and not self._waiting and not self._held:
            self._run(message)
            return True
        size = len(message)
        if len(self._waiting) >= self._most_waiting or self._waiting_bytes + size > self._most_waiting_bytes:
            return False
        self._waiting.append(message)
        self._waiting_bytes += size
        return True

    def hold(self) -> None:
        """Start nothing more until `resume`: the client does not read its answers."""
        self._held = True

    def resume(self) -> None:
        """Start messages again."""
        self._held = False
        self._pump()

    def drop_waiting(self) -> None:
        """Forget what waits: nobody is left to read the answers. What runs goes on."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def end(self) -> None:
        """The connection is over: start nothing any more, and let go of it."""
        self.drop_waiting()
        self._start = _ended

    def _run(self, message: bytes) -> None:
        pending = self._start(message)
        if pending is not None:
            self.running += 1
            self.running_bytes += len(message)
            task = self._loop.create_task(self._finish(pending, len(message)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _finish(self, pending: Awaitable[None], size: int) -> None:
        try:
            await pending
        finally:
            self.running -= 1
            self.running_bytes -= size
            if self._waiting and not self._pumping:
                self._pump()

    def _pump(self) -> None:
        """Start what waits, a bounded number in one turn of the loop."""
        self._pumping = False
        for _ in range(STARTED_PER_TURN):
            if self._held or not self._waiting or self.running >= self._most_running:
                return
            message = self._waiting.popleft()
            self._waiting_bytes -= len(message)
            self._run(message)
        if self._waiting and not self._held:
            self._pumping = True
            self._loop.call_soon(self._pump)


def _ended(_: bytes) -> None:
    """Handles what comes after the end: not at all."""
