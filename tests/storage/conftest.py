"""Both stores, each behind the fixture `store`; every test has an index of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.opening import open_store

KEYWORD_TEXT = {"type": "keyword", "fields": {"text": {"type": "text"}}}

ASSETS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "model": KEYWORD_TEXT,
        "reference": {"type": "keyword"},
        "serial": {"type": "integer"},
        "level": {"type": "float"},
        "seenAt": {"type": "date"},
        "active": {"type": "boolean"},
        "place": {"type": "geo_point"},
        "linkedMeasures": {
            "properties": {
                "deviceId": {"type": "keyword"},
                "measureSlots": {"properties": {"asset": {"type": "keyword"}, "device": {"type": "keyword"}}},
            }
        },
        "metadata": {"dynamic": "false", "properties": {"name": {"type": "keyword"}}},
    },
}


@pytest.fixture(params=["sqlite", "elasticsearch"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The value of the setting `store`."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'data'}"
    return f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"


@pytest.fixture
def index() -> str:
    """The name of an index that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def empty_store(store_url: str, index: str) -> AsyncIterator[Store]:
    """An open store in which `index` does not exist yet; it is gone afterwards."""
    store = open_store(Settings(store=store_url))
    await store.start()
    yield store
    try:
        await store.drop_index(index)
    except ApiError as error:
        assert error.id == "services.storage.unknown_index"
    await store.close()


@pytest_asyncio.fixture
async def store(empty_store: Store, index: str) -> Store:
    """An open store with the collection `assets` in `index`."""
    await empty_store.create_collection(index, "assets", ASSETS)
    return empty_store


@pytest.fixture
def a(index: str) -> Key:
    return Key(index, "assets", "a")


@pytest.fixture
def b(index: str) -> Key:
    return Key(index, "assets", "b")


@pytest.fixture
def refused() -> Callable[[str], Any]:
    """Expects the ApiError with this id: `with refused("not_found"):`."""
    return lambda id: pytest.raises(ApiError, check=lambda error: error.id == f"services.storage.{id}")


@pytest.fixture
def put() -> Callable[..., Callable[[Transaction], Document]]:
    """Decides to create or replace one document: `await store.transact(put(key, serial=1))`."""

    def put(key: Key, **source: Any) -> Callable[[Transaction], Document]:
        def decide(tx: Transaction) -> Document:
            if key in tx.read([key]):
                return tx.replace(key, source)
            return tx.create(key.index, key.collection, source, key.id)

        return decide

    return put
