"""A cluster that stops answering, and answers that get lost on the way (design 9; transactions 1, step 6)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import httpx
import pytest
import pytest_asyncio
from proxy import Proxy

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Change, Key, Transaction
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.store import ElasticsearchStore

pytestmark = pytest.mark.alone


class Node(Protocol):
    """The node of the fixture."""

    @property
    def url(self) -> str: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class LossyProxy(Proxy):
    """Loses the next request, or the next answer, and cuts that connection, when told to."""

    loses = False
    swallows = False
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What others do while an answer gets lost."""

    async def asked(self, data: bytes) -> None:
        """See `Proxy.asked`."""
        lost, self.loses = self.loses, False
        if lost:
            raise ConnectionResetError

    async def answered(self, data: bytes) -> bool:
        """See `Proxy.answered`."""
        swallowed, self.swallows = self.swallows, False
        if swallowed and self.meanwhile is not None:
            await self.meanwhile()
        return not swallowed


@pytest_asyncio.fixture
async def lossy(elasticsearch_url: str) -> AsyncIterator[LossyProxy]:
    """Such a proxy in front of the cluster."""
    async with LossyProxy(elasticsearch_url) as proxy:
        yield proxy


@pytest.mark.parametrize("step", ["intended", "committing"])
async def test_lost_answer_changes_nothing_about_the_outcome(
    step: str,
    store: ElasticsearchStore,
    index: str,
    lossy: LossyProxy,
    linked: Callable[[str], Awaitable[list[str]]],
    history: Callable[[], Awaitable[list[str]]],
) -> None:
    losses = iter([step])

    def on_step(reached: str) -> None:
        lossy.swallows = reached == step and next(losses, None) is not None

    other = ElasticsearchStore(lossy.url, Settings(), on_step=on_step)
    await other.start()
    told: list[Change] = []
    other.on_commit(told.extend)

    def decide(tx: Transaction) -> None:
        keys = [Key(index, "assets", "a"), Key(index, "assets", "b")]
        for key, document in tx.read(keys).items():
            tx.replace(key, {"links": [*document.source["links"], "once"]})
        tx.create(index, "history", {"name": "once"})

    await other.transact(decide)
    await other.close()
    assert await linked("a") == await linked("b") == ["once"]
    assert await history() == ["once"]
    assert len(told) == 3


async def test_lost_answer_to_a_partial_commit_that_others_have_cleaned_up_after(
    store: ElasticsearchStore, index: str, lossy: LossyProxy, linked: Callable[[str], Awaitable[list[str]]]
) -> None:
    a, b, c = (Key(index, "assets", id) for id in ("a", "b", "0"))

    def on_step(reached: str) -> None:
        if reached == "intended" and next(conflicts, None) is not None:  # somebody else is faster at b
            path = f"{lossy.cluster}/{alias_name(index, 'assets').replace('&', '%26')}/_doc/b"
            httpx.put(path, json={"links": ["faster"]}).raise_for_status()
        elif reached == "applied" and next(losses, None) is not None:
            lossy.swallows = True

    async def sweep_and_build_on_it() -> None:
        await store._sweeper.sweep()
        await store.transact(appender(a, "other"))

    conflicts, losses = iter([1]), iter([1])
    lossy.meanwhile = sweep_and_build_on_it
    owner = ElasticsearchStore(lossy.url, Settings(), on_step=on_step)
    await owner.start()

    def link(tx: Transaction) -> None:
        for key, document in tx.read([a, c]).items():
            tx.replace(key, {"links": [*document.source["links"], "link"]})

    await asyncio.gather(owner.transact(link), owner.transact(appender(b, "slower")))
    await owner.close()
    assert await linked("a") == ["link", "other"]
    assert await linked("0") == ["link"], "what was committed is not taken back"
    assert await linked("b") == ["faster", "slower"]


@dataclasses.dataclass
class Alone:
    """A store behind a lossy proxy that writes the asset `a`, and nothing with it, and what its listeners hear."""

    store: ElasticsearchStore
    proxy: LossyProxy
    index: str
    told: list[Change] = dataclasses.field(default_factory=list)
    fault: str = ""

    def on_step(self, reached: str) -> None:
        if reached == "committing" and self.fault:
            setattr(self.proxy, self.fault, True)
            self.fault = ""

    async def append(self, name: str) -> None:
        await self.store.transact(appender(Key(self.index, "assets", "a"), name))

    async def create(self, id: str) -> None:
        await self.store.transact(creator(self.index, id))


