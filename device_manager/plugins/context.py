"""What the server offers a plugin while it runs (design 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import structlog

from device_manager.errors import api_error


class Caller(Protocol):
    """Runs actions from inside; the router does."""

    async def call(
        self,
        controller: str,
        action: str,
        *,
        args: dict[str, Any] | None = None,
        body: Any = None,
        as_user: str | None = None,
        check_rights: bool = False,
        trigger_events: bool = False,
    ) -> Any:
        """The action's result."""


class Reads(Protocol):
    """The reading side of the store."""

    async def get(self, index: str, collection: str, id: str) -> Any:
        """One document. Raises `services.storage.not_found`."""

    async def read(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """The documents that exist among `keys`, in one round trip."""

    async def search(self, index: str, collection: str, search: Any) -> Any:
        """The result of a search."""


class Events(Protocol):
    """Where events are triggered and listeners registered; the event bus does both."""

    def declare(self, pattern: str) -> None:
        """Make an event known."""

    def add_pipe(
        self, event: str, listener: Callable[..., Any], *, owner: str, position: Any = "normal", inline: bool = False
    ) -> None:
        """Hang a listener into a chain."""

    def add_hook(self, event: str, listener: Callable[..., Any], *, owner: str, inline: bool = False) -> None:
        """Call a listener after the pipes."""

    async def pipe(self, event: str, payload: Any, *rest: Any) -> Any:
        """Run the chain of an event."""


class Questions(Protocol):
    """Questions that one module or plugin answers for the others."""

    def answer(self, name: str, answerer: Callable[..., Any]) -> None:
        """Let `answerer` answer `name`."""

    async def ask(self, name: str, payload: Any = None, *rest: Any) -> Any:
        """The answer."""


class Subscriptions(Protocol):
    """Subscriptions of plugins, and on behalf of clients."""

    async def listen(
        self,
        owner: str,
        index: str,
        collection: str,
        filter: dict[str, Any],
        listener: Callable[[dict[str, Any]], Awaitable[None] | None],
        scope: str,
        users: str,
    ) -> Callable[[], None]:
        """Call `listener` with each notification; what ends it when called."""

    async def add(
        self,
        client: Any,
        index: str,
        collection: str,
        filter: dict[str, Any],
        scope: str,
        users: str,
        volatile: dict[str, Any] | None,
    ) -> tuple[str, str]:
        """Subscribe for a client; the ids of room and channel."""

    def remove(self, client: Any, room: str) -> None:
        """End what a client hears of a room."""


class PluginContext:
    """One plugin's view of the server.

    Attributes:
        name: the plugin's name.
        settings: its own section of the settings, defaults filled in.
        log: its logger.
        store: reads documents. Writes go through actions, so that their rules hold.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: dict[str, Any],
        router: Caller,
        store: Reads,
        events: Events,
        questions: Questions,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.log = structlog.get_logger(f"plugin.{name}")
        self.store = store
        self._router = router
        self._events = events
        self._questions = questions
        self._subscriptions = subscriptions

    async def call(
        self,
        controller: str,
        action: str,
        *,
        body: Any = None,
        as_user: str | None = None,
        check_rights: bool = False,
        trigger_events: bool = False,
        **args: Any,
    ) -> Any:
        """Run an action and return its result. It runs in the slot of the request that the plugin works for.

        Args:
            controller: name of the controller.
            action: name of the action.
            body: the body.
            as_user: id of the user who counts as author; without it the server itself is, and metadata name nobody.
            check_rights: refuse what `as_user` may not do.
            trigger_events: run pipes and hooks as for a client's request; without it none runs.
            **args: the other arguments by their names on the wire, such as `engineId` and `_id`.

        Raises:
            ApiError: what the action refuses.
        """
        return await self._router.call(
            controller,
            action,
            args=args,
            body=body,
            as_user=as_user,
            check_rights=check_rights,
            trigger_events=trigger_events,
        )

    async def subscribe(
        self,
        index: str,
        collection: str,
        listener: Callable[[dict[str, Any]], Awaitable[None] | None],
        filter: dict[str, Any] | None = None,
        *,
        scope: str = "all",
        users: str = "none",
    ) -> Callable[[], None]:
        """Have `listener` called with each notification of a filter on a collection, in order, until told otherwise.

        Args:
            index: where; it need not exist.
            collection: where; it need not exist.
            listener: a function or a coroutine function that takes the notification; what it raises is logged.
            filter: which documents, in Koncorde; all without it.
            scope: `all`, `in`, `out` or `none`: documents that match, and those that no longer do.
            users: the same of clients that come to the room and leave it.

        Returns:
            What ends it when called.

        Raises:
            ApiError: an unusable filter; `plugin.context.unavailable_realtime` where there are no subscriptions.
        """
        return await self._following().listen(self.name, index, collection, filter or {}, listener, scope, users)

    async def subscribe_client(
        self,
        connection: Any,
        index: str,
        collection: str,
        filter: dict[str, Any],
        *,
        scope: str = "all",
        users: str = "none",
        volatile: dict[str, Any] | None = None,
    ) -> tuple[str, str]:
        """Subscribe for the client behind `request.connection`, whatever its rights; the ids of room and channel.

        Raises:
            ApiError: an unusable filter, too many rooms, a connection that cannot be told anything unasked.
        """
        following = self._following()
        return await following.add(connection, index, collection, filter, scope, users, volatile)

    def unsubscribe_client(self, connection: Any, room: str) -> None:
        """End what a client hears of a room. Raises `core.realtime.not_subscribed`."""
        self._following().remove(connection, room)

    def _following(self) -> Subscriptions:
        if self._subscriptions is None:
            raise api_error("plugin.context.unavailable_realtime")
        return self._subscriptions

    async def trigger(self, event: str, payload: Any = None, *rest: Any) -> Any:
        """Run the pipes of `event`, which the plugin has declared, then its hooks; the payload as pipes left it."""
        return await self._events.pipe(event, payload, *rest)

    def answer(self, name: str, answerer: Callable[..., Any]) -> None:
        """Let `answerer(payload, *rest)` answer the question `name`. Raises `core.fatal.assertion_failed` if taken."""
        self._questions.answer(name, answerer)

    async def ask(self, name: str, payload: Any = None, *rest: Any) -> Any:
        """The answer to the question `name`. Raises `core.fatal.assertion_failed` if nobody answers it."""
        return await self._questions.ask(name, payload, *rest)
