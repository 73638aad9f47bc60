"""The names of uvicorn that the gateways override or lean on: a new uvicorn that renames one has to fail here first."""

from __future__ import annotations

import inspect

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from device_manager.gateways.http import HttpProtocol
from device_manager.gateways.server import DrainingServer
from device_manager.gateways.websocket import WebSocketProtocol

OURS = {
    WebSocketProtocol: {
        "answer", "answer_heard", "answer_later", "busy", "check_deadlines", "close", "count_incoming",
        "cut_for_loss", "cut_slow_reader", "discards", "fail", "finish", "read", "receive_frame", "receive_message",
        "receive_upgrade", "refuse", "route", "send_answer", "write_last",
    },
    HttpProtocol: {
        "ask_for_body", "become_websocket", "break_off", "busy", "check_deadlines", "count_bodies", "decline_upgrade",
        "drained", "feed", "pump", "refuse", "regulate", "respond", "respond_in_pieces", "respond_later", "upgrade",
    },
    DrainingServer: {"stop_soon", "sweep"},
}  # fmt: skip
"""What each subclass adds; everything else that it defines has to exist in uvicorn."""


@pytest.mark.parametrize("subclass", OURS, ids=lambda subclass: subclass.__name__)
def test_every_override_overrides(subclass: type) -> None:
    base = subclass.__mro__[1]
    defined = {name for name in vars(subclass) if not name.startswith("_")}
    assert defined - OURS[subclass] <= set(dir(base))
    assert not OURS[subclass] & set(dir(base))


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            WebSocketsSansIOProtocol,
            [
                "conn",
                "frames",
                "close_sent",
                "handshake_complete",
                "handshake_initiated",
                "tasks",
                "client",
                "response",
            ],
        ),
        (HttpToolsProtocol, ["parser", "url", "headers", "expect_100_continue", "connections", "tasks", "client"]),
        (uvicorn.Server, ["server_state", "should_exit"]),
    ],
)
def test_attributes_that_are_relied_on(owner: type, names: list[str]) -> None:
    source = inspect.getsource(owner)
    assert not [name for name in names if f"self.{name}" not in source]


def test_the_sweep_and_the_shutdown_are_called_by_uvicorn() -> None:
    served = inspect.getsource(uvicorn.Server._serve)
    assert all(call in served for call in ("self.startup(", "self.main_loop(", "self.shutdown("))