@pytest_asyncio.fixture
async def alone(store: ElasticsearchStore, index: str, lossy: LossyProxy) -> AsyncIterator[Alone]:
    """Such a store. A document alone is written without an intent."""
    steps: list[Callable[[str], None]] = []
    other = ElasticsearchStore(lossy.url, Settings(), on_step=lambda reached: steps[0](reached))
    await other.start()
    alone = Alone(other, lossy, index)
    steps.append(alone.on_step)
    other.on_commit(alone.told.extend)
    yield alone
    await other.close()


async def test_lost_answer_to_the_write_of_one_document(
    alone: Alone, linked: Callable[[str], Awaitable[list[str]]]
) -> None:
    await alone.append("first")
    before = alone.store.round_trips.commits
    alone.fault = "swallows"
    await alone.append("once")
    assert await linked("a") == ["first", "once"]
    alone.fault = "swallows"
    await alone.create("new")
    await alone.append("last")
    assert await linked("a") == ["first", "once", "last"]
    assert len(alone.told) == 4
    assert alone.store.round_trips.commits - before == 3, "one for each"


async def test_lost_write_of_one_document(alone: Alone, linked: Callable[[str], Awaitable[list[str]]]) -> None:
    alone.fault = "loses"
    await alone.append("once")
    assert await linked("a") == ["once"], "what cannot arrive any more is done again"
    alone.fault = "loses"
    with pytest.raises(ApiError, match="its outcome is not known") as caught:
        await alone.create("new")
    assert caught.value.status == 503, "what is new might still arrive"
    await alone.create("new")
    assert [change.key.id for change in alone.told] == ["a", "new"]


async def test_stopped_cluster(elasticsearch_node: Node, index: str) -> None:
    store = ElasticsearchStore(elasticsearch_node.url, Settings())
    await store.start()
    await store.create_collection(index, "assets", {"dynamic": "false"})
    for number in range(10):
        await store.transact(creator(index, str(number)))
    acknowledged: list[tuple[str, str]] = []
    slowest = 0.0
    refused = 0
    goes_on = True

    async def client(number: int) -> None:
        nonlocal slowest, refused
        count = 0
        while goes_on:
            name, id, started = f"{number}-{count}", str(count % 10), time.monotonic()
            key, count = Key(index, "assets", id), count + 1
            try:
                found = await store.read([key])
                await store.transact(appender(key, name), known=found)
                acknowledged.append((id, name))
            except ApiError as error:
                assert error.status == 503, error
                refused += 1
                await asyncio.sleep(0.1)
            slowest = max(slowest, time.monotonic() - started)

    clients = [asyncio.create_task(client(number)) for number in range(20)]
    with contextlib.ExitStack() as resumed:
        await reach(lambda: len(acknowledged) > 50)
        elasticsearch_node.pause()
        resumed.callback(elasticsearch_node.resume)
        before = refused
        await reach(lambda: refused - before >= 40)
    continued, before = time.monotonic(), len(acknowledged)
    await reach(lambda: len(acknowledged) > before + 50)
    assert time.monotonic() - continued < 5
    goes_on = False
    await asyncio.gather(*clients)
    assert slowest < 5
    for number in range(10):
        links = (await store.get(index, "assets", str(number))).source["links"]
        assert {name for id, name in acknowledged if id == str(number)} <= set(links)
        assert len(links) == len(set(links))
    await store.drop_index(index)
    await store.close()


def creator(index: str, id: str) -> Callable[[Transaction], object]:
    return lambda tx: tx.create(index, "assets", {"links": []}, id)


def appender(key: Key, name: str) -> Callable[[Transaction], object]:
    return lambda tx: tx.replace(key, {"links": [*tx.read([key])[key].source["links"], name]})


async def reach(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(30):
        while not is_so():  # it changes by what many tasks do
            await asyncio.sleep(0.01)
