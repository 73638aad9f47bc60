"""Scrolling through searches, page by page (router-protocol 5.6; 9 item 33)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.documents.addresses import Target
from device_manager.errors import ApiError

MAPPINGS = {"properties": {"name": {"type": "keyword"}}}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def pages(stations: Any, **search: Any) -> list[dict[str, Any]]:
    """All pages of a scroll."""
    found = [await stations.do("search", scroll="5s", **search)]
    while found[-1]["remaining"]:
        found.append(await stations.platform.do("document:scroll", scrollId=found[-1]["scrollId"], scroll="5s"))
    return found


async def test_pages_show_every_document_once_in_order(stations: Any) -> None:
    ids = [f"s{number:02}" for number in range(12)]
    await stations.add(*ids, height=3)
    searches: list[tuple[dict[str, Any], list[str]]] = [
        ({"size": 5}, ids),
        ({"size": 5, "body": {"sort": [{"height": "asc"}, {"name": "desc"}]}}, ids[::-1]),
        ({"size": 4, "body": {"sort": "height"}}, ids),
        ({"size": 5, "from": 3, "body": {"sort": "name"}}, ids[3:]),
        ({"size": 12}, ids),
    ]
    for search, expected in searches:
        found = await pages(stations, **search)
        hits = [hit for page in found for hit in page["hits"]]
        shown = [hit["_id"] for hit in hits]
        assert sorted(shown) == sorted(expected)
        if "name" in str(search):
            assert shown == expected
        assert {page["total"] for page in found} == {12}
        assert len({page["scrollId"] for page in found}) == 1
        size = search["size"]
        sizes = [min(size, len(expected) - at) for at in range(0, len(expected), size)]
        assert [len(page["hits"]) for page in found] == sizes
        score = None if "sort" in search.get("body", {}) else 1.0
        assert {(hit["_score"], hit["index"], hit["collection"]) for hit in hits} == {
            (score, stations.index, stations.collection)
        }


async def test_a_scroll_belongs_to_who_began_it(stations: Any) -> None:
    await stations.add("a", "b", "c")
    documents = stations.platform.documents
    target = [Target(stations.index, stations.collection)]
    ada = Call("ada", engines=frozenset({stations.index}))

    async def begin() -> str:
        found = await documents.searching.search(
            target, {}, offset=None, size=1, lang="elasticsearch", call=ada, scroll="5s"
        )
        return str(found["scrollId"])

    id = await begin()
    for stranger in (Call("bob"), Call("-1"), Call(), Call("ada", engines=frozenset({"elsewhere"}))):
        with pytest.raises(ApiError) as refused:
            await documents.searching.scroll(id, "5s", stranger)
        assert (refused.value.id, refused.value.status) == ("services.storage.unknown_scroll_id", 404)
    with pytest.raises(ApiError) as refused:
        await documents.specifications.scroll(id, None, ada)
    assert refused.value.id == "services.storage.unknown_scroll_id"
    assert [hit["_id"] for hit in (await documents.searching.scroll(id, None, ada))["hits"]] == ["b"]
    assert (await documents.searching.scroll(id, "5s", ada))["remaining"] == 0
    with pytest.raises(ApiError):
        await documents.searching.scroll(id, None, ada)
    error = await stations.platform.refused("document:scroll", scrollId="no such")
    assert (error["id"], error["status"]) == ("services.storage.unknown_scroll_id", 404)


async def test_another_process_continues_a_scroll(stations: Any, make_stations: Any) -> None:
    await stations.add("a", "b", "c")
    first = await stations.do("search", size=1, scroll="5s")
    other = (await make_stations()).platform
    shown = await other.do("document:scroll", scrollId=first["scrollId"], scroll="5s")
    assert ([hit["_id"] for hit in shown["hits"]], shown["remaining"], shown["total"]) == (["b"], 1, 3)


async def test_scrolls_expire(stations: Any) -> None:
    await stations.add("a", "b", "c")
    found = await stations.do("search", size=1, scroll="5s")
    ends = time.monotonic() + 10
    await stations.platform.do("document:scroll", scrollId=found["scrollId"], scroll="1ms")
    while not (answer := await stations.platform.ask("document:scroll", scrollId=found["scrollId"]))["error"]:
        found = await stations.do("search", size=1, scroll="1ms")  # the millisecond was not over yet
        assert time.monotonic() < ends
    assert answer["error"]["id"] == "services.storage.unknown_scroll_id"


async def test_scrolls_are_bounded(make_stations: Any) -> None:
    stations = await make_stations(scrolls_per_user=3)
    await stations.add("a", "b")
    search: dict[str, Any] = {
        "targets": [Target(stations.index, stations.collection)],
        "body": {},
        "offset": None,
        "size": 1,
        "lang": "elasticsearch",
        "call": Call(f"user-{stations.index}"),
    }
    searching = stations.platform.documents.searching
    for _ in range(3):
        await searching.search(**search, scroll="1ms")
    ids = [(await searching.search(**search, scroll="30s"))["scrollId"] for _ in range(3)]
    with pytest.raises(ApiError) as refused:
        await searching.search(**search, scroll="30s")
    assert (refused.value.id, refused.value.status) == ("services.storage.too_many_scrolls", 429)
    await searching.search(**(search | {"call": Call("somebody else")}), scroll="1ms")
    assert (await searching.scroll(ids[0], None, search["call"]))["remaining"] == 0
    await searching.search(**search, scroll="1ms")
    for id in ids[1:]:
        await searching.scroll(id, None, search["call"])


async def test_anonymous_callers_count_as_one_user(make_stations: Any) -> None:
    stations = await make_stations(scrolls_per_user=1)
    await stations.add("a", "b")
    for _ in range(2):  # others may have opened scrolls before
        answer = await stations.platform.ask(
            "document:search", index=stations.index, collection=stations.collection, size=1, scroll="1s"
        )
    assert (answer["error"]["id"], answer["error"]["props"]) == ("services.storage.too_many_scrolls", [1])


async def test_what_is_no_scroll_is_refused(stations: Any) -> None:
    for options, id, props in (
        ({"scroll": "2m"}, "services.storage.scroll_duration_too_great", ["2m"]),
        ({"scroll": "soon"}, "api.assert.invalid_argument", ["scroll", 'a duration such as "30s" or "1m"']),
        ({"scroll": "9" * 5000 + "s"}, "api.assert.invalid_argument", ["scroll", 'a duration such as "30s" or "1m"']),
        ({"scroll": "0s"}, "api.assert.invalid_argument", ["scroll", 'a duration such as "30s" or "1m"']),
        ({"scroll": 5}, "api.assert.invalid_type", ["scroll", "string"]),
        ({"scroll": "5s", "size": 0}, "api.assert.invalid_argument", ["size", "1 or more when scrolling"]),
        (
            {"scroll": "5s", "body": {"sort": "name", "search_after": ["a"]}},
            "api.assert.mutually_exclusive",
            ["scroll", "search_after"],
        ),
        ({"scroll": "5s", "collection": "nowhere"}, "services.storage.unknown_collection", [stations.index, "nowhere"]),
        ({"scroll": "5s", "size": 10_001}, "services.storage.get_limit_exceeded", []),
    ):
        error = await stations.refused("search", **options)
        assert (error["id"], error["props"]) == (id, props)
    await stations.add("a", "b")
    id = (await stations.do("search", size=1, scroll="5s"))["scrollId"]
    for options, error_id in (
        ({"scrollId": id, "scroll": "2m"}, "services.storage.scroll_duration_too_great"),
        ({"scrollId": id, "scroll": "soon"}, "api.assert.invalid_argument"),
        ({"scroll": "5s"}, "api.assert.missing_argument"),
    ):
        assert (await stations.platform.refused("document:scroll", **options))["id"] == error_id


async def test_several_collections_are_scrolled_as_one(stations: Any) -> None:
    await stations.platform.do(
        "collection:create", index=stations.index, collection="masts", body={"mappings": MAPPINGS}
    )
    await stations.add("b", "d", "f", "h")
    masts = [{"_id": id, "body": {"name": id}} for id in "acegi"]
    there = {"index": stations.index, "collection": "masts"}
    await stations.platform.do("document:mCreate", **there, body={"documents": masts}, refresh="wait_for")
    search = {
        "index": ...,
        "collection": ...,
        "targets": [{"index": stations.index, "collections": ["masts", "stations"]}],
    }
    for body, expected in (
        ({"sort": [{"name": "asc"}]}, "abcdefghi"),
        ({"sort": [{"name": "desc"}]}, "ihgfedcba"),
        ({"query": {"range": {"name": {"lt": "f"}}}, "sort": "name"}, "abcde"),
    ):
        for size in (2, 3, 20):
            hits = [hit for page in await pages(stations, **search, body=body, size=size) for hit in page["hits"]]
            assert "".join(hit["_id"] for hit in hits) == expected
            assert {hit["collection"] for hit in hits if hit["_id"] in "aceg"} == {"masts"}
    unsorted = [hit["_id"] for page in await pages(stations, **search, size=2) for hit in page["hits"]]
    assert sorted(unsorted) == list("abcdefghi")
    after = await stations.do("search", **search, size=2, body={"sort": "name", "search_after": ["c"]})
    assert [hit["_id"] for hit in after["hits"]] == ["d", "e"]
    error = await stations.refused("search", **search, scroll="5s", body={"aggs": {"n": {"terms": {"field": "name"}}}})
    assert error["id"] == "api.assert.forbidden_argument"
    await stations.platform.do("collection:delete", **there)


async def test_a_scroll_that_cannot_begin_keeps_nothing(stations: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, kept = stations.platform.store, []
    open_snapshot, close_snapshot = store.open_snapshot, store.close_snapshot

    async def opening(*place: Any) -> str:
        kept.append(await open_snapshot(*place))
        return str(kept[-1])

    async def closing(name: str) -> None:
        kept.remove(name)
        await close_snapshot(name)

    monkeypatch.setattr(store, "open_snapshot", opening)
    monkeypatch.setattr(store, "close_snapshot", closing)
    targets = [{"index": stations.index, "collections": [stations.collection, "nowhere"]}]
    error = await stations.refused("search", index=..., collection=..., targets=targets, scroll="5s")
    assert error["id"] == "services.storage.unknown_collection"
    assert kept in ([], [""])  # a store that keeps nothing calls it so


async def test_documents_that_change_meanwhile_come_once_at_most(stations: Any) -> None:
    await stations.add("a", "b", "c", "d", "e", "f")
    found = await stations.do("search", size=2, scroll="5s")
    shown = [hit["_id"] for hit in found["hits"]]
    await stations.do("delete", _id="c", refresh="wait_for")
    await stations.do("update", _id="d", body={"height": 5}, refresh="wait_for")
    for _ in range(4):
        found = await stations.platform.do("document:scroll", scrollId=found["scrollId"], scroll="5s")
        shown += [hit["_id"] for hit in found["hits"]]
        if not found["remaining"]:
            break
    assert found["remaining"] == 0
    assert len(shown) == len(set(shown)) == found["total"]
    assert set(shown) >= {"a", "b", "d", "e", "f"}
    found = await stations.do("search", size=3, scroll="5s")
    await stations.add("g", "h", "i")
    more = await stations.platform.do("document:scroll", scrollId=found["scrollId"])
    assert more["remaining"] == 0
    assert more["total"] == len(found["hits"]) + len(more["hits"])


async def test_the_first_page_of_a_scroll_has_aggregations(stations: Any) -> None:
    await stations.add("a", "b", height=2)
    body = {"aggs": {"mean": {"avg": {"field": "height"}}}}
    found = await stations.do("search", size=1, scroll="5s", body=body)
    assert found["aggregations"]["mean"] == {"value": 2.0}
    rest = await stations.platform.do("document:scroll", scrollId=found["scrollId"])
    assert "aggregations" not in rest
