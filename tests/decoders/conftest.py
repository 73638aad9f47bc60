"""Messages as the network servers document them, and servers with decoders."""

from __future__ import annotations

import contextlib
import copy
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from device_manager.app import Application
from device_manager.cli.process import free_port
from device_manager.errors import ApiError
from device_manager.settings import Settings
from device_manager.storage.contract import Key

STORES = ("sqlite", "elasticsearch")

FRAME = "AWf/1wJofwSIBnZf8pYKAAPoBnEE0vsuAAAHAAEJZAAAAAUIZgEFAgFF"
"""Cayenne LPP: -4.1 °C on channel 1, 63.5 %, a position, an acceleration, a digital input, a generic value, presence,
an analog input."""

THE_THINGS_STACK: dict[str, Any] = {
    "end_device_ids": {
        "device_id": "cellar-1",
        "application_ids": {"application_id": "cellars"},
        "dev_eui": "0004A30B001C0530",
        "join_eui": "800000000000000C",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": [
        "gs:conn:01E0WZGT6Y7657CPFPE5WEYDSA",
        "gs:up:host:01E0WZGT6Y7657CPFPE5WEYDSB",
        "gs:uplink:01E0WZGT6Y7657CPFPE5WEYDSC",
        "ns:uplink:01E0WZGT6Y7657CPFPE5WEYDSD",
        "rpc:/ttn.lorawan.v3.GsNs/HandleUplink:01E0WZGT6Y7657CPFPE5WEYDSE",
        "as:up:01E0WZGT6Y7657CPFPE5WEYDSQ",
    ],
    "received_at": "2023-11-14T22:13:20.871Z",
    "uplink_message": {
        "session_key_id": "AXBSH1Pk6Z0G166xsWpAAQ==",
        "f_port": 1,
        "f_cnt": 17,
        "frm_payload": FRAME,
        "rx_metadata": [
            {
                "gateway_ids": {"gateway_id": "roof", "eui": "9C5C8E00001A05C4"},
                "time": "2036-02-07T06:28:15Z",
                "timestamp": 2463457000,
                "rssi": -97,
                "channel_rssi": -97,
                "snr": 5.2,
                "uplink_token": "CiIKIAoUZXVpLTlj",
                "received_at": "2023-11-14T22:13:20.640Z",
            },
            {"gateway_ids": {"gateway_id": "tower"}, "timestamp": 81763, "rssi": -112, "channel_rssi": -112, "snr": 7},
        ],
        "settings": {
            "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
            "frequency": "868300000",
            "timestamp": 2463457000,
        },
        "received_at": "2023-11-14T22:13:20.665123456Z",
        "confirmed": True,
        "consumed_airtime": "0.056576s",
        "network_ids": {"net_id": "000013", "tenant_id": "ttn", "cluster_id": "eu1"},
    },
}

CHIRP_STACK: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2023-11-14T22:13:20.775023242+00:00",
    "deviceInfo": {
        "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "tenantName": "ChirpStack",
        "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
        "applicationName": "Cellars",
        "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
        "deviceProfileName": "Cellar sensor",
        "deviceName": "Cellar 1",
        "devEui": "0101010101aabbcc",
        "tags": {"floor": "-1"},
    },
    "devAddr": "00189440",
    "dr": 1,
    "fPort": 1,
    "data": FRAME,
    "rxInfo": [
        {
            "gatewayId": "0016c001f153a14c",
            "uplinkId": 4217106255,
            "gwTime": "2023-11-14T22:13:29.9+00:00",
            "nsTime": "2023-11-14T22:13:20.701+00:00",
            "rssi": -36,
            "snr": 10.5,
            "context": "E3OWOQ==",
            "metadata": {"region_name": "eu868", "region_common_name": "EU868"},
        }
    ],
    "txInfo": {
        "frequency": 867100000,
        "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 11, "codeRate": "CR_4_5"}},
    },
}


@pytest.fixture
def the_things_stack() -> dict[str, Any]:
    """An uplink as the webhook of The Things Stack v3 posts it."""
    return copy.deepcopy(THE_THINGS_STACK)


@pytest.fixture
def chirp_stack() -> dict[str, Any]:
    """An `up` event as the HTTP integration of ChirpStack v4 posts it; members with the value 0 are left out by it."""
    return copy.deepcopy(CHIRP_STACK)


