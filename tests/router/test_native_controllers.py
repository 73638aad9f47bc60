"""The controller `server` (router-protocol 1.10, 5.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from device_manager.controllers.server import ServerController, ServerParts
from device_manager.events import EventBus
from device_manager.metrics import Metrics
from device_manager.router.router import Router
from device_manager.router.statistics import Statistics

Ask = Callable[..., Awaitable[dict[str, Any]]]


class Health:
    """A service that is as healthy as the test says."""

    def __init__(self) -> None:
        self.good = True

    async def check(self) -> bool:
        return self.good


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def router(bus: EventBus, health: Health) -> AsyncIterator[Router]:
    router = Router(bus)
    services = {"storageEngine": health.check}
    parts = ServerParts(
        router=router,
        metrics=Metrics(),
        statistics=Statistics(router, dict),
        storage="sqlite",
        services=services,
        plugins={"audit": {}},
    )
    router.register(ServerController(parts))
    router.compile()
    yield router


async def test_now(router: Router, ask: Ask) -> None:
    assert 1.7e12 < (await ask(router, "server:now"))["result"]["now"] < 1e13


async def test_info(router: Router, ask: Ask) -> None:
    info = (await ask(router, "server:info"))["result"]["serverInfo"]
    kuzzle = info["kuzzle"]
    assert set(kuzzle) == {
        "api",
        "application",
        "memoryUsed",
        "nodeVersion",
        "plugins",
        "system",
        "uptime",
        "version",
    }
    assert kuzzle["api"]["routes"]["server"]["now"]["http"][0]["url"] == "/_now"
    assert kuzzle["plugins"] == {"audit": {}}
    assert kuzzle["uptime"].endswith("s")
    assert set(kuzzle["system"]["memory"]) == {"free", "total"}
    assert info["services"]["publicStorage"] == {"backend": "sqlite"}
    assert set(info["services"]) == {"internalCache", "internalStorage", "memoryStorage", "publicStorage"}


async def test_public_api_keeps_the_order_that_sdks_observe(router: Router, ask: Ask) -> None:
    routes = (await ask(router, "server:publicApi"))["result"]
    assert routes["server"]["info"] == {
        "http": [
            {"verb": "GET", "url": "/", "path": "/"},
            {"verb": "GET", "url": "/_serverInfo", "path": "/_serverInfo"},
        ]
    }
    assert list(routes) == ["server"]


@pytest.mark.parametrize("services", [None, "storageEngine", "storageEngine,unknown"])
async def test_health(router: Router, ask: Ask, health: Health, services: str | None) -> None:
    asked = {} if services is None else {"services": services}
    envelope = await ask(router, "server:healthCheck", **asked)
    assert envelope["result"] == {"status": "green", "services": {"storageEngine": "green"}}
    health.good = False
    envelope = await ask(router, "server:healthCheck", **asked)
    assert envelope["status"] == 500
    assert envelope["error"]["id"] == "core.fatal.service_unavailable"
    assert envelope["result"] == {"status": "red", "services": {"storageEngine": "red"}}


async def test_messages_with_a_token_are_refused_for_want_of_users(router: Router, ask: Ask) -> None:
    envelope = await ask(router, "server:now", jwt="kauth-x.y.z")
    assert (envelope["status"], envelope["error"]["id"]) == (401, "security.token.invalid")
