"""Bounds on running and waiting requests (router-protocol 3.2, design 3)."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.events import EventBus
from device_manager.router.controller import Controller, action
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.router import Router
from device_manager.security import ActionRule, Call, OpenGuard, TokenState

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]


class Gate(Controller):
    name = "gate"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.started: list[int] = []
        self.running = 0
        self.most = 0

    @action()
    async def pass_through(self, place: int) -> int:
        self.started.append(place)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        return place

    @action()
    def peek(self) -> int:
        return self.running


@pytest.fixture
async def gate() -> Gate:
    return Gate()


def send(router: Router, place: int, connection: Connection | None = None) -> Awaitable[Response] | Response:
    where = connection or Connection("c", "websocket")
    return router.handle(Request("gate", "passThrough", args={"place": place}, id=str(place), connection=where))


def spawn(router: Router, place: int, connection: Connection | None = None) -> asyncio.Future[Response]:
    outcome = send(router, place, connection)
    assert not isinstance(outcome, Response)
    return asyncio.ensure_future(outcome)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # conditions of plain attributes have no event
            await asyncio.sleep(0)


async def test_hundreds_wait_in_order_and_the_rest_is_refused(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=10, waiting=500)
    tasks = [spawn(router, place) for place in range(510)]
    assert (router.admission.running, router.admission.waiting) == (10, 500)
    refused = [send(router, place) for place in range(510, 600)]
    for response in refused:
        assert isinstance(response, Response)
        assert response.error is not None
        assert (response.status, response.error.id) == (503, "api.process.overloaded")
    await until(lambda: gate.running == 10)
    gate.open.set()
    responses = await asyncio.gather(*tasks)
    assert [response.result for response in responses] == list(range(510))
    assert gate.started == list(range(510))
    assert gate.most == 10
    assert (router.admission.running, router.admission.waiting) == (0, 0)


async def test_synchronous_answers_need_no_slot(open_router: OpenRouter, gate: Gate, ask: Ask) -> None:
    router = open_router(gate, running=1, waiting=0)
    task = spawn(router, 0)
    await until(lambda: gate.running == 1)
    assert router.admission.overloaded
    assert (await ask(router, "gate:peek"))["result"] == 1
    gate.open.set()
    await task
    assert not router.admission.overloaded


async def test_cancelled_requests_give_their_place_back(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=2, waiting=10)
    tasks = [spawn(router, place) for place in range(8)]
    await until(lambda: gate.running == 2)
    for place in (0, 3, 4, 7):
        tasks[place].cancel()
    await until(lambda: all(tasks[place].done() for place in (0, 3, 4, 7)))
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [r.result for r in results if isinstance(r, Response)] == [1, 2, 5, 6]
    assert gate.started == [0, 1, 2, 5, 6]
    assert (router.admission.running, router.admission.waiting) == (0, 0)


async def test_tasks_cancelled_before_their_first_step_leak_no_slot(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=2, waiting=2)
    for _ in range(10):
        tasks = [spawn(router, place) for place in range(4)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        del tasks, task
        await asyncio.sleep(0)
        gc.collect()
        assert (router.admission.running, router.admission.waiting) == (0, 0)
    gate.open.set()
    assert (await spawn(router, 1)).result == 1


async def test_waiting_requests_of_clients_who_left_are_dropped(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=5)
    leaver = Connection("leaver", "websocket")
    running = spawn(router, 0, leaver)
    waiting = spawn(router, 1, leaver)
    other = spawn(router, 2)
    await until(lambda: gate.running == 1)
    leaver.alive = False
    gate.open.set()
    assert (await running).result == 0
    dropped = (await waiting).error
    assert dropped is not None
    assert dropped.id == "api.process.connection_dropped"
    assert (await other).result == 2
    assert gate.started == [0, 2]


async def test_sub_requests_run_in_the_slot_of_their_parent(open_router: OpenRouter) -> None:
    class Parent(Controller):
        name = "parent"
        router: Router

        @action()
        async def ask_child(self) -> Any:
            return await self.router.call("parent", "child")

        @action()
        async def child(self) -> int:
            return self.router.admission.running

    parent = Parent()
    router = open_router(parent, running=1, waiting=0)
    parent.router = router
    outcome = router.handle(Request("parent", "askChild", args={}, id="r", connection=Connection("c", "websocket")))
    assert not isinstance(outcome, Response)
    assert (await outcome).result == 1


class SlowGuard:
    """Has to fetch every identity."""

    def __init__(self) -> None:
        self.known = asyncio.Event()

    def authorize(self, request: Call, rule: ActionRule | None) -> Awaitable[None]:
        return self._fetch(request)

    async def _fetch(self, request: Call) -> None:
        await self.known.wait()
        OpenGuard().authorize(request, None)

    def check_rights(self, request: Call, rule: ActionRule | None) -> None:
        """Everybody may do everything."""

    async def check_token(self, token: str | None) -> TokenState:
        return TokenState(valid=token is None)


async def test_identities_that_must_be_fetched_are_fetched_in_a_slot(bus: EventBus, gate: Gate) -> None:
    guard = SlowGuard()
    router = Router(bus, guard, running=1, waiting=1)
    router.register(gate)
    router.compile()

    def peek(jwt: str | None) -> Awaitable[Response] | Response:
        return router.handle(Request("gate", "peek", args={}, id="r", jwt=jwt, connection=Connection("c", "http")))

    first, second, third = peek(None), peek("kauth-x"), peek(None)
    assert isinstance(third, Response)
    assert third.status == 503
    assert not isinstance(first, Response)
    assert not isinstance(second, Response)
    guard.known.set()
    assert (await first).result == 0
    assert (await second).status == 401
    assert router.admission.running == 0


async def test_draining_waits_for_what_runs_and_waits(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=5)
    tasks = [spawn(router, place) for place in range(3)]
    drained = asyncio.ensure_future(router.drain())
    await until(lambda: gate.running == 1)
    refused = send(router, 9)
    assert isinstance(refused, Response)
    assert refused.status == 503
    assert not drained.done()
    gate.open.set()
    await drained
    assert [(await task).result for task in tasks] == [0, 1, 2]


async def test_overload_is_told_to_hooks(bus: EventBus, open_router: OpenRouter, gate: Gate) -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    bus.add_hook("core:overload", told.put, owner="p")
    router = open_router(gate, running=1, waiting=4)
    tasks = [spawn(router, place) for place in range(5)]
    assert await told.get() == 25.0
    gate.open.set()
    await asyncio.gather(*tasks)
