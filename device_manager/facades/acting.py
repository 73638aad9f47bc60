"""What a client of another system does here: actions, as the user of its credential, in its engine (facades 1.2)."""

from __future__ import annotations

from typing import Any

from device_manager.router.request import Connection
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCaller


class Actor:
    """Calls actions with the rights, pipes, events and history of native calls.

    Args:
        router: runs them.
        caller: in whose name.
        platform: the platform index, which the caller's engine is not, but which models belong to.
        connection: where the message came from.

    Attributes:
        caller: see above.
        engine: the engine of every call.
    """

    def __init__(self, router: Router, caller: ForeignCaller, platform: str, connection: Connection) -> None:
        self._router = router
        self._within = frozenset({caller.engine, platform})
        self._connection = connection
        self.caller = caller
        self.engine = caller.engine

    async def call(self, controller: str, action: str, *, body: Any = None, **args: Any) -> Any:
        """The result of an action; `engineId` is that of the credential whatever `args` say.

        Raises:
            ApiError: what the action, a pipe or the rights refuse.
        """
        return await self._router.call(
            controller,
            action,
            args=args | {"engineId": self.engine},
            body=body,
            as_user=self.caller.kuid,
            check_rights=True,
            trigger_events=True,
            within=self._within,
            connection=self._connection,
        )

    async def check(self, controller: str, action: str) -> None:
        """Refuse what the credential's user may not do: for work on records of which actions know nothing.

        Raises:
            ApiError: what the rights refuse.
        """
        await self._router.check(controller, action, args={"engineId": self.engine}, as_user=self.caller.kuid)
