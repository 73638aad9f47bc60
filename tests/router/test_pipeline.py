"""The events around an action: their order, vetoes, changes, and the error path (router-protocol 3.1 and 3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.errors import ApiError, api_error
from device_manager.events import EventBus, UnknownEvent
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.router.router import Router

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]
ORDER = [
    "request:beforeExecution",
    "request:onAuthorized",
    "request:onExecution",
    "shop:beforeSell",
    "action",
    "shop:afterSell",
    "request:onSuccess",
    "request:afterExecution",
]


class Shop(Controller):
    name = "shop"

    def __init__(self) -> None:
        self.trace: list[str] = []

    @action(writes=True)
    def sell(self, request: Request, price: int = 1) -> dict[str, int]:
        self.trace.append("action")
        if price < 0:
            raise api_error("api.assert.invalid_argument", "price", "0 or more")
        return {"price": price}

    @action()
    async def look(self) -> str:
        return "nice"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def tracer(shop: Shop, event: str) -> Callable[[Any], Awaitable[None]]:
    async def trace(_: Any) -> None:
        shop.trace.append(event)

    return trace


async def test_order_of_events(bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop) -> None:
    for event in ("request:*", "shop:*"):
        bus.add_pipe(event, tracer(shop, event), owner="p")
    for event in (*ORDER, "shop:errorSell", "request:onError", "request:onUnauthorized"):
        if event != "action":
            bus.declare(event)
            bus.add_pipe(event, tracer(shop, event), owner="p")
    router = open_router(shop)
    assert (await ask(router, "shop:sell"))["result"] == {"price": 1}
    exact = [entry for entry in shop.trace if not entry.endswith("*")]
    assert exact == ORDER
    assert shop.trace[:2] == ["request:beforeExecution", "request:*"]

    shop.trace.clear()
    assert (await ask(router, "shop:sell", price=-1))["status"] == 400
    exact = [entry for entry in shop.trace if not entry.endswith("*")]
    assert exact == [*ORDER[:5], "shop:errorSell", "request:onError", "request:afterExecution"]

    shop.trace.clear()
    assert (await ask(router, "shop:sell", jwt="x"))["status"] == 401
    exact = [entry for entry in shop.trace if not entry.endswith("*")]
    assert exact == ["request:beforeExecution", "request:onUnauthorized", "request:afterExecution"]

    shop.trace.clear()
    assert (await ask(router, "shop:steal"))["status"] == 404
    exact = [entry for entry in shop.trace if not entry.endswith("*")]
    assert exact == ["request:beforeExecution", "request:onAuthorized", "request:afterExecution"]


async def test_a_before_pipe_can_veto(bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop) -> None:
    async def veto(request: Request) -> None:
        raise ApiError("Closed.", status=403)

    bus.add_pipe("shop:beforeSell", veto, owner="p")
    envelope = await ask(open_router(shop), "shop:sell")
    assert (envelope["status"], envelope["error"]) == (403, {"message": "Closed.", "status": 403})
    assert shop.trace == []


async def test_a_before_pipe_can_change_the_request(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def discount(request: Request) -> None:
        request.args["price"] = "7 euros"

    bus.add_pipe("shop:beforeSell", discount, owner="p")
    assert (await ask(open_router(shop), "shop:sell", price=9))["result"] == {"price": 7}


async def test_after_pipes_see_and_change_the_result(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def thank(request: Request) -> None:
        request.result["thanks"] = True

    def replace(request: Request) -> None:
        request.result = {**request.result, "last": True}

    bus.add_pipe("shop:afterSell", thank, owner="p")
    bus.add_pipe("request:onSuccess", replace, owner="p")
    assert (await ask(open_router(shop), "shop:sell"))["result"] == {"price": 1, "thanks": True, "last": True}


async def test_failing_after_pipes_say_that_the_write_stays(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    def broken(request: Request) -> None:
        raise ValueError("printer on fire")

    bus.add_pipe("shop:after*", broken, owner="p")
    router = open_router(shop)
    error = (await ask(router, "shop:sell"))["error"]
    assert (error["id"], error["committed"]) == ("plugin.runtime.unexpected_error", True)
    assert "committed" not in (await ask(router, "shop:look"))["error"]


async def test_dry_runs_reach_before_pipes_and_no_after_pipe(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def note(request: Request) -> None:
        shop.trace.append(f"dry run {request.dry_run}")

    for event in ("shop:beforeSell", "shop:afterSell", "request:onSuccess"):
        bus.add_pipe(event, note, owner="p")
    assert (await ask(open_router(shop), "shop:sell", dryRun=True))["result"]["dryRun"] is True
    assert shop.trace == ["dry run True", "action"]


async def test_the_error_pipe_of_the_action_can_recover(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def recover(request: Request) -> None:
        assert request.error is not None
        request.error = None
        request.result = {"price": 0}

    bus.add_pipe("shop:errorSell", recover, owner="p")
    envelope = await ask(open_router(shop), "shop:sell", price=-1)
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, {"price": 0})


async def test_on_error_recovers_only_with_another_request(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def handle(request: Request) -> Request | None:
        if "recover" not in request.args:
            request.error = None
            return None
        other = Request("shop", "sell", args={}, id=request.id, connection=request.connection)
        other.result = "sorry"
        return other

    bus.add_pipe("request:onError", handle, owner="p")
    router = open_router(shop)
    assert (await ask(router, "shop:sell", price=-1))["error"]["id"] == "api.assert.invalid_argument"
    envelope = await ask(router, "shop:sell", price=-1, recover=True)
    assert (envelope["status"], envelope["result"]) == (200, "sorry")


async def test_on_error_can_replace_the_error(bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop) -> None:
    async def replace(request: Request) -> None:
        request.error = ApiError("Another.", status=409)

    bus.add_pipe("request:onError", replace, owner="p")
    envelope = await ask(open_router(shop), "shop:sell", price=-1)
    assert (envelope["status"], envelope["error"]["message"]) == (409, "Another.")


async def test_after_execution_may_replace_the_outcome(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    seen: list[Any] = []

    async def soften(outcome: dict[str, Any]) -> dict[str, Any]:
        seen.append((outcome["success"], outcome.get("result"), outcome.get("error") is not None))
        if outcome["success"]:
            return {**outcome, "result": "done"}
        return {"request": outcome["request"], "success": True, "result": "never mind"}

    bus.add_pipe("request:afterExecution", soften, owner="p")
    router = open_router(shop)
    assert (await ask(router, "shop:look"))["result"] == "done"
    envelope = await ask(router, "shop:sell", price=-1)
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, "never mind")
    assert seen == [(True, "nice", False), (False, None, True)]


async def test_listeners_on_unknown_actions_stop_the_start(bus: EventBus, open_router: OpenRouter, shop: Shop) -> None:
    bus.add_pipe("shop:beforeSel", tracer(shop, "x"), owner="acme")
    with pytest.raises(UnknownEvent, match="shop:beforeSell"):
        open_router(shop)


async def test_calls_from_inside_run_events_only_when_asked(bus: EventBus, open_router: OpenRouter, shop: Shop) -> None:
    bus.add_pipe("shop:beforeSell", tracer(shop, "before"), owner="p")
    router = open_router(shop)
    assert await router.call("shop", "sell") == {"price": 1}
    assert shop.trace == ["action"]
    assert await router.call("shop", "sell", trigger_events=True) == {"price": 1}
    assert shop.trace == ["action", "before", "action"]


async def test_a_vetoed_call_from_inside_runs_nothing(bus: EventBus, open_router: OpenRouter, shop: Shop) -> None:
    async def veto(request: Request) -> None:
        raise ApiError("Closed.", status=403)

    bus.add_pipe("shop:beforeSell", veto, owner="p")
    router = open_router(shop)
    with pytest.raises(ApiError, match="Closed"):
        await router.call("shop", "sell", trigger_events=True)
    assert shop.trace == []


@pytest.mark.parametrize(
    "event",
    ["request:beforeExecution", "request:onExecution", "shop:beforeLook", "shop:afterLook", "request:afterExecution"],
)
@pytest.mark.parametrize("garbage", ["text", {"request": None}, 5])
async def test_pipes_that_return_garbage_fail_their_request(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop, event: str, garbage: Any
) -> None:
    bus.add_pipe(event, lambda _: garbage, owner="acme", inline=True)
    envelope = await ask(open_router(shop), "shop:look", requestId="r1")
    assert (envelope["status"], envelope["error"]["id"]) == (500, "plugin.runtime.unexpected_error")
    assert envelope["requestId"] == "r1"


async def test_errors_of_any_kind_may_be_put_in_place_of_the_error(
    bus: EventBus, open_router: OpenRouter, ask: Ask, shop: Shop
) -> None:
    async def replace(request: Request) -> None:
        request.error = ValueError("worse")  # type: ignore[assignment]

    bus.add_pipe("shop:errorSell", replace, owner="acme")
    envelope = await ask(open_router(shop), "shop:sell", price=-1)
    assert (envelope["status"], envelope["error"]["id"]) == (500, "plugin.runtime.unexpected_error")
