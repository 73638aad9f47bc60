"""How many requests run at once, how many wait, and who is next (router-protocol 3.2, design 3 and 9)."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from time import perf_counter

from device_manager.metrics import Timings


class Slot:
    """The right to run one request. It is given back by `release`, or at the latest when it is forgotten.

    A task can be cancelled before its first step, so that no `finally` of it ever runs: hence `__del__`.

    Attributes:
        turn: done when it is this request's turn; its result is False when another one got its place in the queue.
            None when the request may run at once.
        queue: where it waits.
    """

    __slots__ = ("_admission", "_held", "queue", "turn")

    def __init__(
        self, admission: Admission, turn: asyncio.Future[bool] | None = None, queue: Queue | None = None
    ) -> None:
        self._admission = admission
        self._held = True
        self.turn = turn
        self.queue = queue

    async def wait(self) -> bool:
        """Return when it is this request's turn, or False once it has lost its place."""
        return self.turn is None or await self.turn

    def release(self) -> None:
        """Let the next request run."""
        if not self._held:
            return
        self._held = False
        turn, queue = self.turn, self.queue
        if turn is None or queue is None:
            self._admission._release()
        elif not turn.done():
            turn.cancel()
            self._admission._leave(queue)
        elif turn.cancelled():
            self._admission._leave(queue)
        elif turn.result():
            self._admission._release()

    def __del__(self) -> None:
        self.release()


class Queue:
    """The requests about one engine that wait, in the order of arrival.

    Attributes:
        engine: its name; empty for requests about none.
        waiting: how many still want their turn.
        turns: those, and some that have left.
    """

    __slots__ = ("engine", "turns", "waiting")

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.waiting = 0
        self.turns: deque[tuple[asyncio.Future[bool], float]] = deque()

    def tidy(self) -> None:
        """Forget those who left, once they are most of the queue."""
        if len(self.turns) > 2 * self.waiting + 100:
            self.turns = deque(entry for entry in self.turns if not entry[0].done())


class Admission:
    """A bounded number of requests runs, a bounded number waits: engines take turns, each in the order of arrival.

    When the waiting room is full, a request about an engine that has less than its share of it takes the place of the
    last one in the longest queue. So an engine that sends more than can be done makes only itself wait.

    Args:
        running: requests that run at once.
        waiting: requests that wait.

    Attributes:
        running: requests that run now.
        waiting: requests that wait now.
        waits: how long requests have waited that had to.
        waited: requests that had to wait so far, by engine.
        refused: requests that found no place, or lost it, so far, by engine.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._max_running = running
        self._max_waiting = waiting
        self._queues: OrderedDict[str, Queue] = OrderedDict()
        self._idle: asyncio.Event | None = None
        self.running = 0
        self.waiting = 0
        self.waits = Timings()
        self.waited: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    @property
    def overloaded(self) -> bool:
        """Whether new requests have to wait."""
        return self.running >= self._max_running

    @property
    def fill(self) -> float:
        """The part of the waiting room that is taken, from 0 to 1."""
        return self.waiting / self._max_waiting if self._max_waiting else float(self.overloaded)

    @property
    def queues(self) -> dict[str, int]:
        """How many requests wait, by engine."""
        return {queue.engine: queue.waiting for queue in self._queues.values()}

    def enter(self) -> Slot | None:
        """A slot for a request that may run at once; None when it has to `queue`, or is refused."""
        if self.running < self._max_running:
            self.running += 1
            return Slot(self)
        return None

    def queue(self, engine: str) -> Slot | None:
        """A place in the queue of `engine`; None when even the waiting room is full."""
        queue = self._queues.get(engine)
        if self.waiting >= self._max_waiting and not self._make_room(queue):
            self.refused[engine] += 1
            return None
        if queue is None:
            queue = self._queues[engine] = Queue(engine)
        self.waiting += 1
        self.waited[engine] += 1
        queue.waiting += 1
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        queue.turns.append((turn, perf_counter()))
        return Slot(self, turn, queue)

    def _make_room(self, queue: Queue | None) -> bool:
        """Send away the last request of the longest queue, if the newcomer's is below the average; whether it was."""
        mine = 0 if queue is None else queue.waiting
        if mine * len(self._queues) >= self.waiting:
            return False
        longest = max(self._queues.values(), key=lambda other: other.waiting, default=None)
        if longest is None or longest.waiting <= mine + 1:
            return False
        while longest.turns:
            turn, _ = longest.turns.pop()
            if not turn.done():
                turn.set_result(False)
                self.refused[longest.engine] += 1
                self._leave(longest)
                return True
        return False

    def _release(self) -> None:
        """Hand the slot to the first who still waits, of the engine whose turn it is."""
        while self._queues:
            engine, queue = next(iter(self._queues.items()))
            while queue.turns:
                turn, since = queue.turns.popleft()
                if turn.done():
                    continue
                queue.waiting -= 1
                self.waiting -= 1
                self.waits.add(perf_counter() - since)
                turn.set_result(True)
                if queue.waiting:
                    self._queues.move_to_end(engine)
                else:
                    del self._queues[engine]
                return
            del self._queues[engine]
        self.running -= 1
        if self._idle is not None and not self.running:
            self._idle.set()

    def _leave(self, queue: Queue) -> None:
        """Somebody who waited went away; their place in the queue is skipped later."""
        self.waiting -= 1
        queue.waiting -= 1
        if queue.waiting:
            queue.tidy()
        elif self._queues.get(queue.engine) is queue:
            del self._queues[queue.engine]

    async def idle(self) -> None:
        """Return once nothing runs or waits."""
        while self.running:
            self._idle = self._idle or asyncio.Event()
            self._idle.clear()
            await self._idle.wait()
