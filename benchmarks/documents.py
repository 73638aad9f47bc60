"""`document:create` on both stores beside the incumbent's figures, with and without a token (design 7)."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from typing import Any

import orjson

from benchmarks.links import elasticsearch
from benchmarks.load import answer_size, connections, keep_in_flight, masked_frame
from benchmarks.processes import Server, device_manager
from benchmarks.table import Row
from device_manager.cli.client import Client

IN_FLIGHT = {1: (1, 1), 32: (4, 8), 256: (4, 64)}
"""Requests in flight -> connections, and requests on each of them; a connection runs 64 at once."""
SECONDS = 3.0
"""Of each run."""
WARM_UP = 3
"""Runs whose figures are not used: a new cluster compiles for half a minute what it runs often."""
ANONYMOUS = {1: 257, 32: 1463, 256: 1756}
LOGGED_IN = {1: 161, 32: 838, 256: 1058}
"""Documents a second of the incumbent (design 7)."""
AIMS = {1: 1, 32: 3, 256: 5}
"""Times the better figure of the incumbent."""

INDEX, COLLECTION = "yard", "visits"
MAPPING = {
    "properties": {
        "plate": {"type": "keyword"},
        "driver": {"type": "text"},
        "tons": {"type": "float"},
        "at": {"type": "date"},
        "gate": {"type": "geo_point"},
    }
}
VISIT = {"plate": "AB-123-CD", "driver": "Grace Hopper", "tons": 17.25, "at": 1_700_000_000_000}
VISIT |= {"gate": {"lat": 43.3, "lon": 5.37}}
ADMIN = {"username": "ada", "password": "a long enough password"}


def measure_sqlite(runs: int) -> list[Row]:
    """The embedded store."""
    with tempfile.TemporaryDirectory() as folder, device_manager(store=f"sqlite:{folder}") as server:
        return _measure(server, "SQLite", runs)


def measure_elasticsearch(runs: int) -> list[Row]:
    """A cluster of one node on the same machine."""
    with elasticsearch() as url, device_manager(store=f"elasticsearch:{url}") as server:
        return _measure(server, "Elasticsearch", runs)


def _measure(server: Server, store: str, runs: int) -> list[Row]:
    asyncio.run(_prepare(server))
    _row(server, store, 32, WARM_UP, None)  # not a line of the table
    rows = [_row(server, store, in_flight, runs, None) for in_flight in IN_FLIGHT]
    token = asyncio.run(_close_and_log_in(server))
    return rows + [_row(server, store, in_flight, runs, token) for in_flight in IN_FLIGHT]


async def _prepare(server: Server) -> None:
    async with Client(f"http://127.0.0.1:{server.port}") as client:
        await client.call("index", "create", index=INDEX)
        await client.call("collection", "create", index=INDEX, collection=COLLECTION, body={"mappings": MAPPING})


async def _close_and_log_in(server: Server) -> str:
    """The token of a new administrator; from then on strangers may do nothing."""
    async with Client(f"http://127.0.0.1:{server.port}") as client:
        body = {"credentials": {"local": ADMIN}}
        await client.call("security", "createFirstAdmin", _id="ada", reset=True, body=body)
        return str((await client.call("auth", "login", strategy="local", body=ADMIN))["jwt"])


def _row(server: Server, store: str, in_flight: int, runs: int, token: str | None) -> Row:
    request: dict[str, Any] = {"controller": "document", "action": "create", "index": INDEX, "collection": COLLECTION}
    request |= {"body": VISIT, "requestId": "visit"} | ({"jwt": token} if token else {})
    frame = masked_frame(orjson.dumps(request))
    count, each = IN_FLIGHT[in_flight]
    rates, costs = [], []
    for number in range(runs + 1):
        print(f"{store}: {in_flight} in flight, run {number + 1} of {runs + 1}", file=sys.stderr, flush=True)
        with connections(server.port, count, websocket=True) as lanes:
            size = answer_size(lanes[0], frame)
            before = server.cpu_seconds()
            created = keep_in_flight(lanes, frame, size, each, SECONDS)
            costs.append((server.cpu_seconds() - before) / created * 1e6)
            rates.append(created / SECONDS)
    rate, cost = statistics.median(rates[1:]), statistics.median(costs[1:])
    name = f"document:create{' with a token' if token else ''}, {in_flight} in flight, {store}"
    incumbent = (LOGGED_IN if token else ANONYMOUS)[in_flight]
    aim = "" if token else f"at least {AIMS[in_flight]}"
    figure = f"{rate:,.0f}/s ({cost:.0f} us CPU)"
    return Row(name, figure, f"{incumbent:,}/s (incumbent)", rate / incumbent, aim)
