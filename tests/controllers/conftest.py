"""A platform with the domain's controllers behind a router, on either store, asked in-process."""

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
import pytest
import pytest_asyncio

from device_manager.controllers.admin import AdminController, SupportArchive, Upkeep
from device_manager.controllers.assets import AssetsController
from device_manager.controllers.devices import DevicesController
from device_manager.controllers.engine import EngineController
from device_manager.controllers.groups import GroupsController
from device_manager.controllers.models import ModelsController
from device_manager.controllers.native import native_controllers
from device_manager.controllers.tasks import TasksController
from device_manager.documents.domain import Documents
from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.plugins.models import ModelDeclaration
from device_manager.realtime.koncorde import normalise
from device_manager.router.envelope import encode
from device_manager.router.idempotency import Idempotency
from device_manager.router.parse import Refused, parse
from device_manager.router.request import Connection
from device_manager.router.router import Router
from device_manager.security.reset import SecurityReset
from device_manager.security.service import Security
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.opening import open_store
from device_manager.twins.call import Call
from device_manager.twins.domain import Twins

TEMPERATURE = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
BATTERY = {"type": "battery", "valuesMappings": {"battery": {"type": "integer"}}}
DUMMY = {
    "model": "Dummy",
    "measures": [{"name": "temperature", "type": "temperature"}, {"name": "battery", "type": "battery"}],
    "metadataMappings": {"color": {"type": "keyword"}},
    "defaultValues": {"color": "grey"},
}
CONTAINER = {
    "model": "Container",
    "engineGroup": "commons",
    "metadataMappings": {"weight": {"type": "integer"}, "note": {"type": "keyword"}},
    "defaultValues": {"weight": 10},
    "measures": [
        {"name": "temperatureExt", "type": "temperature"},
        {"name": "temperatureInt", "type": "temperature"},
        {"name": "power", "type": "battery"},
    ],
}
HALL = {
    "model": "Hall",
    "engineGroup": "commons",
    "metadataMappings": {"weight": {"type": "integer"}, "note": {"type": "keyword"}},
    "measures": [{"name": f"slot{number}", "type": "temperature"} for number in range(50)],
}
PLACE = {
    "metadataMappings": {
        "place": {
            "properties": {"city": {"type": "keyword"}, "floor": {"properties": {"number": {"type": "integer"}}}}
        },
        "tags": {"type": "keyword"},
        "open": {"type": "boolean"},
        "owner": {"type": "keyword"},
    },
    "defaultValues": {"owner": "us"},
    "measures": [{"name": "temperature", "type": "temperature"}],
}
SITE = PLACE | {"model": "Site", "engineGroup": "commons"}
PROBE = PLACE | {"model": "Probe"}
MODELS = [
    ModelDeclaration("measure", TEMPERATURE),
    ModelDeclaration("measure", BATTERY),
    ModelDeclaration("device", DUMMY),
    ModelDeclaration("asset", CONTAINER),
    ModelDeclaration("asset", HALL),
    ModelDeclaration("asset", SITE),
    ModelDeclaration("device", PROBE),
]

NATIVE = ("index", "collection", "document", "bulk", "admin")

Envelope = dict[str, Any]
MakePlatform = Callable[..., Awaitable["Platform"]]


class Refusal(AssertionError):
    """The server refused a call that a test expected to succeed."""


