"""How many requests run at once, how many wait, and who is next (router-protocol 3.2, design 3)."""

from __future__ import annotations

import asyncio
from collections import deque


class Slot:
    """The right to run one request. It is given back by `release`, or at the latest when it is forgotten.

    A task can be cancelled before its first step, so that no `finally` of it ever runs: hence `__del__`.
    """

    __slots__ = ("_admission", "_held", "turn")

    def __init__(self, admission: Admission, turn: asyncio.Future[None] | None) -> None:
        self._admission = admission
        self._held = True
        self.turn = turn

    async def wait(self) -> None:
        """Return when it is this request's turn."""
        if self.turn is not None:
            await self.turn

    def release(self) -> None:
        """Let the next request run."""
        if not self._held:
            return
        self._held = False
        turn = self.turn
        if turn is None or (turn.done() and not turn.cancelled()):
            self._admission._release()
        else:
            turn.cancel()
            self._admission._leave()

    def __del__(self) -> None:
        self.release()


class Admission:
    """A bounded number of requests runs, a bounded number waits in the order of arrival.

    Args:
        running: requests that run at once.
        waiting: requests that wait.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._max_running = running
        self._max_waiting = waiting
        self._queue: deque[asyncio.Future[None]] = deque()
        self._idle: asyncio.Event | None = None
        self.running = 0
        self.waiting = 0

    @property
    def overloaded(self) -> bool:
        """Whether new requests have to wait."""
        return self.running >= self._max_running

    @property
    def fill(self) -> float:
        """The part of the waiting room that is taken, from 0 to 1."""
        return self.waiting / self._max_waiting if self._max_waiting else float(self.overloaded)

    def enter(self) -> Slot | None:
        """A slot, whose `wait` returns when the request may run; None when even the waiting room is full."""
        if self.running < self._max_running:
            self.running += 1
            return Slot(self, None)
        if self.waiting >= self._max_waiting:
            return None
        self.waiting += 1
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        return Slot(self, turn)

    def _release(self) -> None:
        """Hand the slot to the first who still waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                self.waiting -= 1
                turn.set_result(None)
                return
        self.running -= 1
        if self._idle is not None and not self.running:
            self._idle.set()

    def _leave(self) -> None:
        """Somebody who waited went away; their place in the queue is skipped later."""
        self.waiting -= 1
        if len(self._queue) > 2 * self.waiting + 100:
            self._queue = deque(turn for turn in self._queue if not turn.done())

    async def idle(self) -> None:
        """Return once nothing runs or waits."""
        while self.running:
            self._idle = self._idle or asyncio.Event()
            self._idle.clear()
            await self._idle.wait()
