"""Deleting devices in bulk (facades 4.9, cases 1 to 7)."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from device_manager.call import Call
from device_manager.security.foreign_credentials import Interface

pytestmark = pytest.mark.asyncio(loop_scope="session")
BULK = "/api/v2.0/devices/_/bulk/delete/"
ON = {"X-Bulk-Operation": "True"}


async def test_first(client: Any, curl: Callable[..., Awaitable[tuple[int, Any]]]) -> None:
    """Case 1."""
    made = [await client.add(f"d{number}") for number in range(4)]
    variable = await client.json("POST", "/api/v2.0/devices/~d0/variables/", 201, {"label": "t"})
    await client.json("POST", f"/api/v1.6/variables/{variable['id']}/values", 201, {"value": 3})
    await client.core(
        "models",
        "writeAsset",
        {"model": "UbidotsRoom", "engineGroup": "commons", "measures": [{"name": "t", "type": "ubidotsValue"}]},
    )
    await client.core("assets", "create", {"model": "UbidotsRoom", "reference": "1"})
    link = {"linkedMeasures": [{"assetId": "UbidotsRoom-1", "implicitMeasuresLinking": True}]}
    await client.application.store.refresh(client.engine, "devices")
    [device] = (await client.core("devices", "search", {"query": {"term": {"reference": "d0"}}}))["hits"]
    await client.core("devices", "linkAssets", link, _id=device["_id"])
    await client.json("POST", f"/api/v1.6/variables/{variable['id']}/values", 201, {"value": 4})

    keys = f'["{made[0]["id"]}", "~d1", {{"id": "{made[2]["id"]}"}}]'
    headers = ["-H", "X-Bulk-Operation: True", "-H", "Content-Type: application/json"]
    status, accepted = await curl("-H", f"x-auth-token: {client.token}", *headers, "-d", keys, client.url + BULK)
    assert status == 202
    assert list(accepted) == ["task"]
    assert list(accepted["task"]) == ["id"]
    assert re.fullmatch("[0-9a-f]{24}", accepted["task"]["id"])
    task = await client.ended(accepted["task"]["id"])
    ids = [device["id"] for device in made[:3]]
    assert task["status"] == "SUCCESS"
    assert task["type"] == "devices.bulk_delete"
    assert task["result"] == {"deleted": ids, "notFound": [], "errors": []}
    assert task["progress"] == {"total": 3, "done": 3, "failed": 0}
    assert task["createdAt"] <= task["startedAt"] <= task["finishedAt"]
    for id in ids:
        assert (await client.json("GET", f"/api/v2.0/devices/{id}/", 404))["code"] == 404001
    asset = await client.core("assets", "get", _id="UbidotsRoom-1")
    assert asset["_source"]["linkedMeasures"] == []
    assert (await client.core("devices", "getMeasures", _id=device["_id"]))["total"] == 0
    assert (await client.core("assets", "getMeasures", _id="UbidotsRoom-1"))["total"] == 0
    assert await client.core("assets", "mGetLastMeasures", {"ids": ["UbidotsRoom-1"]}) == {}
    assert await client.core("devices", "mGetLastMeasures", {"ids": [device["_id"]]}) == {}
    assert await client.labels() == ["d3"]
    assert (await client.json("GET", "/api/v2.0/tasks/", 200))["results"] == [task]


async def test_what_is_refused(client: Any) -> None:
    """Cases 2, 3, 5 and 6."""
    first = await client.add("a")
    missing = {"detail": "Header `X-BULK-OPERATION` should be provided for bulk operation."}
    assert await client.json("POST", BULK, 400, ["~a"]) == missing
    for value in ("false", "0", "", "False"):
        assert await client.json("POST", BULK, 400, ["~a"], **{"X-Bulk-Operation": value}) == missing

    client.http.headers.pop("x-auth-token")
    nobody = await client.json("POST", BULK, 401, ["~a"], **ON)
    text = "Authentication credentials were not provided."
    assert nobody == {"code": 401001, "message": text, "detail": text}
    wrong = await client.json("POST", BULK, 401, ["~a"], **ON, **{"X-Auth-Token": "no"})
    assert wrong["code"] == 401002
    assert wrong["message"] == wrong["detail"] == "Incorrect authentication credentials."
    listed = await client.json("GET", f"/api/v2.0/devices/?token={client.token}&page_size=1", 200)
    assert listed["count"] == 1
    client.http.headers["X-Auth-Token"] = client.token

    bodies = (b"{}", b"[]", b"[5]", b'["~"]', b'[{"label": "x"}]', b'["~a"', b'["~a", 5]', b'[""]')
    too_many = b"[" + b",".join(b'"~d%d"' % number for number in range(1001)) + b"]"
    for body in (*bodies, too_many):
        answer = await client.http.post(BULK, data=body, headers={**ON, "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, 400001), body
    answer = await client.http.post(BULK, data=b'["~a"]', headers={**ON, "Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, 415001)

    answer = await client.http.request("DELETE", BULK, json=["~a"], headers=ON)
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", 405001)
    assert (await client.json("GET", "/api/v2.0/devices/~a", 200))["id"] == first["id"]
    answer = await client.http.post(BULK.rstrip("/"), json=["~a"], headers=ON)
    assert answer.status_code == 202
    assert answer.headers["location"].endswith(f"/api/v2.0/tasks/{answer.json()['task']['id']}/")
    assert (await client.ended(answer.json()["task"]["id"]))["result"]["deleted"] == [first["id"]]


async def test_unknown_and_doubled_keys(shared: Any) -> None:
    """Case 4."""
    first, second = await shared.add("a"), await shared.add("b")
    unknown = "0" * 24
    task = await shared.bulk_delete([first["id"], "~a", unknown, {"id": first["id"]}, "~b", "no id at all"])
    assert task["status"] == "SUCCESS"
    result = {"deleted": [first["id"], second["id"]], "notFound": [unknown, "no id at all"], "errors": []}
    assert task["result"] == result
    assert task["progress"] == {"total": 4, "done": 4, "failed": 2}
    again = await shared.bulk_delete([first["id"]])
    assert again["result"] == {"deleted": [], "notFound": [first["id"]], "errors": []}


async def test_what_a_list_of_ids_says_can_be_deleted(client: Any) -> None:
    """Case 7."""
    for number in range(5):
        await client.add(f"d{number}")
    path: str | None = "/api/v2.0/devices/?fields=id&page_size=2"
    keys: list[Any] = []
    pages = 0
    while path:
        page = await client.json("GET", path, 200)
        assert page["count"] == 5
        assert all(list(row) == ["id"] for row in page["results"])
        keys += page["results"]
        path, pages = page["next"], pages + 1
        assert path is None or f"page={pages + 1}" in path
    assert pages == 3
    assert (await client.json("GET", "/api/v2.0/devices/?page_size=2&page=4", 404))["code"] == 404001
    task = await client.bulk_delete(keys)
    assert len(task["result"]["deleted"]) == 5
    assert await client.labels() == []


async def test_nothing_of_another_engine(client: Any, shared: Any) -> None:
    """Case 9; a credential whose user may do anything reaches no more."""
    theirs = await shared.add("theirs", name="Theirs")
    variable = await shared.json("POST", "/api/v2.0/devices/~theirs/variables", 201, {"label": "t"})
    task = await shared.bulk_delete(["~nobody"])
    known = client.application.security.foreign_credentials
    powerful = await known.create(Interface.UBIDOTS, client.engine, "admin", Call())
    for token in (client.token, powerful["token"]):
        client.http.headers["X-Auth-Token"] = token
        keys = [theirs["id"], "~theirs"]
        ended = await client.bulk_delete(keys)
        assert ended["result"] == {"deleted": [], "notFound": keys, "errors": []}
        ended = await client.bulk("PATCH", "/api/v2.0/devices/_/bulk/update/", [{"id": keys[0], "name": "Mine"}])
        assert ended["result"] == {"updated": [], "notFound": keys[:1], "errors": []}
        ended = await client.bulk("POST", "/api/v2.0/variables/_/bulk/delete/", [variable["id"]])
        assert ended["result"] == {"deleted": [], "notFound": [variable["id"]], "errors": []}
        for path in (f"devices/{theirs['id']}", "devices/~theirs", f"variables/{variable['id']}"):
            for verb in ("GET", "DELETE"):
                assert (await client.json(verb, f"/api/v2.0/{path}", 404))["code"] == 404001
            span = f"_/values/delete/?startDate=0&endDate={2**42}"
            await client.json("POST", f"/api/v2.0/{path}/{span}", 404)
        assert (await client.json("GET", f"/api/v2.0/tasks/{task['id']}/", 404))["code"] == 404001
        assert task["id"] not in json.dumps(await client.json("GET", "/api/v2.0/tasks/", 200))
        assert await client.labels() == []
        assert (await client.json("GET", "/api/v2.0/variables/", 200))["results"] == []
    assert (await shared.json("GET", "/api/v2.0/devices/~theirs", 200))["name"] == "Theirs"
    assert (await shared.json("GET", f"/api/v2.0/variables/{variable['id']}", 200))["label"] == "t"
    mine = await client.add("theirs")
    assert mine["id"] != theirs["id"]


async def test_devices_of_the_core_go_as_well(client: Any) -> None:
    """A device is deleted by several clients at once, and by several tasks: it is gone once."""
    await client.core("models", "writeDevice", {"model": "UbidotsProbe", "measures": []})
    references = [f"{client.engine}-{number}" for number in range(60)]
    for reference in references:
        await client.core("devices", "create", {"model": "UbidotsProbe", "reference": reference})
    page = await client.json("GET", "/api/v2.0/devices?page_size=1000", 200)
    # Devices of one millisecond are in the order of their ids.
    assert {row["label"] for row in page["results"]} == {f"UbidotsProbe-{reference}" for reference in references}
    ids = [row["id"] for row in page["results"]]
    first, second = await asyncio.gather(client.bulk_delete(ids), client.bulk_delete(ids[::-1]))
    assert {*first["result"]["deleted"], *second["result"]["deleted"]} == set(ids)
    assert first["result"]["errors"] == second["result"]["errors"] == []
    assert await client.labels() == []


async def test_the_example(client: Any) -> None:
    example = Path(__file__).parents[3] / "examples" / "ubidots.py"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(example), client.url, client.token), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert json.loads(output) == {"last": 21.5, "status": "SUCCESS", "created": 3, "deleted": 4}
