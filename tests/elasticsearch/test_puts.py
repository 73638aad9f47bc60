"""Puts beside other processes, undecided transactions, and a cluster that refuses or does not answer (design 6)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import httpx
import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Put, PutKind, PutResult
from device_manager.storage.elasticsearch import put_lines
from device_manager.storage.elasticsearch.names import alias_name
from device_manager.storage.elasticsearch.store import ElasticsearchStore

pytestmark = pytest.mark.alone

WRITTEN, EXISTS, OLDER, STALE = PutResult.WRITTEN, PutResult.EXISTS, PutResult.OLDER, PutResult.STALE
GRACE = 2.5
DEADLINE = 3.0

Linked = Callable[[str], Awaitable[list[str]]]


class Node(Protocol):
    """The node of the fixture."""

    @property
    def url(self) -> str: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@pytest_asyncio.fixture
async def other(elasticsearch_url: str, store: ElasticsearchStore) -> AsyncIterator[ElasticsearchStore]:
    """The store of another process."""
    other = ElasticsearchStore(elasticsearch_url, Settings(recovery_grace=GRACE, store_deadline=DEADLINE))
    await other.start()
    yield other
    await other.close()


def key(index: str, id: str) -> Key:
    return Key(index, "assets", id)


def links(kind: PutKind, key: Key, *names: str, **more: Any) -> Put:
    return Put(kind, key, {"links": list(names)}, **more)


async def add(store: ElasticsearchStore, key: Key, name: str) -> None:
    """Add a name, by reading and replacing until nobody was faster."""
    while True:
        document = await store.get(*key)
        put = links(PutKind.REPLACE, key, *document.source["links"], name, expected=document)
        if await store.put([put]) == [WRITTEN]:
            return


async def test_two_processes(
    store: ElasticsearchStore, other: ElasticsearchStore, index: str, linked: Linked, link: Any
) -> None:
    stores = (store, other)
    created = await asyncio.gather(
        *(by.put([links(PutKind.CREATE, key(index, f"n{n}")) for n in range(300)]) for by in stores)
    )
    assert all({mine, theirs} == {WRITTEN, EXISTS} for mine, theirs in zip(*created, strict=True))

    await asyncio.gather(
        *(by.put([links(PutKind.NEWEST, key(index, "slot"), str(n), version=n)]) for n in range(50) for by in stores)
    )
    assert await linked("slot") == ["49"]

    replacing = [add(by, key(index, "a"), f"{n}-{place}") for n in range(10) for place, by in enumerate(stores)]
    await asyncio.gather(*replacing, *(link(f"link-{n}") for n in range(5)))
    expected = [f"{n}-{place}" for n in range(10) for place in range(2)] + [f"link-{n}" for n in range(5)]
    assert sorted(await linked("a")) == sorted(expected)
    assert sorted(await linked("b")) == [f"link-{n}" for n in range(5)]


@pytest.mark.parametrize("is_killed", [False, True])
async def test_nothing_builds_on_an_undecided_transaction(
    is_killed: bool, store: ElasticsearchStore, index: str, linked: Linked, start_victim: Any
) -> None:
    a, b = key(index, "a"), key(index, "b")
    victim = await start_victim("once", "applied")
    await victim.until(["at", "applied"])
    document = await store.get(*a)
    assert document.source["links"] == ["victim"]
    puts = [
        links(PutKind.REPLACE, a, "mine", expected=document),
        links(PutKind.CREATE, b, "mine"),
        links(PutKind.CREATE, key(index, "new"), "mine"),
    ]
    running = asyncio.ensure_future(store.put(puts))
    await asyncio.wait({running}, timeout=0.3)
    assert not running.done()
    victim.send(signal.SIGKILL if is_killed else signal.SIGCONT)
    assert await running == [STALE, EXISTS, WRITTEN]
    await victim.finish()
    if is_killed:
        assert await linked("a") == await linked("b") == []
    await add(store, a, "mine")
    assert await linked("a") == (["mine"] if is_killed else ["victim", "mine"])


async def test_what_is_indexed_stays_when_the_transaction_under_it_is_undone(
    store: ElasticsearchStore, index: str, linked: Linked, start_victim: Any
) -> None:
    victim = await start_victim("once", "applied")
    await victim.until(["at", "applied"])
    assert await store.put([links(PutKind.INDEX, key(index, "a"), "indexed")]) == [WRITTEN]
    victim.send(signal.SIGKILL)
    await store.transact(lambda tx: tx.replace(key(index, "b"), tx.read([key(index, "b")])[key(index, "b")].source))
    assert (await linked("a"), await linked("b")) == (["indexed"], [])


async def test_a_request_refused_as_a_whole_harms_nobody_else(
    store: ElasticsearchStore, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put_lines, "check_put", lambda put: None)
    calls = [store.put([links(PutKind.CREATE, key(index, f"n{n}"))]) for n in range(40)]
    results = await asyncio.gather(*calls, store.put([links(PutKind.CREATE, key(index, "i" * 513))]))
    assert results[:40] == [[WRITTEN]] * 40
    (refusal,) = results[40]
    assert isinstance(refusal, ApiError)
    assert (refusal.status, refusal.id) == (400, "services.storage.unexpected_bad_request")


async def test_what_is_refused_for_now_is_sent_again_alone(
    store: ElasticsearchStore, other: ElasticsearchStore, elasticsearch_url: str, index: str
) -> None:
    history = Key(index, "history", "h")
    async with httpx.AsyncClient(base_url=elasticsearch_url) as client:

        async def block(is_full: bool | None) -> None:
            """Say that the disk is full, which refuses each write with 429."""
            path = f"/{alias_name(index, 'history').replace('&', '%26')}/_settings"
            body = {"index.blocks.read_only_allow_delete": is_full}
            (await client.put(path, json=body)).raise_for_status()

        await block(True)
        waiting = asyncio.ensure_future(
            store.put([Put(PutKind.CREATE, history, {}), links(PutKind.INDEX, key(index, "a"), "x")])
        )
        with pytest.raises(ApiError) as refused:
            await other.put([Put(PutKind.CREATE, history, {}), links(PutKind.INDEX, key(index, "b"), "x")])
        assert (refused.value.status, refused.value.id) == (503, "services.storage.unavailable")
        assert await store.put([links(PutKind.INDEX, key(index, "b"), "x")]) == [WRITTEN]
        assert not waiting.done()
        await block(None)
        assert await waiting == [WRITTEN, WRITTEN]


async def test_a_collection_dropped_meanwhile_is_refused_and_made_anew_is_found(
    store: ElasticsearchStore, other: ElasticsearchStore, index: str
) -> None:
    large = Key(index, "large", "l")
    assert await store.put([Put(PutKind.CREATE, large, {})]) == [WRITTEN]
    await other.drop_collection(index, "large")
    refusal, written = await store.put([Put(PutKind.CREATE, large, {}), links(PutKind.INDEX, key(index, "a"), "x")])
    assert isinstance(refusal, ApiError)
    assert (refusal.id, written) == ("services.storage.unknown_collection", WRITTEN)
    await other.create_collection(index, "large", {})
    assert await store.put([Put(PutKind.CREATE, large, {})]) == [WRITTEN]


async def test_a_cluster_that_does_not_answer(elasticsearch_node: Node, index: str) -> None:
    store = ElasticsearchStore(elasticsearch_node.url, Settings(store_deadline=DEADLINE))
    await store.start()
    await store.create_collection(index, "assets", {"dynamic": "false"})
    assert await store.put([links(PutKind.CREATE, key(index, "a"))]) == [WRITTEN]
    elasticsearch_node.pause()
    try:
        started = time.monotonic()
        results = await asyncio.gather(
            *(store.put([links(PutKind.CREATE, key(index, f"n{n}"))]) for n in range(50)), return_exceptions=True
        )
        assert time.monotonic() - started < 2 * DEADLINE
    finally:
        elasticsearch_node.resume()
    assert all(isinstance(result, ApiError) and result.status == 503 for result in results)
    async with asyncio.timeout(30):
        while True:
            try:
                again = await store.put([links(PutKind.CREATE, key(index, f"n{n}")) for n in range(50)])
                break
            except ApiError as error:
                assert error.status == 503
                await asyncio.sleep(0.1)
    assert set(again) <= {WRITTEN, EXISTS}
    assert len(await store.read(key(index, f"n{n}") for n in range(50))) == 50
    await store.drop_index(index)
    await store.close()
