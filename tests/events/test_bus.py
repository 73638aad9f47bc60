"""Chains of pipes and hooks: order, waterfall, failures, deadlines (design 5, router-protocol 3.5)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from device_manager.errors import ApiError, api_error
from device_manager.events import EventBus, UnknownEvent


def appends(name: str) -> Callable[[list[str]], Any]:
    async def listener(payload: list[str]) -> list[str]:
        return [*payload, name]

    return listener


async def test_order_is_first_then_registration_then_last(bus: EventBus) -> None:
    event = "x:y:beforeFoo"
    bus.add_pipe(event, appends("last"), owner="p", position="last")
    bus.add_pipe(event, appends("a"), owner="p")
    bus.add_pipe(event, appends("b"), owner="q")
    bus.add_pipe(event, appends("first 1"), owner="q", position="first")
    bus.add_pipe(event, appends("first 2"), owner="q", position="first")
    bus.compile()
    assert await bus.pipe(event, []) == ["first 1", "first 2", "a", "b", "last"]


async def test_wildcards_run_after_exact_names(bus: EventBus) -> None:
    bus.add_pipe("x:y:*", appends("star"), owner="p", position="first")
    bus.add_pipe("x:y:before*", appends("before"), owner="p")
    bus.add_pipe("x:y:after*", appends("after"), owner="p")
    bus.add_pipe("x:y:beforeFoo", appends("exact"), owner="p")
    bus.compile()
    assert await bus.pipe("x:y:beforeFoo", []) == ["exact", "before", "star"]
    assert await bus.pipe("x:y:afterFoo", []) == ["after", "star"]
    assert await bus.pipe("x:y:ping", []) == ["star"]
    assert not bus.listens("x:z:ping")


async def test_none_keeps_the_payload_and_further_arguments_pass(bus: EventBus) -> None:
    seen: list[tuple[Any, ...]] = []

    async def look(payload: dict[str, int], request: str) -> None:
        seen.append((dict(payload), request))
        payload["n"] += 1

    def replace(payload: dict[str, int], request: str) -> dict[str, int]:
        return {"n": payload["n"] * 10}

    bus.add_pipe("x:y:ping", look, owner="p")
    bus.add_pipe("x:y:ping", replace, owner="p")
    bus.add_pipe("x:y:ping", look, owner="p")
    assert await bus.pipe("x:y:ping", {"n": 1}, "the request") == {"n": 21}
    assert seen == [({"n": 1}, "the request"), ({"n": 20}, "the request")]


async def test_placeholders_cover_any_name(bus: EventBus) -> None:
    bus.add_pipe("engine:ayse:moved:before", appends("ayse"), owner="p")
    bus.compile()
    assert await bus.pipe("engine:ayse:moved:before", []) == ["ayse"]
    assert await bus.pipe("engine:kuala:moved:before", []) == []


@pytest.mark.parametrize(
    ("event", "near"),
    [
        ("device-manager:device:link-asset:befor", "device-manager:device:link-asset:before"),
        ("x:y:beforeFo", "x:y:beforeFoo"),
        ("request:onSucess", "request:onSuccess"),
    ],
)
async def test_undeclared_names_stop_the_start_and_list_the_nearest(bus: EventBus, event: str, near: str) -> None:
    bus.add_pipe(event, appends("a"), owner="acme")
    with pytest.raises(UnknownEvent, match=f'"acme" listens to "{event}".*{near}'):
        bus.compile()


@pytest.mark.parametrize("event", ["nowhere:*", "x:z:before*", "connection:before*"])
async def test_wildcards_need_something_declared_below(bus: EventBus, event: str) -> None:
    bus.add_hook(event, appends("a"), owner="acme")
    with pytest.raises(UnknownEvent):
        bus.compile()


async def test_the_catalogue_is_declared() -> None:
    bus = EventBus()
    for event in (
        "request:beforeExecution",
        "generic:document:beforeWrite",
        "generic:document:after*",
        "device-manager:device:link-asset:*",
        "device-manager:device:detach-engine:after",
        "device-manager:asset:update:before",
        "kuzzle:state:live",
        "connection:new",
        "core:overload",
    ):
        bus.add_hook(event, print, owner="p")
    bus.compile()
    await bus.close()


async def test_plain_functions_run_in_threads_unless_inline(bus: EventBus) -> None:
    names: list[str] = []

    def note(_: None) -> None:
        names.append(threading.current_thread().name)

    bus.add_pipe("x:y:ping", note, owner="p")
    bus.add_pipe("x:y:ping", note, owner="p", inline=True)
    await bus.pipe("x:y:ping", None)
    assert names[0].startswith("listener")
    assert names[1] == threading.main_thread().name


async def test_what_a_pipe_raises_ends_the_chain(bus: EventBus) -> None:
    ran: list[int] = []

    async def refuse(_: None) -> None:
        raise api_error("api.assert.forbidden_argument", "colour")

    async def after(_: None) -> None:
        ran.append(1)

    bus.add_pipe("x:y:beforeFoo", refuse, owner="p")
    bus.add_pipe("x:y:beforeFoo", after, owner="p")
    with pytest.raises(ApiError) as caught:
        await bus.pipe("x:y:beforeFoo", None)
    assert caught.value.id == "api.assert.forbidden_argument"
    assert not ran


async def test_other_exceptions_become_plugin_errors_and_are_logged_with_their_owner(bus: EventBus) -> None:
    def broken(_: None) -> None:
        raise KeyError("colour")

    bus.add_pipe("x:y:beforeFoo", broken, owner="acme")
    with capture_logs() as logs, pytest.raises(ApiError) as caught:
        await bus.pipe("x:y:beforeFoo", None)
    assert (caught.value.id, caught.value.status) == ("plugin.runtime.unexpected_error", 500)
    assert "colour" in caught.value.message
    assert [entry["plugin"] for entry in logs] == ["acme"]


async def test_late_before_pipes_are_refused_with_504_and_named(bus: EventBus) -> None:
    ended = asyncio.Event()

    async def stuck(_: None) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bus.add_pipe("x:y:beforeFoo", stuck, owner="acme")
    with capture_logs() as logs, pytest.raises(ApiError) as caught:
        await bus.pipe("x:y:beforeFoo", None)
    assert (caught.value.id, caught.value.status) == ("plugin.runtime.pipe_timeout", 504)
    assert caught.value.props[1] == "acme"
    assert ended.is_set()
    assert [(entry["event"], entry["plugin"]) for entry in logs] == [("slow pipe", "acme")]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_cancelling_the_request_is_not_a_timeout(bus: EventBus) -> None:
    running = asyncio.Event()

    async def stuck(_: None) -> None:
        running.set()
        await asyncio.Event().wait()

    bus.add_pipe("x:y:beforeFoo", stuck, owner="acme")
    task = asyncio.ensure_future(bus.pipe("x:y:beforeFoo", None))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_pipes_have_no_deadline_but_are_named_when_slow(bus: EventBus) -> None:
    release = asyncio.Event()

    async def slow(payload: str) -> str:
        await release.wait()
        return payload + "!"

    bus.add_pipe("x:y:afterFoo", slow, owner="acme")
    with capture_logs() as logs:
        task = asyncio.ensure_future(bus.pipe("x:y:afterFoo", "done"))
        asyncio.get_running_loop().call_later(0.5, release.set)
        assert await task == "done!"
    assert [entry["event"] for entry in logs] == ["slow pipe"]


async def test_a_check_sees_the_payload_after_each_pipe(bus: EventBus) -> None:
    seen: list[tuple[str, list[str]]] = []
    bus.add_pipe("x:y:ping", appends("a"), owner="p")
    bus.add_pipe("x:y:ping", appends("b"), owner="q")
    await bus.pipe("x:y:ping", [], check=lambda owner, payload: seen.append((owner, payload)))
    assert seen == [("p", ["a"]), ("q", ["a", "b"])]


async def test_hooks_run_after_pipes_and_cannot_fail(bus: EventBus) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def broken(_: Any) -> None:
        raise RuntimeError("no matter")

    bus.add_hook("x:y:ping", broken, owner="acme")
    bus.add_hook("x:y:ping", told.put, owner="p")
    bus.add_pipe("x:y:ping", appends("piped"), owner="p")
    with capture_logs() as logs:
        assert await bus.pipe("x:y:ping", []) == ["piped"]
        assert await told.get() == ["piped"]
        bus.emit("x:y:ping", ["emitted"])
        assert await told.get() == ["emitted"]
    assert {entry["plugin"] for entry in logs} == {"acme"}


async def test_times_are_kept_for_each_listener(bus: EventBus) -> None:
    async def refuse(_: None) -> None:
        raise api_error("api.assert.body_required")

    bus.add_pipe("x:y:ping", lambda _: None, owner="acme", inline=True)
    bus.add_pipe("x:y:beforeFoo", refuse, owner="other")
    for _ in range(3):
        await bus.pipe("x:y:ping", None)
    with pytest.raises(ApiError):
        await bus.pipe("x:y:beforeFoo", None)
    refusing, passing = bus.statistics()
    assert (passing.plugin, passing.event, passing.calls, passing.failures) == ("acme", "x:y:ping", 3, 0)
    assert 0 < passing.max_time <= passing.total_time
    assert (refusing.plugin, refusing.calls, refusing.failures) == ("other", 1, 1)


async def test_callable_objects_may_listen(bus: EventBus) -> None:
    class Counter:
        calls = 0

        async def __call__(self, payload: int) -> int:
            self.calls += 1
            return payload + 1

    counter = Counter()
    bus.add_pipe("x:y:ping", counter, owner="p")
    assert await bus.pipe("x:y:ping", 1) == 2
    assert counter.calls == 1


async def test_listeners_leave_out_arguments_that_they_have_no_use_for(bus: EventBus) -> None:
    seen: list[Any] = []

    async def one(payload: str) -> None:
        seen.append(payload)

    class Callable:
        def __call__(self, payload: str, *rest: str) -> None:
            seen.append((payload, rest))

    bus.add_pipe("x:y:ping", one, owner="p")
    bus.add_pipe("x:y:ping", seen.append, owner="p", inline=True)
    bus.add_pipe("x:y:ping", Callable(), owner="p", inline=True)
    bus.add_pipe("x:y:ping", lambda: seen.append(None), owner="p", inline=True)
    await bus.pipe("x:y:ping", "payload", "request")
    assert seen == ["payload", "payload", ("payload", ("request",)), None]


async def test_what_a_pipe_returns_can_be_merged_into_the_payload(bus: EventBus) -> None:
    bus.add_pipe("x:y:ping", lambda payload: {"n": payload["n"] + 1}, owner="p", inline=True)
    bus.add_pipe("x:y:ping", lambda payload: {"n": payload["n"] * 10}, owner="p", inline=True)
    merged = await bus.pipe("x:y:ping", {"n": 1, "kept": True}, merge=lambda payload, returned: payload | returned)
    assert merged == {"n": 20, "kept": True}
