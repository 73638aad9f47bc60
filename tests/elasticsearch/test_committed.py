"""What a process keeps in memory never comes from a transaction that is not decided (design 6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, cast

import pytest
from proxy import Gate

from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX, Change, CommitListener, Document, Key, Store, Transaction
from device_manager.storage.elasticsearch.store import ElasticsearchStore
from device_manager.storage.generation import Generation, generation_key, raise_generation

Links = dict[str, list[str]]


def change(index: str) -> Callable[[Transaction], None]:
    """A decide function that changes one asset, removes one and adds one."""

    def decide(tx: Transaction) -> None:
        tx.replace(Key(index, "assets", "a"), {"links": ["new"]})
        tx.delete(Key(index, "assets", "b"))
        tx.create(index, "assets", {"links": ["added"]}, "c")

    return decide


@contextlib.asynccontextmanager
async def undecided(gate: Gate, decide: Callable[[Transaction], object]) -> AsyncIterator[None]:
    """While the context lasts another process has written all of a transaction, and waits with its commit."""
    applied = asyncio.Event()

    def on_step(step: str) -> None:
        if step == "applied" and not applied.is_set():
            gate.is_open.clear()
            applied.set()

    other = ElasticsearchStore(gate.url, Settings(store_deadline=60), on_step=on_step)
    await other.start()
    running = asyncio.create_task(other.transact(decide))
    try:
        await applied.wait()
        yield
    finally:
        gate.is_open.set()
        await running
        await other.close()


def links(documents: Sequence[Document]) -> Links:
    return {document.id: document.source["links"] for document in documents}


@pytest.fixture(params=["by their ids", "as a collection"])
def committed(
    store: ElasticsearchStore, index: str, request: pytest.FixtureRequest
) -> Callable[[], Coroutine[Any, Any, Links]]:
    """The links of the assets `a`, `b` and `c`."""
    ids = ("a", "b", "c")

    async def read() -> Links:
        if request.param == "by their ids":
            keys = [Key(index, "assets", id) for id in ids]
            return links(list((await store.read_committed(keys)).values()))
        return links([asset for asset in await store.read_collection(index, "assets") if asset.id in ids])

    return read


BEFORE: Links = {"a": [], "b": []}
AFTER: Links = {"a": ["new"], "c": ["added"]}


async def test_nothing_is_seen_before_the_commit(
    store: ElasticsearchStore, index: str, gate: Gate, committed: Callable[[], Coroutine[Any, Any, Links]]
) -> None:
    async with undecided(gate, change(index)):
        assert (await store.get(index, "assets", "a")).source["links"] == ["new"], "other readers see it already"
        assert await committed() == BEFORE
    assert await committed() == AFTER


async def test_nothing_is_seen_of_what_was_given_up(
    store: ElasticsearchStore, index: str, gate: Gate, committed: Callable[[], Coroutine[Any, Any, Links]]
) -> None:
    async with undecided(gate, change(index)):
        assert await committed() == BEFORE
        mark = (await store.get(index, "assets", "a")).token.mark  # type: ignore[attr-defined]
        await store.settle(mark.partition("#")[0])
        assert (await store.get(index, "assets", "a")).source["links"] == [], "it is taken back"
        assert await committed() == BEFORE
    assert await committed() == AFTER, "the other process has tried again"


class Assets:
    """A memory of all assets."""

    def __init__(self, store: ElasticsearchStore, index: str) -> None:
        self.links: Links = {}
        self._store = store
        self._index = index

    async def read(self) -> Callable[[], None]:
        """See `Memory.read`."""
        found = links(await self._store.read_collection(self._index, "assets"))

        def take_over() -> None:
            self.links = found

        return take_over

    def apply(self, change: Change) -> bool:
        """See `Memory.apply`."""
        if change.key.index != self._index:
            return False
        self.links = {id: value for id, value in self.links.items() if id != change.key.id}
        if change.after is not None:
            self.links[change.key.id] = change.after.source["links"]
        return True


async def test_memory_is_of_a_generation_only_when_that_is_committed(
    store: ElasticsearchStore, index: str, gate: Gate
) -> None:
    """Its document and those that it is about are written side by side: either may be seen without the other."""
    key = generation_key(index)

    def decide(tx: Transaction) -> None:
        change(index)(tx)
        raise_generation(tx, key)

    memory = Assets(store, index)
    generation = Generation(store, key, memory, "assets")
    await generation.start()
    assert (generation.number, memory.links["a"]) == (0, [])
    async with undecided(gate, decide):
        assert await store.get(INTERNAL_INDEX, "cache", index), "the new generation can be read already"
        await generation.look()
        assert (generation.number, memory.links["a"]) == (0, [])
        await generation.look(again=True)
        assert (generation.number, memory.links["a"]) == (0, [])
    await generation.look()
    assert (generation.number, memory.links["a"]) == (1, ["new"])
    await generation.close()


class LateStore:
    """A store that keeps what it has to tell of commits.

    Attributes:
        told: the changes of each commit.
        listener: who wants to hear of them.
    """

    def __init__(self, store: ElasticsearchStore) -> None:
        self.told: list[Sequence[Change]] = []
        self._store = store
        store.on_commit(self.told.append)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def on_commit(self, listener: CommitListener) -> None:
        """See the contract."""
        self.listener = listener


async def test_a_commit_that_is_told_late_does_not_replace_newer_memory(
    store: ElasticsearchStore, index: str, elasticsearch_url: str
) -> None:
    """A look may be faster, and meet what another process did on top of the commit."""
    key = generation_key(index)

    def writer(link: str) -> Callable[[Transaction], None]:
        def decide(tx: Transaction) -> None:
            tx.replace(Key(index, "assets", "a"), {"links": [link]})
            raise_generation(tx, key)

        return decide

    late, memory = LateStore(store), Assets(store, index)
    generation = Generation(cast(Store, late), key, memory, "assets")
    await generation.start()
    await store.transact(writer("first"))
    other = ElasticsearchStore(elasticsearch_url, Settings())
    await other.start()
    await other.transact(writer("second"))
    await other.close()
    await generation.look()
    late.listener(late.told[0])
    assert (generation.number, memory.links["a"]) == (2, ["second"])
    await generation.close()
