"""Subscriptions of users, who may have them if the guard says so (router-protocol 9, items 33 and 34)."""

from __future__ import annotations

import orjson

from device_manager.errors import ApiError
from device_manager.events import EventBus
from device_manager.realtime.bus.opening import open_bus
from device_manager.realtime.service import Realtime
from device_manager.router.envelope import NODE
from device_manager.router.registry import Registry
from device_manager.router.request import Connection, Request
from device_manager.security.guard import RightsGuard
from device_manager.security.memory import SecurityMemory
from device_manager.security.service import Security
from device_manager.security.token_links import Ended, TokenEnd
from device_manager.settings import Settings
from device_manager.storage.contract import Store

TOKEN_EXPIRED = orjson.dumps(
    {
        "status": 200,
        "info": "The token of this connection is not valid any more.",
        "message": "Log in again, or go on with another token; the subscriptions of this connection have ended.",
        "type": "TokenExpired",
        "node": NODE,
        "room": "kuzzle:notification:server",
    }
)
"""What a client is told whose token ended, whatever it subscribed to (router-protocol 5.7)."""
NOBODY = Connection(id="rights", protocol="internal")
"""The connection of requests that are never made."""


class GuardedSubscriptions:
    """Implements `realtime.rights.SubscriptionRights`.

    Args:
        guard: judges requests.
        memory: users, profiles and roles.
        registry: what the guard knows of `realtime:subscribe`.
    """

    def __init__(self, guard: RightsGuard, memory: SecurityMemory, registry: Registry) -> None:
        self._guard = guard
        self._memory = memory
        self._registry = registry

    @property
    def version(self) -> int:
        """See `SubscriptionRights.version`."""
        return self._memory.version

    async def may_subscribe(self, user_id: str | None, index: str, collection: str) -> bool:
        """See `SubscriptionRights.may_subscribe`: a user who is gone may not."""
        if user_id is None:
            return True
        args = {"index": index, "collection": collection}
        request = Request("realtime", "subscribe", args=args, id="", connection=NOBODY)
        try:
            return await self._guard.is_allowed(request, self._registry.rule(request), user_id)
        except ApiError as error:
            if error.id == "security.token.invalid":
                return False
            raise


class TokenEnds:
    """Ends the subscriptions that rest on a token, and tells the client to log in again (router-protocol 5.7)."""

    def __init__(self, realtime: Realtime) -> None:
        self._realtime = realtime

    def has_something(self, connection: Connection, kuid: str) -> bool:
        """See `EndListener.has_something`."""
        return self._realtime.follows(connection, kuid)

    def ended(self, connection: Connection, ended: Ended) -> None:
        """See `EndListener.ended`."""
        if not ended.was_present:
            self._realtime.drop(connection, ended.kuid)
            return
        self._realtime.drop(connection)
        if ended.how is not TokenEnd.LOGGED_OUT and connection.push is not None:
            connection.push(TOKEN_EXPIRED)


def open_realtime(
    store: Store, events: EventBus, settings: Settings, security: Security, registry: Registry
) -> Realtime:
    """Subscriptions to what is committed to `store`, as far as the rights of their users go; not started yet."""
    rights = GuardedSubscriptions(security.guard, security.memory, registry)
    realtime = Realtime(store, open_bus(settings), events, settings, node=NODE, rights=rights)
    security.memory.on_change(realtime.on_rights_changed)
    security.tokens.links.on_end(TokenEnds(realtime))
    return realtime
