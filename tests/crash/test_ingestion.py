"""A server is killed while payloads come in: each acknowledged measure is there once, last measures agree with them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest

from device_manager.cli.client import Client
from device_manager.cli.doctor import examine_server
from device_manager.cli.process import ServerProcess

ENGINE = "crash"
SLOTS = ("temperature", "humidity")
FIRST_INSTANT = 1_700_000_000_000
SENDERS = 16
AT_ONCE = 500
SIZES = [
    pytest.param(300, 10, 1, id="300", marks=pytest.mark.timeout(300)),
    pytest.param(50_000, 1000, 3, id="50000", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]

History = dict[str, dict[str, Any]]
"""The source of each measure by its id."""


def payload(number: int, devices: int) -> dict[str, Any]:
    """Every device sends at later and later instants; its slots get values that no other payload has."""
    return {
        "uuid": f"payload-{number}",
        "reference": str(number % devices),
        "measuredAt": FIRST_INSTANT + number // devices * 60_000,
        "measures": {"temperature": number / 8, "humidity": number + 0.5},
    }


class Sending:
    """Sends each payload once, by several senders in no order, and remembers what they were told.

    Attributes:
        acknowledged: numbers of payloads answered with success.
        unknown: numbers of payloads of which it is not known what became of them.
        strange: answers that are neither a success nor "outcome unknown".
    """

    def __init__(self, url: str, count: int, devices: int) -> None:
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.strange: list[str] = []
        self._url = url
        self._devices = devices
        self._left: Iterator[int] = iter(random.Random(count).sample(range(count), count))

    async def run(self, numbers: Iterable[int] | None = None) -> None:
        """Send everything that was not sent yet, or `numbers`."""
        left = self._left if numbers is None else iter(numbers)
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            await asyncio.gather(*(self._send(http, left) for _ in range(SENDERS)))

    async def _send(self, http: httpx.AsyncClient, numbers: Iterator[int]) -> None:
        for number in numbers:
            answer = await self._post(http, payload(number, self._devices))
            if answer is None:
                self.unknown.add(number)
            elif answer.status_code == 200:
                self.acknowledged.add(number)
                self.unknown.discard(number)
            elif answer.status_code == 503:
                self.unknown.add(number)
            else:
                self.strange.append(answer.text)

    async def _post(self, http: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response | None:
        """The answer; None when the connection broke before it came."""
        while True:
            try:
                return await http.post("/_/device-manager/payload/json", json=body)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)  # nothing was sent: the server is away
            except httpx.TransportError:
                return None

    async def reach(self, acknowledged: int, running: asyncio.Task[None]) -> None:
        """Wait until so many are acknowledged. Raises what ended the senders before."""
        async with asyncio.timeout(1200):
            while len(self.acknowledged) < acknowledged:
                if running.done():
                    running.result()
                    raise AssertionError(f"all is sent, and only {len(self.acknowledged)} are acknowledged")
                await asyncio.sleep(0.005)


async def create_linked_devices(client: Client, count: int) -> None:
    """Devices of the shipped JSON decoder, each linked to both slots of an asset of its own."""
    slots = [{"name": slot, "type": slot} for slot in SLOTS]
    body = {"engineGroup": "commons", "model": "Room", "measures": slots}
    await client.call("device-manager/models", "writeAsset", body=body)
    await client.call("device-manager/engine", "create", index=ENGINE)
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        csv = "assetId,deviceId\n" + "".join(f"Room-{n},JsonDevice-{n}\n" for n in numbers)
        for controller, action, content in (
            ("assets", "importAssets", {"records": [{"model": "Room", "reference": str(n)} for n in numbers]}),
            ("devices", "importDevices", {"records": [{"model": "JsonDevice", "reference": str(n)} for n in numbers]}),
            ("devices", "mLinkAssets", {"csv": csv}),
        ):
            result = await client.call(f"device-manager/{controller}", action, engineId=ENGINE, body=content)
            assert not result["errors"], result["errors"][0]


async def read_history(client: Client, devices: int) -> History:
    """All measures of the engine, asked for device by device."""
    await client.call("collection", "refresh", index=ENGINE, collection="measures")
    measures: History = {}
    for number in range(devices):
        result = await client.call(
            "document",
            "search",
            index=ENGINE,
            collection="measures",
            size=1000,
            body={"query": {"term": {"origin._id": f"JsonDevice-{number}"}}},
        )
        assert result["total"] == len(result["hits"])
        measures |= {hit["_id"]: hit["_source"] for hit in result["hits"]}
    return measures


def check_history(history: History, *, sure: set[int], possible: set[int], devices: int) -> None:
    """Each payload of `sure` is there exactly once, those of `possible` at most once, and nothing else."""
    found: dict[int, set[str]] = {}
    for measure in history.values():
        (uuid,) = measure["origin"]["payloadUuids"]
        number, slot = int(uuid.removeprefix("payload-")), measure["origin"]["measureName"]
        assert slot not in found.setdefault(number, set()), f"{uuid} is stored twice"
        found[number].add(slot)
        sent = payload(number, devices)
        assert (measure["measuredAt"], measure["values"]) == (sent["measuredAt"], {slot: sent["measures"][slot]})
        assert measure["asset"]["_id"] == f"Room-{sent['reference']}"
    lost = [number for number in sure if found.get(number) != set(SLOTS)]
    assert lost == []
    assert found.keys() <= sure | possible


async def check_last_measures(client: Client, history: History, devices: int) -> None:
    """The newest measure of each slot, on both sides of the link, is the newest one of history."""
    newest: dict[tuple[str, str], tuple[int, Any]] = {}
    for measure in history.values():
        at = measure["measuredAt"], measure["values"]
        for side in ("origin", "asset"):
            slot = measure[side]["_id"], measure[side]["measureName"]
            newest[slot] = max(newest.get(slot, at), at, key=lambda entry: entry[0])
    for controller, prefix in (("assets", "Room"), ("devices", "JsonDevice")):
        for start in range(0, devices, AT_ONCE):
            ids = [f"{prefix}-{number}" for number in range(start, min(start + AT_ONCE, devices))]
            last = await client.call(
                f"device-manager/{controller}", "mGetLastMeasures", engineId=ENGINE, body={"ids": ids}
            )
            told = {
                (id, slot): (measure["measuredAt"], measure["values"])
                for id, measures in last.items()
                for slot, measure in measures.items()
            }
            assert told == {slot: entry for slot, entry in newest.items() if slot[0] in ids}


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
@pytest.mark.parametrize(("count", "devices", "kills"), SIZES)
async def test_payloads_through_kills(
    start_server: Callable[..., ServerProcess], store: str, count: int, devices: int, kills: int
) -> None:
    server = start_server(store=store, settings={"decoder": ("json",)})
    async with Client(server.url, patience=30) as client:
        await create_linked_devices(client, devices)
        sending = Sending(server.url, count, devices)
        running = asyncio.create_task(sending.run())
        for kill in range(kills):
            await sending.reach(count * (kill + 1) // (kills + 2), running)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await running
        assert sending.strange == []
        assert sending.unknown, "nothing was under way when the server was killed"

        history = await read_history(client, devices)
        check_history(history, sure=sending.acknowledged, possible=sending.unknown, devices=devices)
        await check_last_measures(client, history, devices)

        everything = range(count)
        await sending.run(everything)
        assert (sending.strange, sending.acknowledged) == ([], set(everything))
        again = await read_history(client, devices)
        check_history(again, sure=set(everything), possible=set(), devices=devices)
        assert {id: again[id] for id in history} == history, "a payload that was stored changed something"
        await check_last_measures(client, again, devices)
        await client.call("collection", "refresh", index="device-manager", collection="payloads")
        archived = await client.call("document", "count", index="device-manager", collection="payloads", body={})
        assert archived["count"] == count
        assert await examine_server(client, [ENGINE]) == []
