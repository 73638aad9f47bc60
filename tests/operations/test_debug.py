"""The controller `debug` (router-protocol 5.9)."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

Ask = Callable[..., dict[str, Any]]


def test_it_is_closed_by_default(ask: Ask) -> None:
    assert ask("debug:nodeVersion")["result"] == platform.python_version()
    denied = ask("debug:enable")["error"]
    assert (denied["status"], denied["id"]) == (412, "core.debugger.native_debug_protocol_usage_denied")
    for action in ("disable", "post", "addListener", "removeListener"):
        error = ask(f"debug:{action}", event="Debugger.paused", body={"method": "Runtime.evaluate"})["error"]
        assert (error["status"], error["id"]) == (412, "core.debugger.not_enabled"), action
