"""The pipeline of one admitted request: rights, pipes, action, error path (router-protocol 3.1 steps 7-14, 3.4)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec
import structlog

from device_manager.errors import ApiError, api_error, unexpected
from device_manager.events import EventBus
from device_manager.router.binding import read_dry_run
from device_manager.router.idempotency import Idempotency
from device_manager.router.registry import BoundAction, Registry
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.security import Guard
from device_manager.storage.origin import ORIGIN

log = structlog.get_logger("router")


def failure(request: Request, error: Exception) -> Response:
    """The answer for `error`; what nobody foresaw is logged with its stack, of which callers see nothing."""
    if not isinstance(error, ApiError):
        about = {"controller": request.controller, "action": request.action, "request": request.id}
        log.error("request failed", **about, exc_info=error)
        error = unexpected(error)
    return Response(request, status=error.status, error=error)


def settle(request: Request, result: Any) -> Response:
    """The answer for what an action returned, which may be a response of its own making.

    Raises:
        ApiError: `api.assert.unsupported_protocol` for a stream that is to go elsewhere than over HTTP.
    """
    if request.dry_run:
        result = _mark_dry_run(result)
    if type(result) is not Response:
        return Response(request, result=result)
    protocol = request.connection.protocol
    if result.stream is not None and protocol != "http":
        raise api_error("api.assert.unsupported_protocol", protocol, f"{request.controller}:{request.action}")
    return result


async def _act(bound: BoundAction, request: Request) -> Response:
    """The answer of the action itself."""
    if not bound.declaration.writes:
        result = bound.call(request)
        return settle(request, await result if bound.is_async else result)
    token = ORIGIN.set(request)
    try:
        result = bound.call(request)
        return settle(request, await result if bound.is_async else result)
    finally:
        ORIGIN.reset(token)


def _mark_dry_run(result: Any) -> Any:
    """Say in the result that nothing was stored (design 9)."""
    if isinstance(result, Response):
        result.result = _mark_dry_run(result.result)
        return result
    if isinstance(result, msgspec.Struct):
        result = msgspec.to_builtins(result)
    return {**result, "dryRun": True} if isinstance(result, dict) else result


class Pipeline:
    """Runs requests that have a slot.

    Args:
        bus: runs the pipes.
        guard: checks the rights.
        registry: finds the actions.
        idempotency: answers requests with an idempotency key; without it such keys are not looked at.
    """

    def __init__(self, bus: EventBus, guard: Guard, registry: Registry, idempotency: Idempotency | None = None) -> None:
        self._bus = bus
        self._guard = guard
        self._registry = registry
        self._idempotency = idempotency

    async def run(self, request: Request) -> Response:
        """The response to `request`, whatever happens."""
        try:
            request = await self._pass("request:beforeExecution", request)
            await self._authorize(request)
            request = await self._pass("request:onAuthorized", request)
            response = await self._process(request)
        except Exception as error:
            response = failure(request, error)
        return await self._finish(response)

    async def run_quietly(self, bound: BoundAction, request: Request, pending: Awaitable[None] | None) -> Response:
        """The response to a request for an action to which nobody listens.

        Args:
            bound: the action.
            request: what is asked.
            pending: the guard's check, if it has been begun.
        """
        try:
            if pending is None:
                pending = self._guard.authorize(request, bound.rule)
            if pending is not None:
                await pending
            if bound.declaration.writes and (keyed := self._keyed(bound, request)) is not None:
                return await keyed
            return await _act(bound, request)
        except Exception as error:
            return failure(request, error)

    async def call(self, request: Request, *, with_events: bool) -> Any:
        """The result of a request that comes from inside; see `Router.call`."""
        if with_events:
            response = await self._finish(await self._process(request))
        else:
            bound = self._find(request)
            if bound.declaration.writes:
                request.dry_run = read_dry_run(request)
            response = await _act(bound, request)
        if response.error is not None:
            raise response.error
        return response.result

    async def _authorize(self, request: Request) -> None:
        try:
            pending = self._guard.authorize(request, self._registry.rule(request))
            if pending is not None:
                await pending
        except ApiError as error:
            if error.status in (401, 403):
                await self._pass("request:onUnauthorized", request)
            raise

    async def _pass(self, event: str, request: Request) -> Request:
        """Lead `request` through the pipes of `event`; the request as they left it."""
        if not self._bus.listens(event):
            return request
        passed = await self._bus.pipe(event, request)
        if not isinstance(passed, Request):
            problem = f'a pipe on "{event}" must return a request or None, not {type(passed).__name__}.'
            raise api_error("plugin.runtime.unexpected_error", problem)
        return passed

    def _find(self, request: Request) -> BoundAction:
        actions = self._registry.table.get(request.controller)
        if actions is None:
            raise api_error("api.process.controller_not_found", request.controller)
        bound = actions.get(request.action)
        if bound is None:
            raise api_error("api.process.action_not_found", request.controller, request.action)
        return bound

    async def _process(self, request: Request) -> Response:
        """Pipes around the action, and the error path. Unknown actions trigger no event."""
        bound = self._find(request)
        try:
            if bound.declaration.writes and (keyed := self._keyed(bound, request)) is not None:
                return await keyed
        except Exception as error:
            return await self._recover(bound, request, error)
        return await self._execute(bound, request)

    def _keyed(self, bound: BoundAction, request: Request) -> Awaitable[Response] | None:
        """Note whether a writing request is a dry run; its answer when it has an idempotency key."""
        request.dry_run = read_dry_run(request)
        if self._idempotency is None or not self._idempotency.takes(bound, request):
            return None
        return self._idempotency.answer(bound, request, lambda: self._execute(bound, request))

    async def _execute(self, bound: BoundAction, request: Request) -> Response:
        try:
            request = await self._pass("request:onExecution", request)
            request = await self._pass(bound.before, request)
            return await self._after(bound, await _act(bound, request))
        except Exception as error:
            return await self._recover(bound, request, error)

    async def _after(self, bound: BoundAction, response: Response) -> Response:
        """The pipes behind the action. What it wrote stays, so their errors say so (design 5)."""
        if response.request.dry_run:
            return response
        try:
            for event in (bound.after, "request:onSuccess"):
                if self._bus.listens(event):
                    response = await self._show(event, response)
        except ApiError as error:
            if bound.declaration.writes:
                error.extra["committed"] = True
            raise
        return response

    async def _show(self, event: str, response: Response) -> Response:
        """Run `event` with the request that carries the response's result, and take over what pipes made of it."""
        request = response.request
        request.result, request.error = response.result, response.error
        request = await self._pass(event, request)
        response.request, response.result = request, request.result
        response.error = None if request.error is None else unexpected(request.error)
        return response

    async def _recover(self, bound: BoundAction, request: Request, error: Exception) -> Response:
        """The error path: pipes may replace the error, or recover by giving a result instead."""
        response = failure(request, error)
        try:
            if self._bus.listens(bound.error):
                response = await self._show(bound.error, response)
                if response.error is None:
                    response.status = 200
                    return response
                response.status = response.error.status
            if self._bus.listens("request:onError"):
                failed = response.request
                response = await self._show("request:onError", response)
                if response.request is failed:
                    response.error = response.error or unexpected(error)
                response.status = 200 if response.error is None else response.error.status
        except Exception as another:
            return failure(request, another)
        return response

    async def _finish(self, response: Response) -> Response:
        """`request:afterExecution`, which may replace the request, the result or the error."""
        if not self._bus.listens("request:afterExecution"):
            return response
        request, error = response.request, response.error
        outcome: dict[str, Any] = {"request": request, "success": error is None}
        outcome |= {"result": response.result} if error is None else {"error": error}
        try:
            outcome = await self._bus.pipe("request:afterExecution", outcome)
            error = outcome.get("error")
            response.request = outcome.get("request", request)
            if not isinstance(response.request, Request):
                raise TypeError('a pipe on "request:afterExecution" put something else in the place of the request')
        except Exception as another:
            return failure(request, another)
        response.result = outcome.get("result", response.result)
        if error is not response.error:
            response.error = None if error is None else unexpected(error)
            response.status = 200 if response.error is None else response.error.status
        return response
