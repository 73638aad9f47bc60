"""An index that no engine owns, with one collection, for native actions."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from device_manager.errors import ApiError

COLLECTION = "stations"
MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        "name": {"type": "keyword"},
        "height": {"type": "integer"},
        "place": {"properties": {"city": {"type": "keyword"}, "street": {"type": "keyword"}}},
        "tags": {"type": "keyword"},
    },
}


class Stations:
    """Native documents of one collection.

    Attributes:
        platform: see `tests/controllers/conftest.py`.
        index: where the collection is.
    """

    collection = COLLECTION

    def __init__(self, platform: Any, index: str) -> None:
        self.platform = platform
        self.index = index

    async def do(self, action: str, **payload: Any) -> Any:
        """The result of `document:<action>`, which has to succeed."""
        return await self.platform.do(f"document:{action}", **self._here(payload))

    async def refused(self, action: str, **payload: Any) -> dict[str, Any]:
        """The error of `document:<action>`, which has to be refused."""
        error: dict[str, Any] = await self.platform.refused(f"document:{action}", **self._here(payload))
        return error

    def _here(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"index": self.index, "collection": self.collection, **payload}

    async def add(self, *ids: str, **content: Any) -> None:
        """Create documents, visible to searches; `name` is their id unless said otherwise."""
        documents = [{"_id": id, "body": {"name": id, **content}} for id in ids]
        await self.do("mCreate", body={"documents": documents}, strict=True, refresh="wait_for")

    async def sources(self) -> dict[str, Any]:
        """Everything that is stored, by id, without `_kuzzle_info`."""
        await self.platform.store.refresh(self.index, self.collection)
        return {
            document.id: {name: value for name, value in document.source.items() if name != "_kuzzle_info"}
            async for page in self.platform.store.scan(self.index, self.collection)
            for document in page
        }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def weather(prepared: Any) -> AsyncIterator[str]:
    """An index with the collection, for the whole session."""
    index = f"w{uuid.uuid4().hex[:10]}"
    await prepared.store.create_collection(index, COLLECTION, MAPPINGS)
    yield index
    with contextlib.suppress(ApiError):
        await prepared.store.drop_index(index)


@pytest_asyncio.fixture(loop_scope="session")
async def free(prepared: Any) -> AsyncIterator[str]:
    """A name that no index has; the index goes afterwards."""
    name = f"n{uuid.uuid4().hex[:10]}"
    yield name
    with contextlib.suppress(ApiError):
        await prepared.store.drop_index(name)


MakeStations = Callable[..., Awaitable[Stations]]


@pytest_asyncio.fixture(loop_scope="session")
async def make_stations(open_platform: Any, weather: str) -> AsyncIterator[MakeStations]:
    """The empty collection on a platform with settings of its own."""
    made: list[Stations] = []

    async def make(**options: Any) -> Stations:
        made.append(Stations(await open_platform(**options), weather))
        return made[-1]

    yield make
    await made[0].platform.do("collection:truncate", index=weather, collection=COLLECTION)


@pytest_asyncio.fixture(loop_scope="session")
async def stations(make_stations: MakeStations) -> Stations:
    """The collection, empty."""
    return await make_stations()
