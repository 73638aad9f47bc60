"""Clients that subscribe, over real WebSockets, and servers and stores for them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from device_manager.cli.process import ServerProcess
from device_manager.events import EventBus
from device_manager.realtime.bus import LocalBus
from device_manager.realtime.rights import SubscriptionRights
from device_manager.realtime.service import Realtime
from device_manager.router.request import Connection
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.opening import open_store

Message = dict[str, Any]
PATIENCE = 60.0
"""Seconds that an answer or a notification may take on a busy machine."""


class Refused(Exception):
    """An answer with an error.

    Attributes:
        id: of the error.
        status: of the answer.
    """

    def __init__(self, error: Message) -> None:
        super().__init__(error["message"])
        self.id: str = error["id"]
        self.status: int = error["status"]


class Peer:
    """One client.

    Attributes:
        log: all that it got, notifications and request ids of answers, in order.
        token: sent with each request.
    """

    def __init__(self, connection: ClientConnection, note: Callable[[Message], None]) -> None:
        self.connection = connection
        self.token: str | None = None
        self.log: list[Message | str] = []
        self._note = note
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._news = asyncio.Event()
        self._seen = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self.connection:
            message = orjson.loads(text)
            waiting = self._waiting.pop(message.get("room", ""), None)
            if waiting is None:
                self.log.append(message)
            else:
                self._note(message)
                self.log.append(message["requestId"])
                waiting.set_result(message)
            self._news.set()

    async def ask(self, action: str, **request: Any) -> Message:
        """The envelope of an answer."""
        controller, _, name = action.rpartition(":")
        id = f"r{next(self._numbers)}"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[id] = answer
        message = {"controller": controller, "action": name, "requestId": id, **request}
        if self.token is not None:
            message.setdefault("jwt", self.token)
        await self.connection.send(orjson.dumps(message).decode())
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def do(self, action: str, **request: Any) -> Any:
        """The result of a call. Raises `Refused`."""
        envelope = await self.ask(action, **request)
        if envelope["error"] is not None:
            raise Refused(envelope["error"])
        return envelope.get("result")

    async def subscribe(self, index: str, collection: str, filter: Message | None = None, **request: Any) -> Message:
        """The result of a subscription."""
        place = {"index": index, "collection": collection}
        result: Message = await self.do("realtime:subscribe", **place, body=filter or {}, **request)
        return result

    async def news(self, count: int) -> list[Message]:
        """The next notifications, exactly so many unless more follow at once."""
        async with asyncio.timeout(PATIENCE):
            while len(told := self._told()) < count:
                self._news.clear()
                await self._news.wait()
        self._seen = len(self.log)
        return told

    async def silence(self, place: Message, **values: Any) -> list[Message]:
        """What was told until a message that is published now arrives; it holds `values` beside a mark."""
        mark = uuid.uuid4().hex
        await self.do("realtime:publish", **place, body={"mark": mark, **values})
        return await self.until(mark)

    async def until(self, mark: str) -> list[Message]:
        """What was told before the published message with a mark."""
        told: list[Message] = []
        while True:
            for message in await self.news(1):
                if message.get("result", {}).get("_source", {}).get("mark") == mark:
                    return told
                told.append(message)

    def _told(self) -> list[Message]:
        return [message for message in self.log[self._seen :] if isinstance(message, dict)]

    async def leave(self) -> None:
        """Close the connection."""
        await self.connection.close()
        with contextlib.suppress(Exception):
            await self._reader


Connects = Callable[..., Awaitable[Peer]]


@pytest_asyncio.fixture
async def connect_to(answers: Any) -> AsyncIterator[Connects]:
    """Connects clients to a server; they leave with the test."""
    peers: list[Peer] = []

    async def join(server: ServerProcess, token: str | None = None) -> Peer:
        store = answers.stores.get(server.port)
        connection = await connect(f"ws://127.0.0.1:{server.port}", max_size=None)
        peer = Peer(connection, lambda envelope: answers.note(store, envelope))
        peer.token = token
        peers.append(peer)
        return peer

    yield join
    for peer in peers:
        await peer.leave()


class Listener:
    """A client without a socket.

    Attributes:
        connection: what it subscribes with.
        heard: what it was told.
    """

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.connection = Connection(uuid.uuid4().hex, "websocket")
        self.connection.push = lambda frame: self.heard.append(orjson.loads(frame))


class Home:
    """The realtime engine over an embedded store, without a server.

    Attributes:
        store: where documents are.
        bus: what is published.
        events: runs pipes.
        realtime: the engine.
    """

    listener = Listener

    def __init__(self, store: Store, settings: Settings, rights: SubscriptionRights | None) -> None:
        self.store = store
        self.events = EventBus()
        self.clock = 0.0
        self.bus = LocalBus(
            entries=settings.realtime_log_entries,
            most_bytes=settings.realtime_log_bytes,
            age=settings.realtime_log_age,
            clock=lambda: self.clock,
        )
        self.realtime = Realtime(store, self.bus, self.events, settings, node="knode-test", rights=rights)

    async def follow(self, collection: str, filter: Message | None = None, **options: Any) -> Listener:
        """A new client that follows a collection of the index `home`."""
        listener = Listener()
        subscribed = await self.realtime.subscribe(listener.connection, "home", collection, filter or {}, **options)
        subscribed.hold.release()
        return listener

    async def write(self, collection: str, id: str, **source: Any) -> None:
        """Create a document of the index `home`."""
        await self.store.transact(lambda tx: tx.create("home", collection, source, id))


Opens = Callable[..., Awaitable[Home]]


@pytest_asyncio.fixture
async def open_home(tmp_path: Path) -> AsyncIterator[Opens]:
    """Opens engines over stores of their own."""
    homes: list[Home] = []

    async def open_(rights: SubscriptionRights | None = None, **settings: Any) -> Home:
        store = open_store(Settings(store=f"sqlite:{tmp_path / str(len(homes))}"))
        await store.start()
        home = Home(store, Settings(**settings), rights)
        homes.append(home)
        for collection in ("first", "second"):
            await store.create_collection("home", collection, {"dynamic": "false"})
        await home.realtime.start()
        return home

    yield open_
    for home in homes:
        await home.realtime.stop()
        await home.events.close()
        await home.store.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
