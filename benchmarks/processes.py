"""Servers in processes of their own, pinned to one core, and the CPU time that they used."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import benchmarks.bare_ingestion as bare

ROOT = Path(__file__).parent.parent
START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0


@dataclass(frozen=True)
class Server:
    """A server that listens on loopback."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, from the scheduler's own counters."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory_bytes(self) -> int:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@functools.cache
def cores() -> tuple[int, int]:
    """The core of the server and the core of its load, as long as this process may use all; one may be both."""
    available = sorted(os.sched_getaffinity(0))
    return available[-1], available[0]


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[Server]:
    """Start a server on the server's core, wait until its port answers HTTP, stop it afterwards."""
    process = subprocess.Popen(["taskset", "-c", str(cores()[0]), *command], cwd=ROOT)
    try:
        _wait_until_ready(process, port)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def device_manager(*options: str, store: str | None = None) -> Iterator[Server]:
    """Our server, on a fresh SQLite store unless another one is named."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "device_manager", "serve", "--port", str(port)]
        with running([*command, "--store", store or f"sqlite:{folder}", *options], port) as server:
            yield server


@contextlib.contextmanager
def bare_echo() -> Iterator[Server]:
    """The reference: the smallest ASGI application on uvicorn as it comes."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_echo:app", "--port", str(port), "--no-access-log"]
    command += [
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--ws",
        "websockets-sansio",
        "--ws-per-message-deflate",
        "no",
    ]
    with running([*command, "--log-level", "warning", "--no-use-colors"], port) as server:
        yield server


@contextlib.contextmanager
def bare_ingestion(store: str, templates: Path) -> Iterator[Server]:
    """The reference of ingestion: see `benchmarks.bare_ingestion`."""
    port = free_port()
    command = ["env", f"{bare.STORE}={store}", f"{bare.TEMPLATES}={templates}", sys.executable, "-m", "uvicorn"]
    command += ["--factory", "benchmarks.bare_ingestion:application", "--port", str(port), "--no-access-log"]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--no-use-colors"]
    with running(command, port) as server:
        yield server


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with status {process.returncode} before it was ready.")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_healthcheck", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Nothing answered on port {port} within {START_TIMEOUT:.0f} s.")
