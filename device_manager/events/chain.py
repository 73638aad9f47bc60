"""One listener in a chain: how it is called, and how long that took (design 5)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Literal, NamedTuple

import msgspec

from device_manager.metrics import Recent, Timings

Listener = Callable[..., Any]
Position = Literal["first", "normal", "last"]
Kind = Literal["pipe", "hook"]
RANK: dict[Position, int] = {"first": 0, "normal": 1, "last": 2}


class ListenerStatistics(msgspec.Struct, rename="camel"):
    """What a listener did so far; times in seconds. `slow` calls took longer than the warning time."""

    event: str
    plugin: str
    name: str
    kind: Kind
    calls: int = 0
    failures: int = 0
    slow: int = 0
    total_time: float = 0.0
    max_time: float = 0.0


class Link:
    """One listener of one event, or of a wildcard.

    Attributes:
        statistics: its calls so far.
        recent: how long the last ones took.
        timings: how long all of them took.
    """

    __slots__ = (
        "event",
        "inline",
        "is_async",
        "kind",
        "listener",
        "name",
        "owner",
        "position",
        "recent",
        "statistics",
        "takes",
        "timings",
    )

    def __init__(
        self, event: str, listener: Listener, *, owner: str, kind: Kind, position: Position, inline: bool
    ) -> None:
        self.event = event
        self.listener = listener
        self.owner = owner
        self.kind: Kind = kind
        self.position = position
        self.inline = inline
        self.is_async = inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(
            getattr(listener, "__call__", None)  # noqa: B004  # callable objects may have an async __call__
        )
        self.takes = _positional(listener)
        self.name = getattr(listener, "__qualname__", type(listener).__qualname__)
        self.statistics = ListenerStatistics(event, owner, self.name, kind)
        self.recent = Recent()
        self.timings = Timings()

    async def call(self, payload: tuple[Any, ...], threads: Executor) -> Any:
        """Call the listener where it belongs and wait for its result; arguments that it does not take are left out."""
        if self.takes is not None:
            payload = payload[: self.takes]
        if self.is_async:
            return await self.listener(*payload)
        if self.inline:
            result = self.listener(*payload)
        else:
            result = await asyncio.get_running_loop().run_in_executor(threads, self.listener, *payload)
        return await result if result is not None and inspect.isawaitable(result) else result

    def count(self, elapsed: float, *, failed: bool) -> None:
        """Note one finished call that took `elapsed` seconds."""
        statistics = self.statistics
        statistics.calls += 1
        statistics.failures += failed
        statistics.total_time += elapsed
        self.recent.add(elapsed)
        self.timings.add(elapsed)
        if elapsed > statistics.max_time:
            statistics.max_time = elapsed


def _positional(listener: Listener) -> int | None:
    """How many arguments a listener takes; None for any number, and where nobody can tell."""
    try:
        parameters = inspect.signature(listener).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )


class Chain(NamedTuple):
    """The compiled listeners of one event, in calling order."""

    pipes: tuple[Link, ...]
    hooks: tuple[Link, ...]


EMPTY = Chain((), ())
