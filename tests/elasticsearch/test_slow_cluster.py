"""A cluster that takes longer for one bulk than the grace time: nobody takes the transaction back (transactions 1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from device_manager.settings import Settings
from device_manager.storage.contract import Transaction
from device_manager.storage.elasticsearch.store import ElasticsearchStore

pytestmark = pytest.mark.alone

GRACE = 1.0
LARGE = 50_000
"""Bytes from which a request has to wait."""
SLOW = 1.5 * GRACE
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class SlowForLargeRequests:
    """Passes bytes on; large requests wait before they reach the cluster, small ones do not."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = parts.hostname, parts.port
        self.delayed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, sender = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._ask(reader, sender), self._answer(upstream, writer), return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            declared = LENGTH.search(data)
            if declared and int(declared[1]) > LARGE:
                self.delayed += 1
                await asyncio.sleep(SLOW)
            writer.write(data)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()


@pytest_asyncio.fixture
async def proxy(elasticsearch_url: str) -> AsyncIterator[tuple[SlowForLargeRequests, str]]:
    """Such a proxy in front of the cluster, and its URL."""
    proxy = SlowForLargeRequests(elasticsearch_url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    yield proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_transaction_that_takes_longer_than_the_grace_time(
    proxy: tuple[SlowForLargeRequests, str], store: ElasticsearchStore, index: str
) -> None:
    slow, url = proxy
    settings = Settings(recovery_grace=GRACE, transaction_retries=3, store_deadline=60)
    owner = ElasticsearchStore(url, settings)
    neighbour = ElasticsearchStore(url, settings)
    for one in (owner, neighbour):
        await one.start()
    text = "x" * 200

    def decide(tx: Transaction) -> None:
        for number in range(1100):
            tx.create(index, "history", {"name": f"{number:04}", "text": text}, f"large-{number}")

    # The intent and the first of two bulks are later than the grace time; a neighbour sweeps all the while.
    await owner.transact(decide)
    assert slow.delayed >= 2
    await neighbour.refresh(index, "history")
    found = [document.id async for page in neighbour.scan(index, "history") for document in page]
    assert len(found) == 1100
    assert await neighbour.undecided() == []
    for one in (owner, neighbour):
        await one.close()
