"""`device-manager doctor`: what is wrong in the stored data, and its repair (design 9)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from device_manager.cli import report
from device_manager.cli.client import CallRefused, Client, InvalidUrl, ServerUnreachable, websocket_url
from device_manager.cli.exit_codes import Exit
from device_manager.cli.options import place_of
from device_manager.cli.subjects import Finding, Repair, RunningServer, Subject, running_server, stored_data
from device_manager.errors import ApiError
from device_manager.settings import InvalidSettings
from device_manager.storage.contract import StoreError


class Wish(NamedTuple):
    """What a run of the doctor is to do.

    Attributes:
        engines: where; all when there are none.
        repairs: repair what is found.
        agreed: without asking.
        json: print one JSON object.
    """

    engines: Sequence[str]
    repairs: bool
    agreed: bool
    json: bool


@click.command()
@click.option("--url", envvar="DEVICE_MANAGER_URL", show_envvar=True, help="Ask this running server.")
@click.option("--token", envvar="DEVICE_MANAGER_TOKEN", show_envvar=True, help="Token to send.")
@click.option("--store", envvar="DEVICE_MANAGER_STORE", show_envvar=True, help="Read this store, without a server.")
@click.option("--engine", multiple=True, help="Only this engine; may be repeated. Default: all.")
@click.option("--repair", is_flag=True, help="Show a plan of repairs and, once agreed to, carry it out.")
@click.option("--yes", is_flag=True, help="Carry the plan out without asking.")
@click.option("--json", is_flag=True, envvar="DEVICE_MANAGER_JSON", show_envvar=True, help="Print one JSON object.")
@click.pass_context
def doctor(
    context: click.Context,
    url: str | None,
    token: str | None,
    store: str | None,
    engine: tuple[str, ...],
    repair: bool,
    yes: bool,
    json: bool,
) -> None:
    """Look for broken links, devices that are nowhere, history that disagrees, and mappings that lack fields.

    Use --url for a running server, --store for a store that no server has open. Nothing is changed without --repair.
    Exit status 0: nothing is wrong (any more), 1: the findings that are printed.
    """
    url, store = place_of(context, url, store)
    if (url is None) == (store is None):
        raise click.UsageError("Give either --url of a running server or --store of a stopped one.")
    if yes and not repair:
        raise click.UsageError("--yes agrees to a plan, so it needs --repair.")
    wish = Wish(engine, repair, yes, json)
    try:
        if url is not None:
            websocket_url(url)
            findings = asyncio.run(_run(running_server(url, token), wish))
        else:
            findings = asyncio.run(_run(stored_data(str(store), context.obj), wish))
    except (InvalidUrl, InvalidSettings, StoreError, CallRefused, ApiError) as refused:
        raise click.UsageError(str(refused)) from refused
    except ServerUnreachable as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.UNREACHABLE)
    sys.exit(Exit.REFUSED if findings else Exit.DONE)


async def _run(opening: AbstractAsyncContextManager[Subject], wish: Wish) -> list[Finding]:
    """Look, and repair where that is wished; what is wrong in the end."""
    async with opening as subject:
        findings = await subject.examine(wish.engines)
        content: dict[str, Any] = {"command": "doctor"}
        if not wish.json:
            print_findings(Console(), findings)
        if wish.repairs and findings:
            plan = await subject.repair(wish.engines, dry_run=True)
            content |= {"plan": plan, "repairs": []}
            if not wish.json:
                print_repairs(Console(), plan, "planned")
            if plan and _agreed(wish):
                content["repairs"] = await subject.repair(wish.engines, dry_run=False)
                findings = await subject.examine(wish.engines)
                if not wish.json:
                    print_repairs(Console(), content["repairs"], "done")
                    print_findings(Console(), findings)
        if wish.json:
            report.print_json(content | {"findings": findings})
        return findings


def _agreed(wish: Wish) -> bool:
    if wish.agreed:
        return True
    if wish.json or not sys.stdin.isatty():
        click.echo("Nothing was changed: say --yes to carry out this plan.", err=True)
        return False
    return click.confirm("Carry out this plan?")


async def examine_server(client: Client, engines: Sequence[str]) -> list[Finding]:
    """The findings of a running server in `engines`, or in all engines when there are none."""
    return await RunningServer(client).examine(engines)


def print_findings(console: Console, findings: list[Finding]) -> None:
    """For people: one line a finding."""
    if not findings:
        console.print("Nothing found: the links and the history are sound.")
        return
    table = Table("engine", "kind", "document", "what", title=f"{len(findings):,} findings")
    for finding in findings:
        table.add_row(*(str(finding.get(name) or "") for name in ("engine", "kind", "document", "text")))
    console.print(table)


def print_repairs(console: Console, repairs: list[Repair], state: str) -> None:
    """For people: one line a repair."""
    if not repairs:
        console.print("No repair is known for this: it takes new data or new models.")
        return
    table = Table("engine", "document", "what", title=f"{len(repairs):,} repairs {state}")
    for repair in repairs:
        text = repair["text"] if repair["error"] is None else f"{repair['text']} FAILED: {repair['error']}"
        table.add_row(repair["engine"], repair["document"], text)
    console.print(table)
