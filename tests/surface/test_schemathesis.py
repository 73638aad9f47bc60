"""Requests made up from the OpenAPI document never fail the server, and its answers are as the document says.

Only errors of the 500s that an operation documents may be answered, such as an undeclared measure type, whose status
clients of the protocol know.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from device_manager.cli.process import ServerProcess

SECONDS = 12.0
"""For all operations on one store; the long run of `make soak` takes twenty-five times as much."""
ROUND = 2
"""Requests that are made up at a time, once at least for each operation."""
CHECKS: list[Any] = [content_type_conformance, response_schema_conformance, status_code_conformance]
CLOSING = (
    "admin:resetDatabase",
    "admin:resetSecurity",
    "security:createFirstAdmin",
    "security:createInitialRights",
    "security:restrictDefaultRights",
)
"""What takes everything away, or ends everybody's right to everything, comes last."""
LEFT_OUT = ("admin:shutdown", "admin:dump")
"""One ends the server, the other one writes into the folder that it was started in."""
EXPLORE = hypothesis.settings(
    max_examples=ROUND,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)


class Explorer:
    """Sends made-up requests and keeps what was wrong with the answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.calls = 0
        self.succeeded: set[str] = set()
        self.session = requests.Session()

    def explore(self, operation: Any, seconds: float) -> int:
        """Call an operation for so long, a few times at least; how often it was called."""
        deadline = time.monotonic() + seconds
        made_up = hypothesis.given(requests_of(operation))
        before = self.calls
        for seed in itertools.count():
            EXPLORE(hypothesis.seed(seed)(made_up(lambda case: self.call(case))))()
            if time.monotonic() > deadline:
                break
        return self.calls - before

    def call(self, case: Any) -> None:
        """Send one request and judge its answer."""
        try:
            response = case.call(base_url=self.url, session=self.session, timeout=30)
        except (requests.exceptions.InvalidHeader, UnicodeEncodeError):
            return  # not sent: its values cannot stand where they should
        name = case.operation.definition.raw["operationId"]
        self.calls += 1
        if response.status_code == 200:
            self.succeeded.add(name)
        if response.status_code >= 500:
            error = response.json()["error"]
            documented = case.operation.definition.raw["responses"].get(str(response.status_code), {})
            if f"`{error.get('id')}`" not in documented.get("description", ""):
                self.wrong.append(f"{name}: {error['message']}\n  {case.as_curl_command()}")
            return
        try:
            case.validate_response(response, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            self.wrong.append(f"{name}: {failure}\n  {case.as_curl_command()}")


def requests_of(operation: Any) -> strategies.SearchStrategy[Any]:
    """Requests that fit the document and such that do not, on things that exist and on made-up ones."""
    raw = operation.definition.raw
    known = {
        parameter["name"]: parameter["example"]
        for parameter in raw["parameters"]
        if parameter["in"] == "path" and "example" in parameter
    }
    body = raw.get("requestBody", {"content": {}})["content"].get("application/json", {}).get("example")
    requests = [operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)]
    if known:
        requests.append(operation.as_strategy(path_parameters=known))
    if body is not None:
        requests.append(operation.as_strategy(path_parameters=known or None, body=body))
    return strategies.one_of(*requests)


@pytest.fixture
def filled(server: ServerProcess) -> ServerProcess:
    """The server with the things that the examples in the document name."""
    temperature = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
    slots = {"measures": [{"name": "temperature", "type": "temperature"}]}
    outside = {"engineGroup": "commons", "measures": [{"name": "temperatureExt", "type": "temperature"}]}
    twin = {"reference": "1"}
    with httpx.Client(base_url=f"{server.url}/_/device-manager", timeout=30) as client:
        for path, body in (
            ("models/measures", temperature),
            ("models/devices", slots | {"model": "DummyTemp"}),
            ("models/assets", outside | {"model": "Container"}),
            ("engine/tenant-a", None),
            ("tenant-a/devices", twin | {"model": "DummyTemp"}),
            ("tenant-a/assets", {"reference": "A-1", "model": "Container"}),
        ):
            client.post(f"/{path}", json=body).raise_for_status()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        client.put("/weather/stations", json={}).raise_for_status()
        client.post("/weather/stations/north/_create", json={"name": "Brest"}).raise_for_status()
    return server


def in_order(schema: Any) -> Iterator[Any]:
    """The operations: those that take away what others need come late, those that end all rights last."""

    def place(operation: Any) -> tuple[bool, bool]:
        name = operation.definition.raw["operationId"]
        return name in CLOSING, "delete" in name or "truncate" in name

    operations = (result.ok() for result in schema.get_all_operations())
    tried = (operation for operation in operations if operation.definition.raw["operationId"] not in LEFT_OUT)
    yield from sorted(tried, key=place)


@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(25 * SECONDS, marks=pytest.mark.soak)])
@pytest.mark.timeout(40 * SECONDS)
def test_made_up_requests_are_answered(filled: ServerProcess, seconds: float) -> None:
    schema = schemathesis.openapi.from_url(f"{filled.url}/_openapi")
    operations = list(in_order(schema))
    explorer = Explorer(filled.url)
    end = time.monotonic() + seconds
    with explorer.session:
        for number, operation in enumerate(operations):
            share = (end - time.monotonic()) / (len(operations) - number)
            assert explorer.explore(operation, share) > 0, operation
    assert len(explorer.succeeded) > len(operations) / 4, "nearly everything was refused, so little was tried"
    assert not explorer.wrong, f"{len(explorer.wrong)} answers are wrong:\n" + "\n".join(explorer.wrong)
    assert filled.is_running
