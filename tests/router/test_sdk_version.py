"""SDKs that are too old for this protocol are told so (router-protocol 3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.router.controller import Controller, action
from device_manager.router.router import Router

Ask = Callable[..., Awaitable[dict[str, Any]]]
OpenRouter = Callable[..., Router]


class Clock(Controller):
    name = "clock"

    @action()
    def now(self) -> int:
        return 1


@pytest.mark.parametrize(
    "volatile",
    [
        None,
        {},
        {"sdkName": "js@7.17.1", "sdkInstanceId": "x"},
        {"sdkName": "js@10.0.0"},
        {"sdkName": "rust@0.1.0"},
        {"sdkName": "js@next"},
        {"sdkName": "js"},
        {"sdkName": 7},
    ],
)
async def test_these_are_served(open_router: OpenRouter, ask: Ask, volatile: Any) -> None:
    assert (await ask(open_router(Clock()), "clock:now", volatile=volatile))["result"] == 1


@pytest.mark.parametrize(
    "volatile", [{"sdkVersion": "1.0.0"}, {"sdkName": "js@6.9.9"}, {"sdkName": "java@2"}, {"sdkName": "android@4.1"}]
)
async def test_these_are_refused(open_router: OpenRouter, ask: Ask, volatile: Any) -> None:
    answer = await ask(open_router(Clock()), "clock:now", volatile=volatile)
    assert (answer["status"], answer["error"]["id"]) == (400, "api.process.incompatible_sdk_version")
    assert (await ask(open_router(Clock(), strict_sdk=False), "clock:now", volatile=volatile))["result"] == 1
