"""A cluster that takes longer for one bulk than the grace time: nobody takes the transaction back (transactions 1)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from proxy import Proxy

from device_manager.settings import Settings
from device_manager.storage.contract import Transaction
from device_manager.storage.elasticsearch.store import ElasticsearchStore

pytestmark = pytest.mark.alone

GRACE = 1.0
LARGE = 50_000
"""Bytes from which a request has to wait."""
SLOW = 1.5 * GRACE
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class SlowForLargeRequests(Proxy):
    """Large requests wait before they reach the cluster, small ones do not."""

    delayed = 0

    async def asked(self, data: bytes) -> None:
        """See `Proxy.asked`."""
        declared = LENGTH.search(data)
        if declared and int(declared[1]) > LARGE:
            self.delayed += 1
            await asyncio.sleep(SLOW)


@pytest_asyncio.fixture
async def slow(elasticsearch_url: str) -> AsyncIterator[SlowForLargeRequests]:
    """Such a proxy in front of the cluster."""
    async with SlowForLargeRequests(elasticsearch_url) as proxy:
        yield proxy


async def test_a_transaction_that_takes_longer_than_the_grace_time(
    slow: SlowForLargeRequests, store: ElasticsearchStore, index: str
) -> None:
    settings = Settings(recovery_grace=GRACE, transaction_retries=3, store_deadline=60)
    owner = ElasticsearchStore(slow.url, settings)
    neighbour = ElasticsearchStore(slow.url, settings)
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
