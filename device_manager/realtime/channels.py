"""What a subscription wants to hear of its room, and the name of the channel that carries it (router-protocol 5.7)."""

from __future__ import annotations

from typing import NamedTuple

from device_manager.errors import api_error

SCOPES = {"all": "1", "in": "2", "out": "3", "none": ""}
USERS = {"all": "1", "in": "2", "none": "3", "out": "4"}
"""`none` and `out` have digits of their own: nobody is told of users who did not ask (router-protocol 9, item 42)."""


class Interest(NamedTuple):
    """Which notifications a subscription wants.

    Attributes:
        scope: of documents: `all`, `in` those that match, `out` those that no longer do, `none`.
        users: of subscribers: `all`, `in` those who come, `out` those who leave, `none`.
    """

    scope: str = "all"
    users: str = "none"

    def channel(self, room: str) -> str:
        """The name of the channel, `<room>-<users>1<scope>`; the 1 says that it spans all servers."""
        return f"{room}-{USERS[self.users]}1{SCOPES[self.scope]}"

    def wants_document(self, scope: str) -> bool:
        """Whether it wants documents that come `in` or go `out`."""
        return self.scope in ("all", scope)

    def wants_user(self, direction: str) -> bool:
        """Whether it wants to know of users who come `in` or go `out`."""
        return self.users in ("all", direction)


def read_interest(scope: str, users: str) -> Interest:
    """The interest behind the arguments `scope` and `users`.

    Raises:
        ApiError: `core.realtime.invalid_scope` or `core.realtime.invalid_users`.
    """
    if scope not in SCOPES:
        raise api_error("core.realtime.invalid_scope", scope)
    if users not in USERS:
        raise api_error("core.realtime.invalid_users", users)
    return Interest(scope, users)
