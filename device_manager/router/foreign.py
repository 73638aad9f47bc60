"""Foreign interfaces: what clients of other systems say, within the bounds of the router (design 3, facades 1.1).

A foreign interface has paths of its own on the port, and speaks the other system's language on them, its errors
included. What it does, it does by calling actions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error, unexpected
from device_manager.router.admission import Slot
from device_manager.router.current import CURRENT
from device_manager.router.observing import Observe, watched
from device_manager.router.request import Connection, HttpMessage, Request
from device_manager.router.response import HeaderValue, Response
from device_manager.router.router import Router

log = structlog.get_logger("foreign")


class ForeignRequest:
    """A message to a foreign interface, undecoded, as signatures need it.

    Attributes:
        message: verb, target, headers and body as they came.
        path: the raw path, the mount included.
        query: the raw query string.
        mount: the beginning of the path by which the interface was found; empty at the root of a port of its own.
        noted: the message as the access log, figures and traces have it: the interface in the place of a controller,
            the operation in that of an action.
    """

    __slots__ = ("_router", "_slot", "_works", "message", "mount", "noted", "path", "query")

    def __init__(
        self, message: HttpMessage, path: bytes, query: bytes, mount: bytes, noted: Request, router: Router
    ) -> None:
        self.message = message
        self.path = path
        self.query = query
        self.mount = mount
        self.noted = noted
        self._router = router
        self._slot: Slot | None = None
        self._works = False

    @property
    def rest(self) -> bytes:
        """The raw path behind the mount."""
        return self.path[len(self.mount) :]

    @property
    def connection(self) -> Connection:
        """Where it came from."""
        return self.noted.connection

    @property
    def id(self) -> str:
        """By which the log knows it."""
        return self.noted.id

    def asks_for(self, operation: str) -> None:
        """Name what is wanted, for figures and logs: one of a few names, never a text of the client's choice."""
        self.noted.action = operation

    async def comes_from(self, user: str | None, engine: str) -> None:
        """Say who the caller is, and return when it is the message's turn among those about `engine`.

        Args:
            user: the caller's id; None for nobody known.
            engine: what the message is about; empty for no engine.

        Raises:
            ApiError: `network.entrypoint.shutting_down`, `api.process.overloaded` or `connection_dropped`.
        """
        self.noted.user_id = user
        self.noted.args["engineId"] = engine
        self.leave()
        self._slot = await self._router.admit(self.noted)
        self._works = True
        self._router.ongoing[self.connection.protocol] += 1

    async def arrive(self) -> None:
        """Return when the caller may be looked for; for the server.

        Raises:
            ApiError: as `comes_from`.
        """
        self._slot = await self._router.admit(self.noted, self._router.arrivals)

    def leave(self) -> None:
        """Let the next one run; for the server."""
        if self._slot is not None:
            self._slot.release()
            self._slot = None
        if self._works:
            self._works = False
            self._router.ongoing[self.connection.protocol] -= 1


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """What goes back.

    Attributes:
        status: of HTTP.
        body: the bytes.
        headers: names in lower case; without `content-type` the body is JSON.
        error: what the access log calls the refusal that it is; empty for none.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    error: str = ""


class ForeignInterface(ABC):
    """One other system's interface.

    Attributes:
        name: for logs and figures.
        mounts: paths below which everything belongs to it, such as `/sitewise`; they win over routes of actions.
        finds_callers: `answer` begins without a slot, finds out who its caller is, and then awaits
            `ForeignRequest.comes_from` before it does anything else, so that engines take turns. The others have a slot
            when `answer` is called, and share one queue.
    """

    name: str
    mounts: Sequence[str]
    finds_callers: bool = False

    @abstractmethod
    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        """Answer a message. What it raises is answered by `refuse`."""

    @abstractmethod
    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        """The error in the other system's form. Never raises."""


class Mounted(NamedTuple):
    """An interface, found by the beginning of a path."""

    interface: ForeignInterface
    mount: bytes


class ForeignInterfaces:
    """The foreign interfaces of a server, by their paths.

    Args:
        router: has the bounds, and the figures.
        interfaces: what there is.
        observers: see the messages, as they see requests.

    Raises:
        ApiError: `network.http.duplicate_url` for a mount that two interfaces want.
    """

    def __init__(
        self, router: Router, interfaces: Iterable[ForeignInterface] = (), observers: Sequence[Observe] = ()
    ) -> None:
        self._router = router
        self._observers = tuple(observers)
        self._mounted: dict[bytes, Mounted] = {}
        for interface in interfaces:
            for mount in interface.mounts:
                raw = mount.rstrip("/").encode("ascii")
                if raw in self._mounted:
                    raise api_error("network.http.duplicate_url", "*", mount)
                self._mounted[raw] = Mounted(interface, raw)
        self._first = {mount.split(b"/")[1] for mount in self._mounted if mount}

    def find(self, path: bytes) -> Mounted | None:
        """The interface with the longest mount that a raw path begins with, None if there is none."""
        if self._mounted and path[1:].partition(b"/")[0] in self._first:
            mount = path
            while mount:
                found = self._mounted.get(mount)
                if found is not None:
                    return found
                mount = mount.rpartition(b"/")[0]
        return self._mounted.get(b"")

    async def answer(
        self,
        mounted: Mounted,
        message: HttpMessage,
        target: tuple[bytes, bytes],
        *,
        id: str,
        connection: Connection,
        refused: ApiError | None = None,
    ) -> ForeignAnswer:
        """Lead a message to its interface, in a slot like any request. Never raises.

        Args:
            mounted: the interface.
            message: as it came.
            target: path and query, raw.
            id: of the message.
            connection: where it came from.
            refused: what the gateway has against it already.
        """
        noted = Request(mounted.interface.name, "", args={}, id=id, connection=connection, http=message)
        request = ForeignRequest(message, *target, mounted.mount, noted, self._router)
        started = perf_counter()
        answering = self._answer(mounted.interface, request, refused)
        response = await watched(self._observers, noted, answering)
        traffic = self._router.foreign[noted.controller, noted.action]
        traffic.end(connection.protocol, response.status, started)
        answer: ForeignAnswer = response.result
        return answer

    async def _answer(self, interface: ForeignInterface, request: ForeignRequest, refused: ApiError | None) -> Response:
        CURRENT.set(request.noted)
        try:
            if refused is not None:
                answer = interface.refuse(request, refused)
            else:
                answer = await self._ask(interface, request)
        except Exception as error:
            if not isinstance(error, ApiError):
                log.error("a foreign interface failed", interface=interface.name, exc_info=error)
            answer = interface.refuse(request, unexpected(error))
        finally:
            request.leave()
        told = ApiError(answer.error, status=answer.status, id=answer.error) if answer.error else None
        return Response(request.noted, status=answer.status, result=answer, error=told)

    async def _ask(self, interface: ForeignInterface, request: ForeignRequest) -> ForeignAnswer:
        if interface.finds_callers:
            await request.arrive()
        else:
            await request.comes_from(None, "")
        return await interface.answer(request)
