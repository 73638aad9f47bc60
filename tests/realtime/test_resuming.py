"""Clients that come back get what they missed; a search and its subscription leave no gap (router-protocol 9, 46)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from device_manager.cli.client import Client
from device_manager.cli.process import ServerProcess

INDEX = "resume"
Message = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def prepared(server: ServerProcess) -> Iterator[None]:
    """The index with its collections, once for all tests."""

    async def prepare() -> None:
        async with Client(server.url) as client:
            await client.call("index", "create", index=INDEX)
            mappings = {"dynamic": "false", "properties": {"color": {"type": "keyword"}, "n": {"type": "integer"}}}
            for collection in ("away", "together"):
                body = {"mappings": mappings}
                await client.call("collection", "create", index=INDEX, collection=collection, body=body)

    asyncio.run(prepare())
    yield


async def test_client_that_was_away_gets_what_it_missed(server: ServerProcess, connect_to: Any) -> None:
    writer, follower = await connect_to(server), await connect_to(server)
    place = {"index": INDEX, "collection": "away"}
    filter = {"equals": {"color": "red"}}
    first = await follower.subscribe(INDEX, "away", filter)
    await writer.do("document:create", **place, _id="seen", body={"color": "red"})
    (seen,) = await follower.news(1)
    await follower.leave()
    for start in range(0, 100, 50):
        documents = [{"_id": f"d{n}", "body": {"color": "red", "n": n}} for n in range(start, start + 50)]
        await writer.do("document:mCreate", **place, body={"documents": documents})
    await writer.do("document:create", **place, _id="other", body={"color": "blue"})
    await writer.do("document:update", **place, _id="d7", body={"color": "blue"})
    await writer.do("document:delete", **place, _id="d8")
    await writer.do("realtime:publish", **place, body={"color": "red", "said": True})
    back = await connect_to(server)
    again = await back.subscribe(INDEX, "away", filter, since=seen["number"], search={})
    assert again["resumed"] is True and "search" not in again and again["roomId"] == first["roomId"]
    await writer.do("document:create", **place, _id="new", body={"color": "red"})
    told = await back.news(104)
    assert back.log[0] == "r1"  # nothing came before the answer that names the channel
    ids = [message["result"].get("_id") for message in told]
    assert ids == [f"d{n}" for n in range(100)] + ["d7", "d8", None, "new"]
    assert [message["scope"] for message in told[100:]] == ["out", "out", "in", "in"]
    numbers = [message["number"] for message in told]
    assert numbers == sorted(numbers) and numbers[0] > seen["number"] and again["number"] < numbers[-1]
    # A channel replays only what it carries.
    outs = await connect_to(server)
    assert (await outs.subscribe(INDEX, "away", filter, scope="out", since=seen["number"]))["resumed"]
    assert [message["result"]["_id"] for message in await outs.news(2)] == ["d7", "d8"]
    for number in (1, again["number"] + 1_000_000):
        fetched = await outs.subscribe(INDEX, "away", filter, since=number, search={"size": 3, "sort": [{"n": "asc"}]})
        assert fetched["resumed"] is False and fetched["search"]["total"] == 100
        assert [hit["_id"] for hit in fetched["search"]["hits"]] == ["d0", "d1", "d2"]
    assert (await outs.subscribe(INDEX, "nobody-was-here", since=again["number"]))["resumed"] is False


async def test_nothing_falls_between_hits_and_notifications(server: ServerProcess, connect_to: Any) -> None:
    writer = await connect_to(server)
    place = {"index": INDEX, "collection": "together"}
    written: dict[str, int] = {}
    goes_on = True

    async def write() -> None:
        number = 0
        while goes_on:
            number += 1
            id = f"d{number % 7}"
            if number % 5 == 0 and id in written:
                await writer.do("document:delete", **place, _id=id)
                del written[id]
            else:
                await writer.do("document:createOrReplace", **place, _id=id, body={"color": "red", "n": number})
                written[id] = number

    writing = asyncio.create_task(write())
    followers = []
    for _ in range(8):
        peer = await connect_to(server)
        found = await peer.subscribe(INDEX, "together", {"equals": {"color": "red"}}, search={"size": 100})
        followers.append((peer, {hit["_id"]: hit["_source"]["n"] for hit in found["search"]["hits"]}))
    goes_on = False
    await writing
    await writer.do("realtime:publish", **place, body={"color": "red", "mark": "end"})
    for peer, state in followers:
        # What was written before the subscription was answered may be told although the hits have it already.
        for message in await peer.until("end"):
            if message["scope"] == "in":
                state[message["result"]["_id"]] = message["result"]["_source"]["n"]
            else:
                state.pop(message["result"]["_id"], None)
        assert state == written
