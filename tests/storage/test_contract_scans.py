"""Scans in an order, on both stores: what a search with the same sort gives, page by page, from one moment."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.query.search import POSITION, Search, Snapshot, Sort
from device_manager.query.tree import MATCH_ALL, MatchNone, Query, Range, Term
from device_manager.storage.contract import Key, Store, Transaction

DAY = 86_400_000
SOURCES: dict[str, dict[str, Any]] = {
    f"{n * 17 % 60:02}": {
        "model": ["truck", "plane", "ship"][n % 3],
        "reference": f"ref-{n % 7}",
        "serial": n % 10,
        "level": n / 7,
        "seenAt": n % 6 * DAY,
        "active": n % 4 == 0,
    }
    for n in range(57)
}
SOURCES["many"] = {"model": ["a", "zebra"], "serial": [3, 100], "level": [-1.5, 1e30], "seenAt": [DAY, 50 * DAY]}
SOURCES["same"] = {"serial": [4, 4], "model": "truck"}
SOURCES["none"] = {"serial": None, "seenAt": []}

SORTS = [
    *[(Sort(name, order),) for name in ("model", "serial", "level", "seenAt", "active") for order in ("asc", "desc")],
    (Sort("level", "desc", missing="_first"),),
    (Sort("model"), Sort("serial", "desc")),
    (Sort("serial", missing="_first"), Sort("seenAt", "desc", missing="_first")),
    (Sort("nowhere", unmapped_type="long"), Sort("reference", "desc")),
    (Sort("_id", "desc"),),
    (Sort("_score"), Sort("reference")),
]


@pytest_asyncio.fixture
async def full(store: Store, index: str) -> Store:
    """The store with the documents of SOURCES."""

    def decide(tx: Transaction) -> None:
        for id, source in SOURCES.items():
            tx.create(index, "assets", source, id)

    await store.transact(decide, refresh=True)
    return store


async def scanned(store: Store, index: str, query: Query, sort: tuple[Sort, ...], page: int) -> list[list[str]]:
    return [[d.id for d in found] async for found in store.scan(index, "assets", query, page=page, sort=sort)]


async def test_a_scan_sorts_as_a_search_does(full: Store, index: str) -> None:
    queries: list[Query] = [MATCH_ALL, Range("serial", lt=7)]
    for query, sort in itertools.product(queries, SORTS):
        search = Search(query, sort=(*sort, Sort("_id")), size=100)
        expected = [hit.id for hit in (await full.search(index, "assets", search)).hits]
        pages = await scanned(full, index, query, sort, 7)
        assert [id for page in pages for id in page] == expected, sort
        assert {len(page) for page in pages[:-1]} == {7}
    assert await scanned(full, index, MatchNone(), (Sort("serial"),), 5) == []


@pytest.mark.parametrize("sort", [(Sort("level", "desc"),), (Sort("model"), Sort("serial"))], ids=["one key", "two"])
async def test_it_is_of_one_moment_and_documents_can_be_changed(
    full: Store, index: str, sort: tuple[Sort, ...]
) -> None:
    scan = full.scan(index, "assets", page=10, sort=sort)
    seen = await anext(scan)

    def change(tx: Transaction) -> None:
        keys = [Key(index, "assets", id) for id in SOURCES]
        tx.read(keys)
        for key in keys:
            tx.replace(key, {"level": 2})
        tx.create(index, "assets", {"model": "new"})

    await full.transact(change, refresh=True)
    seen += [document async for page in scan for document in page]
    assert {document.id: document.source for document in seen} == SOURCES
    for _ in range(10):
        async with contextlib.aclosing(full.scan(index, "assets", page=2, sort=sort)) as scan:
            assert len(await anext(scan)) == 2

    def touch(tx: Transaction) -> None:
        keys = [Key(index, "assets", id) for id in SOURCES]
        tx.read(keys)
        for key in keys:
            tx.touch(key)

    found = [document async for page in full.scan(index, "assets", sort=sort) for document in page]
    assert {document.version for document in found if document.id in SOURCES} == {2}
    await full.transact(touch, known={Key(index, "assets", document.id): document for document in found})


async def test_a_page_costs_one_read(full: Store, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opening_and_closing = 2 if full.shared else 0
    sorts: list[tuple[Sort, ...]] = [(), (Sort("serial"),)]
    for sort, (page, reads) in itertools.product(sorts, ((60, 1), (59, 2), (30, 2), (20, 3), (7, 9))):
        before = full.round_trips.searches
        pages = await scanned(full, index, MATCH_ALL, sort, page)
        assert full.round_trips.searches - before == reads + opening_and_closing
        assert len(pages) == reads
    monkeypatch.setattr("device_manager.storage.scanning.MOST_EQUAL", 5)  # more than that come in whatever order
    pages = await scanned(full, index, Term("model", "truck"), (Sort("model"),), 4)
    expected = sorted(id for id, source in SOURCES.items() if source.get("model") == "truck")
    assert sorted(id for page in pages for id in page) == expected
    for field in ("model.text", "place", "nowhere"):
        with pytest.raises(ApiError) as refusal:
            await scanned(full, index, MATCH_ALL, (Sort(field),), 10)
        assert refusal.value.status == 400
    with pytest.raises(ApiError) as refusal:
        await scanned(full, "nowhere", MATCH_ALL, (Sort("serial"),), 10)
    assert refusal.value.id == "services.storage.unknown_index"


async def paged(store: Store, index: str, sort: tuple[Sort, ...], size: int, name: str, query: Query) -> list[str]:
    """The ids of all pages of a snapshot."""
    after: tuple[Any, ...] | None = None
    found: list[str] = []
    while True:
        search = Search(
            query=query,
            sort=(*sort, Sort(POSITION)),
            size=size,
            search_after=after,
            snapshot=Snapshot(name, 30),
            counted=after is None,
        )
        result = await store.search(index, "assets", search)
        name = result.snapshot
        if not result.hits:
            return found
        found += [hit.id for hit in result.hits]
        after = result.hits[-1].sort


async def test_a_snapshot_is_read_page_by_page(full: Store, index: str) -> None:
    for sort in SORTS:
        name = await full.open_snapshot(index, "assets", 30)
        for query in (MATCH_ALL, Range("serial", gte=3)):
            expected = await scanned(full, index, query, sort, 1000)
            shown = await paged(full, index, sort, 7, name, query)
            assert len(shown) == len(set(shown))
            assert set(shown) == set(itertools.chain(*expected)), sort
            values = await full.search(index, "assets", Search(query=query, sort=sort, size=100))
            places = {hit.id: hit.sort for hit in values.hits}
            assert [places[id] for id in shown] == [hit.sort for hit in values.hits], sort
        await full.close_snapshot(name)
    name = await full.open_snapshot(index, "assets", 30)
    assert len(await paged(full, index, (Sort("_score", "desc"),), 10, name, MATCH_ALL)) == len(SOURCES)
    await full.close_snapshot(name)
    await full.close_snapshot(name)
    with pytest.raises(ApiError) as refused:
        await full.open_snapshot(index, "nowhere", 30)
    assert refused.value.id == "services.storage.unknown_collection"


async def test_sizes_and_settings_of_collections(full: Store, index: str) -> None:
    sizes = await full.sizes(index)
    assert sizes["assets"] > 0
    assert sizes.keys() == set(await full.collections(index))
    assert (await full.settings(index, "assets"))["number_of_shards"] == "1"
    await full.change_settings(index, "assets", {"refresh_interval": "3s"})
    assert (await full.settings(index, "assets")).get("refresh_interval", "3s") == "3s"
    for ask in (full.settings(index, "nowhere"), full.change_settings(index, "nowhere", {"refresh_interval": "3s"})):
        with pytest.raises(ApiError) as refused:
            await ask
        assert refused.value.id == "services.storage.unknown_collection"
    with pytest.raises(ApiError) as refused:
        await full.sizes("nowhere")
    assert refused.value.id == "services.storage.unknown_index"
    if full.shared:
        with pytest.raises(ApiError) as refused:
            await full.change_settings(index, "assets", {"refresh_interval": "now and then"})
        assert refused.value.status == 400
