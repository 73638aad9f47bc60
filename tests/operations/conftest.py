"""Servers for the tests of operations, and how their figures are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from device_manager.cli.process import ServerProcess

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]
ReadFigures = Callable[[str], Figures]


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def ask(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Sends a request by `POST /_query` and gives the envelope."""

    def send(action: str, **payload: Any) -> dict[str, Any]:
        controller, _, name = action.rpartition(":")
        envelope: dict[str, Any] = client.post(
            "/_query", json={"controller": controller, "action": name, **payload}
        ).json()
        return envelope

    return send


@pytest.fixture(scope="session")
def read_figures() -> ReadFigures:
    """Reads what Prometheus reads: name and labels of each sample, and its value."""

    def read(text: str) -> Figures:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return read
