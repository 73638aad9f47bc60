"""Looking at what the store is asked: how long callers wait for it, and whoever else wants to know (design 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any, TypeVar

from device_manager.metrics import Timings
from device_manager.storage.contract import Store

T = TypeVar("T")

OPERATIONS = {"read": "read", "search": "search", "put": "put", "transact": "commit"}
"""Methods of a store that ask it something, and what that is called."""

Around = Callable[[str], AbstractContextManager[object]]
"""Makes what is entered while an operation is under way, given what it is called."""


class StoreWatch:
    """How long callers waited for each kind of operation, what they waited for others included.

    Attributes:
        timings: by operation, of those that did not fail.
    """

    def __init__(self) -> None:
        self.timings = {name: Timings() for name in OPERATIONS.values()}

    def watch(self, store: Store, around: Around | None = None) -> None:
        """Time what `store` is asked from now on; `around` is entered for each operation, where there is one."""
        for method, name in OPERATIONS.items():
            timed = _timed(getattr(store, method), self.timings[name])
            setattr(store, method, timed if around is None else _surrounded(timed, name, around))


def _timed(method: Callable[..., Awaitable[T]], timings: Timings) -> Callable[..., Coroutine[Any, Any, T]]:
    async def wait(answer: Awaitable[T]) -> T:
        started = perf_counter()
        result = await answer
        timings.add(perf_counter() - started)
        return result

    # Called at once, as `transact` has to be: it looks at the context of its caller.
    return lambda *args, **options: wait(method(*args, **options))


def _surrounded(
    method: Callable[..., Awaitable[T]], name: str, around: Around
) -> Callable[..., Coroutine[Any, Any, T]]:
    async def wait(answer: Awaitable[T]) -> T:
        with around(name):
            return await answer

    return lambda *args, **options: wait(method(*args, **options))
