"""One server a store, with a port of its own for SiteWise, and boto3 in front of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import boto3
import pytest
import pytest_asyncio
from botocore.config import Config
from botocore.exceptions import ClientError

from device_manager.app import Application
from device_manager.call import Call
from device_manager.security.foreign_credentials import Interface
from device_manager.settings import Settings

ENGINES, MODELS, ASSETS = (f"device-manager/{name}" for name in ("engine", "models", "assets"))
TANK_PROPERTIES = [
    {"name": "level", "dataType": "DOUBLE", "type": {"measurement": {}}},
    {"name": "inflow", "dataType": "DOUBLE", "type": {"measurement": {}}},
    {"name": "count", "dataType": "INTEGER", "type": {"measurement": {}}},
    {"name": "maker", "dataType": "STRING", "type": {"attribute": {"defaultValue": "Acme"}}},
]
CONTACT = {
    "portalContactEmail": "operations@plant.example",
    "roleArn": "arn:aws:iam::123456789012:role/monitor",
}


class Site:
    """An engine with a credential, as a client knows it.

    Attributes:
        application: the server.
        engine: the engine.
        keys: what `credential create sitewise` prints.
    """

    def __init__(self, application: Application, engine: str, keys: dict[str, Any]) -> None:
        self.application = application
        self.engine = engine
        self.keys = keys
        self._session = boto3.session.Session()
        self._clients: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where the interface is on the main port."""
        return f"http://127.0.0.1:{self.application.gateway.port}/sitewise"

    @property
    def own_url(self) -> str:
        """The port of its own."""
        gateway = self.application.sitewise_gateway
        assert gateway is not None
        return f"http://127.0.0.1:{gateway.port}"

    def client(self, **changes: Any) -> Any:
        """A client of boto3 that does not try again by itself: the same one for the same `changes`."""
        name = repr(sorted(changes.items()))
        if name not in self._clients:
            self._clients[name] = self._new_client(changes)
        return self._clients[name]

    def _new_client(self, changes: dict[str, Any]) -> Any:
        config = Config(
            inject_host_prefix=changes.pop("inject_host_prefix", False),
            retries={"total_max_attempts": changes.pop("attempts", 1)},
            signature_version=changes.pop("signature_version", None),
            max_pool_connections=changes.pop("max_pool_connections", 10),
        )
        given = {
            "endpoint_url": self.own_url,
            "region_name": self.keys["region"],
            "aws_access_key_id": self.keys["accessKeyId"],
            "aws_secret_access_key": self.keys["secretAccessKey"],
            **changes,
        }
        return self._session.client("iotsitewise", config=config, **given)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    async def native(self, controller: str, action: str, *, body: Any = None, **args: Any) -> Any:
        """The result of an action in the engine."""
        return await self.application.router.call(controller, action, args={"engineId": self.engine, **args}, body=body)

    async def assets(self, count: int) -> list[str]:
        """New native assets, whose references are the ids by which clients know them."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        bodies = [{"model": "Pump", "reference": id} for id in ids]
        await self.native(ASSETS, "importAssets", body={"records": bodies}, refresh="wait_for")
        return ids


async def run(method: Callable[..., Any], **members: Any) -> Any:
    """What a blocking call of a client answers."""
    return await asyncio.to_thread(method, **members)


@pytest.fixture(scope="session")
def call() -> Callable[..., Awaitable[Any]]:
    """Calls a method of a client beside the event loop."""
    return run


async def refusal(name: str, status: int, calling: Awaitable[Any]) -> dict[str, Any]:
    """The answer to a call that is refused by an error of a name."""
    with pytest.raises(ClientError) as caught:
        await calling
    response: dict[str, Any] = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (name, status)
    assert response["Error"]["Message"] and response["message"] == response["Error"]["Message"]
    assert uuid.UUID(response["ResponseMetadata"]["RequestId"])
    return response


@pytest.fixture(scope="session")
def refused() -> Callable[..., Awaitable[dict[str, Any]]]:
    """Expects that a call is refused: `await refused("InvalidRequestException", 400, calling)`."""
    return refusal


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "elasticsearch"])
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Application]:
    """One server a store, in this process."""
    url = f"sqlite:{tmp_path_factory.mktemp('sitewise')}"
    if request.param == "elasticsearch":
        url = f"elasticsearch:{request.getfixturevalue('lasting_elasticsearch_url')}"
    application = Application(Settings(store=url, port=0, sitewise_port=0))
    await application.start()
    yield application
    await application.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(server: Application) -> AsyncIterator[Site]:
    """An engine with a model `Pump`, and a credential for it."""
    engine = f"plant-{uuid.uuid4().hex[:12]}"
    await server.router.call(ENGINES, "create", args={"index": engine})
    await server.router.call(MODELS, "writeAsset", body={"engineGroup": "commons", "model": "Pump", "measures": []})
    keys = await server.security.foreign_credentials.create(Interface.SITEWISE, engine, None, Call())
    site = Site(server, engine, keys)
    yield site
    await asyncio.to_thread(site.close)


class Tank(NamedTuple):
    """An asset: its id, the native one, and the ids of its properties by name."""

    id: str
    native: str
    properties: dict[str, str]

    def key(self, name: str) -> dict[str, str]:
        """How requests name a property."""
        return {"assetId": self.id, "propertyId": self.properties[name]}


class Stream:
    """What clients see of the series of an alias or a property.

    Args:
        client: of boto3.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    async def put(self, numbers: Mapping[int, float | str], form: str = "doubleValue", **key: str) -> list[str]:
        """Put values, by their times in seconds; the codes of the errors."""
        values = [
            {"value": {form: number}, "timestamp": {"timeInSeconds": at, "offsetInNanos": 0}, "quality": "GOOD"}
            for at, number in numbers.items()
        ]
        entry = {"entryId": "1", "propertyValues": values, **key}
        answer = await run(self._client.batch_put_asset_property_value, entries=[entry])
        return [error["errorCode"] for failed in answer["errorEntries"] for error in failed["errors"]]

    async def values(self, **key: str) -> list[Any]:
        """All values, the oldest first."""
        history = await run(self._client.get_asset_property_value_history, **key)
        return [next(iter(one["value"].values())) for one in history["assetPropertyValueHistory"]]

    async def list(self, **members: Any) -> list[dict[str, Any]]:
        """Time series, all pages of them."""

        def read() -> list[dict[str, Any]]:
            pages = self._client.get_paginator("list_time_series").paginate(**members)
            return [one for page in pages for one in page["TimeSeriesSummaries"]]

        return list(await run(read))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tank_model(site: Site) -> str:
    """An asset model with measurements and an attribute."""
    name = f"Tank {uuid.uuid4()}"
    made = await run(site.client().create_asset_model, assetModelName=name, assetModelProperties=TANK_PROPERTIES)
    return str(made["assetModelId"])


@pytest.fixture
def make_tank(site: Site, tank_model: str) -> Callable[[], Awaitable[Tank]]:
    """Makes an asset of that model."""

    async def make_one() -> Tank:
        client = site.client()
        id = (await run(client.create_asset, assetName=f"Tank {uuid.uuid4()}", assetModelId=tank_model))["assetId"]
        asset = await run(client.describe_asset, assetId=id)
        native = (await site.native(ASSETS, "search", body={"query": {"term": {"reference": id}}}))["hits"][0]["_id"]
        return Tank(id, native, {one["name"]: one["id"] for one in asset["assetProperties"]})

    return make_one


@pytest.fixture
def stream(site: Site) -> Stream:
    """Reads and writes series."""
    return Stream(site.client())


@pytest.fixture(scope="session")
def stream_of() -> Callable[[Any], Stream]:
    """What the holder of another client sees."""
    return Stream
