"""Looking at every request from outside of the router; without observers nothing of this is in the way (design 10)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from time import perf_counter
from typing import Protocol

import structlog

from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.router import Router
from device_manager.router.routes import Match

# Whoever switches the access log on wants to see it, whatever level the other lines need.
_access = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


class Observation(Protocol):
    """One request as somebody sees it; made when it comes in."""

    def during(self) -> AbstractContextManager[object]:
        """Entered in the task that works on the request; not at all when it is answered without waiting."""

    def end(self, response: Response | None) -> None:
        """The request was answered; None when its task was cancelled instead."""


Observe = Callable[[Request], Observation]


class ObservedRouter:
    """Answers like a router, and shows each request to observers.

    Args:
        router: answers.
        observers: see the requests.
    """

    def __init__(self, router: Router, observers: Sequence[Observe]) -> None:
        self._router = router
        self._observers = tuple(observers)

    def match(self, verb: str, raw_path: bytes) -> Match | None:
        """See `Router.match`."""
        return self._router.match(verb, raw_path)

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        """See `Router.handle`."""
        observations = [observe(request) for observe in self._observers]
        answer = self._router.handle(request)
        if isinstance(answer, Response):
            _end(observations, answer)
            return answer
        return _later(answer, observations)


async def watched(observers: Sequence[Observe], request: Request, answer: Awaitable[Response]) -> Response:
    """The response to a request that does not go through the router, shown to observers.

    Args:
        observers: see it.
        request: what is asked.
        answer: gives the response.
    """
    return await _later(answer, [observe(request) for observe in observers])


async def _later(answer: Awaitable[Response], observations: Sequence[Observation]) -> Response:
    response: Response | None = None
    try:
        with ExitStack() as stack:
            for observation in observations:
                stack.enter_context(observation.during())
            response = await answer
        return response
    finally:
        _end(observations, response)


def _end(observations: Sequence[Observation], response: Response | None) -> None:
    for observation in observations:
        observation.end(response)


class AccessLog:
    """Writes a line for a request; an `Observation`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._started = perf_counter()

    def during(self) -> AbstractContextManager[object]:
        """Nothing to do meanwhile."""
        return nullcontext()

    def end(self, response: Response | None) -> None:
        """Write the line."""
        request = self._request
        connection = request.connection
        _access.info(
            "request",
            request=request.id,
            protocol=connection.protocol,
            address=connection.ips[0] if connection.ips else None,
            user=request.user_id,
            controller=request.controller,
            action=request.action,
            status=None if response is None else response.status,
            error=None if response is None or response.error is None else response.error.id,
            milliseconds=round((perf_counter() - self._started) * 1000, 3),
        )
