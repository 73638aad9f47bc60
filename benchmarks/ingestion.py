"""Payloads on both stores: against an application that only stores their documents, and against the incumbent."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks import ingestion_templates
from benchmarks.links import elasticsearch
from benchmarks.payloads import CONNECTIONS, DEVICES, create_linked_devices, payload, request, send_all
from benchmarks.processes import Server, bare_ingestion, device_manager
from benchmarks.table import Row
from device_manager.cli.client import Client

PAYLOADS = 50_000
WARM_UP = 2_000
DOCUMENTS = 7
"""Of one payload, on both sides: the archive, two measures, the newest measures of two slots on either side."""
AIM = "at least 0.35"
INCUMBENT = {1: (94, 500, "at least 1.5"), 32: (267, 4000, "at least 8"), 256: (384, 8000, "at least 15")}
"""By the number in flight: payloads a second of the incumbent (design 7), payloads of a run, what we aim at."""
DECODER = ("--decoder", "json")


class Figures(NamedTuple):
    """One run: payloads a second, and the server's CPU time for each."""

    rate: float
    microseconds: float


def measure_sqlite(runs: int, payloads: int) -> list[Row]:
    """The embedded store; the reference groups its writes too, into the same tables."""
    with tempfile.TemporaryDirectory() as folder:
        store, bare = f"sqlite:{folder}", Path(folder) / "bare.sqlite3"
        _prepare(store)
        templates = ingestion_templates.from_sqlite(Path(folder), bare)
        return _measure("SQLite", store, f"sqlite:{bare}", templates, runs, payloads)


def measure_elasticsearch(runs: int, payloads: int) -> list[Row]:
    """A cluster of one node on the same machine."""
    with elasticsearch() as url:
        store = f"elasticsearch:{url}"
        _prepare(store)
        return _measure("Elasticsearch", store, store, ingestion_templates.from_elasticsearch(url), runs, payloads)


def _prepare(store: str) -> None:
    """Linked devices, each of which has sent one payload."""
    with device_manager(*DECODER, store=store) as server:

        async def create() -> None:
            async with Client(f"http://127.0.0.1:{server.port}") as client:
                await create_linked_devices(client)

        asyncio.run(create())
        _send(server, "first", DEVICES)


def _measure(name: str, store: str, bare_store: str, templates: dict[str, Any], runs: int, payloads: int) -> list[Row]:
    with _both(store, bare_store, templates) as (ours, reference):
        here, there = [], []
        for server in (ours, reference):
            _send(server, "warm", WARM_UP)
        for run in range(runs):
            here.append(_send(ours, f"run-{run}", payloads))
            there.append(_send(reference, f"run-{run}", payloads))
        rows = _compared(name, payloads, here, there)
        for in_flight, (incumbent, count, aim) in INCUMBENT.items():
            rates = [_send(ours, f"{in_flight}-{run}", count, in_flight).rate for run in range(runs)]
            rate = statistics.median(rates)
            text = f"payload, two measures, {in_flight} in flight, {name}"
            rows.append(Row(text, f"{rate:,.0f}/s", f"{incumbent}/s (incumbent)", rate / incumbent, aim))
    return rows


@contextlib.contextmanager
def _both(store: str, bare_store: str, templates: dict[str, Any]) -> Iterator[tuple[Server, Server]]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(orjson.dumps(templates))
        with device_manager(*DECODER, store=store) as ours, bare_ingestion(bare_store, Path(file.name)) as reference:
            yield ours, reference


def _send(server: Server, run: str, count: int, in_flight: int = CONNECTIONS) -> Figures:
    """Send as many payloads, all different from those of other runs and newer than they."""
    now = time.time_ns() // 1_000_000
    requests = [request(payload(run, number, since=now)) for number in range(count)]
    cpu = server.cpu_seconds()
    seconds = send_all(server.port, requests, in_flight)
    return Figures(count / seconds, (server.cpu_seconds() - cpu) / count * 1e6)


def _compared(store: str, payloads: int, here: list[Figures], there: list[Figures]) -> list[Row]:
    """Two lines: the rate, and the CPU time of the server alone, which other load on the machine moves less."""
    rate, bare_rate = (statistics.median(run.rate for run in runs) for runs in (here, there))
    cost, bare_cost = (statistics.median(run.microseconds for run in runs) for runs in (here, there))
    name = f"{payloads:,} payloads of {DOCUMENTS} documents, {CONNECTIONS} connections, {store}"
    return [
        Row(f"{name}: rate", f"{rate:,.0f}/s", f"{bare_rate:,.0f}/s", rate / bare_rate, AIM),
        Row(f"{name}: server CPU per payload", f"{cost:.0f} us", f"{bare_cost:.0f} us", bare_cost / cost, AIM),
    ]
