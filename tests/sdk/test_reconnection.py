"""The official SDK goes on by itself after a restart of the server, whether it was stopped or killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess


@pytest.mark.parametrize("kind", ["ws client", "global WebSocket"])
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_it_reconnects(
    start_server: Callable[..., ServerProcess], start_sdk: Callable[[str, int], Any], store: str, kind: str, end: str
) -> None:
    server = start_server(store=store)
    sdk = start_sdk(kind, server.port)
    sdk.result(controller="device-manager/engine", action="create", index="lasting")
    subscription = ["lasting", "devices", {"exists": "reference"}]
    room = sdk.send(subscribe=subscription).get(timeout=20)["response"]

    if end == "SIGTERM":
        assert server.stop() == 0
    else:
        server.kill()
    sdk.wait_for("networkError")
    server.start()
    sdk.wait_for("reconnected")

    assert sdk.result(controller="device-manager/engine", action="exists", index="lasting") == {"exists": True}
    while sdk.resolved("realtime", "count", room) == 0:
        pass  # the SDK subscribes again by itself, in its own time
    measures = [{"name": "t", "type": "temperature"}]
    temperature = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
    for action, body in (
        ("writeMeasure", temperature),
        ("writeDevice", {"model": "Thermometer", "measures": measures}),
    ):
        sdk.result(controller="device-manager/models", action=action, body=body)
    device = {"model": "Thermometer", "reference": "1"}
    sdk.result(controller="device-manager/devices", action="create", engineId="lasting", body=device)
    assert sdk.wait_for("notified")["id"] == "Thermometer-1"


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
def test_over_http_a_restart_is_not_noticed(
    start_server: Callable[..., ServerProcess], start_sdk: Callable[[str, int], Any], store: str
) -> None:
    server = start_server(store=store)
    sdk = start_sdk("http", server.port)
    sdk.result(controller="device-manager/engine", action="create", index="lasting")
    server.kill()
    server.start()
    assert sdk.result(controller="device-manager/engine", action="exists", index="lasting") == {"exists": True}