class Platform:
    """The domain behind a router.

    Attributes:
        engine: an engine without twins.
        note: told the store and the envelope of every answer.
    """

    note: Callable[[str, Envelope], None] = staticmethod(lambda store, envelope: None)

    def __init__(self, store: Store, bus: EventBus, settings: Settings, engine: str) -> None:
        self.store = store
        self.bus = bus
        self.settings = settings
        self.engine = engine
        self.twins = Twins(store, bus, settings)
        keys = Idempotency(store, kept=settings.idempotency_kept, patience=settings.idempotency_wait)
        self.router = Router(bus, idempotency=keys)
        for controller in (EngineController, ModelsController, AssetsController, DevicesController, GroupsController):
            self.router.register(controller(self.twins))
        self.router.register(TasksController(self.twins.tasks, self.twins.platform))
        self.documents = documents = Documents(store, bus, settings, self.twins.native_writes, normalise)
        for native in native_controllers(documents):
            self.router.register(native)
        accounts = Security(store, settings).accounts
        upkeep = Upkeep(
            store=store,
            database_reset=self.twins.database_reset,
            security_reset=SecurityReset(store, accounts, self.twins.tasks, may_open=True),
            archive=SupportArchive(Path(settings.dump_directory), settings.dumps_kept, {}),
            stop=lambda: None,
        )
        self.router.register(AdminController(documents, accounts.users, self.router, upkeep))
        self.router.compile()

    async def stop_looking(self) -> None:
        """End the looks for what other processes change, so that only what requests read is counted."""
        await self.twins.catalogue.close()
        await self.documents.close()

    async def ask(self, action: str, **payload: Any) -> Envelope:
        """The envelope that answers a request, its `engineId` being the test's engine unless said otherwise.

        `action` is one of the device manager, such as `assets:create`, or a native one, such as `document:create`.
        """
        controller, _, name = action.rpartition(":")
        if controller in NATIVE:
            message = {"controller": controller, "action": name, **payload}
        else:
            message = {"controller": f"device-manager/{controller}", "action": name, "engineId": self.engine, **payload}
        message = {key: value for key, value in message.items() if value is not ...}
        try:
            outcome = self.router.handle(parse(message, Connection("test", "websocket")))
            response = await outcome if inspect.isawaitable(outcome) else outcome
        except Refused as refused:
            response = refused.response
        envelope: Envelope = orjson.loads(encode(response, room=False))
        self.note(self.settings.store.partition(":")[0], envelope)
        return envelope

    async def do(self, action: str, **payload: Any) -> Any:
        """The result of a request that has to succeed."""
        envelope = await self.ask(action, **payload)
        if envelope["error"] is not None:
            raise Refusal(envelope["error"])
        return envelope["result"]

    async def refused(self, action: str, **payload: Any) -> dict[str, Any]:
        """The error of a request that has to be refused."""
        envelope = await self.ask(action, **payload)
        assert envelope["error"] is not None, envelope["result"]
        assert envelope["status"] == envelope["error"]["status"]
        error: dict[str, Any] = envelope["error"]
        return error

    async def device(self, reference: str, model: str = "Dummy", **payload: Any) -> str:
        """Create a device and return its id."""
        made = await self.do("devices:create", body={"model": model, "reference": reference}, **payload)
        return str(made["_id"])

    async def asset(self, reference: str, model: str = "Container", **payload: Any) -> str:
        """Create an asset and return its id."""
        made = await self.do("assets:create", body={"model": model, "reference": reference}, **payload)
        return str(made["_id"])

    async def history(self, asset_id: str) -> list[dict[str, Any]]:
        """The history entries of an asset, oldest first."""
        await self.store.refresh(self.engine, "assets-history")
        entries = [
            entry.source
            async for page in self.store.scan(self.engine, "assets-history")
            for entry in page
            if entry.source["id"] == asset_id
        ]
        return sorted(entries, key=lambda entry: entry["timestamp"])

    async def link(self, device: str, asset: str, *pairs: dict[str, str]) -> None:
        """Link a device to an asset by slot pairs."""
        entry = {"assetId": asset, "measureSlots": list(pairs)}
        await self.do("devices:linkAssets", _id=device, body={"linkedMeasures": [entry]})

    async def source(self, collection: str, id: str) -> Any:
        """The content of a document of the engine."""
        return (await self.store.get(self.engine, collection, id)).source

    async def exists(self, index: str, collection: str, id: str) -> bool:
        """Whether there is a document."""
        key = Key(index, collection, id)
        return key in await self.store.read((key,))

    async def refusal(self, action: str, **payload: Any) -> tuple[int, str]:
        """Status and text of a refusal."""
        error = await self.refused(action, **payload)
        return error["status"], error["message"]

    def not_found(self, index: str, collection: str, id: str) -> tuple[int, str]:
        """The refusal of an unknown document."""
        return 404, f'Document "{id}" not found in "{index}":"{collection}".'

    def unknown_engine(self) -> tuple[int, str]:
        """The refusal of the engine "nowhere"."""
        return self.not_found(self.twins.platform, "config", "engine-device-manager--nowhere")

    async def links(self, collection: str, id: str) -> Any:
        """The stored links of a twin."""
        return (await self.store.get(self.engine, collection, id)).source["linkedMeasures"]

    async def check(self) -> None:
        """Assert that no invariant is broken."""
        assert await self.twins.examine(self.engine) == []


