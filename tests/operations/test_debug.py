"""The controller `debug` (router-protocol 5.9)."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Ask = Callable[..., dict[str, Any]]


def test_it_is_closed_by_default(ask: Ask) -> None:
    assert ask("debug:nodeVersion")["result"] == platform.python_version()
    denied = ask("debug:enable")["error"]
    assert (denied["status"], denied["id"]) == (412, "core.debugger.native_debug_protocol_usage_denied")
    for action in ("disable", "post", "addListener", "removeListener"):
        error = ask(f"debug:{action}", event="Debugger.paused", body={"method": "Runtime.evaluate"})["error"]
        assert (error["status"], error["id"]) == (412, "core.debugger.not_enabled"), action


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
def test_a_session(start_server: Any, store: str) -> None:
    server = start_server(store=store, settings={"debug": True})
    with httpx.Client(base_url=server.url, timeout=60) as client:

        def ask(action: str, method: str = "", **payload: Any) -> Any:
            body = {"method": method} if method else None
            request = {"controller": "debug", "action": action, "body": body, **payload}
            envelope = client.post("/_query", json=request).json()
            return envelope["result"] if envelope["error"] is None else envelope["error"]["id"].rpartition(".")[2]

        assert ask("post", "Tasks.list") == "not_enabled"
        assert ask("disable") == "not_enabled"
        assert ask("enable") is True
        assert any(line.startswith("task ") for line in ask("post", "Tasks.list"))
        assert ask("post", "Runtime.evaluate") == "method_not_found"
        assert ask("post", "Memory.snapshot") == "monitor_not_running"
        assert ask("post", "Memory.start") is True
        assert ask("post", "Memory.start") == "monitor_already_running"
        assert ask("post", "Memory.snapshot")["sites"]
        assert ask("post", "Memory.stop") is True
        assert ask("post", "Memory.stop") == "monitor_not_running"
        assert ask("addListener", event="Debugger.paused") == "method_not_found"
        assert ask("removeListener", event="Debugger.paused") is None
        assert ask("disable") is True
        assert ask("post", "Tasks.list") == "not_enabled"
