"""Two servers on one Elasticsearch and one Redis: subscribers of either hear what happens through the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from device_manager.cli.process import ServerProcess

STATIONS = {"index": "weather", "collection": "stations"}
WARM = {"range": {"temperature": {"gt": 20}}}


class Pair(NamedTuple):
    """Two servers."""

    first: ServerProcess
    second: ServerProcess


@pytest.fixture
def pair(start_server: Any, redis_server: Any, elasticsearch_url: str) -> Pair:
    """Two servers with one collection."""
    settings = {"redis": redis_server.url}
    first = start_server(store="elasticsearch", settings=settings)
    second = start_server(store=f"elasticsearch:{elasticsearch_url}", settings=settings)
    for path in ("/weather/_create", "/weather/stations"):
        verb = "POST" if path.endswith("_create") else "PUT"
        httpx.request(verb, f"{first.url}{path}", json={}, timeout=30).raise_for_status()
    return Pair(first, second)


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until an awaited condition holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


async def write(peer: Any, id: str, temperature: float) -> None:
    await peer.do("document:createOrReplace", **STATIONS, _id=id, body={"temperature": temperature})


@pytest.mark.timeout(240)
async def test_subscribers_hear_what_happens_elsewhere(pair: Pair, connect_to: Any, redis_server: Any) -> None:
    here, there = await connect_to(pair.first), await connect_to(pair.second)
    room = await here.subscribe("weather", "stations", WARM, users="all", volatile={"who": "here"})

    # A change made through the other server, with the same number on both.
    await write(there, "s1", 25)
    (heard,) = await here.news(1)
    assert (heard["action"], heard["result"]["_id"], heard["room"]) == ("create", "s1", room["channel"])
    assert heard["node"] != (await here.ask("server:now"))["node"]
    assert heard["requestId"] != ""
    joined = await there.do("realtime:join", body={"roomId": room["roomId"]})
    assert joined["roomId"] == room["roomId"]
    (somebody,) = await here.news(1)
    assert (somebody["user"], somebody["result"]) == ("in", {"count": 2})
    await write(here, "s2", 30)
    (first,), (second,) = await here.news(1), await there.news(1)
    assert first["number"] == second["number"] == heard["number"] + 1
    await write(there, "s2", 10)
    assert [one["scope"] for one in (await here.news(1)) + (await there.news(1))] == ["out", "out"]
    await there.do("realtime:publish", **STATIONS, body={"temperature": 99})
    assert (await here.news(1))[0]["action"] == "publish"
    await there.news(1)

    # Who is where.
    assert await there.do("realtime:count", body={"roomId": room["roomId"]}) == {"count": 2}
    assert await there.do("realtime:list") == {"weather": {"stations": {room["roomId"]: 2}}}
    nodes = (await there.do("cluster:status"))["nodes"]
    assert {node["address"] for node in nodes} >= {f"127.0.0.1:{server.port}" for server in pair}

    # Values of ms are the same everywhere.
    await here.do("ms:set", _id="greeting", body={"value": "Hello"})
    assert await there.do("ms:get", _id="greeting") == "Hello"

    # Whoever leaves one server goes on with the other.
    third = await connect_to(pair.first)
    number = (await third.subscribe("weather", "stations", WARM))["number"]
    await third.leave()
    await write(here, "s3", 31)
    await write(there, "s4", 5)
    await write(there, "s5", 32)
    again = await connect_to(pair.second)
    resumed = await again.subscribe("weather", "stations", WARM, since=number)
    assert resumed["resumed"] is True
    assert [one["result"]["_id"] for one in await again.news(2)] == ["s3", "s5"]
    await again.leave()

    await _while_redis_is_away(pair, here, there, redis_server)

    # A server that dies takes its clients out of the rooms.
    pair.second.kill()

    async def alone() -> bool:
        counted: dict[str, int] = await here.do("realtime:count", body={"roomId": room["roomId"]})
        return counted == {"count": 1}

    await until(alone)
    await write(here, "last", 40)
    while (await here.news(1))[-1].get("result", {}).get("_id") != "last":
        pass


async def _while_redis_is_away(pair: Pair, here: Any, there: Any, redis_server: Any) -> None:
    """Subscribers hear what happens through their own server, others hear it later, and all goes on by itself."""
    redis_server.kill()
    try:
        refused = await here.ask("ms:get", _id="greeting")
        assert (refused["status"], refused["error"]["id"]) == (503, "services.cache.not_connected")
        health = (await here.ask("server:healthCheck"))["result"]
        assert health["services"] == {"internalCache": "red", "memoryStorage": "red", "storageEngine": "green"}
        await write(here, "away", 33)
        while "away" not in (await here.news(1))[-1].get("result", {}).get("_id", ""):
            pass
    finally:
        redis_server.start()
    while "away" not in (await there.news(1))[-1].get("result", {}).get("_id", ""):
        pass

    async def answers() -> bool:
        return bool((await here.ask("ms:get", _id="greeting"))["status"] == 200)

    await until(answers)
    await write(there, "back", 34)
    while "back" not in (await here.news(1))[-1].get("result", {}).get("_id", ""):
        pass
    for server in pair:
        log = await asyncio.to_thread(server.log.read_text)
        assert "Redis does not answer" in log
        assert "notifications stay in this server until Redis answers again" in log
        assert "notifications reach all servers again" in log
