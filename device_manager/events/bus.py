"""The registry of listeners and the runner of their chains (design 5, router-protocol 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Listener = Callable[..., Any]
Position = Literal["first", "normal", "last"]


class EventBus:
    """Declared events, the listeners on them, and their compiled chains.

    A pipe is awaited and is a waterfall: what it returns replaces the first payload argument for the next one, None
    keeps it, and what it raises ends the chain. A hook only listens. An event without listeners costs one lookup.
    """

    def declare(self, pattern: str) -> None:
        """Make an event known: an exact name, or one with `{placeholders}` such as `{controller}:before{Action}`."""

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

    def add_hook(self, event: str, listener: Listener, *, owner: str) -> None:
        """Call `listener(*payload)` after the pipes of `event`; what it raises is logged."""

    def compile(self) -> None:
        """Check that every listener's event is declared and build the chains.

        Raises:
            UnknownEvent: names the listener's event and the nearest declared names.
        """

    def listens(self, event: str) -> bool:
        """Whether anything listens to `event`, so that callers can skip building a payload."""
        return False

    async def pipe(self, event: str, payload: Any, *rest: Any) -> Any:
        """Run the chain of `event` and return the payload as the last pipe left it.

        Raises:
            ApiError: what a pipe raised; other exceptions become `plugin.runtime.unexpected_error`.
        """
        return payload

    def emit(self, event: str, *payload: Any) -> None:
        """Tell the hooks of `event`; nothing is awaited and nothing can fail."""
