"""What knowing the caller costs: `server:now` with a token against the same anonymous call on the same open server."""

from __future__ import annotations

import json
import statistics
import urllib.request
from dataclasses import replace

from benchmarks.load import masked_frame
from benchmarks.processes import Server, device_manager
from benchmarks.server_now import HTTP_REQUEST, LOADS, SECONDS, WARM_UP, Figures, Load, run_once
from benchmarks.table import Row

AIM = "at least 0.87 (at most 1.15 times the cost)"
USER = "benchmark"
PASSWORD = "correct horse battery staple"


def measure(runs: int) -> list[Row]:
    """One server; each run loads it anonymously and then with a token."""
    rows = []
    with device_manager() as server:
        token = log_in(server)
        for anonymous in LOADS:
            known = replace(anonymous, request=with_token(anonymous, token))
            for load in (anonymous, known):
                run_once(server, load, WARM_UP)
            pairs = [(run_once(server, anonymous, SECONDS), run_once(server, known, SECONDS)) for _ in range(runs)]
            rows.append(row_of(anonymous, pairs))
    return rows


def row_of(load: Load, pairs: list[tuple[Figures, Figures]]) -> Row:
    """The server's CPU time for one answer, which other load on the machine moves less than the rate."""
    without, with_it = (statistics.median(run.microseconds for run in runs) for runs in zip(*pairs, strict=True))
    name = f"server:now with a token, {load.name}: server CPU per answer"
    return Row(name, f"{with_it:.1f} us", f"{without:.1f} us without", without / with_it, AIM)


def log_in(server: Server) -> str:
    """Make an administrator, which leaves the server open, and log in."""
    credentials = {"username": USER, "password": PASSWORD}
    post(server, f"_createFirstAdmin/{USER}", {"credentials": {"local": credentials}})
    token: str = post(server, "_login/local", credentials)["jwt"]
    return token


def post(server: Server, path: str, body: object) -> dict[str, str]:
    """The result of an HTTP request."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        result: dict[str, str] = json.load(answer)["result"]
    return result


def with_token(load: Load, token: str) -> bytes:
    """The request of a load as a user sends it who logged in."""
    if not load.websocket:
        return HTTP_REQUEST.replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    message = {"controller": "server", "action": "now", "requestId": "benchmark", "jwt": token}
    return masked_frame(json.dumps(message, separators=(",", ":")).encode())
