"""Twins are changed, detached and deleted over HTTP and WebSocket; each call is retried with its idempotency key."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

ENGINE = "shore"
PREFIX = "/_/device-manager"
DEVICE, ASSET = f"Thermometer-{ENGINE}-0", f"Container-{ENGINE}-0"


@pytest.mark.asyncio
async def test_the_life_of_twins_over_the_wire(server: ServerProcess, create_fleet: Any) -> None:
    async with Client(server.ws_url) as client:
        await create_fleet(client, ENGINE, 2, slots=2)
        entry = {"assetId": ASSET, "implicitMeasuresLinking": True}
        body = {"linkedMeasures": [entry]}
        await client.call("device-manager/devices", "linkAssets", engineId=ENGINE, _id=DEVICE, body=body)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        await _change_over_http(http)
        await _leave_over_http(http)
    await _change_over_websocket(server)
    async with Client(server.ws_url) as client:
        assert await client.call("device-manager/engine", "check", index=ENGINE) == {"findings": []}


async def _done(http: httpx.AsyncClient, verb: str, path: str, body: Any = None, **options: Any) -> Any:
    """The result of a call that has to succeed, made twice with one idempotency key."""
    headers = {"Idempotency-Key": f"{verb} {path} {json.dumps(body)}"}
    answers = [
        (await http.request(verb, f"{PREFIX}/{path}", json=body, headers=headers, **options)).json() for _ in range(2)
    ]
    for answer in answers:
        assert answer["status"] == 200, answer["error"]
    assert answers[0]["result"] == answers[1]["result"]
    return answers[0]["result"]


async def _change_over_http(http: httpx.AsyncClient) -> None:
    heavier = {"metadata": {"weight": 7}}
    result = await _done(http, "PUT", f"{ENGINE}/assets/{ASSET}", heavier)
    assert (result["_id"], result["_source"]["metadata"]) == (ASSET, {"weight": 7})
    assert len(result["_source"]["linkedMeasures"][0]["measureSlots"]) == 2
    result = await _done(http, "PATCH", f"{ENGINE}/assets/{ASSET}/metadata", {"metadata": {"weight": 8, "other": 1}})
    assert result["_source"]["metadata"] == {"weight": 8}
    result = await _done(http, "PUT", f"{ENGINE}/devices/{DEVICE}", {"metadata": {}})
    assert result["_source"]["metadata"] == {}
    await _done(http, "PATCH", f"{ENGINE}/devices/{DEVICE}/metadata", {"metadata": {}})
    for collection, model in (("assets", "Container"), ("devices", "Thermometer")):
        result = await _done(
            http, "PUT", f"{ENGINE}/{collection}", {"model": model, "reference": "new", "metadata": {}}
        )
        assert result["_id"] == f"{model}-new"
    result = await _done(http, "PUT", f"engine/{ENGINE}")
    assert result["collections"] == ["assets", "assets-history", "groups", "devices", "measures"]


async def _leave_over_http(http: httpx.AsyncClient) -> None:
    refused = (await http.delete(f"{PREFIX}/{ENGINE}/assets/{ASSET}?strict")).json()
    assert (refused["status"], refused["error"]["id"]) == (400, "device_manager.assets.still_linked")
    assert await _done(http, "DELETE", f"{ENGINE}/devices/Thermometer-new/_detach") is None
    assert await _done(http, "DELETE", f"devices/{DEVICE}/_detach") is None
    assert await _done(http, "DELETE", f"{ENGINE}/assets/{ASSET}?strict") is None
    assert await _done(http, "DELETE", f"{ENGINE}/devices/Thermometer-{ENGINE}-1") is None
    gone = (await http.delete(f"{PREFIX}/{ENGINE}/assets/{ASSET}")).json()
    assert (gone["status"], gone["error"]["id"]) == (404, "services.storage.not_found")


async def _change_over_websocket(server: ServerProcess) -> None:
    request = {"controller": "device-manager/device", "index": ENGINE, "_id": DEVICE, "requestId": "1"}
    async with connect(server.ws_url) as socket:
        for action, status in [("attachEngine", 200), ("detachTenant", 200), ("detachTenant", 400), ("update", 404)]:
            await socket.send(json.dumps(request | {"action": action, "body": {"metadata": {}}}))
            answer = json.loads(await socket.recv())
            assert (answer["status"], answer["action"], answer["controller"]) == (
                status,
                action,
                "device-manager/device",
            )
