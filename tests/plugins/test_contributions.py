"""What plugins contribute and what their context offers (design 5)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.events import EventBus, UnknownEvent
from device_manager.plugins import (
    ModelDeclaration,
    PluginContext,
    PluginError,
    Plugins,
    hook,
    hookimpl,
    hookspecs,
    pipe,
)
from device_manager.router.controller import Controller, action
from device_manager.router.request import Connection, Request
from device_manager.router.response import Response
from device_manager.router.router import Router

Write = Callable[[str, str], Path]
StartWith = Callable[..., Any]


def registered(*plugins: object) -> Plugins:
    loaded = Plugins()
    for plugin in plugins:
        loaded.register(plugin, type(plugin).__name__.lower())
    return loaded


async def answer(router: Router, controller: str, name: str) -> Response:
    outcome = router.handle(Request(controller, name, args={}, id="r", connection=Connection("c", "websocket")))
    return await outcome if inspect.isawaitable(outcome) else outcome


class Ordered:
    """Marks its pipes so that sorting by name would give another order."""

    def __init__(self) -> None:
        self.trace: list[str] = []

    @pipe("server:beforeNow", trylast=True)
    def a_last(self, request: Request) -> None:
        self.trace.append("last")

    @pipe("server:beforeNow")
    def z_second(self, request: Request) -> None:
        self.trace.append("second")

    @pipe("server:beforeNow", inline=True)
    @pipe("server:afterNow", inline=True)
    def b_third(self, request: Request) -> None:
        self.trace.append("third")

    @pipe("server:before*", tryfirst=True)
    async def c_wildcard(self, request: Request) -> None:
        self.trace.append("wildcard")

    @pipe("server:beforeNow", tryfirst=True)
    async def y_first(self, request: Request) -> None:
        self.trace.append("first")


async def test_pipes_run_in_the_promised_order(start_with: StartWith) -> None:
    plugin = Ordered()
    router = await start_with(registered(plugin))
    assert (await answer(router, "server", "now")).status == 200
    assert plugin.trace == ["first", "second", "third", "last", "wildcard", "third"]


async def test_hooks_are_told(start_with: StartWith) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    class Listener:
        @hook("server:afterNow", inline=True)
        def note(self, request: Request) -> None:
            told.put_nowait(request.result)

    router = await start_with(registered(Listener()))
    response = await answer(router, "server", "now")
    assert await told.get() == response.result


async def test_misspelt_events_stop_the_start(start_with: StartWith) -> None:
    class Listener:
        @pipe("device-manager:device:link-assets:before")
        async def note(self, payload: Any, request: Request) -> None:
            """Never runs."""

    with pytest.raises(UnknownEvent, match=r'"listener" listens to .*device-manager:device:link-asset:before'):
        await start_with(registered(Listener()))


class Shop:
    """Uses everything that there is."""

    def __init__(self) -> None:
        self.trace: list[str] = []

    @hookimpl
    def settings(self) -> dict[str, Any]:
        return {"currency": "EUR", "open": True}

    @hookimpl
    def events(self) -> list[str]:
        return ["shop:{branch}:sold"]

    @hookimpl
    def models(self) -> list[ModelDeclaration]:
        return [ModelDeclaration("measure", {"type": "price", "valuesMappings": {"price": {"type": "float"}}})]

    @hookimpl
    def controllers(self, context: PluginContext) -> list[Controller]:
        return [ShopController(context)]

    @hookimpl
    async def start(self, context: PluginContext) -> None:
        self.trace.append(f"start {context.name} {context.settings['currency']}")
        context.answer("shop:price", lambda payload: payload["pieces"] * 2)

    @hookimpl
    def stop(self) -> None:
        self.trace.append("stop")

    @pipe("shop:north:sold")
    async def note(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {**payload, "noted": True}


class ShopController(Controller):
    name = "shop"

    def __init__(self, context: PluginContext) -> None:
        self.context = context

    @action(http=["POST shop/_sell"])
    async def sell(self, pieces: int = 1) -> dict[str, Any]:
        context = self.context
        now = await context.call("server", "now")
        price = await context.ask("shop:price", {"pieces": pieces})
        sold = await context.trigger("shop:north:sold", {"price": price, "currency": context.settings["currency"]})
        return {**sold, "at": now["now"]}

    @action()
    async def owner(self, request: Request) -> str | None:
        return request.user_id

    @action()
    async def stored(self) -> str:
        try:
            return str((await self.context.store.get("nowhere", "shops", "s1")).id)
        except ApiError as error:
            return str(error.id)


async def test_all_contributions_at_work(start_with: StartWith) -> None:
    plugin = Shop()
    plugins = registered(plugin)
    router = await start_with(plugins, {"shop": {"currency": "CHF"}})
    assert plugin.trace == ["start shop CHF"]
    assert [model.body["type"] for model in plugins.models()] == ["price"]
    result = (await answer(router, "shop", "sell")).result
    assert result.pop("at") > 0
    assert result == {"price": 2, "currency": "CHF", "noted": True}
    assert router.match("POST", b"/_/shop/_sell") == ("shop", "sell", {})
    await plugins.stop()
    assert plugin.trace == ["start shop CHF", "stop"]


async def test_calls_name_their_user(start_with: StartWith) -> None:
    contexts: list[PluginContext] = []

    class Curious(Shop):
        @hookimpl
        async def start(self, context: PluginContext) -> None:
            contexts.append(context)

    await start_with(registered(Curious()))
    (context,) = contexts
    assert await context.call("shop", "owner") is None
    assert await context.call("shop", "owner", as_user="u1") == "u1"
    assert await context.call("shop", "owner", as_user="u1", check_rights=True, trigger_events=True) == "u1"
    assert await context.call("shop", "stored") == "services.storage.unknown_index"


async def test_settings_of_strangers_and_unknown_settings_stop_the_start(start_with: StartWith) -> None:
    with pytest.raises(PluginError, match='"bakery", but it is not loaded'):
        await start_with(registered(Shop()), {"bakery": {}})


async def test_unknown_settings_stop_the_start(start_with: StartWith) -> None:
    with pytest.raises(PluginError, match=r'no setting "curency" .*currency, open'):
        await start_with(registered(Shop()), {"shop": {"curency": "CHF"}})


@pytest.mark.parametrize("contribution", ["settings", "events", "controllers", "start"])
async def test_failing_contributions_stop_the_start(start_with: StartWith, contribution: str) -> None:
    class Faulty:
        pass

    def fail(self: Any) -> None:
        raise ValueError("out of stock")

    fail.__name__ = contribution
    setattr(Faulty, contribution, hookimpl(fail))
    with pytest.raises(PluginError, match=f'"faulty" failed in {contribution}: out of stock'):
        await start_with(registered(Faulty()))


async def test_all_plugins_stop_in_reverse_order_even_if_one_fails(start_with: StartWith) -> None:
    trace: list[str] = []

    class One:
        @hookimpl
        async def stop(self) -> None:
            trace.append("one")

    class Two:
        @hookimpl
        def stop(self) -> None:
            trace.append("two")
            raise ValueError("stuck")

    plugins = registered(One(), Two())
    await start_with(plugins)
    with pytest.raises(PluginError, match='"two" failed in stop: stuck'):
        await plugins.stop()
    assert trace == ["two", "one"]


async def test_a_file_with_everything(write: Write, start_with: StartWith, bus: EventBus) -> None:
    path = write(
        "veto.py",
        """
        from device_manager.errors import ApiError
        from device_manager.plugins import hookimpl, pipe

        @hookimpl
        def settings():
            return {"closed": True}

        @hookimpl
        def start(context):
            global closed
            closed = context.settings["closed"]

        @pipe("server:beforeNow")
        def refuse(request):
            if closed:
                raise ApiError("The clock is closed.", status=403)
        """,
    )
    plugins = Plugins()
    plugins.load([str(path)])
    router = await start_with(plugins)
    response = await answer(router, "server", "now")
    assert response.status == 403
    (statistics,) = bus.statistics()
    assert (statistics.plugin, statistics.name, statistics.failures) == ("veto", "refuse", 1)


def test_every_contribution_is_described() -> None:
    specifications = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "device_manager_spec")}
    known = {"settings", "events", "controllers", "decoders", "models", "foreign_interfaces", "strategies"}
    known |= {"start", "stop"}
    assert set(specifications) == known
    for name, function in specifications.items():
        assert function.__doc__, name
        assert set(inspect.signature(function).parameters) <= {"context"}, name
