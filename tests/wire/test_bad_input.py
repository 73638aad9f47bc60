"""Bad input is refused with its id and the name of the field, nothing is stored, and the server goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect

from device_manager.cli.client import Client
from device_manager.cli.doctor import examine_server
from device_manager.cli.process import ServerProcess

ENGINE = "wire"
DEVICES = "device-manager/devices"
ASSETS = "device-manager/assets"
DEVICE = "Thermometer-wire-0"
ASSET = "Container-wire-0"
MISSING = "api.assert.missing_argument"
WRONG_TYPE = "api.assert.invalid_type"


@dataclass(frozen=True)
class Case:
    """A request, and what has to be said about it."""

    name: str
    request: dict[str, Any]
    status: int
    id: str
    mentions: str = ""


def on_device(action: str, body: object = None, **args: object) -> dict[str, Any]:
    request = {"controller": DEVICES, "action": action, "engineId": ENGINE, "_id": DEVICE, **args}
    return request if body is None else request | {"body": body}


def links(*entries: object) -> dict[str, Any]:
    return {"linkedMeasures": list(entries)}


PAIR = {"device": "t1", "asset": "t1"}
ENTRY = {"assetId": ASSET, "measureSlots": [PAIR]}

CASES = [
    Case("no controller", {"action": "now"}, 400, MISSING, "controller"),
    Case("no action", {"controller": "server"}, 400, MISSING, "action"),
    Case(
        "unknown controller", {"controller": "nope", "action": "now"}, 404, "api.process.controller_not_found", "nope"
    ),
    Case("unknown action", {"controller": "server", "action": "nope"}, 404, "api.process.action_not_found", "nope"),
    Case("no engine", {"controller": DEVICES, "action": "get", "_id": DEVICE}, 400, MISSING, "engineId"),
    Case("no id", {"controller": DEVICES, "action": "get", "engineId": ENGINE}, 400, MISSING, "_id"),
    Case("no index", {"controller": "device-manager/engine", "action": "create"}, 400, MISSING, "index"),
    Case("engine id of the wrong type", on_device("get", engineId=5), 400, WRONG_TYPE, "engineId"),
    Case("id of the wrong type", on_device("get", _id=["x"]), 400, WRONG_TYPE, "_id"),
    Case("no body", {"controller": ASSETS, "action": "create", "engineId": ENGINE}, 400, "api.assert.body_required"),
    Case(
        "no model",
        {"controller": ASSETS, "action": "create", "engineId": ENGINE, "body": {"reference": "x"}},
        400,
        MISSING,
        "body.model",
    ),
    Case(
        "model of the wrong type",
        {"controller": ASSETS, "action": "create", "engineId": ENGINE, "body": {"model": 5, "reference": "x"}},
        400,
        WRONG_TYPE,
        "body.model",
    ),
    Case(
        "metadata of the wrong type",
        {
            "controller": ASSETS,
            "action": "create",
            "engineId": ENGINE,
            "body": {"model": "Container", "reference": "x", "metadata": "heavy"},
        },
        400,
        WRONG_TYPE,
        "body.metadata",
    ),
    Case(
        "metadata that the model does not have",
        {
            "controller": ASSETS,
            "action": "create",
            "engineId": ENGINE,
            "body": {"model": "Container", "reference": "x", "metadata": {"colour": "red"}},
        },
        400,
        "services.storage.strict_mapping_rejection",
        "colour",
    ),
    Case(
        "metadata value of the wrong type",
        {
            "controller": ASSETS,
            "action": "create",
            "engineId": ENGINE,
            "body": {"model": "Container", "reference": "x", "metadata": {"weight": "heavy"}},
        },
        400,
        "",
        "weight",
    ),
    Case(
        "unknown model",
        {"controller": ASSETS, "action": "create", "engineId": ENGINE, "body": {"model": "Nope", "reference": "x"}},
        404,
        "device_manager.models.unknown_asset",
        "Nope",
    ),
    Case("unknown device", on_device("get", _id="nope"), 404, "services.storage.not_found", "nope"),
    Case("unknown engine", on_device("get", engineId="nope"), 412, "services.storage.unknown_index", "nope"),
    Case("empty list", on_device("linkAssets", links()), 400, "device_manager.links.no_entry"),
    Case(
        "links of the wrong type", on_device("linkAssets", {"linkedMeasures": "x"}), 400, WRONG_TYPE, "linkedMeasures"
    ),
    Case("entry of the wrong type", on_device("linkAssets", links("x")), 400, WRONG_TYPE, "linkedMeasures"),
    Case("entry without an asset", on_device("linkAssets", links({"measureSlots": [PAIR]})), 400, MISSING, "assetId"),
    Case(
        "unknown asset",
        on_device("linkAssets", links(ENTRY | {"assetId": "nope"})),
        404,
        "services.storage.not_found",
        "nope",
    ),
    Case(
        "unknown asset slot",
        on_device("linkAssets", links(ENTRY | {"measureSlots": [{"device": "t1", "asset": "nope"}]})),
        400,
        "device_manager.links.unknown_asset_slot",
        "nope",
    ),
    Case(
        "undeclared device slot",
        on_device("linkAssets", links(ENTRY | {"measureSlots": [{"device": "nope", "asset": "t1"}]})),
        400,
        "device_manager.links.undeclared_device_slot",
        "nope",
    ),
    Case("no slots", on_device("linkAssets", links({"assetId": ASSET})), 400, "device_manager.links.no_slot_to_link"),
    Case(
        "foreign engine",
        on_device("linkAssets", links(ENTRY), engineId="wire-foreign"),
        400,
        "device_manager.devices.attached_elsewhere",
        DEVICE,
    ),
    Case("nothing to unlink", on_device("unlinkAssets", {}), 400, "device_manager.links.nothing_to_unlink"),
    Case(
        "nothing is linked",
        on_device("unlinkAssets", {"assets": [ASSET]}),
        400,
        "device_manager.links.device_not_linked",
    ),
    Case("flag of the wrong type", on_device("unlinkAssets", {"allMeasures": "yes"}), 400, WRONG_TYPE, "allMeasures"),
    Case("bulk without records", on_device("mLinkAssets", {}), 400, "device_manager.bulk.malformed", "csv"),
    Case("records of the wrong type", on_device("mLinkAssets", {"records": "x"}), 400, WRONG_TYPE, "records"),
    Case("CSV of the wrong type", on_device("mLinkAssets", {"csv": 5}), 400, WRONG_TYPE, "csv"),
    Case("empty CSV", on_device("mLinkAssets", {"csv": ""}), 400, "api.assert.invalid_argument", "csv"),
    Case(
        "CSV without columns",
        on_device("mLinkAssets", {"csv": "a,b\n1,2"}),
        400,
        "api.assert.invalid_argument",
        "assetId",
    ),
    Case(
        "CSV with an open quote",
        on_device("mLinkAssets", {"csv": 'assetId,deviceId\n"a,b\n'}),
        400,
        "api.assert.invalid_argument",
        "quote",
    ),
    Case(
        "too many records",
        on_device("mLinkAssets", {"records": [{"assetId": ASSET, "deviceId": DEVICE}] * 20_001}),
        413,
        "services.storage.write_limit_exceeded",
    ),
    Case(
        "unknown query clause",
        {"controller": DEVICES, "action": "search", "engineId": ENGINE, "body": {"query": {"nope": {}}}},
        400,
        "",
        "nope",
    ),
]


@pytest.fixture(scope="module")
def filled(server: ServerProcess, create_fleet: Callable[..., Awaitable[Any]]) -> ServerProcess:
    """The server with two engines."""

    async def fill() -> None:
        async with Client(server.url) as client:
            await create_fleet(client, ENGINE, 1)
            await client.call("device-manager/engine", "create", index="wire-foreign")
            for controller in (ASSETS, DEVICES):
                while not (await client.call(controller, "search", engineId=ENGINE))["hits"]:
                    await asyncio.sleep(0.05)  # on Elasticsearch new documents are searchable a moment later

    asyncio.run(fill())
    return server


@pytest.fixture
async def unchanged(filled: ServerProcess) -> AsyncIterator[ServerProcess]:
    """The server, which has to hold the same after the test as before."""
    async with Client(filled.url) as client:
        before = await _content(client)
        yield filled
        assert await _content(client) == before
        assert filled.is_running


async def _content(client: Client) -> dict[str, Any]:
    content = {"engines": await client.call("device-manager/engine", "list")}
    for controller in (ASSETS, DEVICES):
        found = await client.call(controller, "search", engineId=ENGINE, size=100)
        content[controller] = sorted(found["hits"], key=lambda hit: str(hit["_id"]))
    content["findings"] = await examine_server(client, [ENGINE])
    return content


def _check(case: Case, answer: dict[str, Any]) -> None:
    error = answer["error"]
    assert answer["status"] == case.status == error["status"], answer
    assert error["id"], answer
    assert error["id"] == (case.id or error["id"])
    assert isinstance(error["code"], int)
    assert case.mentions in error["message"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_over_websocket(unchanged: ServerProcess, case: Case) -> None:
    async with connect(unchanged.ws_url, compression=None, proxy=None, max_size=None) as connection:
        await connection.send(orjson.dumps(case.request | {"requestId": "mine"}), text=True)
        answer = orjson.loads(await connection.recv())
    assert answer["room"] == answer["requestId"] == "mine"
    _check(case, answer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_over_http(unchanged: ServerProcess, case: Case) -> None:
    async with httpx.AsyncClient(base_url=unchanged.url) as client:
        response = await client.post("/_query", json=case.request)
    assert response.status_code == case.status, response.text
    _check(case, response.json())


@pytest.mark.parametrize(
    ("message", "mentions"),
    [("{", ""), ("[]", ""), ("5", ""), ('"x"', ""), ("null", ""), ('{"controller": 5}', "controller"),
     ('{"controller":"server","action":"now","body":"x"}', "body"),
     ('{"a":' * 5000 + "1" + "}" * 5000, "")],
    ids=["open", "list", "number", "text", "null", "controller", "body", "deep"],
)  # fmt: skip
async def test_malformed_messages(unchanged: ServerProcess, message: str, mentions: str) -> None:
    async with connect(unchanged.ws_url, compression=None, proxy=None) as connection:
        await connection.send(message)
        answer = orjson.loads(await connection.recv())
        await connection.send('{"p":1}')
        assert await connection.recv() == '{"p":2}'
    assert answer["status"] == 400
    assert answer["error"]["id"]
    assert mentions in answer["error"]["message"]

    async with httpx.AsyncClient(base_url=unchanged.url) as client:
        response = await client.post("/_query", content=message, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["id"]


async def test_twenty_megabytes(unchanged: ServerProcess) -> None:
    """Over WebSocket the head of the frame is enough to be closed with 1009; a client still sending may see a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", unchanged.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    writer.write(b"\x81\xff" + (20 << 20).to_bytes(8) + bytes(4))
    kind, length, *code = await reader.readexactly(4)
    assert (kind, int.from_bytes(code)) == (0x88, 1009)
    assert length >= 2
    writer.close()
    await writer.wait_closed()

    message = orjson.dumps({"controller": "server", "action": "now", "padding": "x" * (20 << 20)})
    async with httpx.AsyncClient(base_url=unchanged.url, timeout=30) as client:
        response = await client.post("/_query", content=message, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.json()["error"]["id"] == "network.http.request_too_large"


@pytest.mark.parametrize(
    ("verb", "path", "status", "id"),
    [
        ("GET", "/nowhere", 404, "network.http.url_not_found"),
        ("GET", "/_/device-manager/wire/devices/nope", 404, "services.storage.not_found"),
        ("PUT", f"/_/device-manager/wire/devices/{DEVICE}/_link", 400, ""),
        ("GET", "/_/device-manager/wire/devices/%FF", 400, ""),
    ],
)
async def test_http_routes(unchanged: ServerProcess, verb: str, path: str, status: int, id: str) -> None:
    async with httpx.AsyncClient(base_url=unchanged.url) as client:
        response = await client.request(verb, path)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["id"]
    assert error["id"] == (id or error["id"])


async def test_a_failing_record_does_not_stop_the_others(unchanged: ServerProcess) -> None:
    records = [{"assetId": ASSET, "deviceId": "nope"}, {"assetId": 5, "deviceId": DEVICE}, {}, "x"]
    request = on_device("mLinkAssets", {"records": records})
    async with httpx.AsyncClient(base_url=unchanged.url) as client:
        answer = (await client.post("/_query", json=request)).json()
    if answer["status"] == 200:
        assert answer["result"]["successes"] == []
        assert [(item["row"], item["status"] // 100) for item in answer["result"]["errors"]] == [
            (1, 4), (2, 4), (3, 4), (4, 4)
        ]  # fmt: skip
    else:
        assert answer["status"] == 400
        assert answer["error"]["id"] in {WRONG_TYPE, MISSING}
