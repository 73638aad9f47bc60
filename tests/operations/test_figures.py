"""What a server tells of itself over the wire, and what it does not (router-protocol 5.1, 5.9; design 10)."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from typing import Any

import httpx

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

Ask = Callable[..., dict[str, Any]]


def test_requests_are_counted_by_action_protocol_and_status(client: httpx.Client, ask: Ask, read_figures: Any) -> None:
    def now() -> dict[Any, float]:
        answer = client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        figures: dict[Any, float] = read_figures(answer.text)
        return figures

    def answered(figures: dict[Any, float], status: int, **labels: str) -> float:
        key = frozenset({"protocol": "http", "status": str(status), **labels}.items())
        return figures.get(("device_manager_requests_total", key), 0.0)

    before = now()
    client.get("/_now")
    ask("index:exists", index="nowhere")
    ask("document:get", index="nowhere", collection="things", _id="1")
    ask("nothing:atAll")
    client.get("/no/such/path/here", headers={"X-Kuzzle-Request-Id": "r"})
    after = now()
    refused = "device_manager_messages_refused_total", frozenset({("error", "network.http.url_not_found")})
    assert after[refused] == before.get(refused, 0.0) + 1
    for status, controller, action in (
        (200, "server", "now"),
        (200, "index", "exists"),
        (412, "document", "get"),
        (404, "", ""),
    ):
        labels = {"controller": controller, "action": action}
        assert answered(after, status, **labels) == answered(before, status, **labels) + 1, labels
    measured = frozenset({"controller": "index", "action": "exists"}.items())
    assert after["device_manager_request_seconds_count", measured] >= 1
    assert after["device_manager_request_seconds_sum", measured] > 0
    assert after["device_manager_requests_running", frozenset()] == 0
    assert after["device_manager_connections", frozenset({("protocol", "http")})] >= 1
    assert after["device_manager_store_seconds_count", frozenset({("operation", "commit")})] > 0
    assert after["device_manager_store_round_trips_total", frozenset({("purpose", "commits")})] > 0
    assert after["process_resident_memory_bytes", frozenset()] > 1e6


def test_statistics(ask: Ask) -> None:
    last = ask("server:getLastStats")["result"]
    assert set(last) == {"completedRequests", "failedRequests", "ongoingRequests", "connections", "timestamp"}
    assert last["completedRequests"]["http"] >= 1
    assert last["connections"]["http"] >= 1
    everything = ask("server:getAllStats")["result"]
    assert everything["total"] == len(everything["hits"])
    assert ask("server:getStats", startTime=int(time.time() * 1000) + 60_000)["result"] == {"hits": [], "total": 0}
    assert ask("server:getStats", stopTime="1970-01-02")["result"] == {"hits": [], "total": 0}
    error = ask("server:getStats", startTime="some day")["error"]
    assert error["id"] == "api.assert.invalid_argument"
    assert "startTime" in error["message"]


def test_what_runs_and_whether_it_is_well(ask: Ask) -> None:
    info = ask("server:info")["result"]["serverInfo"]["kuzzle"]
    assert info["application"] == {"name": "device-manager"}
    assert ask("server:publicApi")["result"] == info["api"]["routes"]
    names = ("internalCache", "memoryStorage", "storageEngine")
    assert ask("server:healthCheck")["result"] == {"status": "green", "services": dict.fromkeys(names, "green")}


def test_sessions_that_look_inside_are_closed_by_default(ask: Ask) -> None:
    assert ask("debug:nodeVersion")["result"] == platform.python_version()
    denied = ask("debug:enable")["error"]
    assert (denied["status"], denied["id"]) == (412, "core.debugger.native_debug_protocol_usage_denied")
    for action in ("disable", "post", "addListener", "removeListener"):
        error = ask(f"debug:{action}", event="Debugger.paused", body={"method": "Runtime.evaluate"})["error"]
        assert (error["status"], error["id"]) == (412, "core.debugger.not_enabled"), action


def test_metrics_capabilities_and_settings(ask: Ask, server: ServerProcess) -> None:
    metrics = ask("server:metrics")["result"]
    assert metrics["api"] == {"concurrentRequests": 0, "pendingRequests": 0}
    assert metrics["network"]["connections"]["http"] >= 1
    assert set(metrics["realtime"]) == {"rooms", "subscriptions"}
    capabilities = ask("server:capabilities")["result"]
    assert capabilities["limits"]["documentsWriteCount"] == 200
    assert re.fullmatch(r"\d+\.\d+\.\d+", capabilities["version"])
    assert "server" in capabilities["routes"]
    settings = ask("server:getConfig")["result"]
    assert settings["port"] == server.port
    assert ask("server:pipes")["result"] == {"events": [], "hooksRunning": 0}
    assert ask("server:adminExists")["result"] == {"exists": False}


async def test_a_socket_gets_the_figures_as_text(server: ServerProcess, read_figures: Any) -> None:
    async with Client(server.url) as client:
        await client.call("server", "now")
        figures = read_figures(await client.call("server", "prometheus"))
    labels = {"controller": "server", "action": "now", "protocol": "websocket", "status": "200"}
    assert figures["device_manager_requests_total", frozenset(labels.items())] == 1
    assert figures["device_manager_connections", frozenset({("protocol", "websocket")})] == 1


def test_figures_without_a_right_to_them(start_server: Any) -> None:
    server = start_server(settings={"metrics_networks": ["127.0.0.1", "10.0.0.0/8"]})
    with httpx.Client(base_url=server.url, timeout=60) as client:
        admin = {"credentials": {"local": {"username": "ada", "password": "correct horse"}}}
        assert client.post("/_createFirstAdmin/ada", params={"reset": ""}, json=admin).status_code == 200
        jwt = client.post("/_login/local", json=admin["credentials"]["local"]).json()["result"]["jwt"]
        assert client.get("/metrics").text.startswith("# HELP ")
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            refused = client.get("/metrics", headers={header: "127.0.0.1"})
            assert refused.json()["error"]["id"] == "security.rights.unauthorized", header
        forwarded = {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {jwt}"}
        assert client.get("/metrics", headers=forwarded).text.startswith("# HELP ")
        assert client.get("/_getConfig").status_code == 401
        headers = {"Authorization": f"Bearer {jwt}"}
        assert client.get("/_adminExists", headers=headers).json()["result"] == {"exists": True}
