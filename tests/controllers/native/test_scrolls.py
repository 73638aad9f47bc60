"""Scrolling through searches, page by page (router-protocol 5.6; 9 item 33)."""

from __future__ import annotations

from typing import Any

import pytest

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
    for search, expected in (
        ({"size": 5}, ids),
        ({"size": 5, "body": {"sort": [{"height": "asc"}, {"name": "desc"}]}}, ids[::-1]),
        ({"size": 4, "body": {"sort": "height"}}, ids),
        ({"size": 5, "from": 3, "body": {"sort": "name"}}, ids[3:]),
        ({"size": 12}, ids),
    ):
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
