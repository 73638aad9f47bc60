"""The registry of listeners and the runner of their chains (design 5, router-protocol 3.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import structlog

from device_manager.errors import ApiError, api_error, unexpected
from device_manager.events.catalogue import EVENTS
from device_manager.events.chain import EMPTY, RANK, Chain, Kind, Link, Listener, ListenerStatistics, Position
from device_manager.events.names import EventNames, wildcards
from device_manager.events.threads import ListenerThreads
from device_manager.events.watch import PipeWatch, Running

Check = Callable[[str, Any], None]
"""Looks at what the pipe of an owner made of a payload."""
Merge = Callable[[Any, Any], Any]
"""The payload after a pipe that got the first argument returned the second one."""

MAX_COMPILED = 10_000
"""Chains kept compiled; names with placeholders could otherwise fill the memory."""
MAX_HOOKS_RUNNING = 50_000
"""Hook calls that may run at once; further ones are dropped and logged."""
EARLY = frozenset({"request:onAuthorized", "request:onUnauthorized", "request:onExecution"})
"""Events before the action whose last segment does not begin with `before`."""

log = structlog.get_logger("events")


class EventBus:
    """Declared events, the listeners on them, and their compiled chains.

    A pipe is awaited and is a waterfall: what it returns replaces the first payload argument for the next one, None
    keeps it, and what it raises ends the chain. A hook only listens. An event without listeners costs one lookup.

    Args:
        warning: seconds after which a running pipe is named in the log.
        deadline: seconds that a pipe of a `before` event may take.
        threads: threads that plain functions run in.
    """

    def __init__(self, *, warning: float = 0.5, deadline: float = 30.0, threads: int = 8) -> None:
        self._names = EventNames()
        for event in EVENTS:
            self._names.declare(event.pattern)
        self._deadline = deadline
        self._threads = ListenerThreads(threads)
        self._watch = PipeWatch(warning, deadline)
        self._links: dict[str, dict[Kind, list[Link]]] = {}
        self._chains: dict[str, Chain] = {}
        self._hooks_running: set[asyncio.Future[Any]] = set()

    def declare(self, pattern: str) -> None:
        """Make an event known: an exact name, or one with `{placeholders}` such as `engine:{engine}:moved`."""
        self._names.declare(pattern)

    def add_pipe(
        self, event: str, listener: Listener, *, owner: str, position: Position = "normal", inline: bool = False
    ) -> None:
        """Hang `listener(payload, *rest)` into the chain of `event`, an exact name or one ending in `*`.

        Args:
            event: what to listen to.
            listener: a function or a coroutine function; functions run in the bounded thread pool unless `inline`.
            owner: name of the plugin, for errors and the log.
            position: before or after all listeners that did not ask for a place.
            inline: run a plain function on the event loop.
        """
        self._add(event, "pipe", Link(event, listener, owner=owner, kind="pipe", position=position, inline=inline))

    def add_hook(self, event: str, listener: Listener, *, owner: str, inline: bool = False) -> None:
        """Call `listener(*payload)` after the pipes of `event`; what it raises is logged."""
        self._add(event, "hook", Link(event, listener, owner=owner, kind="hook", position="normal", inline=inline))

    def _add(self, event: str, kind: Kind, link: Link) -> None:
        self._links.setdefault(event, {"pipe": [], "hook": []})[kind].append(link)
        self._chains.clear()

    def compile(self) -> None:
        """Check that every listener's event is declared and build the chains.

        Raises:
            UnknownEvent: names the listener's event and the nearest declared names.
        """
        for event, kinds in self._links.items():
            if not self._names.covers(event):
                raise self._names.refusal(event, (kinds["pipe"] + kinds["hook"])[0].owner)
        self._chains.clear()

    def listens(self, event: str) -> bool:
        """Whether anything listens to `event`, so that callers can skip building a payload."""
        return (self._chains.get(event) or self._chain(event)) is not EMPTY

    def _chain(self, event: str) -> Chain:
        names = (event, *wildcards(event))
        pipes = tuple(link for name in names for link in self._ordered(name, "pipe"))
        hooks = tuple(link for name in names for link in self._ordered(name, "hook"))
        chain = Chain(pipes, hooks) if pipes or hooks else EMPTY
        if len(self._chains) >= MAX_COMPILED:
            self._chains.clear()
        self._chains[event] = chain
        return chain

    def _ordered(self, event: str, kind: Kind) -> Iterable[Link]:
        links = self._links.get(event)
        return sorted(links[kind], key=lambda link: RANK[link.position]) if links else ()

    async def pipe(
        self, event: str, payload: Any, *rest: Any, check: Check | None = None, merge: Merge | None = None
    ) -> Any:
        """Run the chain of `event` and return the payload as the last pipe left it.

        Args:
            event: what happens.
            payload: the first argument of the pipes, which they may change.
            rest: further arguments.
            check: called after each pipe with its owner and the payload as it left it; refuses by raising.
            merge: makes the next payload from the last one and what a pipe returned, which otherwise replaces it.

        Raises:
            ApiError: what a pipe or the check raised; other exceptions become `plugin.runtime.unexpected_error`.
        """
        chain = self._chains.get(event) or self._chain(event)
        if chain is EMPTY:
            return payload
        if chain.pipes:
            deadline = self._deadline if _is_early(event) else None
            for link in chain.pipes:
                returned = await self._run(Running(link, event, deadline), (payload, *rest))
                if returned is not None:
                    payload = returned if merge is None else merge(payload, returned)
                if check is not None:
                    check(link.owner, payload)
        for link in chain.hooks:
            self._tell(link, (payload, *rest))
        return payload

    async def _run(self, running: Running, payload: tuple[Any, ...]) -> Any:
        self._watch.begin(running)
        failed = True
        try:
            result = await running.link.call(payload, self._threads)
            failed = False
        except ApiError:
            raise
        except asyncio.CancelledError:
            if running.absorb():
                link = running.link
                raise api_error("plugin.runtime.pipe_timeout", link.name, link.owner, f"{self._deadline:g}") from None
            raise
        except Exception as error:
            link = running.link
            log.error("pipe failed", pipe=link.name, plugin=link.owner, event_name=running.event, exc_info=error)
            raise unexpected(error) from error
        finally:
            running.absorb()
            elapsed = perf_counter() - running.started
            running.link.count(elapsed, failed=failed)
            self._watch.end(running, elapsed)
        return result

    def emit(self, event: str, *payload: Any) -> None:
        """Tell the hooks of `event`; nothing is awaited and nothing can fail."""
        chain = self._chains.get(event) or self._chain(event)
        for link in chain.hooks:
            self._tell(link, payload)

    def _tell(self, link: Link, payload: tuple[Any, ...]) -> None:
        if len(self._hooks_running) >= MAX_HOOKS_RUNNING:
            log.error("hook dropped, too many run", hook=link.name, plugin=link.owner, event_name=link.event)
            return
        task = asyncio.ensure_future(self._run_hook(link, payload))
        self._hooks_running.add(task)
        task.add_done_callback(self._hooks_running.discard)

    async def _run_hook(self, link: Link, payload: tuple[Any, ...]) -> None:
        started = perf_counter()
        failed = True
        try:
            await link.call(payload, self._threads)
            failed = False
        except Exception as error:
            log.error("hook failed", hook=link.name, plugin=link.owner, event_name=link.event, exc_info=error)
        finally:
            link.count(perf_counter() - started, failed=failed)

    def statistics(self) -> list[ListenerStatistics]:
        """Calls and times of every listener, by event in calling order."""
        return [link.statistics for _, chain in self.chains() for link in (*chain.pipes, *chain.hooks)]

    def chains(self) -> list[tuple[str, Chain]]:
        """What hangs at every event that somebody listens to, wildcards among them, in calling order."""
        return [
            (event, Chain(tuple(self._ordered(event, "pipe")), tuple(self._ordered(event, "hook"))))
            for event in sorted(self._links)
        ]

    def chain(self, event: str) -> Chain:
        """All that is called when `event` happens, those included that listen to wildcards, in calling order."""
        return self._chains.get(event) or self._chain(event)

    @property
    def hooks_running(self) -> int:
        """Calls of hooks that have not returned yet."""
        return len(self._hooks_running)

    async def close(self) -> None:
        """Wait for the hooks that run, then let the threads go."""
        if self._hooks_running:
            await asyncio.wait(self._hooks_running, timeout=self._deadline)
        self._watch.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_early(event: str) -> bool:
    """Whether the request can still be refused with nothing written, so that a deadline is harmless."""
    return event.rpartition(":")[2].startswith("before") or event in EARLY or event.startswith(("http:", "protocol:"))
