"""Which connections act on which token, and who is told when it ends (router-protocol 5.2, 5.7).

A connection is linked to the token of its last authenticated request, and to the last one of each user who used it
before and still has something there: what they have subscribed to goes on. One timer looks at the seconds in which
tokens expire; a revocation, of whatever process, makes the tokens of its user be looked at again.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import heapq
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import structlog

from device_manager.errors import ApiError
from device_manager.security.lifetimes import NEVER
from device_manager.security.seen_tokens import Identity, SeenToken

LEAST_AGENDA = 1000
"""Seconds on the agenda, however few of them still matter, before it is written anew."""
LONGEST_SLEEP = 60.0
"""Seconds after which the clock is looked at again: it may have been set."""
RETRY = 1.0
"""Seconds until tokens are looked at again that could not be, because the store did not answer."""

log = structlog.get_logger("tokens")


TokenKey = tuple[str, str]
"""Kind and id of a token: its text may come with and without prefix."""


class TokenEnd(enum.StrEnum):
    """Why a token is not good any more."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    """It was revoked, or what it belongs to was deleted."""
    LOGGED_OUT = "logged-out"
    """This very connection asked for it, and needs not be told."""


class HeldToken:
    """A token that connections act on.

    Attributes:
        token: its text.
        identity: what it says.
        connections: by id.
        second: since 1970, in which it expires; None for never.
    """

    __slots__ = ("connections", "identity", "key", "second", "token")

    def __init__(self, token: str, identity: Identity) -> None:
        self.token = token
        self.identity = identity
        self.key = _key(identity)
        self.connections: dict[str, Peer] = {}
        self.second: int | None = None


class Peer(Protocol):
    """What is needed of a connection; `held` belongs to `TokenLinks`."""

    id: str
    held: HeldToken | None

    @property
    def push(self) -> Callable[[bytes], None] | None:
        """Sends it something unasked; None where the protocol cannot."""

    def on_close(self, listener: Callable[[Peer], None]) -> None:
        """Call `listener` when it is gone."""


class Ended(NamedTuple):
    """A token that ended, as one of the connections on which it was used is told.

    Attributes:
        kuid: its user.
        how: why.
        was_present: the connection still acted on it; if not, somebody else goes on using the connection.
    """

    kuid: str
    how: TokenEnd
    was_present: bool


class EndListener(Protocol):
    """Is told of tokens that end. It gets connections as the router knows them."""

    def ended(self, connection: Any, ended: Ended) -> None:
        """A token ended on which this connection acts, or acted."""

    def has_something(self, connection: Any, kuid: str) -> bool:
        """Whether something of this user's on the connection has to end with the token."""


