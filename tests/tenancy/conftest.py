"""Two tenants on one platform, users with rights to one of them, and every action with its example request."""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson
import pytest
import pytest_asyncio

from device_manager.app import Application
from device_manager.plugins.models import ModelDeclaration
from device_manager.router.action_text import read_action_text
from device_manager.router.envelope import encode
from device_manager.router.parse import Refused, parse
from device_manager.router.registry import BoundAction
from device_manager.router.request import Connection
from device_manager.router.response import Response
from device_manager.settings import Settings
from device_manager.storage.contract import Key

MARK = "nobodyelse"
"""Stands in each document of the other tenant: no answer to a stranger may hold it."""

SLOT = {"name": "temperature", "type": "temperature"}
MODELS = [
    ModelDeclaration("measure", {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}),
    ModelDeclaration(
        "device",
        {
            "model": "DummyTemp",
            "measures": [SLOT, {"name": "battery", "type": "temperature"}],
            "metadataMappings": {"color": {"type": "keyword"}},
        },
    ),
    ModelDeclaration(
        "asset",
        {
            "model": "Container",
            "engineGroup": "commons",
            "measures": [{"name": "temperatureExt", "type": "temperature"}],
            "metadataMappings": {"weight": {"type": "integer"}, "note": {"type": "keyword"}},
        },
    ),
]
Message = dict[str, Any]
Envelope = dict[str, Any]


class Example(NamedTuple):
    """An action, under one of its names, with the example of its declaration."""

    controller: str
    name: str
    bound: BoundAction
    message: Message

    @property
    def label(self) -> str:
        return f"{self.controller}:{self.name}"


