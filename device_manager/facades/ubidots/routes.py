"""From a path to what answers it (facades 4.3): with or without a slash at the end, and never a redirect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote

from device_manager.facades.ubidots.errors import not_found, wrong_verb
from device_manager.facades.ubidots.exchange import Exchange
from device_manager.router.foreign import ForeignAnswer

VARIABLE = "{}"
RESERVED = "_"
"""Stands for nothing but itself."""

Handler = Callable[..., Awaitable[ForeignAnswer]]
"""(exchange, variable segments...) -> answer."""


class Route(NamedTuple):
    """Something that can be asked for.

    Attributes:
        verbs: upper case, separated by blanks.
        path: segments, of which `{}` are variable.
        handler: answers it.
    """

    verbs: str
    path: str
    handler: Handler


class Found(NamedTuple):
    """A route with the variable segments of a path."""

    path: str
    handler: Handler
    arguments: tuple[str, ...]

    async def run(self, exchange: Exchange) -> ForeignAnswer:
        """Answer."""
        return await self.handler(exchange, *self.arguments)


def segments(raw: bytes) -> tuple[str, ...]:
    """The decoded segments of a raw path."""
    text = raw.decode("latin-1")
    return tuple(unquote(segment) for segment in text.strip("/").split("/"))


class Routes:
    """All routes of the interface."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(tuple(route.path.strip("/").split("/")), route) for route in routes]

    def find(self, verb: str, path: tuple[str, ...]) -> Found:
        """What answers a request.

        Raises:
            UbidotsError: 404001 for a path that leads nowhere, 405001 for one that does not know the verb.
        """
        allowed: list[str] = []
        for pattern, route in self._routes:
            arguments = _matched(pattern, path)
            if arguments is not None:
                if verb in route.verbs.split():
                    return Found(route.path, route.handler, arguments)
                allowed += route.verbs.split()
        if allowed:
            raise wrong_verb(verb, ", ".join(dict.fromkeys(allowed)))
        raise not_found()


def _matched(pattern: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(pattern) != len(path):
        return None
    arguments = []
    for wanted, given in zip(pattern, path, strict=True):
        if wanted == VARIABLE:
            if given in ("", RESERVED):
                return None
            arguments.append(given)
        elif wanted != given:
            return None
    return tuple(arguments)
