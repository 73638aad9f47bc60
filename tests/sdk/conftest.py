"""The official SDK as a Node process that a test talks to."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
KINDS = {
    "ws client": ("websocket", ()),
    "global WebSocket": ("websocket", ("--experimental-websocket",)),
    "http": ("http", ()),
}
PATIENCE = 20.0


class Sdk:
    """One SDK instance. `kind` is a key of `KINDS`."""

    def __init__(self, kind: str, port: int) -> None:
        protocol, flags = KINDS[kind]
        self._process = subprocess.Popen(
            ["node", "--no-warnings", *flags, "client.mjs", protocol, str(port)],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, **command: Any) -> queue.Queue[dict[str, Any]]:
        """Send a command; the queue gets its answer."""
        number = next(self._numbers)
        answer = self._answers[number] = queue.Queue()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **command}) + "\n")
        self._process.stdin.flush()
        return answer

    def ask(self, **query: Any) -> dict[str, Any]:
        """Query an action: `{"response"}` as the SDK resolves, or `{"error"}` as it rejects."""
        return self.send(query=query).get(timeout=PATIENCE)

    def result(self, **query: Any) -> Any:
        """The result of an action that has to succeed."""
        answer = self.ask(**query)
        assert "error" not in answer, answer
        return answer["response"]["result"]

    def resolved(self, controller: str, method: str, *args: Any) -> Any:
        """What a method of the SDK resolves with; of a search the ids of all pages, and the total."""
        answer = self.call(controller, method, *args)
        assert "error" not in answer, answer
        return answer["response"]

    def rejected(self, controller: str, method: str, *args: Any) -> dict[str, Any]:
        """The error that a method of the SDK rejects with."""
        answer = self.call(controller, method, *args)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def call(self, controller: str, method: str, *args: Any) -> dict[str, Any]:
        """Call a method of the SDK such as `kuzzle.auth.login`: `{"response"}` or `{"error"}`."""
        return self.send(call=[controller, method, *args]).get(timeout=PATIENCE)

    def jwt(self, token: str | None = "read") -> str | None:
        """The token that the SDK holds, after it was set, if one is given."""
        answer = self.send(jwt=token).get(timeout=PATIENCE)
        held: str | None = answer["response"]
        return held

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next `event`; others are dropped."""
        while (found := self.events.get(timeout=PATIENCE))["event"] != event:
            pass
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            content = json.loads(line)
            (self.events if "event" in content else self._answers[content["id"]]).put(content)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def start_sdk() -> Iterator[Callable[[str, int], Sdk]]:
    """Starts SDK instances by kind and port, ready when returned."""
    started: list[Sdk] = []

    def start(kind: str, port: int) -> Sdk:
        sdk = Sdk(kind, port)
        started.append(sdk)
        ready = sdk.events.get(timeout=PATIENCE)
        while ready["event"] not in {"ready", "failed"}:
            ready = sdk.events.get(timeout=PATIENCE)
        assert ready["event"] == "ready", ready
        if kind != "http":
            assert ready["globalWebSocket"] == (kind == "global WebSocket")
        return sdk

    yield start
    for sdk in started:
        sdk.close()
