"""A Node program with nothing but the official SDK goes through every controller, over each protocol, on both stores.

The program's checks stand in `program/checks/`; each is one test here, read from the sources so that a check which did
not run is missed.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from device_manager.cli.process import ServerProcess

PROGRAM = Path(__file__).parent / "program"
KINDS = {
    "ws": ("websocket", ()),
    "global": ("websocket", ("--experimental-websocket",)),
    "http": ("http", ()),
}
"""Protocol and flags of Node: the `ws` client, Node's own WebSocket, HTTP."""
WEBSOCKET_ONLY = frozenset({"lines", "realtime"})
APART = "security"
"""Module that runs for one kind of client after the other: its deletions give up when others always write first."""
LAST = "administering"
"""Module that concerns everybody: it runs once, with nothing beside it."""
DEADLINE = 110.0
CONTROLLERS = Path(__file__).parent / "node_modules" / "kuzzle-sdk" / "out" / "src" / "controllers"
INTERNAL = {"constructor", "authenticateRequest", "removeSubscriptions", "resubscribe", "saveSubscriptions"}
"""Methods that the SDK calls by itself."""


class Check(NamedTuple):
    """A check of the program, run by one kind of client."""

    kind: str
    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.module}: {self.name}"


Outcomes = dict[Check, str | None]
"""What was wrong with each check, None if nothing."""


def declared() -> Iterator[Check]:
    for source in sorted((PROGRAM / "checks").glob("*.mjs")):
        names = re.findall(r'^  async "([^"]+)"\(', source.read_text(), re.MULTILINE)
        assert names, source
        for kind in KINDS:
            is_run = kind == "ws" if source.stem == LAST else kind != "http" or source.stem not in WEBSOCKET_ONLY
            if is_run:
                yield from (Check(kind, source.stem, name) for name in names)


CHECKS = list(declared())


def start(kind: str, port: int, name: str, modules: list[str]) -> subprocess.Popen[str]:
    protocol, flags = KINDS[kind]
    command = ["node", "--no-warnings", *flags, "program.mjs", protocol, str(port), name, *modules]
    return subprocess.Popen(command, cwd=PROGRAM, stdout=subprocess.PIPE, text=True)


def outcomes_of(kind: str, process: subprocess.Popen[str]) -> Outcomes:
    try:
        output, _ = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    found: Outcomes = {}
    for line in output.splitlines():
        said = json.loads(line)
        found[Check(kind, said["module"], said["check"])] = said["error"]
    return found


@pytest.fixture(scope="module")
def outcomes(server: ServerProcess) -> Outcomes:
    """How each check went on a server: the kinds of clients side by side, then what concerns all."""
    running = {}
    for kind in KINDS:
        modules = sorted({check.module for check in CHECKS if check.kind == kind} - {APART, LAST})
        running[kind] = start(kind, server.port, f"sdk-{kind}", modules)
    found: Outcomes = {}
    for kind, process in running.items():
        found |= outcomes_of(kind, process)
    for kind in KINDS:
        found |= outcomes_of(kind, start(kind, server.port, f"sdk-{kind}-{APART}", [APART]))
    return found | outcomes_of("ws", start("ws", server.port, "sdk-last", [LAST]))


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_it_holds(outcomes: Outcomes, check: Check) -> None:
    assert check in outcomes, "the program ended before this check"
    error = outcomes[check]
    assert error is None, error


def test_nothing_ran_that_is_not_declared(outcomes: Outcomes) -> None:
    assert set(outcomes) == set(CHECKS)


def test_every_method_of_the_sdk_is_called() -> None:
    program = "\n".join(source.read_text() for source in PROGRAM.rglob("*.mjs"))
    called = set(re.findall(r"\.(\w+)\(", program))
    methods = set()
    for controller in CONTROLLERS.glob("*.js"):
        source = controller.read_text()
        methods |= set(re.findall(r"^    (?:async )?([a-z]\w+)\(", source, re.MULTILINE))
        if controller.stem == "MemoryStorage":
            commands = source[source.index("const commands = {") : source.index("class MemoryStorageController")]
            methods |= set(re.findall(r"^    (\w+):", commands, re.MULTILINE))
    assert len(methods) > 200
    assert methods - INTERNAL <= called
