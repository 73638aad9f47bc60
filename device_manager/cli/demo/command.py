"""The command: a server in a temporary folder, the steps with their times, and what people see of them."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.table import Table

from device_manager.cli.client import CallRefused, Client, ServerUnreachable
from device_manager.cli.demo.airports import Airport, read_airports
from device_manager.cli.demo.steps import ENGINE, Steps
from device_manager.cli.demo.temperatures import read_payloads, sparkline
from device_manager.cli.doctor import examine_server, print_findings
from device_manager.cli.exit_codes import Exit
from device_manager.cli.process import ServerFailed, ServerProcess
from device_manager.cli.progress import LINE_EVERY

SHOWN = ("ATL", "DEN", "JFK", "LAX", "MIA", "ORD", "SEA", "SFO")
MEASURED = ("SEA", "SFO")
DAY = ("2010-07-15T07:00:00Z", "2010-07-16T06:00:00Z")
"""The hours of a summer day on the west coast."""
DECODER = "device_manager.cli.demo.weather_station"
EXPORT = Path(tempfile.gettempdir()) / "device-manager-demo-temperatures.csv"


class Demonstration:
    """Says what happens, and notes how long each step takes."""

    def __init__(self) -> None:
        self._console = Console(width=None if sys.stdout.isatty() else 140)
        self._times: list[tuple[str, float, str]] = []
        self._progress = ""

    async def run(self, server: ServerProcess, started: float, export: Path) -> Exit:
        """Everything, on the running `server` that took `started` seconds to start.

        Args:
            server: the server.
            started: seconds.
            export: the file for measures.
        """
        self._times.append(("start the server", started, f"{server.url}, embedded store"))
        airports = read_airports()
        async with Client(server.url) as client:
            await self._fill(Steps(client), airports)
            await self._link(Steps(client), airports)
            chosen = [airport for airport in airports if airport.code in MEASURED]
            await self._measure(Steps(client), chosen)
            moment = time.time_ns() // 1_000_000
            await self._change(Steps(client), chosen[0])
            await self._look_back(Steps(client), chosen[0], moment)
            await self._export(Steps(client), chosen[0], server.url, export)
            with self._timed("doctor", "symmetry, slots, history"):
                findings = await examine_server(client, [ENGINE])
        self._console.rule("The doctor looks for anything half linked")
        print_findings(self._console, findings)
        self._print_times()
        return Exit.REFUSED if findings else Exit.DONE

    async def _fill(self, steps: Steps, airports: list[Airport]) -> None:
        with self._timed("create engine and models", "1 asset model; the decoder brings the others"):
            await steps.create_engine()
        count = f"{len(airports):,}"
        with self._timed(f"import {count} assets", "one importAssets call of CSV"):
            self._print_import("airports", await steps.import_assets(airports))
        with self._timed(f"import {count} devices", "one importDevices call of CSV"):
            self._print_import("weather stations", await steps.import_devices(airports))

    def _print_import(self, what: str, result: dict[str, Any]) -> None:
        created, refused = len(result["successes"]), len(result["errors"])
        self._console.print(f"Imported {created:,} {what}, {refused:,} refused.", highlight=False)

    async def _link(self, steps: Steps, airports: list[Airport]) -> None:
        with self._timed(f"link {len(airports):,} pairs", "one mLinkAssets call of CSV"):
            result = await steps.link_all(airports)
        linked, refused = len(result["successes"]), len(result["errors"])
        self._console.print(f"Linked {linked:,} stations to their airports, {refused:,} refused.", highlight=False)
        shown = [airport for airport in airports if airport.code in SHOWN]
        with self._timed(f"read {len(shown)} assets", "assets:get"):
            assets = await steps.get_assets(shown)
        self._print_assets("Some airports and their links", assets)

    async def _measure(self, steps: Steps, airports: list[Airport]) -> None:
        payloads = read_payloads()
        hours = sum(len(payload["fahrenheit"]) for payload in payloads)
        sent = itertools.count()
        with self._timed(f"send {len(payloads):,} payloads", f"{hours:,} measures of {len(airports)} stations"):
            await steps.send(payloads, lambda: self._tell(f"{next(sent) + 1} sent"))
        with self._timed("read last measures", "assets:mGetLastMeasures"):
            last = await steps.last_measures(airports)
        table = Table("airport", "slot", "last measure", "measured at", title="A year of temperatures has arrived")
        for airport in airports:
            for slot, measure in last[airport.asset_id].items():
                table.add_row(airport.name, slot, _celsius(measure), _moment(measure["measuredAt"]))
        self._console.print(table)
        with self._timed("read a day", "assets:getMeasures"):
            days = [await steps.measures(airport, *DAY) for airport in airports]
        for airport, day in zip(airports, days, strict=True):
            values = [measure["values"]["temperature"] for measure in day]
            span = f"{min(values):.1f} to {max(values):.1f} °C"
            self._console.print(f"{airport.code}, 15 July 2010, hour by hour: {sparkline(values)} {span}")

    async def _look_back(self, steps: Steps, airport: Airport, moment: int) -> None:
        with self._timed("read a past state", "assets:getStateAt"):
            before = await steps.state_at(airport, moment)
            now = await steps.state_at(airport, time.time_ns() // 1_000_000)
        table = Table("at", "linked to", "last measures", title=f"{airport.asset_id} before and after")
        for state in (before, now):
            links = [entry["deviceId"] for entry in state["_source"]["linkedMeasures"]]
            measures = [f"{slot}: {_celsius(measure)}" for slot, measure in state["measures"].items()]
            at = _moment(state["at"], "seconds")
            table.add_row(at, ", ".join(links) or "-", "\n".join(measures) or "-")
        self._console.print(table)

    async def _export(self, steps: Steps, airport: Airport, url: str, file: Path) -> None:
        with self._timed("export measures", "assets:exportMeasures, one row each"):
            rows = await steps.export(airport, url, file)
        self._console.print(
            f"Wrote {rows:,} measures of {airport.asset_id} to {file}.", highlight=False, soft_wrap=True
        )

    async def _change(self, steps: Steps, chosen: Airport) -> None:
        with self._timed(f"unlink {chosen.device_id}", "allMeasures"):
            result = await steps.unlink(chosen)
        self._print_assets(f"After unlinking {chosen.device_id}", result["assets"])
        with self._timed("send a wrong record", "mLinkAssets"):
            result = await steps.link_wrong(chosen)
        for error in result["errors"]:
            self._console.print(f"A wrong record is refused, and says why: {error}", highlight=False, markup=False)

    @contextmanager
    def _timed(self, step: str, what: str) -> Iterator[None]:
        """Time the block, and say every now and then that it goes on."""
        self._console.print(f"{step} ...", highlight=False)
        self._progress = ""
        started = time.perf_counter()
        waiting = asyncio.create_task(self._go_on(step))
        try:
            yield
        finally:
            waiting.cancel()
        self._times.append((step, time.perf_counter() - started, what))

    async def _go_on(self, step: str) -> None:
        for ticks in itertools.count(1):
            await asyncio.sleep(LINE_EVERY)
            self._console.print(f"{step}: {ticks * LINE_EVERY:.0f} s{self._progress}", highlight=False)

    def _tell(self, progress: str) -> None:
        """How far the step that runs is."""
        self._progress = f", {progress}"

    def _print_assets(self, title: str, assets: list[dict[str, Any]]) -> None:
        table = Table("code", "airport", "city", "state", "position", "device", "asset slot < device slot", title=title)
        for asset in assets:
            source = asset["_source"]
            metadata = source["metadata"]
            links = source["linkedMeasures"] or [{"deviceId": "-", "measureSlots": []}]
            for entry in links:
                pairs = "\n".join(f"{pair['asset']} < {pair['device']}" for pair in entry["measureSlots"])
                position = f"{metadata['position']['lat']:.3f}, {metadata['position']['lon']:.3f}"
                name = (source["reference"], metadata["name"], metadata["city"], metadata["state"])
                table.add_row(*name, position, entry["deviceId"], pairs or "-")
        self._console.print(table)

    def _print_times(self) -> None:
        table = Table("step", "what", title="How long each step took")
        table.add_column("seconds", justify="right")
        for step, seconds, what in self._times:
            table.add_row(step, what, f"{seconds:.3f}")
        self._console.print(table)


def _celsius(measure: dict[str, Any]) -> str:
    return f"{measure['values']['temperature']:.1f} °C"


def _moment(milliseconds: int, timespec: str = "minutes") -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return f"{moment.replace(tzinfo=None).isoformat(' ', timespec)} UTC"


@click.command()
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    default=EXPORT,
    show_default=True,
    help="File for the measures of one airport.",
)
def demo(export: Path) -> None:
    """Link 3,376 airports to their weather stations, and take in a year of temperatures, on a server of its own.

    Starts a server with the embedded store in a temporary folder on a free port, does the main job over WebSocket,
    shows the result and how long each step took, and stops the server. What stays is a file of measures.
    """
    with tempfile.TemporaryDirectory(prefix="device-manager-demo-") as folder:
        server = ServerProcess(store=f"sqlite:{folder}/data", log=Path(folder) / "server.log", plugins=[DECODER])
        started = time.perf_counter()
        try:
            server.start()
            status = asyncio.run(Demonstration().run(server, time.perf_counter() - started, export))
            server.stop()
        except (ServerFailed, ServerUnreachable, CallRefused, httpx.HTTPError, OSError) as error:
            click.echo(f"The demonstration failed: {error}", err=True)
            status = Exit.UNREACHABLE
        except KeyboardInterrupt:
            status = Exit.UNREACHABLE
        finally:
            server.kill()
    sys.exit(status)
