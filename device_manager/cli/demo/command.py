"""The command: a server in a temporary folder, the steps with their times, and what people see of them."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from device_manager.cli.client import CallRefused, Client, ServerUnreachable
from device_manager.cli.demo.airports import Airport, read_airports
from device_manager.cli.demo.steps import ENGINE, Steps
from device_manager.cli.doctor import examine_server, print_findings
from device_manager.cli.exit_codes import Exit
from device_manager.cli.process import ServerFailed, ServerProcess
from device_manager.cli.progress import LINE_EVERY

SHOWN = ("ATL", "DEN", "JFK", "LAX", "MIA", "ORD", "SEA", "SFO")


class Demonstration:
    """Says what happens, and notes how long each step takes."""

    def __init__(self) -> None:
        self._console = Console(width=None if sys.stdout.isatty() else 140)
        self._times: list[tuple[str, float, str]] = []

    async def run(self, server: ServerProcess, started: float) -> Exit:
        """Everything, on the running `server` that took `started` seconds to start."""
        self._times.append(("start the server", started, f"{server.url}, embedded store"))
        airports = read_airports()
        async with Client(server.url) as client:
            await self._fill(Steps(client), airports)
            await self._link(Steps(client), airports)
            await self._change(Steps(client), airports)
            with self._timed("doctor", "symmetry, slots, history"):
                findings = await examine_server(client, [ENGINE])
        self._console.rule("The doctor looks for anything half linked")
        print_findings(self._console, findings)
        self._print_times()
        return Exit.REFUSED if findings else Exit.DONE

    async def _fill(self, steps: Steps, airports: list[Airport]) -> None:
        with self._timed("create engine and models", "2 measures, 1 asset model, 1 device model"):
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

    async def _change(self, steps: Steps, airports: list[Airport]) -> None:
        chosen = next(airport for airport in airports if airport.code == SHOWN[0])
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
            self._console.print(f"{step}: {ticks * LINE_EVERY:.0f} s", highlight=False)

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


@click.command()
def demo() -> None:
    """Link 3,376 airports to their weather stations, on a server of its own.

    Starts a server with the embedded store in a temporary folder on a free port, does the main job over WebSocket,
    shows the result and how long each step took, and stops the server.
    """
    with tempfile.TemporaryDirectory(prefix="device-manager-demo-") as folder:
        server = ServerProcess(store=f"sqlite:{folder}/data", log=Path(folder) / "server.log")
        started = time.perf_counter()
        try:
            server.start()
            status = asyncio.run(Demonstration().run(server, time.perf_counter() - started))
            server.stop()
        except (ServerFailed, ServerUnreachable, CallRefused) as error:
            click.echo(f"The demonstration failed: {error}", err=True)
            status = Exit.UNREACHABLE
        except KeyboardInterrupt:
            status = Exit.UNREACHABLE
        finally:
            server.kill()
    sys.exit(status)
