"""Lists are read from the store page by page, and hold what the same filters let through in memory (facades 4.5)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from device_manager.facades.ubidots import device_lists
from device_manager.facades.ubidots.content import MEASURE, model_name
from device_manager.facades.ubidots.filters import DEVICE_ATTRIBUTES, SORTABLE, read_selection
from device_manager.facades.ubidots.models import VALUES
from device_manager.facades.ubidots.pages import Page
from device_manager.facades.ubidots.reading import DeviceReading
from device_manager.query.fields import field_types

DEVICES = "/api/v2.0/devices/"
CREATE = "/api/v2.0/devices/_/bulk/create/"
TYPES = field_types({"properties": {"field": {"type": "keyword"}}})
OPERATORS = (
    *("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
    "in",
)
PARTS = ("quarter", "month", "week", "day", "hour", "minute", "second")
T = 1_700_000_000_000
WHOLE = Page(1, 1000)


def queries(rows: list[dict[str, Any]]) -> list[tuple[tuple[str, str], ...]]:
    """Many lists, some of which depend on what there is."""
    ids, middle = [row["id"] for row in rows], rows[len(rows) // 2]["createdAt"]
    yesterday, today, tomorrow = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1))
    year = datetime.now(UTC).year
    texts = ("UbidotsListB-", "ListB-b", "PUMP-1", "a b", "é", "ÉTÉ*")
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
        (("isActive__isnull", "false"), ("organization__isnull", "false")),
        (("organization__isnull", "true"),),
        *(((f"createdAt__{part}__{name}", "6"),) for part in PARTS for name in ("gte", "lt!", "exact")),
        *(((f"variablesCount__{name}", "1"),) for name in ("gte", "exact", "lt!")),
        (("variablesCount__gte", "1"), ("label__contains", "1")),
        *((("lastActivity__isnull", "true"), ("sort_by", key)) for key in ("-lastActivity", "label")),
        *(((f"lastActivity__{operator}", f"{T}"),) for operator in ("gt", "lte", "exact!")),
        (("lastActivity__year", "2023"), ("label__contains", "1")),
        (("lastActivity__date__gt!", "2023-11-14"), ("sort_by", "-label")),
        *((("sort_by", f"{sign}{key}"),) for key in SORTABLE for sign in ("", "-")),
        (("sort_by", "-name"), ("isActive", "true"), ("search", "1")),
    ]


async def agree(client: Any, every: int, *pages: Page) -> int:
    """Whether one of so many lists holds what its filters let through, on some pages; how many lists those were."""
    rows = (await client.json("GET", f"{DEVICES}?page_size=1000", 200))["results"]
    turns = asyncio.Semaphore(20)

    async def check(query: tuple[tuple[str, str], ...]) -> None:
        expected = read_selection(query, DEVICE_ATTRIBUTES).apply(rows)
        for page in pages:
            asked = [*query, ("page", str(page.number)), ("page_size", str(page.size))]
            if page.number > 1 and page.offset >= len(expected):
                continue
            async with turns:
                found = await client.json("GET", f"{DEVICES}?{urlencode(asked)}", 200)
            assert [row["label"] for row in found["results"]] == [row["label"] for row in page.of(expected)], asked
            assert found["count"] == len(expected)
            assert found["results"] == page.of(expected)

    lists = queries(rows)
    lists = [query for place, query in enumerate(lists) if place % every == 0 or query[0][0] == "sort_by"]
    await asyncio.gather(*map(check, lists))
    return len(lists)


@pytest.mark.asyncio(loop_scope="session")
async def test_pages_hold_what_filters_let_through(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of devices that have labels, names and variables at different places, and that change them."""
    own = model_name(client.engine)
    older = {"ubidots": {"properties": {"label": {"type": "keyword"}}}}
    await client.core("models", "writeMeasure", {"type": MEASURE, "valuesMappings": VALUES})
    await client.core("models", "writeDevice", {"model": own, "metadataMappings": older, "measures": []})
    models = {"UbidotsListA": ["top", "low"], "UbidotsListB": []}
    await write_models(client, models)
    suffix = client.engine[-4:]
    records = [
        {"model": model, "reference": f"{reference}-{suffix}"}
        for model in reversed(models)
        for reference in ("b1", "B1", "a.2")
    ]
    assert (await client.core("devices", "importDevices", {"records": records}))["errors"] == []
    bodies = [
        {"label": f"pump-{number}", "name": name, "tags": ["a", "b"][:number], "description": "d" * (number % 2)}
        for number, name in enumerate(["Pump 1", "PUMP-1", "", "été", "b1"])
    ]
    assert len((await client.bulk("POST", CREATE, bodies))["result"]["created"]) == 5
    await client.json("PATCH", f"{DEVICES}~pump-3", 200, {"label": "Éte*?", "isActive": False})
    await client.json("PATCH", f"{DEVICES}~UbidotsListA-b1-{suffix}", 200, {"name": "zoo", "label": "moved"})
    await client.json("POST", "/api/v1.6/devices/pump-1", 200, {"x": 1, "y": {"value": 1, "timestamp": T}})
    await client.json("POST", "/api/v1.6/devices/pump-2", 200, {"x": {"value": 1, "timestamp": T}})
    await client.json("POST", "/api/v1.6/devices/pump-4", 200, {"x": {"value": 1, "timestamp": T}})
    assert await agree(client, 4, WHOLE) > 45
    reference = {"model": "UbidotsListA", "reference": f"a b/{suffix}-"}
    await client.core("devices", "create", reference)
    await agree(client, 12, WHOLE, Page(2, 2))
    await client.core("devices", "create", {"model": own, "reference": "native"})
    monkeypatch.setattr(device_lists, "PAGE", 1)
    monkeypatch.setattr(DeviceReading, "window", property(lambda reading: 5), raising=False)
    await agree(client, 9, WHOLE, Page(3, 3))


