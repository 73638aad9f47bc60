"""Creating and changing many devices, variables and values at once (facades 4.3, 4.6; 5, rows 40 and 47)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

pytestmark = pytest.mark.asyncio(loop_scope="session")
CREATE, UPDATE = "/api/v2.0/devices/_/bulk/create/", "/api/v2.0/devices/_/bulk/update/"
PROVISION = "/api/v2.0/devices/_/provision/"
ON = {"X-Bulk-Operation": "True"}
T = 1_700_000_000_000


async def test_creation_and_change(client: Any) -> None:
    taken = await client.add("d3", name="Old")
    bodies = [{"label": f"d{number}", "name": f"N{number}", "tags": ["new"]} for number in range(120)]
    task = await client.bulk("POST", CREATE, [*bodies, {"label": "d5"}])
    assert (task["type"], task["status"]) == ("devices.bulk_create", "SUCCESS")
    assert task["progress"] == {"total": 121, "done": 121, "failed": 2}
    refusal = {"code": 400001, "message": "Validation Error.", "detail": {"label": ["This label is already in use."]}}
    assert task["result"]["errors"] == [{"key": "~d3", **refusal}, {"key": "~d5", **refusal}]
    page = await client.json("GET", "/api/v2.0/devices/?page_size=1000", 200)
    rows = {row["label"]: row for row in page["results"]}
    assert set(rows) == {f"d{number}" for number in range(120)}
    assert rows["d3"] == taken
    assert {row["id"] for row in rows.values()} == {*task["result"]["created"], taken["id"]}
    assert (rows["d119"]["name"], rows["d119"]["tags"]) == ("N119", ["new"])
    assert await client.json("GET", "/api/v2.0/devices/~d119", 200) == rows["d119"]

    unknown = "0" * 24
    changes = [
        {"id": rows["d1"]["id"], "name": "One", "label": "first"},
        {"id": "~d2", "properties": {"a": 1}},
        {"id": unknown, "name": "x"},
        {"id": "~d4", "label": "d5"},
    ]
    task = await client.bulk("PATCH", UPDATE, changes)
    assert (task["type"], task["status"]) == ("devices.bulk_update", "SUCCESS")
    assert task["result"]["updated"] == [rows["d1"]["id"], rows["d2"]["id"]]
    assert task["result"]["notFound"] == [unknown]
    assert task["result"]["errors"] == [{"key": "~d4", **refusal}]
    assert task["progress"] == {"total": 4, "done": 4, "failed": 2}
    change = {"name": "One", "label": "first"}
    assert await client.json("GET", "/api/v2.0/devices/~first", 200) == rows["d1"] | change
    assert await client.json("GET", "/api/v2.0/devices/~d2", 200) == rows["d2"] | {"properties": {"a": 1}}

    whole = [{"id": rows["d1"]["id"], "label": "d1", "description": "d"}, {"label": "d2"}]
    task = await client.bulk("POST", UPDATE, whole)
    assert task["result"] == {"updated": [rows["d1"]["id"], rows["d2"]["id"]], "notFound": [], "errors": []}
    changed = await client.json("GET", "/api/v2.0/devices/~d1", 200)
    assert changed == rows["d1"] | {"name": "first", "description": "d", "tags": []}
    assert await client.json("GET", "/api/v2.0/devices/~d2", 200) == rows["d2"] | {"name": "d2", "tags": []}


async def test_what_is_refused(shared: Any) -> None:
    """All items are looked at before anything is written, and every one that cannot be used is named."""
    await shared.add("a", name="A")
    missing = {"detail": "Header `X-BULK-OPERATION` should be provided for bulk operation."}
    wrong: list[Any] = [{}, [], [5], [{"label": "a/b"}], [{"id": "~a", "label": "b"}, {"id": "~a", "tags": "x"}]]
    for verb, path in (("POST", CREATE), ("PATCH", UPDATE), ("POST", UPDATE)):
        assert await shared.json(verb, path, 400, [{"label": "b"}]) == missing
        for items in wrong:
            assert (await shared.json(verb, path, 400, items, **ON))["code"] == 400001, (verb, path, items)
    refused = await shared.json("POST", CREATE, 400, [{"label": "b"}, {"name": "c"}, {"label": "d", "tags": 1}], **ON)
    detail = {"1": {"label": ["This field is required."]}, "2": {"tags": ["Expected an array of strings."]}}
    assert refused["detail"] == detail
    refused = await shared.json("PATCH", UPDATE, 400, [{"name": "b"}, {"id": "~"}, {"id": "~a"}, {"id": "~a"}], **ON)
    assert list(refused["detail"]) == ["0", "1", "3"]
    answer = await shared.http.request("DELETE", UPDATE, headers=ON)
    assert (answer.status_code, answer.headers["allow"]) == (405, "PATCH, POST")
    [row] = (await shared.json("GET", "/api/v2.0/devices/?label__in=a,b,c,d", 200))["results"]
    assert (row["label"], row["name"]) == ("a", "A")


async def test_variables_and_values(client: Any) -> None:
    """Deleting variables by id or by the labels of one device, and values of a stretch of time."""
    dots = [{"value": number, "timestamp": T + number} for number in range(5)]
    devices = {device: {label: dots for label in ("x", "y", "z")} for device in ("a", "b")}
    outcomes = await client.json("POST", "/api/v1.6/devices/_/bulk/values", 200, devices)
    assert outcomes == {device: {label: 5 * [{"status_code": 201}] for label in "xyz"} for device in "ab"}
    page = await client.json("GET", "/api/v2.0/variables/", 200)
    ids = {(row["device"]["label"], row["label"]): row["id"] for row in page["results"]}
    assert len(ids) == 6

    async def times(device: str, label: str) -> list[int]:
        page = await client.json("GET", f"/api/v1.6/devices/{device}/{label}/values", 200)
        return [row["timestamp"] - T for row in page["results"]]

    span = f"?startDate={T + 1}&endDate={T + 3}"
    for query in ("", f"?startDate={T}", f"?startDate={T}&endDate=now"):
        refused = await client.json("POST", f"/api/v2.0/devices/~a/_/values/delete/{query}", 400)
        assert "endDate" in refused["detail"]
    await client.json("POST", f"/api/v2.0/devices/~c/_/values/delete/{span}", 404)
    accepted = await client.json("POST", f"/api/v2.0/devices/~a/_/values/delete/{span}", 202)
    task = await client.ended(accepted["task"]["id"])
    assert (task["type"], task["status"]) == ("values.bulk_delete", "SUCCESS")
    assert task["result"]["cleared"] == [ids["a", label] for label in "xyz"]
    assert [await times("a", label) for label in "xyz"] == 3 * [[4, 0]]
    accepted = await client.json("POST", f"/api/v2.0/variables/{ids['b', 'x']}/_/values/delete{span}", 202)
    assert (await client.ended(accepted["task"]["id"]))["result"]["cleared"] == [ids["b", "x"]]
    assert [await times("b", label) for label in "xy"] == [[4, 0], [4, 3, 2, 1, 0]]

    path = "/api/v2.0/variables/_/bulk/delete/"
    assert (await client.json("POST", path, 400, ["~x"], **ON))["detail"] == {
        "~x": ["The id of a variable is required."]
    }
    task = await client.bulk("POST", path, [ids["a", "x"], {"id": ids["b", "x"]}, "0" * 24])
    assert task["type"] == "variables.bulk_delete"
    both = [ids["a", "x"], ids["b", "x"]]
    assert task["result"] == {"deleted": both, "notFound": ["0" * 24], "errors": []}
    keys = ["~y", ids["a", "y"], ids["b", "z"], "~nothing"]
    task = await client.bulk("POST", "/api/v2.0/devices/~a/variables/_/bulk/delete", keys)
    assert task["result"] == {"deleted": [ids["a", "y"]], "notFound": [ids["b", "z"], "~nothing"], "errors": []}
    assert task["progress"] == {"total": 3, "done": 3, "failed": 2}
    page = await client.json("GET", "/api/v2.0/variables/?sort_by=label", 200)
    assert [row["id"] for row in page["results"]] == [ids["b", "y"], ids["a", "z"], ids["b", "z"]]

    await client.core("models", "writeDevice", {"model": "UbidotsBare", "measures": []})
    await client.core("devices", "create", {"model": "UbidotsBare", "reference": client.engine})
    bare = f"UbidotsBare-{client.engine}"
    outcomes = await client.json("POST", "/api/v1.6/devices/_/bulk/values", 200, {bare: {"x": 1}, "a": {"x": 2}})
    assert outcomes[bare]["x"][0]["code"] == 400001, "its model has no such slot"
    assert outcomes["a"] == {"x": [{"status_code": 201}]}
    refused = await client.json("POST", "/api/v1.6/devices/_/bulk/values", 400, {"a": 5})
    assert list(refused["detail"]) == ["a"]


async def test_provisioning(shared: Any) -> None:
    body = {"device": {"label": "pump", "name": "Pump"}, "variables": [{"label": "x"}, {"label": "y", "unit": "m"}]}
    made = await shared.json("POST", PROVISION, 201, body)
    assert (made["device"]["_status"], made["device"]["name"]) == ("created", "Pump")
    assert [(one["label"], one["unit"], one["_status"]) for one in made["variables"]] == [
        ("x", None, "created"),
        ("y", "m", "created"),
    ]
    body = {"device": {"label": "pump", "tags": ["t"]}, "variables": [{"label": "z"}, {"label": "x", "unit": "s"}]}
    again = await shared.json("POST", PROVISION, 201, body)
    assert again["device"] == made["device"] | {
        "_status": "updated",
        "tags": ["t"],
        "variablesCount": 3,
        "variablesNumber": 3,
    }
    assert [(one["label"], one["_status"]) for one in again["variables"]] == [("z", "created"), ("x", "updated")]
    assert again["variables"][1]["id"] == made["variables"][0]["id"]
    assert again["variables"][1]["unit"] == "s"
    device = {"label": "other"}
    wrong: list[tuple[Any, Any]] = [
        ({}, {"device": ["Expected an object."]}),
        ({"device": {"name": "x"}}, {"device": {"label": ["This field is required."]}}),
        ({"device": device, "variables": {}}, {"variables": ["Expected an array."]}),
        ({"device": device, "variables": [{}]}, {"variables": {"0": {"label": ["This field is required."]}}}),
        (
            {"device": device, "variables": [{"label": "x"}, {"label": "x"}]},
            {"variables": ["No two of them may have the same label."]},
        ),
    ]
    for body, detail in wrong:
        assert (await shared.json("POST", PROVISION, 400, body))["detail"] == detail
    assert await shared.labels("label__in=pump,other") == ["pump"]


async def test_subscribers_are_told_of_tasks(shared: Any) -> None:
    address = shared.url.replace("http:", "ws:")
    async with websockets.connect(address) as socket:
        message = {"controller": "realtime", "action": "subscribe", "index": shared.engine, "body": {}}
        await socket.send(json.dumps({**message, "collection": "ubidots-tasks"}))
        assert json.loads(await socket.recv())["status"] == 200
        task = await shared.bulk("POST", CREATE, [{"label": f"told-{number}"} for number in range(250)])
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(30):
            while not told or told[-1]["status"] != "SUCCESS":
                notice = json.loads(await socket.recv())["result"]
                assert notice["_id"] == task["id"]
                told.append(notice["_source"])
    assert told[0]["status"] == "PENDING"
    assert {one["id"] for one in told} == {task["id"]}
    assert [one["progress"]["done"] for one in told] == sorted(one["progress"]["done"] for one in told)
    last = told[-1]
    assert {name: last[name] for name in task if name not in ("url", "result")} == {
        name: task[name] for name in task if name not in ("url", "result")
    }
    assert "result" not in last