class Prepared(NamedTuple):
    """A store with a platform and an engine that all tests of the session share."""

    store: Store
    settings: Settings
    engine: str


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "elasticsearch"])
async def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prepared]:
    """One platform a store: making indices is what takes time on Elasticsearch."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path_factory.mktemp('data')}"
    else:
        url = f"elasticsearch:{request.getfixturevalue('elasticsearch_url')}"
    settings = Settings(store=url, platform_index=f"p{uuid.uuid4().hex[:10]}")
    store = open_store(settings)
    await store.start()
    bus = EventBus()
    twins = Twins(store, bus, settings)
    await twins.start(MODELS)
    engine = f"e{uuid.uuid4().hex[:10]}"
    await twins.engines.create(engine, "commons", Call())
    await twins.stop()
    await bus.close()
    yield Prepared(store, settings, engine)
    for index in (engine, settings.platform_index):
        with contextlib.suppress(ApiError):  # tests that start servers wipe the cluster that all share
            await store.drop_index(index)
    await store.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def other_engine(prepared: Prepared) -> AsyncIterator[str]:
    """A second engine on the platform, for the whole session."""
    bus = EventBus()
    twins = Twins(prepared.store, bus, prepared.settings)
    await twins.catalogue.start()
    engine = f"e{uuid.uuid4().hex[:10]}"
    await twins.engines.create(engine, "commons", Call())
    await twins.stop()
    await bus.close()
    yield engine
    with contextlib.suppress(ApiError):
        await prepared.store.drop_index(engine)


@pytest_asyncio.fixture(loop_scope="session")
async def second_engine(prepared: Prepared, other_engine: str) -> AsyncIterator[str]:
    """A second engine, with no twins in it."""
    yield other_engine
    for collection in ("devices", "assets", "assets-history"):
        await _empty(prepared.store, other_engine, collection)


@pytest_asyncio.fixture(loop_scope="session")
async def open_platform(prepared: Prepared, answers: Any) -> AsyncIterator[MakePlatform]:
    """Opens the platform for one test, with listeners and, if given, settings of its own. What tests store stays."""
    opened: list[Platform] = []

    async def make(**options: Any) -> Platform:
        settings = msgspec.structs.replace(prepared.settings, **options)
        platform = Platform(prepared.store, EventBus(warning=5, deadline=5), settings, prepared.engine)
        platform.note = answers.note
        opened.append(platform)
        await platform.twins.catalogue.start()
        await platform.documents.start()
        return platform

    yield make
    for platform in opened:
        await platform.documents.close()
        await platform.twins.stop()
        await platform.bus.close()


@pytest_asyncio.fixture(loop_scope="session")
async def make_platform(open_platform: MakePlatform, prepared: Prepared) -> AsyncIterator[MakePlatform]:
    """Opens the platform for one test, which leaves no twins behind."""
    yield open_platform
    for index, collection in [
        (prepared.settings.platform_index, "devices"),
        *((prepared.engine, name) for name in ("devices", "assets", "assets-history")),
    ]:
        await _empty(prepared.store, index, collection)


async def _empty(store: Store, index: str, collection: str) -> None:
    await store.refresh(index, collection)
    async for page in store.scan(index, collection):
        keys = [Key(index, collection, document.id) for document in page]

        def delete(tx: Transaction, keys: list[Key] = keys) -> None:
            for key in tx.read(keys):
                tx.delete(key)

        await store.transact(delete)


@pytest_asyncio.fixture(loop_scope="session")
async def platform(make_platform: MakePlatform) -> Platform:
    """The platform, with no twins in it."""
    return await make_platform()
