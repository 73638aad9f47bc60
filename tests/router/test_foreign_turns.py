"""Messages of other systems' clients take turns by engine like requests, and are counted like them (design 9, 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from device_manager.errors import ApiError
from device_manager.router.controller import Controller, action
from device_manager.router.current import CURRENT
from device_manager.router.foreign import ForeignAnswer, ForeignInterface, ForeignInterfaces, ForeignRequest
from device_manager.router.request import Connection, HttpMessage, Request
from device_manager.router.response import Response
from device_manager.router.router import Router
from device_manager.router.statistics import Statistics

OpenRouter = Callable[..., Router]
ENGINES = frozenset({"noisy", "quiet"})


class Post(ForeignInterface):
    """`/post/<engine>` is a letter to an engine, whose sender takes a moment to find."""

    name = "post"
    mounts = ("/post",)
    finds_callers = True

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.looked_for = 0
        self.delivered: list[str] = []

    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        self.looked_for += 1
        await asyncio.sleep(0)
        engine = request.rest.decode().strip("/")
        if engine == "nobody":
            return ForeignAnswer(401, error="UnknownSender")
        request.asks_for("deliver")
        await request.comes_from(f"sender-of-{engine}", engine)
        self.delivered.append(engine)
        noted = CURRENT.get()
        assert noted is not None and noted.id == request.id
        await self.open.wait()
        return ForeignAnswer(202)

    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        return ForeignAnswer(error.status, error=error.id or "")


class Native(Controller):
    name = "native"

    @action()
    async def touch(self, engine_id: str) -> None:
        await asyncio.sleep(0)


class Seen:
    """An observation of one message."""

    all: list[Seen] = []

    def __init__(self, request: Request) -> None:
        self.request = request
        self.response: Response | None = None
        self.all.append(self)

    def during(self) -> AbstractContextManager[object]:
        return nullcontext()

    def end(self, response: Response | None) -> None:
        self.response = response


def send(foreign: ForeignInterfaces, engine: str, connection: Connection | None = None) -> asyncio.Task[ForeignAnswer]:
    path = f"/post/{engine}".encode()
    mounted = foreign.find(path)
    assert mounted is not None
    answer = foreign.answer(
        mounted,
        HttpMessage("POST", path, (), b""),
        (path, b""),
        id=f"to-{engine}",
        connection=connection or Connection("c", "http"),
    )
    return asyncio.ensure_future(answer)


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_engines_take_turns_whatever_language_their_clients_speak(open_router: OpenRouter) -> None:
    router = open_router(Native(), running=1, waiting=1000, is_engine=ENGINES.__contains__)
    post = Post()
    foreign = ForeignInterfaces(router, [post])
    letters = [send(foreign, "noisy") for _ in range(200)]
    await until(lambda: router.admission.queues == {"noisy": 199})
    letters += [send(foreign, "quiet") for _ in range(3)]
    await until(lambda: router.admission.waiting == 202)
    native = router.handle(
        Request("native", "touch", args={"engineId": "quiet"}, id="n", connection=Connection("d", "websocket"))
    )
    assert not isinstance(native, Response)
    assert router.admission.queues == {"noisy": 199, "quiet": 4}
    assert router.ongoing["http"] == 1
    post.open.set()
    assert (await native).status == 200
    assert {answer.status for answer in await asyncio.gather(*letters)} == {202}
    assert post.delivered[:7] == ["noisy", "noisy", "quiet", "noisy", "quiet", "noisy", "quiet"]
    assert (router.admission.running, router.arrivals.running, router.ongoing["http"]) == (0, 0, 0)


async def test_a_flood_through_another_language_is_refused_before_its_neighbours(open_router: OpenRouter) -> None:
    router = open_router(running=1, waiting=4, is_engine=ENGINES.__contains__)
    post = Post()
    foreign = ForeignInterfaces(router, [post])
    first = send(foreign, "noisy")
    await until(lambda: post.delivered)
    flood = [send(foreign, "noisy") for _ in range(4)]
    await until(lambda: router.admission.waiting == 4)
    flood += [send(foreign, "noisy") for _ in range(2)]
    await until(lambda: router.admission.refused["noisy"] == 2)
    quiet = send(foreign, "quiet")
    await until(lambda: router.admission.refused["noisy"] == 3)
    post.open.set()
    assert [(await letter).status for letter in (first, quiet)] == [202, 202]
    assert sorted([(await letter).status for letter in flood]) == [202, 202, 202, 503, 503, 503]


async def test_callers_are_looked_for_within_a_bound(open_router: OpenRouter) -> None:
    router = open_router(running=2, waiting=3)
    post = Post()
    foreign = ForeignInterfaces(router, [post])
    strangers = [send(foreign, "nobody") for _ in range(9)]
    await asyncio.sleep(0)
    assert (post.looked_for, router.arrivals.running, router.arrivals.waiting) == (2, 2, 3)
    assert sorted([(await stranger).status for stranger in strangers]) == [401] * 5 + [503] * 4
    assert (router.arrivals.running, router.admission.running) == (0, 0)


async def test_they_are_counted_and_seen(open_router: OpenRouter) -> None:
    router = open_router(running=1, is_engine=ENGINES.__contains__)
    post = Post()
    post.open.set()
    Seen.all = []
    foreign = ForeignInterfaces(router, [post], [Seen])
    statistics = Statistics(router, dict)
    for engine in ("quiet", "nobody", "quiet"):
        await send(foreign, engine)
    router.draining = True
    await send(foreign, "quiet")
    seen = [
        (one.request.id, one.request.controller, one.request.action, one.request.user_id, one.response.status)
        for one in Seen.all
        if one.response is not None
    ]
    assert seen == [
        ("to-quiet", "post", "deliver", "sender-of-quiet", 202),
        ("to-nobody", "post", "", "-1", 401),
        ("to-quiet", "post", "deliver", "sender-of-quiet", 202),
        ("to-quiet", "post", "", "-1", 503),
    ]
    errors = [one.response.error.id for one in Seen.all if one.response is not None and one.response.error is not None]
    assert errors == ["UnknownSender", "network.entrypoint.shutting_down"]
    assert router.foreign["post", "deliver"].answers == {("http", 202): 2}
    assert router.foreign["post", ""].answers == {("http", 401): 1, ("http", 503): 1}
    assert router.foreign["post", "deliver"].count == 2
    frame = statistics.last
    assert (frame.completed_requests, frame.failed_requests) == ({"http": 2}, {"http": 2})


async def test_those_who_left_lose_their_place(open_router: OpenRouter) -> None:
    router = open_router(running=1, is_engine=ENGINES.__contains__)
    post = Post()
    foreign = ForeignInterfaces(router, [post])
    first = send(foreign, "noisy")
    await until(lambda: post.delivered)
    gone = Connection("gone", "http")
    second, third = send(foreign, "quiet", gone), send(foreign, "quiet")
    await until(lambda: router.admission.queues == {"quiet": 2})
    gone.alive = False
    third.cancel()
    await asyncio.wait([third])
    assert router.admission.queues == {"quiet": 1}
    post.open.set()
    assert [(await letter).status for letter in (first, second)] == [202, 400]
    await router.drain()
    assert post.delivered == ["noisy"]
    assert (router.admission.running, router.admission.waiting, router.ongoing["http"]) == (0, 0, 0)
