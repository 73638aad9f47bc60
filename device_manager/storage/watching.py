"""What the store is asked: how often, how long callers wait for it, and whoever else wants to know (design 10)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any, Literal, Protocol, TypeVar, get_args

import msgspec

from device_manager.metrics import Timings

T = TypeVar("T")

Operation = Literal["read", "search", "put", "commit"]
"""What a store is asked, under the names that figures and traces use."""

Around = Callable[[str], AbstractContextManager[object]]
"""Makes what is entered while an operation is under way, given its name."""


class RoundTrips(msgspec.Struct):
    """Requests made to the store, by purpose (design 7). Tests count them.

    Attributes:
        retries: transactions that were decided again because others were faster.
    """

    reads: int = 0
    commits: int = 0
    searches: int = 0
    puts: int = 0
    retries: int = 0


class Watch(Protocol):
    """Whoever looks at what a store is asked; see `Store.watch`."""

    def __call__(self, operation: Operation, answer: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """What the caller awaits instead of `answer`, and that gives the same."""


class StoreWatch:
    """How long callers waited for each kind of operation, what they waited for others included; a `Watch`.

    Args:
        around: entered for each operation, where there is one.

    Attributes:
        timings: by operation, of those that did not fail.
    """

    def __init__(self, around: Around | None = None) -> None:
        self.timings = {name: Timings() for name in get_args(Operation)}
        self._around = around

    def __call__(self, operation: Operation, answer: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """See `Watch`."""
        timed = self._timed(operation, answer)
        return timed if self._around is None else _surrounded(self._around, operation, timed)

    async def _timed(self, operation: Operation, answer: Coroutine[Any, Any, T]) -> T:
        started = perf_counter()
        result = await answer
        self.timings[operation].add(perf_counter() - started)
        return result


async def _surrounded(around: Around, operation: Operation, answer: Coroutine[Any, Any, T]) -> T:
    with around(operation):
        return await answer
