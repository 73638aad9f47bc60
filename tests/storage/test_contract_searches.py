"""Searching and scanning, on both stores."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.query.search import (
    Aggregation,
    DateHistogram,
    Metric,
    Search,
    SearchResult,
    Sort,
    SourceFilter,
    TermsAggregation,
    TopHits,
)
from device_manager.query.tree import (
    MATCH_ALL,
    Bool,
    Exists,
    GeoBox,
    GeoDistance,
    Ids,
    Match,
    MatchNone,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    Wildcard,
)
from device_manager.storage.contract import Decide, Key, Store, Transaction

DAY = 86_400_000
SOURCES: dict[str, dict[str, Any]] = {
    f"{n:02}": {
        "model": "truck" if n % 3 else "plane",
        "reference": f"ref-{n}",
        "serial": n * 7 % 30,
        "level": n / 8,
        "seenAt": n * DAY if n % 2 else f"1970-01-{n + 1:02}",
        "active": n % 4 == 0,
        "linkedMeasures": [{"deviceId": f"d{n % 5}", "measureSlots": {"asset": f"s{m}"}} for m in range(n % 3)],
        "metadata": {"name": f"name {n}", "free": {"deep": [{"x": n, "y": 1}]}},
        **({"place": {"lat": 1, "lon": 2}} if n < 4 else {}),
    }
    for n in range(25)
}
SOURCES["many"] = {"serial": [3, 100], "seenAt": []}
SOURCES["none"] = {"serial": None, "model": None}


@pytest_asyncio.fixture
async def full(store: Store, index: str) -> Store:
    """The store with the documents of SOURCES."""

    def decide(tx: Transaction) -> None:
        for id, source in SOURCES.items():
            tx.create(index, "assets", source, id)

    await store.transact(decide, refresh=True)
    return store


def ids(result: SearchResult) -> list[str]:
    return [hit.id for hit in result.hits]


def having(test: Any) -> set[str]:
    return {id for id, source in SOURCES.items() if test(source)}


QUERIES: list[tuple[Query, set[str]]] = [
    (MATCH_ALL, set(SOURCES)),
    (MatchNone(), set()),
    (Term("model", "plane"), having(lambda s: s.get("model") == "plane")),
    (Term("serial", 3), {"many", *having(lambda s: s["serial"] == 3)}),
    (Term("serial", "3"), {"many", *having(lambda s: s["serial"] == 3)}),
    (Match("match", "model.text", "a TRUCK"), having(lambda s: s.get("model") == "truck")),
    (Match("match_phrase_prefix", "model.text", "pl"), having(lambda s: s.get("model") == "plane")),
    (GeoDistance("place", 1.001, 2, 200), having(lambda s: "place" in s)),
    (GeoBox("place", 0.9, 1, -1, 3), set()),
    (Term("active", True), having(lambda s: s.get("active") is True)),
    (Term("linkedMeasures.deviceId", "d4"), {"04", "14", "19"}),
    (Term("nothing", 1), set()),
    (Term("metadata.free.deep.x", 1), set()),
    (Terms("reference", ("ref-1", "ref-2", "no")), {"01", "02"}),
    (Range("serial", gte=10, lt=20), having(lambda s: isinstance(s["serial"], int) and 10 <= s["serial"] < 20)),
    (Range("level", gt=1, lte=1.5), having(lambda s: 1 < s.get("level", 0) <= 1.5)),
    (Range("seenAt", gte="1970-01-03", lt="1970-01-06"), {"02", "03", "04"}),
    (Exists("place"), {"00", "01", "02", "03"}),
    (Exists("linkedMeasures"), having(lambda s: s.get("linkedMeasures"))),
    (Exists("model.text"), having(lambda s: s.get("model"))),
    (Ids(("01", "many", "absent")), {"01", "many"}),
    (Prefix("reference", "ref-2"), {"02", "20", "21", "22", "23", "24"}),
    (Wildcard("reference", "ref-?2"), {"12", "22"}),
    (Bool(must_not=(Exists("serial"),)), {"none"}),
    (Bool(must=(Term("model", "plane"),), must_not=(Term("active", True),)), {"03", "06", "09", "15", "18", "21"}),
    (Bool(should=(Ids(("01",)), Term("reference", "ref-2"))), {"01", "02"}),
    (Bool(filter=(Term("model", "plane"),), should=(Ids(("01",)),)), having(lambda s: s.get("model") == "plane")),
]  # fmt: skip


async def test_every_query_finds_what_it_should(full: Store, index: str) -> None:
    for query, expected in QUERIES:
        result = await full.search(index, "assets", Search(query=query, size=100))
        assert set(ids(result)) == expected, query
        assert result.total == len(expected), query


async def test_pages_and_totals(full: Store, index: str) -> None:
    sort = (Sort("_id"),)
    expected = sorted(SOURCES)
    first = await full.search(index, "assets", Search(sort=sort))
    assert (ids(first), first.total) == (expected[:10], 27)
    third = await full.search(index, "assets", Search(sort=sort, offset=20, size=10))
    assert (ids(third), third.total) == (expected[20:], 27)
    beyond = await full.search(index, "assets", Search(sort=sort, offset=100))
    assert (ids(beyond), beyond.total) == ([], 27)
    count = await full.search(index, "assets", Search(query=Term("model", "plane"), size=0))
    assert (ids(count), count.total) == ([], 9)


async def test_hits_carry_the_source(full: Store, index: str) -> None:
    result = await full.search(index, "assets", Search(size=100))
    assert {hit.id: hit.source for hit in result.hits} == SOURCES
    assert all(hit.score is not None for hit in result.hits)


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_sorting_takes_the_smallest_or_the_largest_value(full: Store, index: str, order: Any) -> None:
    result = await full.search(index, "assets", Search(sort=(Sort("serial", order), Sort("_id")), size=100))
    pick = min if order == "asc" else max
    values = {id: pick(s["serial"]) if isinstance(s["serial"], list) else s["serial"] for id, s in SOURCES.items()}
    sign = 1 if order == "asc" else -1
    expected = [*sorted((id for id in SOURCES if id != "none"), key=lambda id: (sign * values[id], id)), "none"]
    assert ids(result) == expected
    assert [hit.sort[0] for hit in result.hits[:-1]] == [values[id] for id in expected[:-1]]
    assert all(hit.score is None for hit in result.hits)


async def test_missing_values_first(full: Store, index: str) -> None:
    result = await full.search(index, "assets", Search(sort=(Sort("serial", missing="_first"),), size=2))
    assert ids(result)[0] == "none"


@pytest.mark.parametrize(
    "sort",
    [
        (Sort("model"), Sort("_id", "desc")),
        (Sort("seenAt", "desc"), Sort("_id")),
        (Sort("level"), Sort("_id")),
        (Sort("active", "desc"), Sort("serial"), Sort("_id")),
        (Sort("_id", "desc"),),
    ],
)
async def test_search_after_goes_through_everything_once(full: Store, index: str, sort: Sequence[Sort]) -> None:
    whole = ids(await full.search(index, "assets", Search(sort=tuple(sort), size=100)))
    assert set(whole) == set(SOURCES)
    seen: list[str] = []
    search = Search(sort=tuple(sort), size=4)
    while found := (await full.search(index, "assets", search)).hits:
        seen += [hit.id for hit in found]
        search = Search(sort=tuple(sort), size=4, search_after=found[-1].sort)
    assert seen == whole


async def test_dates_sort_by_milliseconds(full: Store, index: str) -> None:
    result = await full.search(index, "assets", Search(query=Exists("seenAt"), sort=(Sort("seenAt", "desc"),), size=2))
    assert [(hit.id, hit.sort) for hit in result.hits] == [("24", (24 * DAY,)), ("23", (23 * DAY,))]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (SourceFilter(enabled=False), None),
        (SourceFilter(includes=("model", "metadata.name")), {"model": "truck", "metadata": {"name": "name 1"}}),
        (SourceFilter(includes=("metadata.*",), excludes=("metadata.free.deep.y",)),
         {"metadata": {"name": "name 1", "free": {"deep": [{"x": 1}]}}}),
        (SourceFilter(includes=("linked*.deviceId",)), {"linkedMeasures": [{"deviceId": "d1"}]}),
        (SourceFilter(excludes=("*",)), {}),
    ],
)  # fmt: skip
async def test_parts_of_the_source(full: Store, index: str, filter: SourceFilter, expected: Any) -> None:
    result = await full.search(index, "assets", Search(query=Ids(("01",)), source=filter))
    assert [hit.source for hit in result.hits] == [expected]


async def test_terms_aggregations(full: Store, index: str) -> None:
    aggregations = {
        "models": TermsAggregation("model"),
        "devices": TermsAggregation("linkedMeasures.deviceId", size=2, order=(("_key", "desc"),)),
        "active": TermsAggregation("active"),
    }
    result = await full.search(index, "assets", Search(size=0, aggregations=aggregations))
    assert result.aggregations is not None
    assert result.aggregations["models"]["buckets"] == [
        {"key": "truck", "doc_count": 16},
        {"key": "plane", "doc_count": 9},
    ]
    devices = result.aggregations["devices"]
    assert [(b["key"], b["doc_count"]) for b in devices["buckets"]] == [("d4", 3), ("d3", 3)]
    assert devices["sum_other_doc_count"] == 10
    assert {b["key"]: b["doc_count"] for b in result.aggregations["active"]["buckets"]} == {0: 18, 1: 7}
    narrowed = await full.search(
        index, "assets", Search(query=Ids(("01", "03")), size=0, aggregations={"m": aggregations["models"]})
    )
    assert narrowed.aggregations is not None
    assert {b["key"]: b["doc_count"] for b in narrowed.aggregations["m"]["buckets"]} == {"truck": 1, "plane": 1}


async def test_aggregations_inside_others(full: Store, index: str) -> None:
    inside: dict[str, Aggregation] = {
        "days": DateHistogram("seenAt", "week", min_doc_count=1, aggregations={"level": Metric("max", "level")}),
        "first": TopHits((Sort("serial", "desc"), Sort("_id")), size=1),
    }
    search = Search(size=0, aggregations={"models": TermsAggregation("model", aggregations=inside)})
    result = (await full.search(index, "assets", search)).aggregations
    assert result is not None
    planes = result["models"]["buckets"][1]
    assert planes["days"]["buckets"][-1] == {
        "key": 18 * DAY, "key_as_string": "1970-01-19T00:00:00.000Z", "doc_count": 3, "level": {"value": 3.0}
    }  # fmt: skip
    (first,) = planes["first"]["hits"]["hits"]
    assert first["_id"] == "21"
    assert {**first["_source"], "_kuzzle_info": None} == {**SOURCES["21"], "_kuzzle_info": None}
    assert first["sort"] == [27, "21"]


async def test_a_clause_on_a_field_that_cannot_run_it(full: Store, index: str) -> None:
    with pytest.raises(ApiError, check=lambda error: error.status == 400):
        await full.search(index, "assets", Search(query=Term("serial", "abc")))
    with pytest.raises(ApiError, check=lambda error: error.status == 400):
        await full.search(index, "assets", Search(query=Range("seenAt", gte="not a date")))


async def test_searches_see_what_was_written_after_a_refresh(store: Store, index: str) -> None:
    key = Key(index, "assets", "a")
    await store.transact(lambda tx: tx.create(*key[:2], {"serial": 1}, "a"))
    await store.refresh(index, "assets")
    assert (await store.search(index, "assets", Search(query=Term("serial", 1)))).total == 1
    await store.transact(lambda tx: (tx.read([key]), tx.replace(key, {"serial": 2})), refresh=True)
    assert (await store.search(index, "assets", Search(query=Term("serial", 1)))).total == 0
    assert (await store.search(index, "assets", Search(query=Term("serial", 2)))).total == 1
    await store.transact(lambda tx: tx.delete(key), refresh=True)
    assert (await store.search(index, "assets", Search())).total == 0


async def test_a_scan_gives_every_document_once(full: Store, index: str) -> None:
    pages = [page async for page in full.scan(index, "assets", page=10)]
    assert [len(page) for page in pages] == [10, 10, 7]
    documents = {document.id: document for page in pages for document in page}
    assert {id: document.source for id, document in documents.items()} == SOURCES
    assert {document.version for document in documents.values()} == {1}
    planes = [d.id async for page in full.scan(index, "assets", Term("model", "plane"), page=4) for d in page]
    assert sorted(planes) == sorted(having(lambda s: s.get("model") == "plane"))
    assert [page async for page in full.scan(index, "assets", MatchNone())] == []


async def test_a_scan_is_of_one_moment(full: Store, index: str) -> None:
    scan = full.scan(index, "assets", page=10)
    seen = [await anext(scan)]

    def decide(tx: Transaction) -> None:
        keys = [Key(index, "assets", id) for id in SOURCES]
        tx.read(keys)
        for key in keys:
            tx.replace(key, {"serial": 99})
        tx.create(index, "assets", {}, "new")

    await full.transact(decide, refresh=True)
    seen += [page async for page in scan]
    assert {d.id: d.source for page in seen for d in page} == SOURCES


async def test_a_scan_may_be_left_early(full: Store, index: str) -> None:
    for _ in range(10):
        scan = full.scan(index, "assets", page=2)
        assert len(await anext(scan)) == 2
        await scan.aclose()
    assert (await full.search(index, "assets", Search())).total == 27


async def test_a_scanned_document_can_be_changed(full: Store, index: str) -> None:
    known = {Key(index, "assets", d.id): d async for page in full.scan(index, "assets") for d in page}

    def decide(tx: Transaction) -> None:
        for key in known:
            tx.read([key])
            tx.replace(key, {"serial": 1})

    await full.transact(decide, known=known)
    assert {d.version for d in (await full.read(list(known))).values()} == {2}


async def test_totals_beyond_ten_thousand_are_exact(store: Store, index: str) -> None:
    numbers = iter(range(10_500))

    def some() -> Decide[None]:
        batch = list(itertools.islice(numbers, 1500))

        def decide(tx: Transaction) -> None:
            for n in batch:
                tx.create(index, "assets", {"serial": n}, f"{n}")

        return decide

    for _ in range(7):
        await store.transact(some())
    await store.refresh(index, "assets")
    result = await store.search(index, "assets", Search(query=Range("serial", gte=100), size=1))
    assert result.total == 10_400
    assert sum([len(page) async for page in store.scan(index, "assets")]) == 10_500
