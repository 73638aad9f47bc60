"""Stores and victims on the real Elasticsearch."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from device_manager.settings import Settings
from device_manager.storage.contract import Key
from device_manager.storage.elasticsearch.store import ElasticsearchStore

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests of this folder share

from proxy import Gate

VICTIM = Path(__file__).parent / "victim.py"
GRACE = 2.5
COLLECTIONS = ("assets", "history", "large")


class Victim:
    """A process with a store of its own; see `victim.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []

    async def line(self) -> Any:
        """The next thing that it says; None when it has ended."""
        assert self.process.stdout is not None
        text = await asyncio.wait_for(self.process.stdout.readline(), 60)
        value = json.loads(text) if text else None
        if isinstance(value, str) and value != "ready":
            self.acknowledged.append(value)
        elif isinstance(value, list) and value[0] == "unknown":
            self.unknown.append(value[1])
        return value

    async def until(self, value: Any) -> None:
        """Read until it says `value`."""
        while (said := await self.line()) != value:
            assert said is not None, f"the process ended before it said {value}"

    async def finish(self) -> None:
        """Read what it still has to say."""
        while await self.line() is not None:
            continue
        await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


@pytest.fixture
def index() -> str:
    """The name of an index that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def store(elasticsearch_url: str, index: str) -> AsyncIterator[ElasticsearchStore]:
    """An open store with the collections of the tests, and the assets `a`, `b` and `0` to `5`."""
    store = ElasticsearchStore(elasticsearch_url, Settings(recovery_grace=GRACE, transaction_retries=50))
    await store.start()
    for collection in COLLECTIONS:
        await store.create_collection(index, collection, {"dynamic": "false", "properties": {}})
    ids = ("a", "b", *map(str, range(6)))
    await store.transact(lambda tx: [tx.create(index, "assets", {"links": []}, id) for id in ids])
    yield store
    await store.drop_index(index)
    await store.close()


@pytest_asyncio.fixture
async def gate(elasticsearch_url: str) -> AsyncIterator[Gate]:
    """A gate in front of the cluster, open."""
    async with Gate(elasticsearch_url) as proxy:
        yield proxy


StartVictim = Callable[..., Awaitable[Victim]]


@pytest_asyncio.fixture
async def start_victim(elasticsearch_url: str, index: str) -> AsyncIterator[StartVictim]:
    """Start a victim: mode, step to stop at; it is killed at the end of the test."""
    victims: list[Victim] = []

    async def start(mode: str, step: str = "", grace: float = GRACE, url: str = elasticsearch_url) -> Victim:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(VICTIM), url, index, mode, step, str(grace), stdout=asyncio.subprocess.PIPE
        )
        victim = Victim(process)
        victims.append(victim)
        await victim.until("ready")
        return victim

    yield start
    for victim in victims:
        if victim.process.returncode is None:
            victim.process.kill()
        await victim.process.communicate()


@pytest.fixture
def linked(store: ElasticsearchStore, index: str) -> Callable[[str], Awaitable[list[str]]]:
    """What is written in an asset."""

    async def read(id: str) -> list[str]:
        links: list[str] = (await store.get(index, "assets", id)).source["links"]
        return links

    return read


@pytest.fixture
def history(store: ElasticsearchStore, index: str) -> Callable[[], Awaitable[list[str]]]:
    """The names in the history, sorted."""

    async def read() -> list[str]:
        await store.refresh(index, "history")
        return sorted([document.source["name"] async for page in store.scan(index, "history") for document in page])

    return read


@pytest.fixture
def link(store: ElasticsearchStore, index: str) -> Callable[[str], Coroutine[Any, Any, None]]:
    """Link `a` and `b` under a name, by the store of the test."""

    async def run(name: str) -> None:
        def decide(tx: Any) -> None:
            keys = [Key(index, "assets", "a"), Key(index, "assets", "b")]
            found = tx.read(keys)
            for key in keys:
                tx.replace(key, {"links": [*found[key].source["links"], name]})
            tx.create(index, "history", {"name": name})

        await store.transact(decide)

    return run
