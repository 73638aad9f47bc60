"""Bulk operations on very many devices by a server that is killed on the way (facades 4.9, case 12)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess
from device_manager.facades.ubidots.bulk import AT_ONCE

ENGINE = "many"
MODEL, ROOM, TYPE = "UbidotsManyProbe", "UbidotsManyRoom", "ubidotsManyHeat"
GROUP = "cellar"
EQUIPPED = 60
"""Devices that are linked, that measured something, and that are in a group."""
KEPT = 5
"""Devices that are not deleted; the first of them measured something and is in the group."""
SIZES = [
    pytest.param(1000, id="1000", marks=pytest.mark.timeout(300)),
    pytest.param(10_000, id="10000", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
]
COUNTER = """
from pathlib import Path
from device_manager.plugins import hook

INTERFACE_VERSION = (1, 0)


@hook("generic:document:afterDelete", inline=True)
def note(documents, request):
    with Path({file!r}).open("a") as file:
        file.writelines(document["_id"] + "\\n" for document in documents)
"""


class Server:
    """What the test asks of the server, before and after its death."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self.http = httpx.AsyncClient(base_url=process.url, timeout=60)

    async def action(self, controller: str, action: str, body: Any = None, **args: Any) -> Any:
        """The result of an action."""
        message = {"controller": f"device-manager/{controller}", "action": action, "engineId": ENGINE, **args}
        answer = await self.http.post("/_query", json=message | {"body": body or {}})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def refresh(self, *collections: str) -> None:
        """Let searches see what was written."""
        for collection in collections:
            message = {"controller": "collection", "action": "refresh", "index": ENGINE, "collection": collection}
            assert (await self.http.post("/_query", json=message)).status_code == 200

    async def begin(self) -> None:
        """An engine, and a credential that is used from then on."""
        await self.action("engine", "create", index=ENGINE)
        credential = await self.action("credentials", "create", interface="ubidots")
        self.http.headers["X-Auth-Token"] = credential["token"]

    async def count(self, collection: str) -> int:
        """Documents of a collection."""
        await self.refresh(collection)
        message = {"controller": "document", "action": "count", "index": ENGINE, "collection": collection}
        count: int = (await self.http.post("/_query", json=message)).json()["result"]["count"]
        return count

    async def bulk(self, name: str, items: list[Any]) -> str:
        """The id of the task of a bulk operation on devices."""
        path = f"/api/v2.0/devices/_/bulk/{name}/"
        answer = await self.http.post(path, json=items, headers={"X-Bulk-Operation": "True"})
        assert answer.status_code == 202, answer.text
        id: str = answer.json()["task"]["id"]
        return id

    async def equip(self, number: int) -> list[str]:
        """Devices, the first of them with a link, a measure and a group; ids."""
        await self.action("models", "writeMeasure", {"type": TYPE, "valuesMappings": {"heat": {"type": "float"}}})
        slots = [{"name": "heat", "type": TYPE}]
        await self.action("models", "writeDevice", {"model": MODEL, "measures": slots})
        await self.action("models", "writeAsset", {"model": ROOM, "engineGroup": "commons", "measures": slots})
        references = [str(place) for place in range(number)]
        devices = [{"model": MODEL, "reference": reference} for reference in references]
        for first in range(0, len(devices), 200):
            batch = devices[first : first + 200]
            assert (await self.action("devices", "importDevices", {"records": batch}))["errors"] == []
        rooms = [{"model": ROOM, "reference": reference} for reference in references[:EQUIPPED]]
        assert (await self.action("assets", "importAssets", {"records": rooms}))["errors"] == []
        links = [
            {"deviceId": f"{MODEL}-{reference}", "assetId": f"{ROOM}-{reference}"}
            for reference in references[:EQUIPPED]
        ]
        assert (await self.action("devices", "mLinkAssets", {"records": links}, refresh=True))["errors"] == []
        measure = {"measures": [{"measureName": "heat", "type": TYPE, "values": {"heat": 1}}]}
        ids = [f"{MODEL}-{reference}" for reference in references]
        equipped = [*ids[:EQUIPPED], ids[-KEPT]]
        for first in range(0, len(equipped), 20):
            some = equipped[first : first + 20]
            await asyncio.gather(*(self.action("devices", "receiveMeasures", measure, _id=id) for id in some))
        await self.action("groups", "create", {"name": "Cellar"}, _id=GROUP)
        await self.action("groups", "addDevices", {"path": GROUP, "deviceIds": equipped})
        return ids

    async def task(self, id: str) -> dict[str, Any]:
        """A task."""
        answer = await self.http.get(f"/api/v2.0/tasks/{id}/")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def reach(self, id: str, done: int) -> dict[str, Any]:
        """The task, once it has worked off so many keys."""
        while (task := await self.task(id))["progress"]["done"] < done and task["status"] in ("PENDING", "STARTED"):
            await asyncio.sleep(0.02)
        return task


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize("number", SIZES)
async def test_a_kill_half_way(
    start_server: Callable[..., ServerProcess], tmp_path: Path, store: str, number: int
) -> None:
    deleted, plugin = tmp_path / "deleted", tmp_path / "counter.py"
    plugin.write_text(COUNTER.format(file=str(deleted)))
    settings = {"ubidots_bulk_most": number, "recovery_grace": 5}
    server = Server(start_server(store=store, plugins=[str(plugin)], settings=settings))
    await server.begin()
    ids = await server.equip(number + KEPT)
    id = await server.bulk("delete", [f"~{id}" for id in ids[:number]])
    half = await server.reach(id, number // 3)
    server.process.kill()
    assert number // 3 <= half["progress"]["done"] < number
    assert half["progress"]["total"] == number
    await asyncio.to_thread(server.process.start)
    task = await server.reach(id, number + 1)

    assert task["status"] == "SUCCESS", json.dumps(task)[:2000]
    assert task["progress"] == {"total": number, "done": number, "failed": 0}
    assert len(set(task["result"]["deleted"])) == number
    assert half["result"]["deleted"] == task["result"]["deleted"][: half["progress"]["done"]]
    await server.refresh("devices", "assets")
    left = await server.action("devices", "search", {"size": 100})
    assert sorted(hit["_id"] for hit in left["hits"]) == sorted(ids[number:])
    linked = await server.action("assets", "search", {"size": EQUIPPED})
    assert [hit["_source"]["linkedMeasures"] for hit in linked["hits"]] == [[]] * EQUIPPED
    for twins, names in (("devices", ids[:EQUIPPED]), ("assets", [hit["_id"] for hit in linked["hits"]])):
        assert await server.action(twins, "mGetLastMeasures", {"ids": names}) == {}
    assert await server.count("measures") == 1, "that of the one that was kept"
    members = await server.action("devices", "search", {"query": {"term": {"groups.path": GROUP}}})
    assert [hit["_id"] for hit in members["hits"]] == [ids[number]]
    told = Counter(deleted.read_text().split())
    assert set(told.values()) == {1}
    assert set(told) <= set(ids[:number])
    assert len(told) >= number - 2 * AT_ONCE, "what the process had not told yet when it died"
    await server.http.aclose()


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
async def test_creation_goes_on(start_server: Callable[..., ServerProcess], store: str) -> None:
    """Each device is made once, and the task knows which ones it has made itself."""
    server = Server(start_server(store=store, settings={"recovery_grace": 5}))
    await server.begin()
    labels = [f"d{number}" for number in range(1000)]
    id = await server.bulk("create", [{"label": label, "properties": {"n": label}} for label in labels])
    half = await server.reach(id, 300)
    server.process.kill()
    assert 300 <= half["progress"]["done"] < 1000
    await asyncio.to_thread(server.process.start)
    task = await server.reach(id, 1001)
    assert task["status"] == "SUCCESS", json.dumps(task)[:2000]
    assert task["progress"] == {"total": 1000, "done": 1000, "failed": 0}
    assert task["result"]["errors"] == []
    assert len(set(task["result"]["created"])) == 1000
    assert await server.count("devices") == 1000
    listed = (await server.http.get("/api/v2.0/devices/?page_size=1000&sort_by=label")).json()["results"]
    assert [row["label"] for row in listed] == sorted(labels)
    assert {row["id"] for row in listed} == set(task["result"]["created"])
    assert all(row["properties"] == {"n": row["label"]} for row in listed)
    await server.http.aclose()
