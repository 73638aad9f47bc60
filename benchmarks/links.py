"""Links on both stores: many in one call against the bare store, single calls against the incumbent's figures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bare_stores import write_bare_elasticsearch, write_bare_sqlite
from benchmarks.fleet import SLOT, asset_id, create_fleet, create_models, device_id, each
from benchmarks.processes import ROOT, Server, cores, device_manager
from benchmarks.table import Row
from device_manager.cli.client import Client

PAIRS = 10_000
MEMORY_PAIRS = 100_000
IN_FLIGHT = {1: 300, 32: 2000, 256: 4000}
"""Calls of a run by the number in flight."""
CONNECTIONS = 4
"""A connection runs 64 requests at once, so that 256 take four."""
INCUMBENT = {"linkAssets": {1: 63, 32: 152, 256: 196}, "unlinkAssets": {1: 78, 32: 211, 256: 258}}
"""Calls a second of the incumbent on two cores shared with its store, its cache and its client (design 7)."""
AIMS = {"linkAssets": {1: 1, 32: 6, 256: 15}, "unlinkAssets": {1: 1, 32: 5, 256: 12}}

WriteBare = Callable[[str], float]
DEVICES = "device-manager/devices"


def measure_sqlite(runs: int) -> list[Row]:
    """The embedded store, and the server's memory after 100,000 linked pairs."""
    with tempfile.TemporaryDirectory() as folder, device_manager(store=f"sqlite:{folder}") as server:
        fleets = max(runs + 1, MEMORY_PAIRS // PAIRS)
        rows = asyncio.run(_measure(server, "SQLite", fleets, runs, 0.15, lambda e: write_bare_sqlite(Path(folder), e)))
        megabytes = server.memory_bytes() / 1e6
        linked = f"{fleets * PAIRS:,} linked pairs on SQLite"
        return [*rows, Row(f"memory of the server after {linked}", f"{megabytes:.0f} MB", aim="under 300 MB")]


def measure_elasticsearch(runs: int) -> list[Row]:
    """A cluster of one node on the same machine."""
    with elasticsearch() as url, device_manager(store=f"elasticsearch:{url}") as server:
        return asyncio.run(
            _measure(server, "Elasticsearch", runs + 1, runs, 0.4, lambda e: write_bare_elasticsearch(url, e))
        )


@contextlib.contextmanager
def elasticsearch() -> Iterator[str]:
    """A fresh node, on all cores: it shares them with the server and with the load, as in the incumbent's figures."""
    starter = ROOT / "tests" / "elasticsearch_node" / "start.py"
    command = ["taskset", "-c", ",".join(map(str, sorted(set(cores())))), sys.executable, str(starter), "--optimise"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.communicate()


async def _measure(server: Server, store: str, fleets: int, runs: int, aim: float, write_bare: WriteBare) -> list[Row]:
    async with Client(f"http://127.0.0.1:{server.port}") as client:
        await create_models(client)
        ours, bare = [], []
        for number in range(fleets):
            engine = f"fleet-{number}"
            print(f"{store}: fleet {number + 1} of {fleets}", file=sys.stderr, flush=True)
            await create_fleet(client, engine, PAIRS)
            seconds = await _link_all(client, engine)
            if 1 <= number <= runs:
                ours.append(seconds)
                bare.append(await asyncio.to_thread(write_bare, engine))
    single = await _single_calls(server, store, runs)
    here, there = statistics.median(ours), statistics.median(bare)
    name = f"mLinkAssets, {PAIRS:,} pairs in one call, {store}"
    many = Row(name, f"{PAIRS / here:,.0f} pairs/s", f"{PAIRS / there:,.0f} pairs/s", there / here, f"at least {aim}")
    return [many, *single]


async def _link_all(client: Client, engine: str) -> float:
    """Seconds of one call that links every pair of a fleet."""
    csv = "assetId,deviceId\n" + "".join(f"{asset_id(n)},{device_id(engine, n)}\n" for n in range(PAIRS))

    async def link(_: int) -> None:
        result = await client.call(DEVICES, "mLinkAssets", engineId=engine, body={"csv": csv})
        if len(result["successes"]) != PAIRS:
            raise RuntimeError(f"refused: {result['errors'][:3]}")

    return await each(link, range(1), 1)


async def _single_calls(server: Server, store: str, runs: int) -> list[Row]:
    """`unlinkAssets` and `linkAssets` in turn on the first fleet, which is linked."""
    engine = "fleet-0"
    clients = [Client(f"http://127.0.0.1:{server.port}") for _ in range(CONNECTIONS)]

    async def unlink(number: int) -> None:
        body = {"allMeasures": True}
        client = clients[number % len(clients)]
        await client.call(DEVICES, "unlinkAssets", engineId=engine, _id=device_id(engine, number), body=body)

    async def link(number: int) -> None:
        entry = {"assetId": asset_id(number), "measureSlots": [{"asset": SLOT, "device": SLOT}]}
        body = {"linkedMeasures": [entry]}
        client = clients[number % len(clients)]
        await client.call(DEVICES, "linkAssets", engineId=engine, _id=device_id(engine, number), body=body)

    rows = []
    async with contextlib.AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        for in_flight, calls in IN_FLIGHT.items():
            rates: dict[str, list[float]] = {"linkAssets": [], "unlinkAssets": []}
            for _ in range(runs + 1):
                rates["unlinkAssets"].append(calls / await each(unlink, range(calls), in_flight))
                rates["linkAssets"].append(calls / await each(link, range(calls), in_flight))
            rows += [_compared(action, in_flight, store, found[1:]) for action, found in rates.items()]
    return rows


def _compared(action: str, in_flight: int, store: str, rates: list[float]) -> Row:
    rate, incumbent = statistics.median(rates), INCUMBENT[action][in_flight]
    name = f"{action}, {in_flight} in flight, {store}"
    aim = f"at least {AIMS[action][in_flight]}"
    return Row(name, f"{rate:,.0f}/s", f"{incumbent:,}/s (incumbent)", rate / incumbent, aim)
