"""The seam between a retried request and its transactions: which ones are recorded, with what they returned (design 9).

A request with an idempotency key runs under a `Recorder`. Without one, a step costs one look at a context variable.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from device_manager.storage.contract import Decide

P = ParamSpec("P")
T = TypeVar("T")


class Recorder(Protocol):
    """What a request that may be retried brings along."""

    def recording(self, decide: Decide[T]) -> Decide[T]:
        """`decide`, which also writes down in its transaction what it returns; outside of a step, `decide` itself."""

    def step(self, name: str, run: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
        """What an earlier attempt of the request recorded for its next step, else what `run` returns."""


RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
"""The recorder of the request that runs; None for requests without an idempotency key."""


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Run transactions that are no part of what the request does: they may happen any number of times."""
    token = RECORDER.set(None)
    try:
        yield
    finally:
        RECORDER.reset(token)


def step(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Mark a coroutine function as a step: reads, `before` pipes and one transaction, whose result it returns.

    When a request is retried, a step that was committed is answered from the record and not run again, so what it read
    may be gone meanwhile. The function has to return exactly what `Store.transact` returned to it, made of plain data,
    `Document`, `ApiError`, structs and named tuples. What must run on a retry too, such as `after` pipes, stands
    outside. A step inside a step is part of the outer one. Steps of one request have to come in the same order on each
    attempt: do not mark what depends on a search, such as the pages of a scan; make that repeatable instead.
    """

    @functools.wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        recorder = RECORDER.get()
        if recorder is None:
            return method(*args, **kwargs)
        return recorder.step(method.__qualname__, lambda: method(*args, **kwargs))

    return run
