"""Engines take turns: one that floods the server makes only itself wait (design 9)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_manager.router.admission import Admission, Slot
from device_manager.router.controller import Controller, action
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.router import Router

OpenRouter = Callable[..., Router]
ENGINES = frozenset({"noisy", "quiet", "calm"})


class Gate(Controller):
    name = "gate"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.started: list[str] = []

    @action()
    async def pass_through(self, engine_id: str = "", index: str = "") -> None:
        self.started.append(engine_id or index)
        await self.open.wait()


@pytest.fixture
async def gate() -> Gate:
    return Gate()


def spawn(router: Router, **args: Any) -> asyncio.Future[Response]:
    connection = Connection("c", "websocket")
    outcome = router.handle(Request("gate", "passThrough", args=args, id="r", connection=connection))
    if isinstance(outcome, Response):
        done: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        done.set_result(outcome)
        return done
    return asyncio.ensure_future(outcome)


async def run(gate: Gate, tasks: list[asyncio.Future[Response]]) -> list[Response]:
    while not gate.started:
        await asyncio.sleep(0)
    gate.open.set()
    return await asyncio.gather(*tasks)


async def test_engines_take_turns(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=2000, is_engine=ENGINES.__contains__)
    tasks = [spawn(router, engineId="noisy") for _ in range(1000)]
    tasks += [spawn(router, index="quiet") for _ in range(3)]
    tasks += [spawn(router) for _ in range(2)]
    assert router.admission.queues == {"noisy": 999, "quiet": 3, "": 2}
    await run(gate, tasks)
    assert gate.started[:10] == ["noisy", "noisy", "quiet", "", "noisy", "quiet", "", "noisy", "quiet", "noisy"]
    assert Counter(gate.started) == {"noisy": 1000, "quiet": 3, "": 2}
    assert (router.admission.running, router.admission.waiting, router.admission.queues) == (0, 0, {})
    assert router.admission.waited == {"noisy": 999, "quiet": 3, "": 2}
    assert router.admission.waits.count == 1004


async def test_nobody_gets_a_queue_by_making_an_engine_up(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=100, is_engine=ENGINES.__contains__)
    tasks = [spawn(router, engineId=f"made-up-{number}") for number in range(50)]
    tasks += [spawn(router, engineId="quiet"), spawn(router, engineId=["quiet"]), spawn(router, index=7)]
    assert router.admission.queues == {"": 51, "quiet": 1}
    await run(gate, tasks)
    assert gate.started[2] == "quiet"


async def test_a_full_waiting_room_makes_place_for_those_who_have_less(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=10, is_engine=ENGINES.__contains__)
    noisy = [spawn(router, engineId="noisy") for _ in range(15)]
    assert router.admission.refused == {"noisy": 4}
    quiet = [spawn(router, engineId="quiet") for _ in range(8)]
    calm = [spawn(router, engineId="calm") for _ in range(2)]
    assert router.admission.waiting == 10
    assert router.admission.queues == {"noisy": 4, "quiet": 4, "calm": 2}
    responses = await run(gate, [*noisy, *quiet, *calm])
    refused = [response for response in responses if response.status == 503]
    assert {response.error.id for response in refused if response.error} == {"api.process.overloaded"}
    # The oldest stay: those who came last make place.
    assert [response.status for response in responses[:15]] == [200] * 5 + [503] * 10
    assert [response.status for response in responses[15:23]].count(200) == 4
    assert all(response.status == 200 for response in responses[23:])
    assert router.admission.refused == {"noisy": 10, "quiet": 4}
    assert (router.admission.running, router.admission.waiting, router.admission.queues) == (0, 0, {})


async def test_a_flood_of_one_engine_delays_another_by_one_turn_at_most(open_router: OpenRouter, gate: Gate) -> None:
    """However many wait, a request of an engine that waits for nothing else is among the next two to run."""
    router = open_router(gate, running=4, waiting=10_000, is_engine=ENGINES.__contains__)
    tasks = [spawn(router, engineId="noisy") for _ in range(5000)]
    while len(gate.started) < 4:
        await asyncio.sleep(0)
    gate.open.set()
    delays = []
    for _ in range(50):
        turn = len(gate.started)
        asked = spawn(router, engineId="quiet")
        tasks += [asked, *(spawn(router, engineId="noisy") for _ in range(20))]
        await asked
        delays.append(gate.started.index("quiet", turn) - turn)
    assert router.admission.waiting > 1000
    assert max(delays) <= 1 + 4  # one turn of the other engine, and the slots that were given on at once
    await asyncio.gather(*tasks)


STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave", "cancel", "forget"]), st.integers(0, 5)), max_size=80)


@given(steps=STEPS, running=st.integers(1, 3), waiting=st.integers(0, 6))
def test_numbers_stay_right_whatever_happens(steps: list[tuple[str, int]], running: int, waiting: int) -> None:
    async def play() -> None:
        admission = Admission(running, waiting)
        slots: list[Slot] = []
        for step, number in steps:
            if step == "enter":
                entered = admission.enter() or admission.queue(f"engine-{number % 3}")
                slots += [entered] if entered is not None else []
                entered = None  # else it would not be forgotten below
            elif slots:
                leaving: Slot | None = slots.pop(number % len(slots))
                if step == "cancel" and leaving is not None and leaving.turn is not None:
                    leaving.turn.cancel()
                if step != "forget" and leaving is not None:
                    leaving.release()
                leaving = None
            having = sum(slot.turn is None or (slot.turn.done() and slot.turn.result()) for slot in slots)
            hoping = sum(slot.turn is not None and not slot.turn.done() for slot in slots)
            assert admission.running == having <= running
            assert admission.waiting == hoping <= waiting
            assert sum(admission.queues.values()) == admission.waiting
            assert not hoping or having == running
        slots.clear()
        assert (admission.running, admission.waiting, admission.queues) == (0, 0, {})

    asyncio.run(play())


async def test_without_engines_there_is_one_queue(open_router: OpenRouter, gate: Gate) -> None:
    router = open_router(gate, running=1, waiting=10)
    tasks: list[Awaitable[Response]] = [spawn(router, engineId=name) for name in ("noisy", "noisy", "quiet")]
    assert router.admission.queues == {"": 2}
    gate.open.set()
    await asyncio.gather(*tasks)
    assert gate.started == ["noisy", "noisy", "quiet"]
