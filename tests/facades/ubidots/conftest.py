"""A server in this process with a credential in an engine of its own for each test, and clients that speak to it."""

from __future__ import annotations

import asyncio
import functools
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import pytest_asyncio
import requests

from device_manager.app import Application
from device_manager.call import Call
from device_manager.security.foreign_credentials import Interface

BULK = "/api/v2.0/devices/_/bulk/delete/"


class Http:
    """A session of `requests`, beside the event loop that the server runs on.

    Attributes:
        headers: of every request.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._threads = ThreadPoolExecutor(20)  # of its own: the server needs those of the loop
        self.headers = self._session.headers
        self.headers["X-Auth-Token"] = token

    async def request(self, verb: str, path: str, **options: Any) -> requests.Response:
        """The answer; `path` may be a whole address."""
        url = path if path.startswith("http") else self._url + path
        send = functools.partial(self._session.request, verb, url, timeout=60, **options)
        return await asyncio.get_running_loop().run_in_executor(self._threads, send)

    async def get(self, path: str, **options: Any) -> requests.Response:
        """The answer to GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> requests.Response:
        """The answer to POST."""
        return await self.request("POST", path, **options)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._threads.shutdown()


class Client:
    """A client of Ubidots: an engine, its credential, and requests with the token."""

    def __init__(self, application: Application, engine: str, made: dict[str, Any]) -> None:
        self.application = application
        self.engine = engine
        self.token: str = made["token"]
        self.api_key: str = made["apiKey"]
        self.url = f"http://127.0.0.1:{application.gateway.port}"
        self.http = Http(self.url, self.token)

    async def core(self, controller: str, action: str, body: Any = None, **args: Any) -> Any:
        """The result of an action, in the engine."""
        args = {"engineId": self.engine} | args
        return await self.application.router.call(f"device-manager/{controller}", action, args=args, body=body)

    async def json(self, verb: str, path: str, status: int, body: Any = None, **headers: str) -> Any:
        """The body of an answer that has to have a status."""
        answer = await self.http.request(verb, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def add(self, label: str, **members: Any) -> dict[str, Any]:
        """A new device."""
        made: dict[str, Any] = await self.json("POST", "/api/v2.0/devices/", 201, {"label": label, **members})
        return made

    async def bulk_delete(self, keys: Any) -> dict[str, Any]:
        """The task of a bulk deletion, once it is over."""
        return await self.bulk("POST", BULK, keys)

    async def bulk(self, verb: str, path: str, items: Any) -> dict[str, Any]:
        """The task of a bulk operation, once it is over."""
        accepted = await self.json(verb, path, 202, items, **{"X-Bulk-Operation": "True"})
        assert list(accepted) == ["task"]
        return await self.ended(accepted["task"]["id"])

    async def ended(self, task: str) -> dict[str, Any]:
        """A task once it is over."""
        while True:
            shown: dict[str, Any] = await self.json("GET", f"/api/v2.0/tasks/{task}/", 200)
            if shown["status"] in ("SUCCESS", "FAILURE"):
                return shown
            await asyncio.sleep(0.05)

    async def labels(self, query: str = "") -> list[str]:
        """The labels of the devices that a list holds."""
        return [row["label"] for row in (await self.json("GET", f"/api/v2.0/devices/?{query}", 200))["results"]]


async def new_client(application: Application, engine: str) -> Client:
    """A client of a new engine."""
    await application.router.call("device-manager/engine", "create", args={"index": engine})
    known = application.security.foreign_credentials
    return Client(application, engine, await known.create(Interface.UBIDOTS, engine, None, Call()))


MakeClient = Callable[[str], Awaitable[Client]]


@pytest_asyncio.fixture(loop_scope="session")
async def make_client(application: Application) -> AsyncIterator[MakeClient]:
    """Clients of further engines, by the names of these."""
    made: list[Client] = []

    async def make(engine: str) -> Client:
        made.append(await new_client(application, engine))
        return made[-1]

    yield make
    for client in made:
        client.http.close()


@pytest_asyncio.fixture(loop_scope="session")
async def client(make_client: MakeClient, engine: str) -> Client:
    """A client with an engine of its own."""
    return await make_client(engine)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(application: Application) -> AsyncIterator[Client]:
    """A client whose engine the tests of a module share: each uses labels of its own, and counts nothing."""
    client = await new_client(application, f"plant-{uuid.uuid4().hex[:12]}")
    yield client
    client.http.close()


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


@pytest.fixture
def curl() -> Callable[..., Awaitable[tuple[int, Any]]]:
    """Runs curl: the status and the JSON of the answer."""

    async def run(*arguments: str) -> tuple[int, Any]:
        text, _, status = (await _run("curl", "-s", "-w", "\n%{http_code}", *arguments)).rpartition("\n")
        return int(status), json.loads(text)

    return run
