"""The page on the protocol names every controller and action of a server, and every route that it names exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx

from device_manager.cli.process import ServerProcess

PAGE = Path(__file__).parent.parent.parent / "docs" / "protocol.md"


def test_every_action_is_named(start_server: Callable[..., ServerProcess]) -> None:
    page = PAGE.read_text()
    server = start_server()
    api = httpx.get(f"{server.url}/_publicApi").json()["result"]
    for controller, actions in api.items():
        assert f"`{controller}`" in page
        for action in actions:
            assert f"`{action}`" in page, f"{controller}:{action}"
    routes = {
        route["url"] for actions in api.values() for action in actions.values() for route in action.get("http", ())
    }
    for named in re.findall(r"`PUT (/_/[^`]+)`", page):
        assert named in routes, named
