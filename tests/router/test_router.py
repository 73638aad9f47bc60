"""What `Router.handle` answers, and in which order it refuses (router-protocol 3.1, design 3 and 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from device_manager.errors import ApiError, api_error
from device_manager.events import EventBus
from device_manager.router.controller import Controller, ControllerAlias, action
from device_manager.router.request import Connection, Request
from device_manager.router.response import ABSENT, Response
from device_manager.router.router import Router

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]


class Devices(Controller):
    name = "dm/devices"
    aliases = (ControllerAlias("dm/device", {"linkAsset": "linkAssets", "mLink": "mLinkAssets"}),)

    @action(http=["PUT dm/:engineId/devices/:_id/_link"], collection="devices", writes=True)
    async def link_assets(self, engine_id: str, _id: str) -> dict[str, str]:
        return {"engine": engine_id, "device": _id}

    @action(http=["PUT /_/dm/devices/_mLink", "PUT dm/:engineId/devices/_mLink"], aliases=["mAssociate"])
    def m_link_assets(self, engine_id: str | None = None) -> str | None:
        return engine_id

    @action()
    def broken(self) -> None:
        raise KeyError("secret stack")

    @action()
    async def broken_later(self) -> None:
        raise api_error("services.storage.not_found", "x", "e", "devices")

    @action()
    def teapot(self, request: Request) -> Response:
        return Response(request, status=418, result="short and stout", headers={"x-pot": "tea"})

    @action()
    def nothing(self) -> Any:
        return ABSENT

    @action()
    async def whoami(self, request: Request) -> str | None:
        return request.user_id


@pytest.fixture
def router(open_router: OpenRouter) -> Router:
    return open_router(Devices())


async def test_plain_functions_without_listeners_are_answered_at_once(router: Router) -> None:
    request = Request("dm/devices", "mLinkAssets", args={}, id="r1", connection=Connection("c", "websocket"))
    assert isinstance(router.handle(request), Response)


@pytest.mark.parametrize(
    ("payload", "status", "id", "props"),
    [
        ({"controller": None}, 400, "api.assert.missing_argument", ["controller"]),
        ({"controller": ""}, 400, "api.assert.missing_argument", ["controller"]),
        ({"action": None}, 400, "api.assert.missing_argument", ["action"]),
        ({"controller": "coffee"}, 404, "api.process.controller_not_found", ["coffee"]),
        ({"action": "brew"}, 404, "api.process.action_not_found", ["dm/devices", "brew"]),
        ({"action": "link_assets"}, 404, "api.process.action_not_found", ["dm/devices", "link_assets"]),
        ({"targets": [], "index": "a"}, 400, "api.assert.mutually_exclusive", ["index, collection", "targets"]),
        ({"targets": [], "collection": "a"}, 400, "api.assert.mutually_exclusive", ["index, collection", "targets"]),
        ({"jwt": "kauth-x.y.z"}, 401, "security.token.invalid", []),
        ({"jwt": "x", "action": "brew"}, 401, "security.token.invalid", []),
        ({"jwt": "x", "action": "linkAssets"}, 401, "security.token.invalid", []),
    ],
)
async def test_refused(
    router: Router, ask: Ask, payload: dict[str, Any], status: int, id: str, props: list[str]
) -> None:
    envelope = await ask(router, "dm/devices:mLinkAssets", requestId="r1", **payload)
    assert (envelope["status"], envelope["error"]["id"], envelope["error"]["props"]) == (status, id, props)
    assert envelope["room"] == "r1"


async def test_targets_of_other_types_are_plain_arguments(router: Router, ask: Ask) -> None:
    assert (await ask(router, "dm/devices:mLinkAssets", targets="x", index="a"))["status"] == 200
    assert (await ask(router, "dm/devices:mLinkAssets", targets=[]))["status"] == 200


async def test_aliases_are_echoed_as_sent_and_take_index_for_engine_id(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "dm/device:linkAsset", index="e1", _id="d1")
    assert (envelope["controller"], envelope["action"]) == ("dm/device", "linkAsset")
    assert envelope["result"] == {"engine": "e1", "device": "d1"}
    assert (await ask(router, "dm/device:linkAssets", engineId="e2", _id="d1"))["result"]["engine"] == "e2"
    assert (await ask(router, "dm/device:mLink", index="e1"))["result"] == "e1"
    assert (await ask(router, "dm/devices:mAssociate"))["status"] == 200
    assert (await ask(router, "dm/devices:linkAssets", index="e1", _id="d"))["error"]["props"] == ["engineId"]
    assert (await ask(router, "dm/device:linkAsset", index=3, _id="d"))["error"]["props"] == ["index", "string"]
    assert (await ask(router, "dm/devices:mLink"))["error"]["id"] == "api.process.action_not_found"


async def test_events_of_aliases_carry_the_canonical_name(bus: EventBus, open_router: OpenRouter, ask: Ask) -> None:
    seen: list[str] = []

    async def note(request: Request) -> None:
        seen.append(f"{request.controller}:{request.action}")

    bus.add_pipe("dm/devices:beforeLinkAssets", note, owner="p")
    router = open_router(Devices())
    await ask(router, "dm/device:linkAsset", index="e1", _id="d1")
    await ask(router, "dm/devices:linkAssets", engineId="e1", _id="d1")
    assert seen == ["dm/device:linkAsset", "dm/devices:linkAssets"]


async def test_the_envelope_names_the_collection_and_the_engine(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "dm/devices:linkAssets", engineId="e1", _id="d1")
    assert (envelope["index"], envelope["collection"]) == ("e1", "devices")
    envelope = await ask(router, "dm/device:linkAssets", index="e1", _id="d1")
    assert (envelope["index"], envelope["collection"]) == ("e1", "devices")
    assert "index" not in await ask(router, "dm/devices:mLinkAssets", engineId="e1")


async def test_unforeseen_exceptions_are_logged_and_show_no_stack(router: Router, ask: Ask) -> None:
    with capture_logs() as logs:
        envelope = await ask(router, "dm/devices:broken")
    assert (envelope["status"], envelope["error"]["id"]) == (500, "plugin.runtime.unexpected_error")
    assert "Traceback" not in envelope["error"]["message"]
    assert isinstance(logs[0]["exc_info"], KeyError)


async def test_errors_of_coroutines_are_answered(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "dm/devices:brokenLater")
    assert (envelope["status"], envelope["error"]["props"]) == (404, ["x", "e", "devices"])


async def test_actions_may_make_their_own_response(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "dm/devices:teapot")
    assert (envelope["status"], envelope["result"]) == (418, "short and stout")
    assert envelope["headers"] == {"x-pot": "tea"}
    assert "result" not in await ask(router, "dm/devices:nothing")


async def test_dry_run_is_marked_in_the_result(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "dm/devices:linkAssets", engineId="e1", _id="d1", dryRun=True)
    assert envelope["result"] == {"engine": "e1", "device": "d1", "dryRun": True}


async def test_draining_refuses_everything(router: Router, ask: Ask) -> None:
    await router.drain()
    for name in ("mLinkAssets", "linkAssets", "brew"):
        envelope = await ask(router, f"dm/devices:{name}")
        assert (envelope["status"], envelope["error"]["id"]) == (503, "network.entrypoint.shutting_down")


async def test_routes_lead_to_canonical_names(router: Router) -> None:
    match = router.match("PUT", b"/_/dm/e1/devices/d1/_link")
    assert match == ("dm/devices", "linkAssets", {"engineId": "e1", "_id": "d1"})
    match = router.match("PUT", b"/_/dm/devices/_mLink")
    assert match == ("dm/devices", "mLinkAssets", {})


async def test_calls_from_inside_act_for_the_server_or_a_user(router: Router) -> None:
    assert await router.call("dm/devices", "whoami") is None
    assert await router.call("dm/devices", "whoami", as_user="u1", check_rights=True) == "u1"
    assert await router.call("dm/device", "mLink", args={"index": "e1"}) == "e1"
    with pytest.raises(ApiError) as caught:
        await router.call("dm/devices", "brew")
    assert caught.value.id == "api.process.action_not_found"
    with pytest.raises(ApiError):
        await router.call("dm/devices", "brokenLater", trigger_events=True)


async def test_names_and_actions_cannot_be_taken_twice(open_router: OpenRouter) -> None:
    class Twice(Controller):
        name = "twice"

        @action()
        def run(self) -> None:
            """Once."""

        @action(aliases=["run"])
        def walk(self) -> None:
            """Twice."""

    class Empty(Controller):
        name = "empty"

    class Lost(Controller):
        name = "lost"
        aliases = (ControllerAlias("old", {"go": "gone"}),)

        @action()
        def run(self) -> None:
            """Only this."""

    for controllers, id in (
        ((Devices(), Devices()), "plugin.assert.invalid_controller_definition"),
        ((Twice(),), "plugin.assert.duplicated_api_definition"),
        ((Empty(),), "plugin.assert.invalid_controller_definition"),
        ((Lost(),), "plugin.controller.invalid_action"),
    ):
        with pytest.raises(ApiError) as caught:
            open_router(*controllers)
        assert caught.value.id == id


async def test_inherited_actions_are_exposed_in_order(open_router: OpenRouter) -> None:
    class Base(Controller):
        name = "base"

        @action()
        def second_rate(self) -> str:
            return "base"

        @action()
        def other(self) -> str:
            return "base"

    class Derived(Base):
        name = "derived"

        @action()
        def third(self) -> str:
            return "derived"

        @action()
        def other(self) -> str:
            return "derived"

    router = open_router(Base(), Derived())
    assert list(router.registry.public_api()["derived"]) == ["secondRate", "other", "third"]
    assert await router.call("derived", "other") == "derived"
    assert await router.call("base", "other") == "base"
