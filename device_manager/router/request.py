"""What a gateway hands to the router: the request, and the connection that it came over (router-protocol 2.1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from device_manager.errors import ApiError
from device_manager.security.documents import ANONYMOUS
from device_manager.security.seen_tokens import Identity
from device_manager.security.token_links import HeldToken

__all__ = ["ANONYMOUS", "Connection", "HttpMessage", "Request"]


@dataclass(slots=True)
class Connection:
    """One client connection, for as long as it lives.

    Attributes:
        id: unique, made by the gateway.
        protocol: `websocket`, `http` or `internal`.
        ips: the socket's address, then what `X-Forwarded-For` appended.
        headers: the upgrade's or the request's headers, names in lower case, repeated ones joined by `, `.
        alive: False once the client has left; its requests that still wait are dropped.
        push: sends one text message, already encoded, that answers no request; None where the client cannot be told
            anything unasked. A client that does not read is cut, as with answers.
        cut: ends the connection and says why, when the client was not sent what it should have been; None where `push`
            is.
        held: the token of its last authenticated request, for as long as that is good.
    """

    id: str
    protocol: str
    ips: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    alive: bool = True
    push: Callable[[bytes], None] | None = None
    cut: Callable[[str], None] | None = None
    held: HeldToken | None = None
    _closing: list[CloseListener] = field(default_factory=list, repr=False)

    def on_close(self, listener: CloseListener) -> None:
        """Call `listener` once, when the client has left; at once if it has."""
        if not self.alive:
            listener(self)
        elif listener not in self._closing:
            self._closing.append(listener)

    def close(self) -> None:
        """The client has left; for the gateway."""
        self.alive = False
        self.push = self.cut = None
        listeners, self._closing = self._closing, []
        for listener in listeners:
            listener(self)


CloseListener = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """The HTTP request as it came, undecoded, for actions and foreign interfaces that need to see it.

    Attributes:
        verb: upper case.
        target: the raw request target, path and query.
        headers: names in lower case, in order, duplicates kept.
        body: the raw body, before any decoding.
    """

    verb: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Request:
    """One call of an action. `args` holds everything but jwt, volatile, body, controller and action.

    Attributes:
        received: when it came, in seconds since 1970.
        user_id: the caller's id; None for what plugins do in their own name.
        identity: what the caller's token says; None without one. The guard sets it.
        engines: the engines that the caller has a right to for this action, None for all; the guard sets it.
        covers: tells whether a collection of an index is among those that the caller has a right to; None for all. The
            guard sets it.
        dry_run: nothing must be stored.
        result: what the action answered, set for the pipes that run after it; they may change it.
        error: what failed, set for the pipes of the error path; they may set it to None and give a result.
        on_answer: called once the answer is on its way to a client who can be told things unasked, with whether it is
            a success: a pipe may refuse what the action has done.
    """

    __slots__ = (
        "action",
        "args",
        "body",
        "connection",
        "controller",
        "covers",
        "dry_run",
        "engines",
        "error",
        "http",
        "id",
        "identity",
        "jwt",
        "on_answer",
        "received",
        "result",
        "user_id",
        "volatile",
    )

    def __init__(
        self,
        controller: str,
        action: str,
        *,
        args: dict[str, Any],
        body: Any = None,
        id: str,
        connection: Connection,
        jwt: str | None = None,
        volatile: dict[str, Any] | None = None,
        http: HttpMessage | None = None,
    ) -> None:
        self.controller = controller
        self.action = action
        self.args = args
        self.body = body
        self.id = id
        self.connection = connection
        self.jwt = jwt
        self.volatile = volatile
        self.http = http
        self.user_id: str | None = ANONYMOUS
        self.identity: Identity | None = None
        self.dry_run = False
        self.engines: frozenset[str] | None = None
        self.covers: Callable[[str, str | None], bool] | None = None
        self.result: Any = None
        self.error: ApiError | None = None
        self.on_answer: Callable[[bool], None] | None = None
        self.received = time.time()

    @property
    def timestamp(self) -> int:
        """When it was made, in milliseconds since 1970: what the client says, else when it came."""
        timestamp = self.args.get("timestamp")
        return timestamp if type(timestamp) is int else int(self.received * 1000)
