"""The one function through which every request goes: `Router.handle` (design 3, router-protocol 3.1 and 3.4)."""

from __future__ import annotations

import inspect
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.events import EventBus
from device_manager.router.admission import Admission, Slot
from device_manager.router.binding import read_dry_run
from device_manager.router.controller import Controller
from device_manager.router.current import CURRENT
from device_manager.router.idempotency import Idempotency
from device_manager.router.parse import new_request_id
from device_manager.router.pipeline import Pipeline, failure, settle
from device_manager.router.registry import BoundAction, Registry
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.routes import Match
from device_manager.router.sdk_version import sdk_refusal
from device_manager.router.streams import HeldStream
from device_manager.router.traffic import Traffic
from device_manager.security import Guard, OpenGuard
from device_manager.storage.steps import RECORDER

OVERLOAD_FILL = 0.1
"""Part of the waiting room that may be taken before `core:overload` is emitted."""
OVERLOAD_INTERVAL = 0.5
"""Seconds between two `core:overload`."""

log = structlog.get_logger("router")


class Router:
    """Answers requests: admission, rights, pipes, the action, one response.

    Args:
        bus: runs the pipes and hooks.
        guard: identifies callers and checks their rights.
        running: requests that run at once.
        waiting: requests that wait for a slot; beyond it they are refused with 503.
        streams: streaming answers that are sent at once; further ones are refused with 503.
        idempotency: answers requests with an idempotency key; without it such keys are not looked at.
        strict_sdk: refuse SDKs that are too old.
        is_engine: whether something is the name of an engine. Requests about each engine wait in a queue of its own,
            all others in one more; without it there is one queue for all.

    Attributes:
        admission: says which requests run.
        arrivals: says for which messages of other systems' clients the caller is being looked for.
        streams: says which streaming answers are sent.
        ongoing: requests that are being worked on, by protocol.
        stray: what became of requests for actions that do not exist.
        foreign: what became of messages to foreign interfaces, by interface and operation.
    """

    def __init__(
        self,
        bus: EventBus,
        guard: Guard | None = None,
        *,
        running: int = 100,
        waiting: int = 50_000,
        streams: int = 32,
        idempotency: Idempotency | None = None,
        strict_sdk: bool = True,
        is_engine: Callable[[str], bool] | None = None,
    ) -> None:
        self.bus = bus
        self.guard: Guard = guard or OpenGuard()
        self.registry = Registry(bus)
        self.admission = Admission(running, waiting)
        self.arrivals = Admission(running, waiting)
        self.streams = Admission(streams, 0)
        self.draining = False
        self._pipeline = Pipeline(bus, self.guard, self.registry, idempotency)
        self._table = self.registry.table
        self.ongoing: Counter[str] = Counter()
        self.stray = Traffic()
        self.foreign: defaultdict[tuple[str, str], Traffic] = defaultdict(Traffic)
        self._is_engine = is_engine
        self._overload_told = 0.0
        self._strict_sdk = strict_sdk

    def register(self, controller: Controller) -> None:
        """Add a controller; call `compile` after the last one.

        Raises:
            ApiError: see `Registry.register`.
        """
        self.registry.register(controller)

    def compile(self) -> None:
        """Check the listeners' events and prepare the fast answers. Call it when all plugins are loaded.

        Raises:
            UnknownEvent: a listener names an event that nothing declares.
        """
        self.bus.compile()
        self.registry.compile()

    def match(self, verb: str, raw_path: bytes) -> Match | None:
        """The action behind an HTTP path, None if there is none; see `RouteTree.match`."""
        return self.registry.routes.match(verb, raw_path)

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        """Answer `request`, at once where nothing has to be waited for; never raises for what callers do.

        Plain functions without listeners are answered in place: they need no slot because nothing runs beside them.
        The bounds are checked here, before anything is awaited, so that a burst cannot slip past them.
        """
        if request.volatile and self._strict_sdk:
            too_old = sdk_refusal(request.volatile)
            if too_old is not None:
                return self._refuse(request, too_old)
        actions = self._table.get(request.controller)
        bound = actions.get(request.action) if actions is not None else None
        if bound is not None and bound.quiet and not self.draining and "targets" not in request.args:
            return self._admit(request, bound) if bound.is_async else self._answer(bound, request)
        error = self._refusal(request)
        return self._admit(request) if error is None else self._refuse(request, error)

    def _answer(self, bound: BoundAction, request: Request) -> Response | Awaitable[Response]:
        started = perf_counter()
        try:
            pending = self.guard.authorize(request, bound.rule)
            if pending is not None:
                return self._admit(request, bound, pending)
            if bound.declaration.writes:
                request.dry_run = read_dry_run(request)
            response = settle(request, bound.call(request))
            if response.stream is not None:
                response = self._hold(response, response.stream)
        except Exception as error:
            response = failure(request, error)
        bound.traffic.end(request.connection.protocol, response.status, started)
        return response

    def _refuse(self, request: Request, error: ApiError) -> Response:
        """The answer to a request that is not worked on."""
        self._traffic(request).end(request.connection.protocol, error.status, perf_counter())
        return failure(request, error)

    def traffic(self) -> Iterator[Traffic]:
        """What became of all requests and foreign messages so far, an action or operation at a time."""
        yield self.stray
        yield from self.foreign.values()
        for bound in self.registry.actions():
            yield bound.traffic

    def _traffic(self, request: Request) -> Traffic:
        bound = self._table.get(request.controller, {}).get(request.action)
        return self.stray if bound is None else bound.traffic

    def _hold(self, response: Response, stream: AsyncIterator[bytes]) -> Response:
        """Move a stream to a slot of its own: its reader's pace must not keep other requests from running."""
        if response.error is not None:
            return response
        slot = self.streams.enter()
        if slot is None:
            self.streams.refused[""] += 1
            return failure(response.request, api_error("api.process.overloaded"))
        response.stream = HeldStream(stream, slot)
        return response

    def _admit(
        self, request: Request, quiet: BoundAction | None = None, pending: Awaitable[None] | None = None
    ) -> Response | Awaitable[Response]:
        """Take a slot, or a place in the queue, for an action to which nobody listens or for any other."""
        slot = self.admission.enter()
        if slot is None:
            slot = self.admission.queue(self._engine(request))
            self._tell_overload()
        if slot is None:
            _forget(pending)
            return self._refuse(request, api_error("api.process.overloaded"))
        return self._run(request, slot, quiet, pending, perf_counter())

    def _engine(self, request: Request) -> str:
        """In which queue a request waits. Nobody gets a second one by making a name up."""
        args = request.args
        name = args.get("engineId") or args.get("index")
        if self._is_engine is None or not isinstance(name, str) or not self._is_engine(name):
            return ""
        return name

    def _refusal(self, request: Request) -> ApiError | None:
        """What is refused before admission, in the order of router-protocol 3.1."""
        if self.draining:
            return api_error("network.entrypoint.shutting_down")
        if not request.controller:
            return api_error("api.assert.missing_argument", "controller")
        if not request.action:
            return api_error("api.assert.missing_argument", "action")
        args = request.args
        if type(args.get("targets")) is list and ("index" in args or "collection" in args):
            return api_error("api.assert.mutually_exclusive", "index, collection", "targets")
        return None

    async def _run(
        self,
        request: Request,
        slot: Slot,
        quiet: BoundAction | None,
        pending: Awaitable[None] | None,
        started: float,
    ) -> Response:
        protocol = request.connection.protocol
        traffic = self._traffic(request) if quiet is None else quiet.traffic
        CURRENT.set(request)
        try:
            refused = None if slot.turn is None else await self._wait(request, slot)
            if refused is not None:
                _forget(pending)
                response = failure(request, refused)
            else:
                self.ongoing[protocol] += 1
                try:
                    if quiet is None:
                        response = await self._pipeline.run(request)
                    else:
                        response = await self._pipeline.run_quietly(quiet, request, pending)
                finally:
                    self.ongoing[protocol] -= 1
                if response.stream is not None:
                    response = self._hold(response, response.stream)
            traffic.end(protocol, response.status, started)
            return response
        finally:
            slot.release()

    async def _wait(self, request: Request, slot: Slot) -> ApiError | None:
        """Return when it is the request's turn, or with what refuses it."""
        if not await slot.wait():
            return api_error("api.process.overloaded")
        return None if request.connection.alive else api_error("api.process.connection_dropped")

    async def admit(self, noted: Request, admission: Admission | None = None) -> Slot:
        """A slot for what is no request of ours, which the caller releases; its calls of actions need none.

        Args:
            noted: says who wants it and which engine it is about; nothing is done for those who left before their turn.
            admission: where it takes its turn; with requests by default.

        Raises:
            ApiError: `network.entrypoint.shutting_down`, `api.process.overloaded` or `connection_dropped`.
        """
        admission = admission or self.admission
        if self.draining:
            raise api_error("network.entrypoint.shutting_down")
        slot = admission.enter()
        if slot is None:
            slot = admission.queue(self._engine(noted))
            self._tell_overload()
        if slot is None:
            raise api_error("api.process.overloaded")
        try:
            refused = await self._wait(noted, slot)
        except BaseException:
            slot.release()
            raise
        if refused is not None:
            slot.release()
            raise refused
        return slot

    def _tell_overload(self) -> None:
        fill = self.admission.fill
        now = time.monotonic()
        if fill > OVERLOAD_FILL and now - self._overload_told >= OVERLOAD_INTERVAL:
            self._overload_told = now
            log.warning("overloaded", running=self.admission.running, waiting=self.admission.waiting)
            self.bus.emit("core:overload", round(fill * 100, 2))

    async def call(
        self,
        controller: str,
        action: str,
        *,
        args: dict[str, Any] | None = None,
        body: Any = None,
        as_user: str | None = None,
        check_rights: bool = False,
        trigger_events: bool = False,
        within: frozenset[str] | None = None,
        connection: Connection | None = None,
    ) -> Any:
        """Run an action from inside: in the slot of the calling request, without its own admission (design 5).

        Args:
            controller: its name, or an alias.
            action: its name.
            args: everything but the body.
            body: what the action works on.
            as_user: the user who is noted as author; None stands for the server itself.
            check_rights: refuse what `as_user` may not do.
            trigger_events: run the pipes and hooks of the action too.
            within: the only engines that it may find, whatever the user has a right to; None for no such bound.
            connection: over which the wish for it came; None for the server's own.

        Returns:
            The action's result.

        Raises:
            ApiError: what the action or a pipe refuses.
        """
        request = Request(
            controller,
            action,
            args=args if args is not None else {},
            body=body,
            id=new_request_id(),
            connection=connection or INSIDE,
        )
        request.user_id = as_user
        if check_rights:
            pending = self.guard.check_rights(request, self.registry.rule(request))
            if pending is not None:
                await pending
        if within is not None:
            request.engines = within if request.engines is None else request.engines & within
        recorder = RECORDER.set(None)  # what plugins do is not a part of the request that they listen to
        try:
            return await self._pipeline.call(request, with_events=trigger_events)
        finally:
            RECORDER.reset(recorder)

    async def check(self, controller: str, action: str, *, args: dict[str, Any], as_user: str) -> None:
        """Refuse what a user may not do, and do nothing: for work that is no action itself but is like one.

        Args:
            controller: of the action.
            action: its name.
            args: such as it would have, `engineId` above all.
            as_user: the user.

        Raises:
            ApiError: what the rights refuse.
        """
        request = Request(controller, action, args=args, body=None, id=new_request_id(), connection=INSIDE)
        request.user_id = as_user
        pending = self.guard.check_rights(request, self.registry.rule(request))
        if pending is not None:
            await pending

    async def drain(self) -> None:
        """Refuse new requests with 503 and return when the running and waiting ones are answered."""
        self.draining = True
        await self.arrivals.idle()
        await self.admission.idle()
        await self.streams.idle()


def _forget(pending: Awaitable[None] | None) -> None:
    """Drop a check of the guard that nobody is going to await."""
    if inspect.iscoroutine(pending):
        pending.close()


INSIDE = Connection(id="internal", protocol="internal")
"""The connection of requests that plugins make."""
