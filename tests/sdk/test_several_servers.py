"""Two servers on one Elasticsearch and one Redis are one to the official SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_what_one_client_does_another_hears(
    start_server: Any, redis_server: Any, elasticsearch_url: str, start_sdk: Callable[[str, int], Any]
) -> None:
    settings = {"redis": redis_server.url}
    first = start_server(store="elasticsearch", settings=settings)
    second = start_server(store=f"elasticsearch:{elasticsearch_url}", settings=settings)
    hearer, writer = start_sdk("ws client", first.port), start_sdk("http", second.port)
    here = ("shared", "stations")
    writer.resolved("index", "create", here[0])
    writer.resolved("collection", "create", *here, {})
    room = hearer.send(subscribe=[*here, {"equals": {"name": "north"}}]).get(timeout=20)["response"]
    assert writer.resolved("realtime", "query", {"action": "list"})["result"] == {"shared": {"stations": {room: 1}}}

    writer.resolved("document", "create", *here, {"name": "south"}, "s")
    writer.resolved("document", "create", *here, {"name": "north"}, "n")
    assert hearer.wait_for("notified") == {"event": "notified", "action": "create", "id": "n"}
    writer.resolved("document", "update", *here, "n", {"name": "south"})
    assert hearer.wait_for("notified")["action"] == "update"

    writer.resolved("ms", "set", "greeting", "hello")
    assert hearer.resolved("ms", "get", "greeting") == "hello"
    status = hearer.resolved("server", "query", {"controller": "cluster", "action": "status"})["result"]
    assert {f"127.0.0.1:{server.port}" for server in (first, second)} <= {node["address"] for node in status["nodes"]}
