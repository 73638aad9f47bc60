"""`server:now` against an ASGI application that sends the same envelope without looking at the request."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from benchmarks.load import answer_size, connections, keep_in_flight, masked_frame
from benchmarks.processes import Server, bare_echo, device_manager
from benchmarks.table import Row

MESSAGE = b'{"controller":"server","action":"now","requestId":"benchmark"}'
HTTP_REQUEST = b"GET /_now HTTP/1.1\r\nHost: localhost\r\nX-Kuzzle-Request-Id: benchmark\r\n\r\n"
WARM_UP = 0.5
SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """How a measurement loads the server."""

    name: str
    request: bytes
    sockets: int
    in_flight: int
    websocket: bool
    aim: str


LOADS = (
    Load("WebSocket, 4 sockets x 64 in flight", masked_frame(MESSAGE), 4, 64, True, "at least 1"),
    Load("WebSocket, 8 sockets x 1 in flight", masked_frame(MESSAGE), 8, 1, True, ""),
    Load("HTTP keep-alive, 32 sockets x 1 in flight", HTTP_REQUEST, 32, 1, False, "at least 0.6"),
)


@dataclass(frozen=True)
class Figures:
    """One run: answers a second, and the server's CPU time for one answer."""

    rate: float
    microseconds: float


def measure(runs: int) -> list[Row]:
    """Both servers stand side by side; each run loads one and then the other."""
    rows = []
    with device_manager() as ours, bare_echo() as reference:
        for load in LOADS:
            here, there = [], []
            for server in (ours, reference):
                run_once(server, load, WARM_UP)
            for _ in range(runs):
                here.append(run_once(ours, load, SECONDS))
                there.append(run_once(reference, load, SECONDS))
            rows += rows_of(load, here, there)
    return rows


def run_once(server: Server, load: Load, seconds: float) -> Figures:
    """Load one server for a while."""
    with connections(server.port, load.sockets, websocket=load.websocket) as lanes:
        size = answer_size(lanes[0], load.request)
        cpu, begin = server.cpu_seconds(), time.perf_counter()
        answers = keep_in_flight(lanes, load.request, size, load.in_flight, seconds)
        elapsed, used = time.perf_counter() - begin, server.cpu_seconds() - cpu
    return Figures(answers / elapsed, used / answers * 1e6)


def rows_of(load: Load, here: list[Figures], there: list[Figures]) -> list[Row]:
    """Two lines: the rate, and the CPU time, which other load on the machine moves less."""
    rate, reference_rate = (statistics.median(run.rate for run in runs) for runs in (here, there))
    cost, reference_cost = (statistics.median(run.microseconds for run in runs) for runs in (here, there))
    name = f"server:now, {load.name}"
    return [
        Row(f"{name}: rate", f"{rate:,.0f}/s", f"{reference_rate:,.0f}/s", rate / reference_rate, load.aim),
        Row(
            f"{name}: server CPU per answer",
            f"{cost:.1f} us",
            f"{reference_cost:.1f} us",
            reference_cost / cost,
            load.aim,
        ),
    ]
