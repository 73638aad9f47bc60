"""A server of one's own as a child process: for the demonstration, for tests, for authors of plugins."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

READY_DEADLINE = 60.0
POLL_EVERY = 0.05
HOST = "127.0.0.1"


class ServerFailed(RuntimeError):
    """The server did not become ready; the text holds the end of its log."""


class ServerProcess:
    """`device-manager serve` on a free port of the loopback interface.

    It keeps its port and its store from one start to the next.

    Attributes:
        port: where it listens, for HTTP and WebSocket.
        log: the file with what it writes.
    """

    def __init__(
        self,
        *,
        store: str,
        log: Path,
        plugins: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        config: Path | None = None,
    ) -> None:
        self.port = port or free_port()
        self._environment = os.environ | dict(environment or {})
        self.log = log
        self._command = [sys.executable, "-m", "device_manager", *(["--config", str(config)] if config else [])]
        self._command += ["serve", "--host", HOST]
        self._command += ["--port", str(self.port), "--store", store]
        for plugin in plugins:
            self._command += ["--plugin", plugin]
        for name, value in (settings or {}).items():
            if isinstance(value, bool):
                self._command.append(f"--{'' if value else 'no-'}{name.replace('_', '-')}")
                continue
            for one in value if isinstance(value, (tuple, list)) else (value,):
                self._command += [f"--{name.replace('_', '-')}", str(one)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address for HTTP."""
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Its address for WebSocket."""
        return f"ws://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerFailed: it ended, or did not answer in time.
        """
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._environment
            )
        deadline = time.monotonic() + READY_DEADLINE
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"The server did not become ready. {self.log}: {self.log.read_text()[-4000:]}")
            time.sleep(POLL_EVERY)

    def stop(self, timeout: float = 30.0) -> int:
        """Ask it to stop and wait; its exit status."""
        self._running().terminate()
        return self.wait(timeout)

    def wait(self, timeout: float = 30.0) -> int:
        """Wait for its end; its exit status. Raises `subprocess.TimeoutExpired`."""
        return self._running().wait(timeout)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop it where it is: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_healthcheck", timeout=2) as answer:  # noqa: S310  # our own URL
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
