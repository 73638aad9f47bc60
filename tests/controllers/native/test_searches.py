"""Searching, counting and deleting by query (router-protocol 5.6), over one collection and several."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.call import Call
from device_manager.documents.searching import AT_ONCE
from device_manager.storage.contract import Key
from device_manager.storage.merging import Target

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def towers(stations: Any) -> Any:
    """Stations `a` to `e` with heights 1 to 5."""
    documents = [{"_id": id, "body": {"name": id, "height": n + 1}} for n, id in enumerate("abcde")]
    await stations.do("mCreate", body={"documents": documents}, refresh="wait_for")
    return stations


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def second_collection(prepared: Any, weather: str) -> AsyncIterator[str]:
    """Another collection of the same index, with documents `x` and `y` and without the field `place`."""
    name = f"more-{uuid.uuid4().hex[:6]}"
    await prepared.store.create_collection(weather, name, {"properties": {"height": {"type": "integer"}}})

    def decide(tx: Any) -> None:
        tx.create(weather, name, {"height": 3}, "x")
        tx.create(weather, name, {}, "y")

    await prepared.store.transact(decide, refresh=True)
    yield name
    await prepared.store.drop_collection(weather, name)


def ids(result: Any) -> list[str]:
    return [hit["_id"] for hit in result["hits"]]


async def test_search_finds_everything_without_a_body(towers: Any) -> None:
    found = await towers.do("search")
    assert found.keys() == {"hits", "total"}
    assert found["total"] == 5
    assert sorted(ids(found)) == list("abcde")
    hit = found["hits"][0]
    assert hit.keys() == {"_id", "_score", "_source", "index", "collection"}
    assert (hit["_score"], hit["index"], hit["collection"]) == (1, towers.index, "stations")


async def test_search_takes_a_query_a_sort_and_a_page(towers: Any) -> None:
    body = {"query": {"range": {"height": {"gte": 2}}}, "sort": {"height": "desc"}}
    found = await towers.do("search", body=body, **{"from": 1}, size=2)
    assert (ids(found), found["total"]) == (["d", "c"], 4)
    assert found["hits"][0]["_score"] is None
    after = await towers.do("search", body=body | {"search_after": [3]}, size=2)
    assert ids(after) == ["b"]
    bare = await towers.do("search", body={"_source": False}, size=1)
    assert "_source" not in bare["hits"][0]


async def test_search_and_count_take_koncorde(towers: Any) -> None:
    filter = {"or": [{"equals": {"name": "a"}}, {"range": {"height": {"gt": 4}}}]}
    found = await towers.do("search", body={"query": filter, "sort": ["name"]}, lang="koncorde")
    assert ids(found) == ["a", "e"]
    assert await towers.do("count", body={"query": filter}, lang="koncorde") == {"count": 2}
    assert await towers.do("count", lang="koncorde") == {"count": 5}
    assert (await towers.refused("count", lang="sql"))["id"] == "api.assert.invalid_argument"


async def test_search_aggregates(towers: Any) -> None:
    found = await towers.do("search", body={"aggs": {"names": {"terms": {"field": "name", "size": 2}}}}, size=0)
    assert found["hits"] == []
    assert [bucket["key"] for bucket in found["aggregations"]["names"]["buckets"]] == ["a", "b"]


async def test_count_counts(towers: Any) -> None:
    assert await towers.do("count") == {"count": 5}
    assert await towers.do("count", body={"query": {"term": {"name": "a"}}}) == {"count": 1}


async def test_wrong_queries_are_named(towers: Any) -> None:
    for action in ("search", "count", "deleteByQuery"):
        error = await towers.refused(action, body={"query": {"equals": {"name": "a"}}})
        assert error["status"] == 400
        error = await towers.refused(action, body={"unheardOf": 1})
        assert error["id"] == "services.storage.invalid_search_query"
        error = await towers.refused(action, body={"query": {"equals": {}, "and": []}}, lang="koncorde")
        assert error["id"] == "api.assert.koncorde_dsl_error"
        assert len(await towers.sources()) == 5


async def test_pages_are_bounded(make_stations: Any) -> None:
    stations = await make_stations(search_size=10)
    error = await stations.refused("search", size=11)
    assert (error["id"], error["status"]) == ("services.storage.get_limit_exceeded", 413)


async def test_a_score_is_no_place_to_go_on_from(stations: Any) -> None:
    await stations.add("a", "b", "c")
    found = await stations.do("search", body={"sort": ["_score"]}, size=2)
    assert (len(found["hits"]), found["total"]) == (2, 3)
    for score in (1, 1.0):
        error = await stations.refused("search", body={"sort": ["_score"], "search_after": [score]})
        assert (error["id"], error["status"]) == ("services.storage.unexpected_bad_request", 400)


async def test_more_targets_than_are_searched_at_the_same_time_make_one_page(stations: Any) -> None:
    await stations.add("a", "b", "c")
    targets = [Target(stations.index, stations.collection)] * (2 * AT_ONCE + 1)
    found = await stations.platform.documents.searching.search(
        targets, {"sort": "name"}, offset=len(targets) - 1, size=3, lang="elasticsearch", call=Call("ada")
    )
    assert [hit["_id"] for hit in found["hits"]] == ["a", "b", "b"]
    assert found["total"] == 3 * len(targets)


async def test_targets_are_searched_as_one(towers: Any, second_collection: str) -> None:
    targets = [{"index": towers.index, "collections": ["stations", second_collection]}]

    async def search(**options: Any) -> Any:
        return await towers.platform.do("document:search", targets=targets, **options)

    everything = await search(body={"sort": {"height": "asc"}})
    assert everything["total"] == 7
    assert ids(everything)[:2] == ["a", "b"]
    assert set(ids(everything)[2:4]) == {"c", "x"}
    assert ids(everything)[-1] == "y"
    page = await search(body={"sort": [{"height": "desc"}, {"_id": "asc"}]}, size=3, **{"from": 1})
    assert ids(page) == ["d", "c", "x"]
    assert [hit["collection"] for hit in page["hits"]] == ["stations", "stations", second_collection]
    first = await search(body={"sort": [{"height": {"order": "desc", "missing": "_first"}}]}, size=1)
    assert ids(first) == ["y"]
    plain = await search(size=7)
    assert {hit["_score"] for hit in plain["hits"]} == {1}
    one = await search(body={"query": {"ids": {"values": ["x"]}}})
    assert (ids(one), one["total"]) == (["x"], 1)
    aggs = {"names": {"terms": {"field": "name"}}}
    aggregated = await towers.platform.refused("document:search", targets=targets, body={"aggs": aggs})
    assert aggregated["status"] == 400


WRONG_TARGETS: list[tuple[Any, str]] = [
    ([3], "targets[0]"),
    ([{"index": "a"}], "targets[0].collections"),
    ([{"index": "a", "collections": []}], "targets[0].collections"),
    ([{"index": "a*", "collections": ["b"]}], "targets[0].index"),
    ([{"index": "a", "collections": ["b", "_all"]}], "targets[0].collections[1]"),
]


async def test_wrong_targets_are_named(stations: Any) -> None:
    for targets, path in WRONG_TARGETS:
        error = await stations.platform.refused("document:search", targets=targets)
        assert (error["id"], error["props"][0]) == ("services.storage.invalid_target_format", path)
    many = [{"index": stations.index, "collections": [f"c{number}" for number in range(201)]}]
    error = await stations.platform.refused("document:search", targets=many)
    assert (error["id"], error["props"]) == ("api.assert.too_many_arguments", ["targets"])


async def test_search_says_what_it_misses(stations: Any) -> None:
    platform, index = stations.platform, stations.index
    assert (await platform.refused("document:search"))["props"] == ["index, collection or targets"]
    assert (await platform.refused("document:search", index=index))["props"] == ["collection"]
    assert (await platform.refused("document:search", collection="stations"))["props"] == ["index"]
    for names in ({"index": "a*"}, {"index": "_all"}, {"collection": "a,b"}, {"collection": "+a"}):
        error = await stations.refused("search", **names)
        assert error["id"] == "services.storage.invalid_multi_index_collection_usage"
    both = await stations.refused("search", targets=[{"index": index, "collections": ["stations"]}])
    assert both["id"] == "api.assert.mutually_exclusive"
    for private in ("device-manager-internal", "%kuzzle", "nowhere"):
        targets = [{"index": private, "collections": ["cache"]}]
        assert (await platform.refused("document:search", targets=targets))["id"] == "services.storage.unknown_index"
        assert (await stations.refused("search", index=private))["id"] == "services.storage.unknown_index"
    assert (await stations.refused("search", collection="nowhere"))["id"] == "services.storage.unknown_collection"


async def test_delete_by_query_tells_what_went(towers: Any) -> None:
    body = {"query": {"range": {"height": {"lte": 2}}}}
    gone = await towers.do("deleteByQuery", body=body)
    assert sorted(gone["ids"]) == ["a", "b"]
    assert sorted(gone["documents"], key=lambda document: document["_id"]) == [{"_id": "a"}, {"_id": "b"}]
    shown = await towers.do("deleteByQuery", body={"query": {"equals": {"name": "c"}}}, lang="koncorde", source=True)
    assert shown["documents"][0]["_source"]["height"] == 3
    assert (await towers.sources()).keys() == {"d", "e"}
    await towers.do("create", _id="unseen", body={})
    assert sorted((await towers.do("deleteByQuery"))["ids"]) == ["d", "e", "unseen"]
    assert await towers.do("deleteByQuery", body={"query": {}}) == {"documents": [], "ids": []}


async def test_delete_by_query_is_bounded(make_stations: Any) -> None:
    stations = await make_stations(documents_write_count=2)
    await stations.add("a", "b")
    await stations.add("c")
    error = await stations.refused("deleteByQuery")
    assert (error["id"], error["status"]) == ("services.storage.write_limit_exceeded", 413)
    assert len(await stations.sources()) == 3
    assert len((await stations.do("deleteByQuery", body={"query": {"terms": {"name": ["a", "b"]}}}))["ids"]) == 2


async def test_what_stopped_matching_meanwhile_stays(towers: Any) -> None:
    """Between the search and the deletion another writer moves `a` out of the query, and touches `b` inside of it."""
    store = towers.platform.store
    transact = store.transact
    moved = False

    async def overtaken(decide: Any, **options: Any) -> Any:
        nonlocal moved
        if not moved:
            moved = True
            a, b = (Key(towers.index, "stations", id) for id in "ab")
            await transact(lambda tx: (tx.read((a, b)), tx.replace(a, {"height": 9}), tx.replace(b, {"height": 2})))
        return await transact(decide, **options)

    store.transact = overtaken
    try:
        gone = await towers.do("deleteByQuery", body={"query": {"range": {"height": {"lte": 2}}}})
    finally:
        del store.transact
    assert moved
    assert gone["ids"] == ["b"]
    assert (await towers.sources()).keys() == set("acde")
