"""One closed server on each store with two tenants in it, attacked by all tests; each has to leave it as it was."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.sync.client import connect as connect_in_thread

from device_manager.cli.process import ServerProcess

MARK = "nobodyelse"
"""Stands in everything of the other tenant: no answer to our tenant may hold it."""
OURS, THEIRS = "ours", "theirs"
PASSWORD = "correct horse"
AT_ONCE = 48
"""Messages of one connection that wait for their answers."""
LATENCY = 4.0
"""Seconds within which bystanders are answered while an attack goes on."""
GROWTH = 256 << 10
"""KB by which the server may have grown after an attack."""
OWN_FAULTS = frozenset({"core.fatal.unexpected_error", "plugin.runtime.unexpected_error"})

Envelope = dict[str, Any]
Message = dict[str, Any]


class Line:
    """A WebSocket connection that sends what it is told, JSON or not."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.notifications: list[Envelope] = []
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Envelope]] = {}
        self._reader = asyncio.create_task(self._read())

    async def ask(self, message: Message | str) -> Envelope:
        """The answer to a message; in text `@@` stands for its request id."""
        id = f"attack-{next(self._numbers)}"
        text = message.replace("@@", id) if isinstance(message, str) else json.dumps(message | {"requestId": id})
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._waiting[id] = answer
        await self.connection.send(text)
        async with asyncio.timeout(30):
            return await answer

    async def ask_all(self, messages: Iterable[Message | str]) -> list[Envelope]:
        """The answers to many messages, some of which run at the same time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(message: Message | str) -> Envelope:
            async with gate:
                return await self.ask(message)

        return await asyncio.gather(*(one(message) for message in messages))

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                content = orjson.loads(text)
                waiting = self._waiting.pop(str(content.get("room")), None)
                if waiting is None:
                    self.notifications.append(content)
                elif not waiting.done():
                    waiting.set_result(content)
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the server closed the connection"))

    async def close(self) -> None:
        await self.connection.close()
        with contextlib.suppress(Exception):
            await self._reader


class Fortress:
    """The server under attack.

    Attributes:
        tokens: those of `root`, who may do everything, `tenant`, who may do so in `ours`, and `stranger`, in `theirs`.
        http: a client of the server.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=60)
        self.tokens: dict[str, str] = {}
        self.log_read = 0

    def ask(self, user: str | None, message: Message) -> Envelope:
        """The answer to a message of a user."""
        headers = {"authorization": f"Bearer {self.tokens[user]}"} if user in self.tokens else {}
        response = self.http.post("/_query", content=json.dumps(message), headers=headers | JSON)
        envelope: Envelope = response.json()
        return envelope

    def do(self, user: str | None, action: str, **arguments: Any) -> Any:
        """The result of a call that has to succeed."""
        controller, _, name = action.rpartition(":")
        answer = self.ask(user, {"controller": controller, "action": name, **arguments})
        assert answer["error"] is None, (action, arguments, answer["error"])
        return answer.get("result")

    def refused(self, user: str | None, action: str, **arguments: Any) -> dict[str, Any]:
        """The error of a call that has to be refused; it tells nothing of the other tenant."""
        controller, _, name = action.rpartition(":")
        answer = self.ask(user, {"controller": controller, "action": name, **arguments})
        assert answer["error"] is not None, (action, arguments, answer["result"])
        assert MARK not in json.dumps(answer)
        error: dict[str, Any] = answer["error"]
        return error

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A WebSocket connection."""
        async with connect(self.server.ws_url, compression=None, proxy=None, max_size=None) as connection:
            line = Line(connection)
            yield line
            await line.close()

    def build(self) -> None:
        """Fill the server, then close it to strangers."""
        slots = {"measures": [{"name": "t", "type": "temperature"}]}
        mapping = {"temperature": {"type": "float"}}
        note = {"metadataMappings": {"note": {"type": "keyword"}}}
        models = "device-manager/models"
        self.do(None, f"{models}:writeMeasure", body={"type": "temperature", "valuesMappings": mapping})
        body = slots | note | {"model": "Container", "engineGroup": "commons"}
        self.do(None, f"{models}:writeAsset", body=body)
        self.do(None, f"{models}:writeDevice", body=slots | note | {"model": "Thermometer"})
        for index, text in ((OURS, "plain"), (THEIRS, MARK)):
            self.do(None, "device-manager/engine:create", index=index)
            twin = {"reference": f"{index}-1", "metadata": {"note": text}}
            self.do(None, "device-manager/assets:create", engineId=index, body=twin | {"model": "Container"})
            self.do(None, "device-manager/devices:create", engineId=index, body=twin | {"model": "Thermometer"})
            mappings = {"properties": {"name": {"type": "keyword"}, "n": {"type": "integer"}}}
            self.do(None, "collection:create", index=index, collection="stations", body={"mappings": mappings})
            documents = [{"_id": f"s{number}", "body": {"name": text, "n": number}} for number in range(12)]
            self.do(None, "document:mCreate", index=index, collection="stations", body={"documents": documents})
            self.do(None, "collection:refresh", index=index, collection="stations")
        for user, index in (("tenant", OURS), ("stranger", THEIRS)):
            policy = {"roleId": "admin", "restrictedTo": [{"index": index}]}
            self.do(None, "security:createProfile", _id=user, body={"policies": [policy]})
            self.do(None, "security:createUser", _id=user, body=account(user, profileIds=[user]))
        self.do(None, "security:createFirstAdmin", _id="root", reset=True, body=account("root"))
        for user in ("root", "tenant", "stranger"):
            body = {"username": user, "password": PASSWORD}
            self.tokens[user] = self.do(None, "auth:login", strategy="local", expiresIn="1d", body=body)["jwt"]

    def theirs_now(self) -> Any:
        """What the other tenant has stored."""
        found = self.do(
            "root",
            "document:mGet",
            index=THEIRS,
            collection="stations",
            body={"ids": [f"s{number}" for number in range(12)]},
        )
        ids = (("assets", f"Container-{THEIRS}-1"), ("devices", f"Thermometer-{THEIRS}-1"))
        twins = [self.do("root", "document:get", index=THEIRS, collection=kind, _id=id) for kind, id in ids]
        listed = self.do("root", "collection:list", index=THEIRS)["collections"]
        return found, twins, sorted(entry["name"] for entry in listed if entry["type"] == "stored")

    @property
    def memory(self) -> int:
        """KB that the server has in memory."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        [resident] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(resident.split()[1])

    def new_log(self) -> str:
        """What the server has written since this was asked last."""
        text = self.server.log.read_text()
        fresh, self.log_read = text[self.log_read :], len(text)
        return fresh


