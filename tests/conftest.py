"""Fixtures that every area of the tests shares: the real Elasticsearch."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NODE_STARTER = Path(__file__).parent / "elasticsearch_node" / "start.py"


@dataclass(frozen=True)
class ElasticsearchNode:
    """A running node of the tests' own, which can be stopped and continued."""

    url: str
    pid: int

    def pause(self) -> None:
        """Stop the process where it is: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextlib.contextmanager
def _started_node() -> Iterator[ElasticsearchNode]:
    starter = subprocess.Popen(
        [sys.executable, str(NODE_STARTER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert starter.stdout is not None
        line = starter.stdout.readline()
        assert line, "the Elasticsearch node did not come up: see standard error"
        yield ElasticsearchNode(**json.loads(line))
    finally:
        starter.communicate()


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """The cluster that tests share: `ELASTICSEARCH_URL` when set, otherwise a node started for this session."""
    given = os.environ.get("ELASTICSEARCH_URL")
    if given:
        yield given
        return
    with _started_node() as node:
        yield node.url


@pytest.fixture(scope="module")
def elasticsearch_node() -> Iterator[ElasticsearchNode]:
    """A node of one test module's own, to pause and resume; it is resumed at the end whatever happened."""
    with _started_node() as node:
        try:
            yield node
        finally:
            node.resume()