async def write_models(client: Any, models: dict[str, list[str]]) -> None:
    """Device models with slots of these names."""
    await client.core("models", "writeMeasure", {"type": "ubidotsLists", "valuesMappings": {"v": {"type": "float"}}})
    for model, slots in models.items():
        measures = [{"name": name, "type": "ubidotsLists"} for name in slots]
        await client.core("models", "writeDevice", {"model": model, "measures": measures})


COSTS: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({}, (1, 1)),
    ({"page": 9, "sort_by": "-createdAt"}, (1, 1)),
    ({"tags__contains": "t", "createdAt__date__gt": "2020-01-01"}, (1, 1)),
    ({"isActive": "true", "description__contains": "x"}, (1, 1)),
    ({"createdAt__month__gte": "1"}, (1, 3)),
    ({"createdAt__second__gte": "0", "createdAt__hour__gte": "0"}, (1, 4)),
    ({"label__startswith": "d"}, (1, 3)),
    ({"label__in!": "d1,d2"}, (1, 3)),
    ({"label__iendswith": "É"}, (1, 3)),
    ({"search": "1"}, (1, 3)),
    ({"sort_by": "-label", "page": 3}, (1, 6)),
    ({"sort_by": "name"}, (1, 7)),
    ({"variablesCount__gte": "1"}, (1, 2)),
    ({"sort_by": "-variablesCount", "page": 2}, (1, 5)),
    ({"lastActivity__gt": "0"}, (1, 2)),
    ({"lastActivity__isnull": "true", "label__startswith": "d"}, (1, 4)),
    ({"sort_by": "-lastActivity"}, (1, 5)),
    ({"sort_by": "-lastActivity", "lastActivity__gt": "0", "search": "d"}, (1, 6)),
    ({"sort_by": "lastActivity", "page": 2}, (1, 3)),
]
"""Queries of lists, and how many reads and searches each takes, where labels and variables are at all places."""


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_costs_the_same_whatever_there_is(client: Any) -> None:
    """Filters, search and order are the store's work: round trips and what is read do not grow with the devices."""
    trips = client.application.store.round_trips

    async def cost(query: dict[str, Any]) -> tuple[int, int, int]:
        reads, searches, commits = trips.reads, trips.searches, trips.commits
        page = await client.json("GET", f"{DEVICES}?{urlencode(query | {'page_size': '2'})}", 200)
        assert len(page["results"]) == 2, query
        return trips.reads - reads, trips.searches - searches, trips.commits - commits

    async def costs(expected: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """What each list costs; again while it is more, as the server also works on what other requests left behind."""
        found = []
        for (query, _), least in zip(COSTS, expected, strict=True):
            until = time.monotonic() + 20
            cheapest = await cost(query)
            while cheapest != least and time.monotonic() < until:
                cheapest = min(cheapest, await cost(query))
            found.append(cheapest)
        return found

    for query, _ in COSTS:
        nothing = await client.json("GET", f"{DEVICES}?{urlencode(query | {'page': 1})}", 200)
        assert (nothing["count"], nothing["results"]) == (0, [])
    await write_models(client, {"UbidotsCostA": ["top"], "UbidotsCostB": ["top", "low"]})
    others = [(model, f"{reference}{client.engine}") for model in ("A", "B") for reference in ("x", "y ")]
    records = [{"model": f"UbidotsCost{model}", "reference": reference} for model, reference in others]
    assert (await client.core("devices", "importDevices", {"records": records}))["errors"] == []
    label = f"UbidotsCostA-x{client.engine}"
    await client.json("PATCH", f"{DEVICES}~{label}", 200, {"label": "dé", "name": "dé"})
    bodies = [{"label": f"d{number}é", "tags": ["t"], "description": "x"} for number in range(150)]
    await client.bulk("POST", CREATE, bodies[:20])
    for number in range(3):
        await client.json("POST", f"/api/v1.6/devices/d{number}é", 200, {"x": 1})
    few = await costs([(reads, searches, 0) for _, (reads, searches) in COSTS])
    assert few == [(reads, searches, 0) for _, (reads, searches) in COSTS]
    await client.bulk("POST", CREATE, bodies[20:])
    assert await costs(few) == few
    names = await client.json("GET", f"{DEVICES}?fields=label&label__in=d1é,d149é", 200)
    assert names["results"] == [{"label": "d1é"}, {"label": "d149é"}]