@pytest.fixture
def request_with() -> Any:
    """A request with some arguments, received at 2023-11-14T22:13:21Z."""
    return lambda **args: SimpleNamespace(args=args, timestamp=1_700_000_001_000)


GAUGES = Path(__file__).parent / "gauges.py"


class Site:
    """A server with decoders, asked over HTTP.

    Attributes:
        application: the server.
        engine: an engine with the device `Gauge-linked`, whose slot `heat` is linked to `inside` of `Boiler-1`.
        gauges: the plugin's module.
    """

    def __init__(self, application: Application, client: httpx.AsyncClient) -> None:
        self.application = application
        self.store = application.store
        self.platform = application.settings.platform_index
        self.engine = f"e{uuid.uuid4().hex[:8]}"
        self.client = client
        self.gauges: Any = sys.modules["gauges"]

    async def ask(self, verb: str, path: str, body: Any = None, **args: Any) -> dict[str, Any]:
        """The envelope that answers a request; routes without a leading `/` stand below `/_/device-manager/`."""
        url = path if path.startswith("/") else f"/_/device-manager/{path}"
        answer = await self.client.request(verb, url, json=body, params=args)
        envelope: dict[str, Any] = answer.json()
        assert answer.status_code == envelope["status"]
        return envelope

    async def do(self, verb: str, path: str, body: Any = None, **args: Any) -> Any:
        """The result of a request that has to succeed."""
        envelope = await self.ask(verb, path, body, **args)
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    async def refused(self, verb: str, path: str, body: Any = None, **args: Any) -> tuple[int, str | None, str]:
        """Status, id and text of a refusal."""
        error = (await self.ask(verb, path, body, **args))["error"]
        return error["status"], error.get("id"), error["message"]

    async def payload(self, body: Any, **args: Any) -> Any:
        """The result of sending a payload of a gauge."""
        return await self.do("POST", "payload/gauge", body, **args)

    async def archived(self, uuid: str) -> dict[str, Any] | None:
        """An archived payload without its stamp."""
        key = Key(self.platform, "payloads", uuid)
        document = (await self.store.read((key,))).get(key)
        return None if document is None else {k: v for k, v in document.source.items() if k != "_kuzzle_info"}

    async def measures(self, uuid: str) -> list[dict[str, Any]]:
        """The measures that a payload brought to the engine."""
        await self.store.refresh(self.engine, "measures")
        found = [one.source async for page in self.store.scan(self.engine, "measures") for one in page]
        return [measure for measure in found if uuid in measure["origin"]["payloadUuids"]]

    async def build(self) -> None:
        """Fill the engine."""
        await self.do("POST", f"engine/{self.engine}")
        slots = [{"name": "inside", "type": "heat"}]
        await self.do("POST", "models/assets", {"engineGroup": "commons", "model": "Boiler", "measures": slots})
        await self.do("POST", f"{self.engine}/assets", {"model": "Boiler", "reference": "1"})
        await self.do("POST", f"{self.engine}/devices", {"model": "Gauge", "reference": "linked"})
        link = {"assetId": "Boiler-1", "measureSlots": [{"asset": "inside", "device": "heat"}]}
        await self.do("PUT", f"{self.engine}/devices/Gauge-linked/_link", {"linkedMeasures": [link]})


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=STORES)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, answers: Any
) -> AsyncIterator[Site]:
    """One server on each store, with the plugin `gauges` and all decoders that ship along."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path_factory.mktemp('site')}"
    else:
        url = f"elasticsearch:{request.getfixturevalue('lasting_elasticsearch_url')}"
    settings = Settings(
        store=url,
        port=free_port(),
        platform_index=f"p{uuid.uuid4().hex[:8]}",
        plugin=(str(GAUGES),),
        decoder=("the-things-stack", "chirp-stack", "json"),
    )
    answers.stores[settings.port] = request.param
    sys.modules.pop(GAUGES.stem, None)
    application = Application(settings)
    await application.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as client:
        site = Site(application, client)
        await site.build()
        yield site
    for index in (site.engine, site.platform):
        with contextlib.suppress(ApiError):  # tests that start servers wipe the cluster that all share
            await application.store.drop_index(index)
    await application.stop()
