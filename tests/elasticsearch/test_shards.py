"""Collections whose shard is not up: what others see of an index while it is being made."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from device_manager.errors import ApiError
from device_manager.query.search import Search
from device_manager.storage.elasticsearch.names import alias_name, physical_name
from device_manager.storage.elasticsearch.store import ElasticsearchStore

NOWHERE, ANYWHERE = ({"index.routing.allocation.require._name": name} for name in ("nobody", None))


@pytest.mark.parametrize("reading", ["search", "scan"])
async def test_search_waits_for_the_shard(
    store: ElasticsearchStore, elasticsearch_url: str, index: str, reading: str
) -> None:
    physical = physical_name(index, "late")
    made = {"settings": {"number_of_replicas": 0, **NOWHERE}, "aliases": {alias_name(index, "late"): {}}}
    async with httpx.AsyncClient(base_url=elasticsearch_url) as client:
        unassigned = await client.put(f"/{physical}", params={"wait_for_active_shards": 0}, json=made)
        unassigned.raise_for_status()
        asked = store.round_trips.searches
        found = asyncio.create_task(count(store, index, reading))
        async with asyncio.timeout(30):
            while store.round_trips.searches < asked + 3:
                assert not found.done(), "the search has not waited"
                await asyncio.sleep(0.01)
        (await client.put(f"/{physical}/_settings", json=ANYWHERE)).raise_for_status()
        assert await found == 0


async def test_searches_of_collections_that_begin_to_exist_are_answered(store: ElasticsearchStore, index: str) -> None:
    for number in range(10):
        name = f"late{number}"
        making = asyncio.create_task(store.create_collection(index, name, {"dynamic": "false", "properties": {}}))
        while not making.done():  # refused as unknown until it is there, and never for any other reason
            try:
                assert (await store.search(index, name, Search(size=0))).total == 0
            except ApiError as error:
                assert error.id == "services.storage.unknown_collection", error
            await asyncio.sleep(0.002)
        await making


async def count(store: ElasticsearchStore, index: str, reading: str) -> int:
    """How many documents the late collection has."""
    if reading == "search":
        return (await store.search(index, "late", Search(size=0))).total
    return sum([len(page) async for page in store.scan(index, "late")])
