"""A server that listens, on each store, which a test may close to strangers."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from device_manager.app import Application
from device_manager.cli.client import CallRefused, Client
from device_manager.cli.process import free_port
from device_manager.errors import ApiError
from device_manager.security.bootstrap import store_missing
from device_manager.security.memory import GENERATION, raise_generation
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Transaction

Envelope = dict[str, Any]
CREDENTIALS = {"username": "ada", "password": "correct horse battery"}


class Site:
    """The server, which runs in this process, and clients over HTTP and WebSocket.

    Attributes:
        admin: the token of an administrator, once there is one.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.url = f"http://127.0.0.1:{application.gateway.port}"
        self.http = httpx.AsyncClient(base_url=self.url, timeout=30)
        self.admin: str | None = None

    async def ask(self, action: str, *, token: str | None = None, **payload: Any) -> Envelope:
        """The envelope that answers a request over HTTP."""
        controller, _, name = action.rpartition(":")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        message = {"controller": controller, "action": name, **payload}
        envelope: Envelope = (await self.http.post("/_query", json=message, headers=headers)).json()
        return envelope

    async def do(self, action: str, **payload: Any) -> Any:
        """The result of a request that has to succeed; by the administrator unless said otherwise."""
        envelope = await self.ask(action, **{"token": self.admin, **payload})
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    async def refused(self, action: str, **payload: Any) -> str:
        """The id of the error of a request that has to be refused."""
        envelope = await self.ask(action, **payload)
        assert envelope["error"] is not None, envelope["result"]
        assert envelope["status"] == envelope["error"]["status"]
        return str(envelope["error"]["id"])

    async def refused_by_socket(self, client: Client, action: str, **payload: Any) -> str | None:
        """The id of the error of a call over WebSocket, None when it succeeds."""
        controller, _, name = action.rpartition(":")
        try:
            await client.call(controller, name, **payload)
        except CallRefused as refused:
            return str(refused.error["id"])
        return None

    async def close_to_strangers(self) -> None:
        """Make the first administrator and log in."""
        body = {"credentials": {"local": CREDENTIALS}}
        await self.do("security:createFirstAdmin", _id="ada", reset=True, body=body)
        self.admin = (await self.do("auth:login", strategy="local", body=CREDENTIALS, token=None))["jwt"]

    async def token_of(self, kuid: str) -> str:
        """A token for a user who needs no credentials."""
        return (await self.application.security.tokens.issue(kuid, 3_600_000)).token

    async def make_user(self, kuid: str, *profiles: str) -> str:
        """A user with profiles, and a token."""
        await self.do("security:createUser", _id=kuid, body={"content": {"profileIds": list(profiles)}})
        return await self.token_of(kuid)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "elasticsearch"])
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, answers: Any
) -> AsyncIterator[Application]:
    """One server a store for the module."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path_factory.mktemp('rights')}"
    else:
        url = f"elasticsearch:{request.getfixturevalue('emptied_cluster')()}"
    settings = Settings(store=url, port=free_port(), platform_index=f"p{uuid.uuid4().hex[:8]}", password_memory=8192)
    application = Application(settings)
    await application.start()
    answers.stores[application.gateway.port] = request.param
    yield application
    await application.stop()
    await application.store.start()
    await application.store.drop_index(settings.platform_index)
    await application.store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def site(running: Application) -> AsyncIterator[Site]:
    """The server as it was when it was new, open to everybody."""
    site = Site(running)
    yield site
    await site.http.aclose()
    await renew(running)


async def renew(application: Application) -> None:
    """Delete all users, profiles and roles with what goes with them, and begin anew."""
    store = application.store
    keys: list[Key] = []
    places = [("%kuzzle", name) for name in ("users", "profiles", "roles")]
    for index, collection in [*places, ("%plugin-kuzzle-plugin-auth-passport-local", "users")]:
        with contextlib.suppress(ApiError):  # nobody had credentials yet
            await store.refresh(index, collection)
            async for page in store.scan(index, collection):
                keys += [Key(index, collection, document.id) for document in page]

    def empty(tx: Transaction) -> None:
        for key in tx.read([*keys, GENERATION]):
            if key != GENERATION:
                tx.delete(key)
        raise_generation(tx)

    await store.transact(empty)
    await store_missing(store)