JSON = {"content-type": "application/json"}


def account(user: str, **content: Any) -> dict[str, Any]:
    return {"content": content, "credentials": {"local": {"username": user, "password": PASSWORD}}}


class Heartbeat:
    """A bystander who asks for the time again and again, and notes how long it takes."""

    def __init__(self, url: str) -> None:
        self.slowest = 0.0
        self.beats = 0
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        with connect_in_thread(self._url, compression=None, proxy=None) as connection:
            while self.beats == 0 or not self._ended.wait(0.02):
                start = time.monotonic()
                connection.send('{"controller":"auth","action":"checkToken","body":{}}')
                connection.recv(120)
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.beats += 1


@pytest.fixture(scope="package", params=["sqlite", "elasticsearch"])
def fortress(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, open_servers: Any
) -> Iterator[Fortress]:
    """The one server on each store."""
    servers = open_servers(request, tmp_path_factory.mktemp("fortress"))
    fortress = Fortress(servers(store=request.param, settings={"password_memory": 8192, "password_passes": 1}))
    fortress.build()
    yield fortress
    fortress.http.close()
    servers.end()


@pytest.fixture(autouse=True)
def unharmed(fortress: Fortress) -> Iterator[None]:
    """Bystanders are answered meanwhile; afterwards the server is as it was, and has no fault of its own to tell."""
    before, memory = fortress.theirs_now(), fortress.memory
    fortress.new_log()
    with Heartbeat(fortress.server.ws_url) as bystander:
        yield
    assert fortress.server.is_running
    assert bystander.slowest < LATENCY
    assert fortress.theirs_now() == before
    assert fortress.memory - memory < GROWTH
    log = fortress.new_log()
    assert "Traceback" not in log, log[-3000:]
