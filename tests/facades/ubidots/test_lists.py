"""Lists are read from the store page by page, and hold what the same filters let through in memory (facades 4.5)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import hypothesis
import hypothesis.strategies as st
import pytest

from device_manager.facades.ubidots.filters import DEVICE_ATTRIBUTES, read_selection
from device_manager.facades.ubidots.texts import Place, text_query
from device_manager.query.fields import field_types
from device_manager.query.matcher import compile_matcher

DEVICES = "/api/v2.0/devices/"
CREATE = "/api/v2.0/devices/_/bulk/create/"
TYPES = field_types({"properties": {"field": {"type": "keyword"}}})
OPERATORS = (
    *("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
    "in",
)


@hypothesis.given(
    st.sampled_from(OPERATORS), st.text("aB-*?\\,é", max_size=3), st.text("aB-", max_size=3), st.text("abB-*?\\,é")
)
def test_texts(operator: str, value: str, prefix: str, wanted: str) -> None:
    """A query finds what the filter lets through, for texts that are there in parts."""
    for place in (Place("field", prefix), Place("", prefix)):
        if place.field and not value:
            continue  # a field counts only where it has a value
        text = prefix + value if place.field else prefix
        query = text_query(place, operator, wanted)
        if query is None:
            assert operator.startswith("i")
            assert not wanted.isascii()
            continue
        [one] = read_selection([(f"label__{operator}", wanted)], DEVICE_ATTRIBUTES).filters
        document = {"field": value} if value else {}
        assert compile_matcher(query, TYPES)("id", document) is one.passes(text), (place, query)


def queries(rows: list[dict[str, Any]]) -> list[tuple[tuple[str, str], ...]]:
    """Many lists, some of which depend on what there is."""
    ids, middle = [row["id"] for row in rows], rows[len(rows) // 2]["createdAt"]
    yesterday, today, tomorrow = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1))
    year = datetime.now(UTC).year
    texts = ("UbidotsListB-", "ListB-b", "PUMP-1", "a b", "é")
    return [
        *(((f"{name}__{operator}", text),) for name in ("label", "name") for operator in OPERATORS for text in texts),
        *((("search", text),) for text in texts),
        (("label__in", f"{rows[0]['label']}, {rows[-1]['label']},x"),),
        (("label__in!", f"{rows[0]['label']},pump-1"), ("sort_by", "-label")),
        (("name!", rows[0]["name"]), ("search", "u")),
        (("id__in", f"{ids[0]}, {ids[-1]},{'0' * 24}"),),
        (("id__in!", f"{ids[0]},{ids[-1]}"),),
        (("id", "~" + rows[0]["label"]),),
        *(((f"createdAt__{operator}", middle),) for operator in ("exact", "gt", "gte", "lt", "lte", "gt!")),
        (("createdAt__range", f"{rows[0]['createdAt']},{middle}"),),
        (("createdAt__lt", "1e300"),),
        (("createdAt__gt", "1700000000000.5"),),
        *(((f"createdAt__date__{name}", today),) for name in ("exact", "gt", "gte", "lt", "lte")),
        (("created_at__date__range", f"{yesterday},{tomorrow}"),),
        *(((f"createdAt__year__{name}", f"{year}"),) for name in ("exact", "gt", "gte", "lt", "lte")),
        (("createdAt__year__range", f"{year - 1},{year + 1}"), ("createdAt__month__gte", "1")),
        (("createdAt__isnull", "false"),),
        (("description__contains", "d"),),
        (("description__startswith", ""),),
        (("description", ""),),
        (("description__isnull", "true"),),
        (("description__isnull!", "1"),),
        (("tags__contains", "a,b"),),
        (("tags__contains!", "b"), ("isActive", "true")),
        (("isActive", "0"),),
        (("isActive__isnull", "false"), ("organization__isnull", "true")),
        (("organization__isnull", "false"),),
        (("variablesCount__gte", "1"), ("label__contains", "1")),
        (("lastActivity__isnull", "true"), ("sort_by", "-lastActivity")),
        *((("sort_by", key),) for key in ("label", "-label", "name", "-name", "created_at", "-variablesCount")),
        (("sort_by", "-name"), ("isActive", "true"), ("search", "1")),
    ]


async def agree(client: Any, every: int = 1) -> int:
    """Whether all lists, or one of so many, hold what their filters let through; how many those were."""
    rows = (await client.json("GET", f"{DEVICES}?page_size=1000", 200))["results"]
    turns = asyncio.Semaphore(20)

    async def check(query: tuple[tuple[str, str], ...]) -> None:
        async with turns:
            page = await client.json("GET", f"{DEVICES}?{urlencode([*query, ('page_size', '1000')])}", 200)
        expected = read_selection(query, DEVICE_ATTRIBUTES).apply(rows)
        assert [row["label"] for row in page["results"]] == [row["label"] for row in expected], query
        assert page["count"] == len(expected)
        assert page["results"] == expected

    lists = queries(rows)
    lists = [query for place, query in enumerate(lists) if place % every == 0 or query[0][0] == "sort_by"]
    await asyncio.gather(*map(check, lists))
    return len(lists)


@pytest.mark.asyncio(loop_scope="session")
async def test_pages_hold_what_filters_let_through(client: Any) -> None:
    """Of devices that have their labels and names at different places, and that change them."""
    for model in ("UbidotsListA", "UbidotsListB"):
        await client.core("models", "writeDevice", {"model": model, "measures": []})
    suffix = client.engine[-4:]
    records = [
        {"model": model, "reference": f"{reference}-{suffix}"}
        for model in ("UbidotsListB", "UbidotsListA")
        for reference in ("b1", "B1", "a.2")
    ]
    assert (await client.core("devices", "importDevices", {"records": records}))["errors"] == []
    await agree(client, 4)
    bodies = [
        {"label": f"pump-{number}", "name": name, "tags": ["a", "b"][:number], "description": "d" * (number % 2)}
        for number, name in enumerate(["Pump 1", "PUMP-1", "", "été", "b1"])
    ]
    assert len((await client.bulk("POST", CREATE, bodies))["result"]["created"]) == 5
    await client.json("PATCH", f"{DEVICES}~pump-3", 200, {"label": "Éte*?", "isActive": False})
    await client.json("PATCH", f"{DEVICES}~UbidotsListA-b1-{suffix}", 200, {"name": "zoo", "label": "moved"})
    await client.json("POST", "/api/v1.6/devices/pump-1", 200, {"x": 1})
    assert await agree(client) > 100
    reference = {"model": "UbidotsListA", "reference": f"a b/{suffix}-"}
    await client.core("devices", "create", reference)
    await agree(client, 4)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_costs_the_same_whatever_there_is(client: Any) -> None:
    """Filters, search and order are the store's work: round trips and what is read do not grow with the devices."""
    asked: list[Any] = [
        {"label__startswith": "d", "sort_by": "-label"},
        {"search": "d1", "sort_by": "name", "page": 2},
        {"tags__contains": "t", "createdAt__date__gt": "2020-01-01", "label__in!": "d1,d2"},
        {"isActive": "true", "description__contains": "x"},
    ]

    async def cost(query: dict[str, Any]) -> tuple[int, int, int]:
        trips = client.application.store.round_trips
        reads, searches, commits = trips.reads, trips.searches, trips.commits
        page = await client.json("GET", f"{DEVICES}?{urlencode(query | {'page_size': '2'})}", 200)
        assert len(page["results"]) == 2
        return trips.reads - reads, trips.searches - searches, trips.commits - commits

    async def costs() -> list[tuple[int, int, int]]:
        """The least of several attempts: the server does things of its own now and then."""
        return [min([await cost(query) for _ in range(4)]) for query in asked]

    bodies = [{"label": f"d{number}", "tags": ["t"], "description": "x"} for number in range(300)]
    await client.bulk("POST", CREATE, bodies[:20])
    few = await costs()
    await client.bulk("POST", CREATE, bodies[20:])
    assert await costs() == few
    assert max(searches for _, searches, _ in few) <= 2
    assert {commits for _, _, commits in few} == {0}
    names = await client.json("GET", f"{DEVICES}?fields=label&label__in=d1,d299", 200)
    assert names["results"] == [{"label": "d1"}, {"label": "d299"}]
