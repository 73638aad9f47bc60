"""Tokens that were verified before, so that the next message with one costs a look into a dictionary (design 6, 8)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.security.places import REVOCATION_LOG
from device_manager.storage.contract import Change, Document, Store

MOST_TOKENS = 100_000
"""Tokens kept; beyond it the oldest are forgotten."""


class TokenKind(enum.StrEnum):
    """What a token is for."""

    SESSION = "session"
    SINGLE_USE = "single-use"
    API_KEY = "api-key"


class Purpose(NamedTuple):
    """The one request that a token is good for: who gets hold of it can do nothing else.

    Attributes:
        controller: canonical name.
        action: canonical name.
        args: arguments that the request must have, among others.
    """

    controller: str
    action: str
    args: dict[str, str]

    def allows(self, controller: str, action: str, args: Mapping[str, Any]) -> bool:
        """Whether a request is that one."""
        same = all(args.get(name) == value for name, value in self.args.items())
        return same and (controller, action) == (self.controller, self.action)


class Identity(NamedTuple):
    """What a verified token says.

    Attributes:
        kuid: id of its user.
        id: of the token, or of the API key.
        expires_at: milliseconds since 1970, -1 for never.
        kind: what it is for.
        purpose: the only request that it may be used for; None for whatever its user may do.
    """

    kuid: str
    id: str
    expires_at: int
    kind: TokenKind
    purpose: Purpose | None = None


class SeenToken(NamedTuple):
    """A verified token and until when that holds, in milliseconds since 1970."""

    identity: Identity
    good_until: float


class SeenTokens:
    """The memory, a `Memory` of `storage.generation`: each revocation, of whatever process, reaches it by the log.

    Attributes:
        forgotten: how often tokens were forgotten; a verification that began at another count must not be kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, SeenToken] = {}
        self._of_user: dict[str, set[str]] = {}
        self._position = 0
        self._listeners: list[Callable[[str | None], None]] = []
        self.forgotten = 0
        self.get = self._seen.get

    def on_forget(self, listener: Callable[[str | None], None]) -> None:
        """Tell `listener` whose tokens may have been revoked; None when nobody knows whose."""
        self._listeners.append(listener)

    def keep(self, token: str, seen: SeenToken) -> None:
        """Remember a verified token."""
        while len(self._seen) >= MOST_TOKENS:
            self.drop(next(iter(self._seen)))
        self._seen[token] = seen
        self._of_user.setdefault(seen.identity.kuid, set()).add(token)

    def drop(self, token: str) -> None:
        """Forget a token."""
        seen = self._seen.pop(token, None)
        if seen is not None:
            tokens = self._of_user[seen.identity.kuid]
            tokens.discard(token)
            if not tokens:
                del self._of_user[seen.identity.kuid]

    def drop_user(self, kuid: str) -> None:
        """Forget the tokens of a user; those that are still good will be verified again."""
        self.forgotten += 1
        for token in self._of_user.pop(kuid, ()):
            self._seen.pop(token, None)
        self._tell(kuid)

    def _drop_everything(self) -> None:
        self.forgotten += 1
        self._seen.clear()
        self._of_user.clear()
        self._tell(None)

    def _tell(self, kuid: str | None) -> None:
        for listener in self._listeners:
            listener(kuid)

    async def read(self) -> Callable[[], None]:
        """Read the log; see `Memory.read`."""
        try:
            log = (await self._store.read((REVOCATION_LOG,))).get(REVOCATION_LOG)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            log = None  # nobody has had a token yet
        return lambda: self._catch_up(log)

    def _catch_up(self, log: Document | None) -> None:
        position = log.source["position"] if log else 0
        latest: list[str] = log.source["latest"] if log else []
        missed = position - self._position
        if missed < 0 or missed > len(latest):
            self._drop_everything()
        else:
            for kuid in latest[len(latest) - missed :]:
                self.drop_user(kuid)
        self._position = position

    def apply(self, change: Change) -> bool:
        """Take over a committed change; see `Memory.apply`."""
        if change.key != REVOCATION_LOG:
            return False
        self._catch_up(change.after)
        return True
