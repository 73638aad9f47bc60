"""Variables and their values (facades 4.3, 4.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
VARIABLES = "/api/v2.0/variables/"
T = 1_700_000_000_000
MEMBERS = [
    *("url", "id", "label", "name", "description", "device", "tags", "properties", "type", "unit"),
    *("syntheticExpression", "icon", "createdAt", "lastActivity", "lastValue", "valuesUrl"),
]


async def test_the_life_of_a_variable(client: Any) -> None:
    device = await client.add("pump", name="Pump")
    made = await client.json("POST", "/api/v2.0/devices/~pump/variables/", 201, {"label": "flow", "unit": "l/s"})
    assert list(made) == MEMBERS
    assert made["device"] == {key: device[key] for key in ("id", "label", "name", "url")}
    assert made | {"name": "flow", "unit": "l/s", "type": "raw", "lastValue": {}, "lastActivity": None} == made
    body = {"label": "level", "device": "~pump", "type": "raw", "syntheticExpression": "", "tags": ["t"]}
    other = await client.json("POST", VARIABLES, 201, body)
    refusals = [
        ({"label": "flow"}, "label"),
        ({}, "label"),
        ({"label": "s", "type": "synthetic"}, "type"),
        ({"label": "s", "syntheticExpression": "1 + 1"}, "syntheticExpression"),
    ]
    for wrong, member in refusals:
        refused = await client.json("POST", "/api/v2.0/devices/~pump/variables/", 400, wrong)
        assert list(refused["detail"]) == [member]
    for named in ({}, {"device": "~nobody"}, {"device": 5}):
        refused = await client.json("POST", VARIABLES, 400, {"label": "x", **named})
        assert list(refused["detail"]) == ["device"]

    path = f"{VARIABLES}{made['id']}/"
    assert await client.json("GET", path, 200) == made
    change = {"name": "Flow", "properties": {"a": {"b": 1}}, "tags": ["x"]}
    assert await client.json("PATCH", path, 200, change) == made | change
    change |= {"properties": {"c": 2}}
    assert await client.json("PATCH", path, 200, {"properties": {"c": 2}}) == made | change
    assert (await client.json("PATCH", path, 400, {"label": "else"}))["code"] == 400001
    whole = await client.json("PUT", path, 200, {"label": "flow", "description": "d"})
    assert whole == made | {"description": "d", "unit": None}
    for query, labels in {
        "": ["flow", "level"],
        "tags__contains=t": ["level"],
        "sort_by=-label": ["level", "flow"],
        "search=FLO": ["flow"],
        "lastActivity__isnull=true&sort_by=lastActivity": ["flow", "level"],
    }.items():
        for base in (VARIABLES, "/api/v2.0/devices/~pump/variables/"):
            page = await client.json("GET", f"{base}?{query}", 200)
            assert [row["label"] for row in page["results"]] == labels
    assert (await client.json("GET", "/api/v2.0/devices/~pump", 200))["variablesCount"] == 2

    values = f"/api/v1.6/variables/{made['id']}/values"
    await client.json("POST", values, 201, {"value": 1})
    await client.json("DELETE", path, 204)
    await client.json("GET", path, 404)
    await client.json("GET", values, 404)
    again = await client.json("POST", "/api/v2.0/devices/~pump/variables", 201, {"label": "flow"})
    assert (again["id"], again["lastValue"]) == (made["id"], {})
    assert (await client.json("GET", values, 200))["count"] == 0
    assert (await client.json("GET", f"{VARIABLES}{other['id']}", 200))["label"] == "level"


async def test_values(shared: Any) -> None:
    await shared.add("values")
    made = await shared.json("POST", "/api/v2.0/devices/~values/variables/", 201, {"label": "flow"})
    values = f"/api/v1.6/variables/{made['id']}/values"
    stored = await shared.json("POST", values, 201, {"value": 1.5, "timestamp": T, "context": {"lat": 1}})
    assert stored | {"value": 1.5, "timestamp": T, "context": {"lat": 1}} == stored
    dots = [{"value": number, "timestamp": T + number} for number in range(2, 6)]
    outcomes = await shared.json("POST", values, 200, [*dots, {"value": "much"}, {"timestamp": 1}])
    assert [outcome["status_code"] for outcome in outcomes] == [201, 201, 201, 201, 400, 400]
    page = await shared.json("GET", f"{values}?page_size=2", 200)
    assert (page["count"], [row["value"] for row in page["results"]]) == (5, [5, 4])
    assert page["next"].endswith(f"{values}/?page_size=2&page=2")
    assert list(page["results"][0]) == ["url", "value", "timestamp", "context", "created_at"]
    page = await shared.json("GET", f"{values}?start={T}&end={T + 3}", 200)
    assert [(row["timestamp"], row["value"]) for row in page["results"]] == [(T + 3, 3), (T + 2, 2), (T, 1.5)]
    assert page["results"][-1]["context"] == {"lat": 1}
    assert (await shared.json("GET", f"{VARIABLES}{made['id']}", 200))["lastValue"]["value"] == 5
    for wrong in ({}, {"value": True}, {"value": 1, "timestamp": -1}, {"value": 1, "context": 5}, "text"):
        assert (await shared.json("POST", values, 400, wrong))["code"] == 400001

    assert await shared.json("DELETE", f"{values}/{T + 4}/{T + 5}", 200) == {}
    assert [row["value"] for row in (await shared.json("GET", values, 200))["results"]] == [3, 2, 1.5]
    assert (await shared.json("GET", f"{VARIABLES}{made['id']}", 200))["lastValue"]["value"] == 3


async def test_values_by_labels(shared: Any) -> None:
    """Devices and variables come with their first values, also of several senders at once."""
    body = {"t": 20, "h": {"value": 50, "timestamp": T, "context": {"a": 1}}, "m": [{"value": 1}, {"value": "x"}]}
    outcomes = await shared.json("POST", "/api/v1.6/devices/weather/", 200, body)
    codes = {label: [outcome["status_code"] for outcome in each] for label, each in outcomes.items()}
    assert codes == {"t": [201], "h": [201], "m": [201, 400]}
    page = await shared.json("GET", "/api/v1.6/devices/weather/h/values", 200)
    assert [(row["value"], row["timestamp"], row["context"]) for row in page["results"]] == [(50, T, {"a": 1})]
    assert await shared.json("GET", "/api/v1.6/devices/weather/t/lv", 200) == 20
    await shared.json("POST", "/api/v1.6/devices/weather/p/values", 201, {"value": 1013})
    assert await shared.json("GET", "/api/v1.6/devices/weather/p/lv", 200) == 1013
    await shared.json("GET", "/api/v1.6/devices/weather/q/lv", 404)
    await shared.json("GET", "/api/v1.6/devices/nothing/q/values", 404)
    assert (await shared.json("POST", "/api/v1.6/devices/weather/", 400, {"a/b": 1}))["code"] == 400001

    page = await shared.json("GET", "/api/v2.0/devices/~weather/variables", 200)
    ids = {row["label"]: row["id"] for row in page["results"]}
    collection = [{"variable": ids["t"], "value": 21}, {"variable": "0" * 24, "value": 1}, {"value": 1}, 5]
    outcomes = await shared.json("POST", "/api/v1.6/collections/values", 200, collection)
    assert [outcome["status_code"] for outcome in outcomes] == [201, 404, 400, 400]
    assert await shared.json("GET", "/api/v1.6/devices/weather/t/lv", 200) == 21

    paths = [f"/api/v1.6/devices/{device}/" for device in ("one", "two") for _ in range(4)]
    sent = [shared.json("POST", path, 200, {f"v{place % 3}": place}) for place, path in enumerate(paths)]
    for outcome in await asyncio.gather(*sent):
        assert [each[0]["status_code"] for each in outcome.values()] == [201]
    assert sorted(await shared.labels("label__in=weather,one,two")) == ["one", "two", "weather"]
    assert sorted(await shared.labels("variablesCount=3&label__in=one,two")) == ["one", "two"]
    hits = (await shared.core("devices", "search", {"query": {"terms": {"reference": ["one", "two"]}}}))["hits"]
    assert [hit["_source"]["metadata"]["ubidots"]["variablesCount"] for hit in hits] == [3, 3], "of several senders"


async def test_slots_of_the_core_are_variables(client: Any) -> None:
    measure = {"type": "ubidotsWind", "valuesMappings": {"gusts": {"properties": {"speed": {"type": "float"}}}}}
    await client.core("models", "writeMeasure", measure)
    slots = [{"name": "top", "type": "ubidotsWind"}]
    await client.core("models", "writeDevice", {"model": "UbidotsMast", "measures": slots})
    device = await client.core("devices", "create", {"model": "UbidotsMast", "reference": client.engine})
    [row] = (await client.json("GET", VARIABLES, 200))["results"]
    assert (row["label"], row["lastValue"]) == ("top", {})
    values = f"/api/v1.6/variables/{row['id']}/values"
    await client.json("POST", values, 201, {"value": 7.5, "timestamp": T})
    stored = await client.core("devices", "getLastMeasures", _id=device["_id"])
    assert stored["top"]["values"] == {"gusts": {"speed": 7.5}}
    [value] = (await client.json("GET", values, 200))["results"]
    assert (value["value"], value["timestamp"]) == (7.5, T)
    changed = await client.json("PATCH", f"{VARIABLES}{row['id']}", 200, {"name": "Top", "unit": "m/s"})
    assert changed["lastValue"]["value"] == 7.5
    assert changed | {"name": "Top", "unit": "m/s", "label": "top"} == changed
    assert "UbidotsMast" in (await client.json("DELETE", f"{VARIABLES}{row['id']}", 400))["detail"]["device"][0]
