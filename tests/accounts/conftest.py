"""A server with users on each store, asked over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from device_manager.app import Application
from device_manager.call import Call
from device_manager.cli.process import free_port
from device_manager.errors import ApiError, api_error
from device_manager.settings import AppliesTo, PasswordPolicy, Settings
from device_manager.storage.contract import Key, Transaction

Envelope = dict[str, Any]
DAY = 86_400.0
STRICT_POLICIES = {
    "everybody": PasswordPolicy(password_regex="/^[a-z0-9 \\/-]{4,}$/i"),
    "crew": PasswordPolicy(
        applies_to=AppliesTo(profiles=frozenset({"crew"})),
        forbid_login_in_password=True,
        forbid_reused_password_count=3,
        must_change_password_if_set_by_admin=True,
    ),
    "guests": PasswordPolicy(applies_to=AppliesTo(roles=frozenset({"guest"})), expires_after="30d"),
}


class User(NamedTuple):
    """A user who has logged in; the password is `secret-<username>` unless said otherwise."""

    kuid: str
    username: str
    jwt: str

    @property
    def password(self) -> str:
        return f"secret-{self.username}"


class Api:
    """What a client does.

    Attributes:
        application: the server, which runs in this process.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{application.gateway.port}", timeout=30)

    def name(self, prefix: str = "n") -> str:
        """A name that nobody else has: other tests use the same cluster."""
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    async def send(
        self,
        action: str,
        *,
        jwt: str | None = None,
        token: str | None = None,
        cookie: str | None = None,
        **payload: Any,
    ) -> httpx.Response:
        """The answer to a request, with its headers; `jwt` goes into the header, `token` into the message."""
        controller, _, name = action.partition(":")
        headers = {"authorization": f"Bearer {jwt}"} if jwt else {}
        headers |= {"cookie": f"authToken={cookie}"} if cookie else {}
        message = {"controller": controller, "action": name, **payload} | ({"jwt": token} if token else {})
        return await self.client.post("/_query", json=message, headers=headers)

    async def ask(self, action: str, **payload: Any) -> Envelope:
        """The envelope that answers a request."""
        envelope: Envelope = (await self.send(action, **payload)).json()
        return envelope

    async def do(self, action: str, **payload: Any) -> Any:
        """The result of a request that has to succeed."""
        envelope = await self.ask(action, **payload)
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    async def refused(self, action: str, **payload: Any) -> str:
        """The id of the error of a request that has to be refused."""
        envelope = await self.ask(action, **payload)
        assert envelope["error"] is not None, envelope["result"]
        assert envelope["status"] == envelope["error"]["status"]
        return str(envelope["error"]["id"])

    async def new_user(self, *, profile_ids: tuple[str, ...] = ("default",), **content: Any) -> User:
        """A user with credentials, logged in."""
        kuid = username = self.name("user")
        credentials = {"local": {"username": username, "password": f"secret-{username}"}}
        body = {"content": {"profileIds": list(profile_ids), **content}, "credentials": credentials}
        await self.do("security:createUser", _id=kuid, body=body)
        return User(kuid, username, await self.login(username))

    async def login(self, username: str, **payload: Any) -> str:
        """A token for a user whose password is the usual one."""
        body = {"username": username, "password": f"secret-{username}"}
        result = await self.do("auth:login", strategy="local", body=body, **payload)
        return str(result["jwt"])

    async def is_good(self, jwt: str) -> bool:
        """Whether a token is accepted."""
        return bool((await self.do("auth:checkToken", body={"token": jwt}))["valid"])

    async def new_role(self, **controllers: list[str]) -> str:
        """A role that allows some actions, those of `auth:login` and so on by default."""
        id = self.name("role")
        rights = controllers or {"auth": ["*"]}
        content = {name: {"actions": dict.fromkeys(actions, True)} for name, actions in rights.items()}
        await self.do("security:createRole", _id=id, body={"controllers": content})
        return id

    async def new_profile(self, role: str | None = None) -> str:
        """A profile with one role."""
        id = self.name("profile")
        await self.do("security:createProfile", _id=id, body={"policies": [{"roleId": role or await self.new_role()}]})
        return id


