"""Foreign interfaces: what clients of other systems say, within the bounds of the router (design 3, facades 1.1).

A foreign interface has paths of its own on the port, and speaks the other system's language on them, its errors
included. What it does, it does by calling actions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from device_manager.errors import ApiError, api_error, unexpected
from device_manager.router.request import Connection, HttpMessage
from device_manager.router.response import HeaderValue
from device_manager.router.router import Router

log = structlog.get_logger("foreign")


@dataclass(frozen=True, slots=True)
class ForeignRequest:
    """A message to a foreign interface, undecoded, as signatures need it.

    Attributes:
        message: verb, target, headers and body as they came.
        path: the raw path, the mount included.
        query: the raw query string.
        mount: the beginning of the path by which the interface was found; empty at the root of a port of its own.
        connection: where it came from.
    """

    message: HttpMessage
    path: bytes
    query: bytes
    mount: bytes
    connection: Connection

    @property
    def rest(self) -> bytes:
        """The raw path behind the mount."""
        return self.path[len(self.mount) :]


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """What goes back.

    Attributes:
        status: of HTTP.
        body: the bytes.
        headers: names in lower case; without `content-type` the body is JSON.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, HeaderValue] = field(default_factory=dict)


class ForeignInterface(ABC):
    """One other system's interface.

    Attributes:
        name: for logs.
        mounts: paths below which everything belongs to it, such as `/sitewise`; they win over routes of actions.
    """

    name: str
    mounts: Sequence[str]

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
        router: has the bounds.
        interfaces: what there is.

    Raises:
        ApiError: `network.http.duplicate_url` for a mount that two interfaces want.
    """

    def __init__(self, router: Router, interfaces: Iterable[ForeignInterface] = ()) -> None:
        self._router = router
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

    async def answer(self, mounted: Mounted, request: ForeignRequest) -> ForeignAnswer:
        """Lead a message to its interface, in a slot like any request. Never raises."""
        interface = mounted.interface
        try:
            return await self._router.admitted(request.connection, lambda: interface.answer(request))
        except Exception as error:
            if not isinstance(error, ApiError):
                log.error("a foreign interface failed", interface=interface.name, exc_info=error)
            return interface.refuse(request, unexpected(error))
