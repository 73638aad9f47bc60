"""Devices and lists of them (facades 4.4, 4.5, 4.7; 4.9, case 8)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.interface import INSIDE
from device_manager.facades.ubidots.models import DeviceModels
from device_manager.facades.ubidots.reading import DeviceReading
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.security.foreign_credentials import ForeignCaller

pytestmark = pytest.mark.asyncio(loop_scope="session")
DEVICES = "/api/v2.0/devices/"
MEMBERS = [
    *("url", "id", "organization", "label", "name", "description", "tags", "properties", "isActive", "lastActivity"),
    *("createdAt", "variables", "variablesCount", "variablesNumber"),
]


async def test_the_life_of_a_device(client: Any) -> None:
    made = await client.add("first")
    assert list(made) == MEMBERS
    url = f"{client.url}{DEVICES}{made['id']}/"
    assert (made["url"], made["variables"]) == (url, f"{url}variables/")
    assert made | {"name": "first", "description": "", "tags": [], "properties": {}} == made
    assert made | {"isActive": True, "lastActivity": None, "variablesCount": 0, "variablesNumber": 0} == made
    assert datetime.strptime(made["createdAt"], "%Y-%m-%dT%H:%M:%S.%fZ")
    for path in (f"{DEVICES}{made['id']}/", f"{DEVICES}{made['id']}", f"{DEVICES}~first/", f"{DEVICES}%7Efirst"):
        assert await client.json("GET", path, 200) == made
    assert await client.json("GET", f"{DEVICES}~first/?fields=label%2Cid,what", 200) == {
        "id": made["id"],
        "label": "first",
    }
    assert (await client.json("POST", DEVICES, 400, {"label": "first"}))["detail"] == {
        "label": ["This label is already in use."]
    }

    properties = {"_icon": "wifi", "nested": {"a": 1, "b": 2}}
    change = {"name": "One", "tags": ["x", "y"], "properties": properties, "isActive": False}
    changed = await client.json("PATCH", f"{DEVICES}~first", 200, change)
    assert changed == made | change
    change = {"properties": {"nested": {"a": 3}}, "description": "d"}
    assert await client.json("PATCH", f"{DEVICES}~first", 200, change) == changed | change
    await client.application.store.refresh(client.engine, "devices")
    stored = await client.core("devices", "search", {"query": {"term": {"metadata.ubidots.name": "One"}}})
    assert [hit["_source"]["reference"] for hit in stored["hits"]] == ["first"]
    assert await client.json("PUT", f"{DEVICES}~first", 200, {"label": "first", "name": "Two"}) == made | {
        "name": "Two"
    }

    await client.json("DELETE", f"{DEVICES}~first/", 204)
    missing = await client.json("GET", f"{DEVICES}~first/", 404)
    assert missing == {"code": 404001, "message": "Not found.", "detail": "Not found."}
    await client.json("DELETE", f"{DEVICES}{made['id']}", 404)
    again = await client.add("first")
    assert again["id"] == made["id"]


async def test_labels_change_hands(client: Any) -> None:
    first = await client.add("a")
    await client.add("b")
    assert (await client.json("PATCH", f"{DEVICES}~a", 400, {"label": "b"}))["code"] == 400001
    changed = await client.json("PATCH", f"{DEVICES}~a", 200, {"label": "c"})
    assert changed == first | {"label": "c", "name": first["name"]}
    await client.json("GET", f"{DEVICES}~a", 404)
    assert (await client.json("GET", f"{DEVICES}~c", 200))["id"] == first["id"]
    second = await client.add("a")
    assert second["id"] != first["id"]
    assert (await client.json("GET", f"{DEVICES}~a", 200)) == second
    assert (await client.bulk_delete(["~a", "~c"]))["result"]["deleted"] == [second["id"], first["id"]]
    assert await client.labels() == ["b"]


async def test_devices_of_the_core(client: Any) -> None:
    """They are listed, found and changed like others; their labels are their ids."""
    await client.core("models", "writeDevice", {"model": "UbidotsMeter", "measures": []})
    id = (await client.core("devices", "create", {"model": "UbidotsMeter", "reference": f"a b/{client.engine}"}))["_id"]
    label = id.replace(" ", "-").replace("/", "-")
    [row] = (await client.json("GET", DEVICES, 200))["results"]
    assert row["label"] == row["name"] == label
    assert (await client.json("GET", f"{DEVICES}~{label}", 200))["id"] == row["id"]
    assert (await client.json("POST", DEVICES, 400, {"label": label}))["code"] == 400001
    changed = await client.json("PATCH", f"{DEVICES}{row['id']}", 200, {"name": "Meter", "properties": {"a": 1}})
    assert changed == row | {"name": "Meter", "properties": {"a": 1}}
    refused = await client.json("POST", f"{DEVICES}{row['id']}/variables", 400, {"label": "x"})
    assert "UbidotsMeter" in refused["detail"]["device"][0]
    await client.core("devices", "delete", _id=id)
    await client.json("GET", f"{DEVICES}{row['id']}", 404)


async def test_what_is_refused(shared: Any) -> None:
    bodies: list[tuple[Any, str]] = [
        ({}, "label"),
        ({"label": ""}, "label"),
        ({"label": "a/b"}, "label"),
        ({"label": "~a"}, "label"),
        ({"label": 5}, "label"),
        ({"label": "a", "tags": "x"}, "tags"),
        ({"label": "a", "properties": []}, "properties"),
        ({"label": "a", "organization": "acme"}, "organization"),
        ({"label": "a", "isActive": "yes"}, "isActive"),
        ([], "non_field_errors"),
    ]
    for body, member in bodies:
        refused = await shared.json("POST", DEVICES, 400, body)
        assert (refused["code"], refused["message"]) == (400001, "Validation Error.")
        assert list(refused["detail"]) == [member]
    answer = await shared.http.post(DEVICES, data=b"{", headers={"Content-Type": "application/json"})
    assert answer.json()["code"] == 400001
    assert "JSON" in answer.json()["message"]
    answer = await shared.http.request("PUT", DEVICES, json={})
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, 405001, "GET, POST")
    for path in (f"{DEVICES}_", "/api/v2.0/nothing", "/api/v2.0/", "/api/v1.6", f"{DEVICES}_/bulk/nothing"):
        assert (await shared.json("GET", path, 404))["code"] == 404001
    queries = (
        "label__like=a",
        "owner=a",
        "createdAt__date__gt=yesterday",
        "sort_by=tags",
        "page_size=0",
        "page_size=x",
    )
    for query in (*queries, "isActive=maybe", "createdAt__date__gt__lt=2020-01-01", "variablesCount__range=1"):
        refused = await shared.json("GET", f"{DEVICES}?{query}", 400)
        assert list(refused["detail"]) == [query.partition("=")[0]]
    for query in ("page=0", "page=2", "page=x"):
        await shared.json("GET", f"{DEVICES}?{query}", 404)


async def test_filters_search_and_order(client: Any) -> None:
    """Case 8."""
    made = [
        await client.add("pump-1", name="North pump", tags=["a", "b"]),
        await client.add("pump-2", name="South Pump", tags=["b"]),
        await client.add("valve-1", name="North valve", isActive=False, description="old"),
    ]
    await client.json("POST", "/api/v1.6/devices/pump-2", 200, {"x": 1})
    yesterday, tomorrow = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (-1, 1))
    year = datetime.now(UTC).year
    first, second, third = (device["label"] for device in made)
    cases = {
        "": [first, second, third],
        "label__startswith=pump": [first, second],
        "label__istartswith=PUMP": [first, second],
        "label__endswith=-1": [first, third],
        "label__in=pump-1,valve-1,none": [first, third],
        "label__in!=pump-1,valve-1": [second],
        "label=pump-2": [second],
        "label__exact!=pump-2": [first, third],
        "name__icontains=pump": [first, second],
        "name__contains=pump": [first],
        "name__iexact=south%20pump": [second],
        "description__isnull=true": [first, second],
        "description__isnull!=true": [third],
        f"id__in={made[0]['id']},{made[2]['id']}": [first, third],
        f"id={made[1]['id']}": [second],
        f"createdAt__date__gt={yesterday}": [first, second, third],
        f"createdAt__date__gt={tomorrow}": [],
        f"createdAt__date__range={yesterday},{tomorrow}": [first, second, third],
        f"created_at__year={year}": [first, second, third],
        f"created_at__year__lt={year}": [],
        f"createdAt__gte={made[1]['createdAt']}&label__startswith=valve": [third],
        "lastActivity__isnull=false": [second],
        f"lastActivity__year={year}": [second],
        f"lastActivity__date__gte={yesterday}": [second],
        "lastActivity__gt=0": [second],
        "variablesCount__gte=1": [second],
        "variablesCount=0": [first, third],
        "tags__contains=b": [first, second],
        "tags__contains=a,b": [first],
        "tags__contains!=a,b": [second, third],
        "isActive=false": [third],
        "organization__isnull=false": [first, second, third],
        "search=NORTH": [first, third],
        "search=pump&isActive=true": [first, second],
        "sort_by=-label": [third, second, first],
        "sort_by=name": [first, third, second],
        "sort_by=-createdAt": [third, second, first],
        "sort_by=created_at": [first, second, third],
        "sort_by=-variablesCount": [second, first, third],
        "sort_by=-lastActivity&page_size=1": [second],
        "sort_by=-label&page_size=1&page=3": [first],
    }
    for query, labels in cases.items():
        assert await client.labels(query) == labels, query
    rows = (await client.json("GET", f"{DEVICES}?label__startswith=pump", 200))["results"]
    assert [row["lastActivity"] is None for row in rows] == [True, False]
    page = await client.json("GET", f"{DEVICES}?label__startswith=pump&page_size=1&page=2&token=x", 200)
    assert page["next"] is None
    assert page["previous"] == f"{client.url}{DEVICES}?label__startswith=pump&page_size=1&page=1"


async def test_one_label_for_one_of_many(shared: Any) -> None:
    """Of requests that want to create one device at the same time, one does."""
    answers = await asyncio.gather(*(shared.http.post(DEVICES, json={"label": "same"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + 7 * [400]
    assert await shared.labels("label=same") == ["same"]


async def test_measures_stay_if_so_configured(shared: Any) -> None:
    await shared.json("POST", "/api/v1.6/devices/pump", 200, {"x": 1})
    application = shared.application
    reading = DeviceReading(application.store, application.settings.search_size)
    writing = DeviceWriting(reading, DeviceModels(), application.twins.measures.purging, purges=False)
    [credential] = await application.security.foreign_credentials.find_all(shared.engine)
    caller = ForeignCaller(credential["_id"], shared.engine, credential["userId"])
    actor = Actor(application.router, caller, application.settings.platform_index, INSIDE)
    twin = await reading.get(actor, "~pump")
    await writing.delete(actor, twin)
    await shared.json("GET", f"{DEVICES}~pump", 404)
    await application.store.refresh(shared.engine, "measures")
    assert (await shared.core("devices", "getMeasures", _id=twin.id))["total"] == 1