class Socket:
    """A WebSocket client: its calls, and what it is told unasked.

    Attributes:
        told: messages that answer nothing.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._answers: dict[str, asyncio.Future[Envelope]] = {}
        self.told: list[Envelope] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._connection:
            message: Envelope = json.loads(text)
            waiting = self._answers.pop(message.get("requestId") or "", None)
            if waiting is None or message.get("type") is not None:
                self.told.append(message)
            else:
                waiting.set_result(message)

    async def ask(self, action: str, **payload: Any) -> Envelope:
        """The envelope that answers a request."""
        controller, _, name = action.partition(":")
        id = uuid.uuid4().hex
        waiting = self._answers[id] = asyncio.get_running_loop().create_future()
        message = {"controller": controller, "action": name, "requestId": id, **payload}
        await self._connection.send(json.dumps(message))
        return await asyncio.wait_for(waiting, 20)

    async def do(self, action: str, **payload: Any) -> Any:
        """The result of a request that has to succeed."""
        envelope = await self.ask(action, **payload)
        assert envelope["error"] is None, envelope["error"]
        return envelope["result"]

    async def subscribe(self, jwt: str | None, collection: str) -> str:
        """Follow a collection; the id of the room."""
        result = await self.do("realtime:subscribe", jwt=jwt, index="harbour", collection=collection, body={})
        return str(result["roomId"])

    @property
    def endings(self) -> int:
        """How often it was told that its token has ended."""
        return sum(message.get("type") == "TokenExpired" for message in self.told)


@contextlib.asynccontextmanager
async def open_socket(api: Api) -> AsyncIterator[Socket]:
    """A WebSocket client of a server."""
    async with connect(f"ws://127.0.0.1:{api.application.gateway.port}") as connection:
        socket = Socket(connection)
        try:
            yield socket
        finally:
            socket._reading.cancel()


@pytest.fixture(scope="session")
def sockets() -> Any:
    """`open_socket`, for tests that need several."""
    return open_socket


@contextlib.asynccontextmanager
async def being_closed(api: Api, key: Key) -> AsyncIterator[None]:
    """While a deletion searches for what refers to a document; it is refused in the end."""
    searching, found = asyncio.Event(), asyncio.Event()

    async def find() -> None:
        searching.set()
        await found.wait()

    def decide(tx: Transaction, _: None) -> None:
        raise api_error("security.role.in_use", key.id)

    deciding = asyncio.create_task(api.application.security.accounts.closings.decide(key, find, decide, Call()))
    try:
        await searching.wait()
        yield
    finally:
        found.set()
        with pytest.raises(ApiError, match="in use"):
            await deciding


@pytest.fixture(scope="session")
def closing() -> Any:
    """`being_closed`, for tests that look what happens meanwhile."""
    return being_closed


@contextlib.asynccontextmanager
async def serving(settings: Settings, store: str, answers: Any) -> AsyncIterator[Api]:
    """A server in this process."""
    application = Application(settings)
    await application.start()
    answers.stores[application.gateway.port] = store
    api = Api(application)
    try:
        yield api
    finally:
        await api.client.aclose()
        await application.stop()


@pytest.fixture(scope="session")
def serve() -> Any:
    """`serving`, for tests that start servers of their own."""
    return serving


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "elasticsearch"])
async def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, answers: Any
) -> AsyncIterator[Api]:
    """One server a store, on which everybody may do everything; tests tell their users apart by names."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path_factory.mktemp('accounts')}"
    else:
        url = f"elasticsearch:{request.getfixturevalue('lasting_elasticsearch_url')}"
    settings = Settings(
        store=url,
        port=free_port(),
        platform_index=f"p{uuid.uuid4().hex[:10]}",
        token_longest=DAY,
        api_key_longest=30 * DAY,
        bulk_records=20,
        password_memory=8192,
        password_passes=1,
        login_failures=0,
    )
    async with serving(settings, request.param, answers) as api:
        yield api
        with contextlib.suppress(ApiError):  # tests that start servers wipe the cluster that all share
            await api.application.store.drop_index(settings.platform_index)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def strict_api(api: Api, tmp_path_factory: pytest.TempPathFactory, answers: Any) -> AsyncIterator[Api]:
    """A second server, beside `api` on the same cluster, with all that makes life hard for those who log in."""
    settings = api.application.settings
    store = settings.store.partition(":")[0]
    # A process loads a module of a name once, and this server is started again whenever the store changes.
    plugin = tmp_path_factory.mktemp("plugin") / f"badges_{uuid.uuid4().hex}.py"
    shutil.copy(Path(__file__).parent / "badges.py", plugin)
    strict = msgspec.structs.replace(
        settings,
        store=f"sqlite:{tmp_path_factory.mktemp('strict')}" if store == "sqlite" else settings.store,
        port=free_port(),
        require_password=True,
        login_failures=3,
        scrolls_per_user=3,
        password_policies=STRICT_POLICIES,
        plugin=(str(plugin),),
    )
    async with serving(strict, store, answers) as strict_api:
        yield strict_api
