"""Clients that link and unlink at random and remember what they were told, to be held against the store afterwards."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from device_manager.cli.client import Client
from device_manager.cli.doctor import examine_server

DEVICES = "device-manager/devices"
ENGINE = "crash"


class Caller:
    """One client: a connection that is made anew when it broke, one call at a time, no call sent twice."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: ClientConnection | None = None
        self._numbers = itertools.count(1)

    async def call(self, **request: Any) -> dict[str, Any] | None:
        """The envelope of the answer; None when the connection broke, so that the outcome is not known."""
        try:
            if self._connection is None:
                self._connection = await connect(self.url, compression=None, proxy=None, open_timeout=2)
        except (OSError, TimeoutError, websockets.InvalidHandshake):
            await asyncio.sleep(0.05)  # the server is away: not a wait for anything, only no busy loop
            return None
        try:
            number = f"n{next(self._numbers)}"
            await self._connection.send(orjson.dumps(request | {"requestId": number}), text=True)
            answer: dict[str, Any] = orjson.loads(await self._connection.recv())
        except websockets.ConnectionClosed:
            self._connection = None
            return None
        assert answer["requestId"] == number
        return answer

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


@dataclass
class Pair:
    """A device slot and an asset slot that one client links and unlinks; `possible` are the states that may be true."""

    device: str
    asset: str
    slot: str
    possible: set[bool] = field(default_factory=lambda: {False})

    def request(self, *, link: bool) -> dict[str, Any]:
        pairs = [{"device": "t1", "asset": self.slot}]
        entry = {"assetId": self.asset, "measureSlots": pairs}
        action = "linkAssets" if link else "unlinkAssets"
        body = {"linkedMeasures": [entry]}
        return {"controller": DEVICES, "action": action, "engineId": ENGINE, "_id": self.device, "body": body}


class Load:
    """`clients` callers that work on `pairs`, each on pairs of its own, until told to stop.

    Attributes:
        acknowledged: changes that were answered with success.
        refused: answers with an error, by status.
        slowest: seconds that the slowest answer took, errors included.
        strange: answers that are neither a success nor one of the errors to expect.
    """

    def __init__(self, urls: list[str], pairs: list[Pair], *, clients: int) -> None:
        self.pairs = pairs
        self.acknowledged = 0
        self.refused: dict[int, int] = {}
        self.slowest = 0.0
        self.strange: list[dict[str, Any]] = []
        self._stopping = False
        self._callers = [Caller(url) for url in itertools.islice(itertools.cycle(urls), clients)]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Load:
        count = len(self._callers)
        self._tasks = [
            asyncio.create_task(self._work(caller, self.pairs[place::count], random.Random(place)))
            for place, caller in enumerate(self._callers)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(caller.close() for caller in self._callers))
        for error in ended:
            if error is not None:
                raise error

    async def reach(self, acknowledged: int, *, within: float = 60.0) -> None:
        """Wait for that many more acknowledged changes."""
        goal = self.acknowledged + acknowledged
        deadline = time.monotonic() + within
        while self.acknowledged < goal:
            assert time.monotonic() < deadline, f"{goal - self.acknowledged} changes short; refused: {self.refused}"
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)

    async def _work(self, caller: Caller, pairs: list[Pair], chance: random.Random) -> None:
        while not self._stopping:
            pair = chance.choice(pairs)
            link = chance.random() < 0.5 if len(pair.possible) > 1 else not next(iter(pair.possible))
            started = time.monotonic()
            answer = await caller.call(**pair.request(link=link))
            self.slowest = max(self.slowest, time.monotonic() - started)
            self._learn(pair, link, answer)

    def _learn(self, pair: Pair, link: bool, answer: dict[str, Any] | None) -> None:
        """Note what the answer says. Only a lost connection and 503 leave open whether the change was made."""
        if answer is None or answer["status"] == 503:
            pair.possible = pair.possible | {link}
        if answer is None:
            return
        if answer["status"] == 200:
            self.acknowledged += 1
            pair.possible = {link}
            return
        self.refused[answer["status"]] = self.refused.get(answer["status"], 0) + 1
        not_linked = not link and answer["status"] == 400 and "is not linked" in answer["error"]["message"]
        if not_linked and False in pair.possible:
            pair.possible = {False}
        elif answer["status"] not in {409, 503}:
            self.strange.append(answer)


StartLoad = Callable[..., Awaitable[Load]]


@pytest.fixture
def start_load(create_fleet: Callable[..., Awaitable[list[tuple[str, str]]]]) -> StartLoad:
    """Fills the first of `urls` with pairs and returns the load on them, to enter with `async with`.

    A pair is the slot `t1` of a device of its own and one of the `slots` slots of an asset that several devices share.
    """

    async def start(urls: list[str], *, pairs: int, clients: int = 100, slots: int = 5) -> Load:
        async with Client(urls[0]) as client:
            fleet = await create_fleet(client, ENGINE, pairs, slots=slots)
        made = [
            Pair(device, fleet[number // slots][0], f"t{number % slots + 1}")
            for number, (_, device) in enumerate(fleet)
        ]
        return Load(urls, made, clients=clients)

    return start


@pytest.fixture
def verify() -> Callable[[str, Load], Awaitable[None]]:
    """Holds what a load was told against the store behind a server."""
    return _verify


async def _verify(url: str, load: Load) -> None:
    """Every pair is in a state that its client can have left, on the device's side; the doctor finds nothing."""
    async with Client(url, patience=30) as client:
        lost = []
        for pair in load.pairs:
            device = await client.call(DEVICES, "get", engineId=ENGINE, _id=pair.device)
            linked = device["_source"]["linkedMeasures"]
            expected = [{"assetId": pair.asset, "measureSlots": [{"asset": pair.slot, "device": "t1"}]}]
            if linked not in ([], expected) or (linked == expected) not in pair.possible:
                lost.append((pair, linked))
        findings = await examine_server(client, [ENGINE])
    assert load.strange == []
    assert lost == []
    assert findings == []