class Town:
    """The platform.

    Attributes:
        was_open: strangers had all rights before, which tests that ran earlier on the same cluster may have ended.
        ours, theirs: the engine of the tenant who asks, and that of the other one.
        platform: the platform index.
        examples: every action under every name.
    """

    def __init__(self, application: Application, store: str, answers: Any) -> None:
        self._store = store
        self._answers = answers
        self.application = application
        self.was_open = application.security.is_open
        self.platform = application.settings.platform_index
        self.ours = f"ours{uuid.uuid4().hex[:8]}"
        self.theirs = f"theirs{uuid.uuid4().hex[:8]}"
        self.examples = [
            Example(controller, name, bound, self._localised(bound, controller, name))
            for controller, actions in application.router.registry.table.items()
            for name, bound in actions.items()
        ]

    def _localised(self, bound: BoundAction, controller: str, name: str) -> Message:
        text = read_action_text(bound.method.__doc__).request or "{}"
        for placeholder in ("tenant-a", "weather", "harbour"):
            text = text.replace(f'"{placeholder}"', f'"{self.ours}"')
        return {**json.loads(text), "controller": controller, "action": name}

    async def ask(self, user: str | None, message: Message, *, dry_run: bool = False) -> Envelope:
        """The answer to a message of a user; None makes an anonymous one."""
        message = {"requestId": "r", **json.loads(json.dumps(message))}
        if dry_run:
            message["dryRun"] = True
        if user is not None:
            message["jwt"] = self.tokens[user]
        try:
            outcome = self.application.router.handle(parse(message, Connection("test", "websocket")))
            response = await outcome if inspect.isawaitable(outcome) else outcome
        except Refused as refused:
            response = refused.response
        assert isinstance(response, Response)
        envelope: Envelope = orjson.loads(encode(response, room=False))
        self._answers.note(self._store, envelope)
        return envelope

    async def do(self, controller: str, action: str, **arguments: Any) -> Any:
        """The result of a call that has to succeed, as the server itself."""
        body = arguments.pop("body", None)
        return await self.application.router.call(controller, action, args=arguments, body=body)

    async def build(self) -> None:
        """Fill both engines and make the users."""
        engines = (self.ours, self.theirs)
        await asyncio.gather(*(self.do("device-manager/engine", "create", index=engine) for engine in engines))
        await asyncio.gather(
            *(self.do("collection", "create", index=engine, collection="stations") for engine in engines)
        )
        for engine in engines:
            site = [{"_id": "site", "name": "Site"}, {"_id": "hall-1", "name": "Hall 1", "path": "site"}]
            await self.do("device-manager/groups", "mCreate", engineId=engine, body={"groups": site})
        await self.fill(self.ours, "A-1", "1", "plain")
        await self.fill(self.ours, "A-2", "2", "plain")
        await self.fill(self.theirs, "B-1", "B1", MARK)
        self.tokens: dict[str, str] = {}
        for user, indices in {
            "tenant": [self.ours],
            "keeper": [self.platform, self.ours],
            "reader": [self.ours],
            "root": [],
        }.items():
            policy: dict[str, Any] = {"roleId": "admin"}
            if indices:
                policy["restrictedTo"] = [{"index": index} for index in indices]
            if user == "reader":
                policy["restrictedTo"][0]["collections"] = ["assets"]
            await self.do("security", "createOrReplaceProfile", _id=user, body={"policies": [policy]})
            await self.do("security", "createUser", _id=user, body={"content": {"profileIds": [user]}})
            self.tokens[user] = (await self.application.security.tokens.issue(user, 3_600_000)).token

    async def fill(self, engine: str, asset: str, device: str, mark: str) -> None:
        """A linked asset and device, and a native document."""
        pair = {"asset": "temperatureExt", "device": "temperature"}
        metadata = {"note": mark}
        body = {"model": "Container", "reference": asset, "metadata": metadata}
        await self.do("device-manager/assets", "create", engineId=engine, body=body)
        body = {"model": "DummyTemp", "reference": device, "metadata": {"color": mark}}
        await self.do("device-manager/devices", "create", engineId=engine, body=body)
        link = {"linkedMeasures": [{"assetId": f"Container-{asset}", "measureSlots": [pair]}]}
        await self.do("device-manager/devices", "linkAssets", engineId=engine, _id=f"DummyTemp-{device}", body=link)
        document = {"name": mark}
        await self.do(
            "document", "createOrReplace", index=engine, collection="stations", _id=f"s{device}", body=document
        )

    async def theirs_now(self) -> dict[str, Any]:
        """Everything that is the other tenant's, the provisioning of devices included."""
        store = self.application.store
        found: dict[str, Any] = {}
        for collection in await store.collections(self.theirs):
            await store.refresh(self.theirs, collection)
            async for page in store.scan(self.theirs, collection):
                found |= {f"{collection}/{document.id}": (document.source, document.version) for document in page}
        key = Key(self.platform, "devices", "DummyTemp-B1")
        device = (await store.read((key,))).get(key)
        found["provisioning"] = device and (device.source, device.version)
        return found

    async def clear(self) -> None:
        """Take everything away again, for the next who use the cluster."""
        security = self.application.security
        for user in self.tokens:
            await self.do("security", "deleteUser", _id=user)
            await self.do("security", "deleteProfile", _id=user)
        store = self.application.store
        await asyncio.gather(*(store.drop_index(index) for index in (self.ours, self.theirs, self.platform)))
        assert security.is_open == self.was_open


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "elasticsearch"])
async def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, answers: Any
) -> AsyncIterator[Town]:
    """One platform with two tenants on each store."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path_factory.mktemp('town')}"
    else:
        url = f"elasticsearch:{request.getfixturevalue('lasting_elasticsearch_url')}"
    application = Application(Settings(store=url, platform_index=f"p{uuid.uuid4().hex[:8]}"))
    await application.store.start()
    await asyncio.gather(application.security.start(), application.twins.start(MODELS))
    town = Town(application, request.param, answers)
    await town.build()
    yield town
    await town.clear()
    await application.twins.stop()
    await application.security.stop()
    await application.store.close()