class TokenLinks:
    """The links of this process.

    Args:
        look_again: verifies a token that was verified before; raises a 401 when it is not good any more.
        is_certain: whether no revocation can have come between the verification of a token and now.
    """

    def __init__(self, look_again: Callable[[str], Awaitable[SeenToken]], is_certain: Callable[[str], bool]) -> None:
        self._look_again = look_again
        self._is_certain = is_certain
        self._held: dict[TokenKey, HeldToken] = {}
        self._former: dict[str, dict[str, HeldToken]] = {}
        self._of_user: dict[str, dict[TokenKey, HeldToken]] = {}
        self._seconds: dict[int, set[TokenKey]] = {}
        self._agenda: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._looks: set[asyncio.Task[None]] = set()
        self._listeners: list[EndListener] = []

    def __len__(self) -> int:
        """How many tokens connections act on."""
        return len(self._held)

    def on_end(self, listener: EndListener) -> None:
        """Tell `listener`, on the event loop, of each connection whose token ends."""
        self._listeners.append(listener)

    async def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)

    def link(self, connection: Peer, token: str, identity: Identity) -> None:
        """Note that a connection acts on a token from now on. Costs nothing for those that cannot be pushed to."""
        if connection.push is None:
            return
        known = connection.held
        if known is not None and known.key == _key(identity):
            known.identity = identity
            return
        if known is None:
            connection.on_close(self.unlink)
        elif known.identity.kuid == identity.kuid or not self._has_something(connection, known.identity.kuid):
            self._leave(connection, known)
        else:
            self._former.setdefault(connection.id, {})[known.identity.kuid] = known
        self._leave_former(connection, identity.kuid)
        self._join(connection, token, identity)

    def _join(self, connection: Peer, token: str, identity: Identity) -> None:
        held = self._held.get(_key(identity))
        if held is None:
            held = HeldToken(token, identity)
            self._held[held.key] = self._of_user.setdefault(identity.kuid, {})[held.key] = held
            self._set_end(held, identity.expires_at)
            if not self._is_certain(token):
                self._begin(self._look([held]))
        held.connections[connection.id] = connection
        connection.held = held

    def _has_something(self, connection: Peer, kuid: str) -> bool:
        return any(listener.has_something(connection, kuid) for listener in self._listeners)

    def _leave_former(self, connection: Peer, kuid: str) -> None:
        former = self._former.get(connection.id)
        held = former.pop(kuid, None) if former else None
        if held is not None:
            self._leave(connection, held)
        if former is not None and not former:
            del self._former[connection.id]

    def unlink(self, connection: Peer) -> None:
        """Forget what a connection acts on."""
        if connection.held is not None:
            self._leave(connection, connection.held)
        for held in self._former.pop(connection.id, {}).values():
            self._leave(connection, held)

    def _leave(self, connection: Peer, held: HeldToken) -> None:
        if connection.held is held:
            connection.held = None
        held.connections.pop(connection.id, None)
        if not held.connections:
            self._forget(held)

    def _forget(self, held: HeldToken) -> None:
        if self._held.get(held.key) is not held:
            return
        del self._held[held.key]
        others = self._of_user[held.identity.kuid]
        del others[held.key]
        if not others:
            del self._of_user[held.identity.kuid]
        self._clear_end(held)

    def move(self, old: Identity, token: str, identity: Identity) -> None:
        """Let every connection that acts on the token `old` act on the one that took its place."""
        held = self._held.get(_key(old))
        for connection in list(held.connections.values()) if held is not None else ():
            if connection.held is held:
                self.link(connection, token, identity)

    @contextlib.contextmanager
    def logging_out(self, connection: Peer, identity: Identity) -> Iterator[None]:
        """End what a connection has by the token that is revoked inside, without a word to it; others are told.

        Args:
            connection: asks for it.
            identity: of the token.
        """
        held = connection.held
        if held is None or held.key != _key(identity):
            yield
            return
        self._leave(connection, held)
        try:
            yield
        except BaseException:
            if connection.push is not None:
                self._join(connection, held.token, held.identity)
            raise
        self._tell(connection, held, TokenEnd.LOGGED_OUT, was_present=True)

    # Expiry

    def _set_end(self, held: HeldToken, at: float) -> None:
        """Note when a token ends: milliseconds since 1970, -1 or infinity for never."""
        self._clear_end(held)
        if at in (NEVER, math.inf):
            return
        second = math.ceil(at / 1000)
        if second not in self._seconds:
            self._seconds[second] = set()
            heapq.heappush(self._agenda, second)
        self._seconds[second].add(held.key)
        held.second = second
        if self._agenda[0] == second:
            self._sleep()

    def _clear_end(self, held: HeldToken) -> None:
        keys = self._seconds.get(held.second) if held.second is not None else None
        if keys is not None and held.second is not None:
            keys.discard(held.key)
            if not keys:
                del self._seconds[held.second]
        held.second = None
        if len(self._agenda) > 2 * len(self._seconds) + LEAST_AGENDA:
            self._agenda = sorted(self._seconds)

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._agenda:
            wait = min(max(self._agenda[0] - time.time(), 0.0), LONGEST_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = time.time()
        while self._agenda and self._agenda[0] <= now:
            for key in self._seconds.pop(heapq.heappop(self._agenda), ()):
                held = self._held.get(key)
                if held is not None:
                    held.second = None
                    self._end(held, TokenEnd.EXPIRED)
        self._sleep()

    def _end(self, held: HeldToken, how: TokenEnd) -> None:
        connections = list(held.connections.values())
        self._forget(held)
        for connection in connections:
            was_present = connection.held is held
            if was_present:
                connection.held = None
            else:
                self._former.get(connection.id, {}).pop(held.identity.kuid, None)
            self._tell(connection, held, how, was_present=was_present)

    def _tell(self, connection: Peer, held: HeldToken, how: TokenEnd, *, was_present: bool) -> None:
        for listener in self._listeners:
            listener.ended(connection, Ended(held.identity.kuid, how, was_present))

    # Revocation

    def look_at(self, kuid: str | None) -> None:
        """Look again at the tokens of a user, or of all users: some may have been revoked."""
        if kuid is None:
            for known in list(self._of_user):
                self.look_at(known)
        elif kuid in self._of_user:
            self._begin(self._look(list(self._of_user[kuid].values())))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        look = asyncio.get_running_loop().create_task(work)
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self, doubtful: Sequence[HeldToken]) -> None:
        for held in doubtful:
            while self._held.get(held.key) is held:
                try:
                    seen = await self._look_again(held.token)
                except ApiError as error:
                    if error.status == 401:
                        self._end(held, TokenEnd.REVOKED)
                        break
                    log.warning("cannot look at the tokens of those who are connected", reason=error.message)
                    await asyncio.sleep(RETRY)
                else:
                    if self._held.get(held.key) is held:
                        self._set_end(held, seen.good_until)
                    break


def _key(identity: Identity) -> TokenKey:
    return identity.kind, identity.id
