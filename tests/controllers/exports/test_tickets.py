"""Tickets and the cost of exports, counted at the store (design 6 and 7, device-manager 2.8)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind
from device_manager.twins.exports.tickets import EXPORTS, Subject

pytestmark = pytest.mark.asyncio(loop_scope="session")

Download = Callable[..., Awaitable[list[bytes]]]


async def lines(platform: Any, link: str, subject: Subject, *, chunk: str = "line") -> list[bytes]:
    """The chunks of a download."""
    ticket = link.rpartition("/")[2]
    return [part async for part in platform.twins.exports.download(subject, ticket, "csv", chunk)]


async def is_stored(platform: Any, link: str) -> bool:
    """Whether the ticket of a link is still there."""
    key = Key(INTERNAL_INDEX, EXPORTS, link.rpartition("/")[2])
    return key in await platform.store.read((key,))


async def test_tickets_expire_and_go(open_platform: Any) -> None:
    platform = await open_platform(export_lifetime=0.3)
    subject = Subject(platform.engine, "assets")
    link = (await platform.do("assets:export"))["link"]
    assert await is_stored(platform, link)
    while True:
        other = (await platform.do("assets:export"))["link"]
        with contextlib.suppress(ApiError):
            await lines(platform, other, subject)
            break  # fast enough to be within the time
    async with asyncio.timeout(60):
        while await is_stored(platform, link):
            await asyncio.sleep(0.05)
    with pytest.raises(ApiError) as refusal:
        await lines(platform, link, subject)
    assert refusal.value.id == "device_manager.exports.not_found"


async def test_an_expired_ticket_is_refused_while_it_is_there(open_platform: Any) -> None:
    platform = await open_platform(export_lifetime=-1.0)
    link = (await platform.do("assets:export"))["link"]
    await platform.twins.exports.tickets.close()
    with pytest.raises(ApiError) as refusal:
        await lines(platform, link, Subject(platform.engine, "assets"))
    assert refusal.value.id == "device_manager.exports.not_found"


async def test_tickets_go_with_their_engine(platform: Any) -> None:
    await platform.do("engine:create", index="leaving", engineId=...)
    link = (await platform.do("assets:export", engineId="leaving"))["link"]
    assert await is_stored(platform, link)
    await platform.do("engine:delete", index="leaving", engineId=...)
    assert not await is_stored(platform, link)


async def test_parquet_needs_its_library(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for kind, id in (("assets", await platform.asset("1")), ("devices", await platform.device("1"))):
        for action in ("export", "exportMeasures"):
            refusal = await platform.refused(f"{kind}:{action}", _id=id, format="parquet")
            assert (refusal["status"], refusal["id"]) == (400, "device_manager.exports.no_parquet")
            assert "device-manager[parquet]" in refusal["message"]


async def test_a_scan_ends_with_its_reader(platform: Any) -> None:
    for number in range(5):
        await platform.asset(f"{number}")
    link = (await platform.do("assets:export"))["link"]
    stream = platform.twins.exports.download(Subject(platform.engine, "assets"), link.rpartition("/")[2], "csv", "line")
    before = platform.store.round_trips.searches
    await anext(stream)
    await stream.aclose()
    closing = 1 if platform.store.shared else 0
    assert platform.store.round_trips.searches - before == 1 + 2 * closing


async def test_what_an_export_costs(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_manager.twins.exports.exporting.PAGE", 4)
    for number in range(8):
        await platform.asset(f"{number}")
    context = {"_id": "Container-0", "model": "Container", "measureName": "temperatureExt"}
    measure = {"type": "temperature", "values": {"temperature": 1.5}, "asset": context, "origin": {"type": "api"}}
    puts = [
        Put(PutKind.INDEX, Key(platform.engine, "measures", f"cost-{n}"), measure | {"measuredAt": n})
        for n in range(14)
    ]
    await platform.store.put(puts)
    asset = Subject(platform.engine, "assets", "Container-0")
    sorts: list[dict[str, Any]] = [{}, {"body": {"sort": [{"reference": "asc"}]}}]
    for options in sorts:
        searches, reads = await cost(platform, "assets:export", Subject(platform.engine, "assets"), 9, **options)
        assert (searches, reads) == (2, 2), "two pages of twins, and their last measures"
    for options in ({}, {"body": {"sort": [{"_id": "asc"}]}}):
        assert await cost(platform, "assets:exportMeasures", asset, 15, _id="Container-0", **options) == (4, 0)
    await platform.store.put([Put(PutKind.REMOVE, put.key, {}) for put in puts])


async def cost(platform: Any, action: str, subject: Subject, rows: int, **options: Any) -> tuple[int, int]:
    """Searches and reads of a download beside opening and closing it and taking its ticket, which is one of each."""
    link = (await platform.do(action, **options))["link"]
    await platform.stop_looking()
    await platform.twins.catalogue.look()
    trips, shared = platform.store.round_trips, platform.store.shared
    before = trips.searches, trips.reads, trips.commits
    assert len(await lines(platform, link, subject)) == rows
    assert trips.commits - before[2] == 1
    return trips.searches - before[0] - (2 if shared else 0), trips.reads - before[1] - 1
