"""`device-manager doctor`: what is wrong in the stored data, by a running server or from the store itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table

from device_manager.cli import report
from device_manager.cli.client import CallRefused, Client, InvalidUrl, ServerUnreachable, websocket_url
from device_manager.cli.exit_codes import Exit
from device_manager.errors import ApiError
from device_manager.settings import InvalidSettings, load_settings

Finding = dict[str, Any]


@click.command()
@click.option("--url", envvar="DEVICE_MANAGER_URL", show_envvar=True, help="Ask this running server.")
@click.option("--token", envvar="DEVICE_MANAGER_TOKEN", show_envvar=True, help="Token to send.")
@click.option("--store", envvar="DEVICE_MANAGER_STORE", show_envvar=True, help="Read this store, without a server.")
@click.option("--engine", multiple=True, help="Only this engine; may be repeated. Default: all.")
@click.option("--json", is_flag=True, envvar="DEVICE_MANAGER_JSON", show_envvar=True, help="Print one JSON object.")
@click.pass_context
def doctor(
    context: click.Context, url: str | None, token: str | None, store: str | None, engine: tuple[str, ...], json: bool
) -> None:
    """Look for links that are not the same on both sides, doubled slots, and history that disagrees; change nothing.

    Use --url for a running server, --store for a store that no server has open. Exit status 0: nothing found, 1: the
    findings that are printed.
    """
    url, store = _chosen(context, url, store)
    findings: list[Finding] = []
    if (url is None) == (store is None):
        raise click.UsageError("Give either --url of a running server or --store of a stopped one.")
    try:
        if url is not None:
            websocket_url(url)
            findings = asyncio.run(_ask(url, token, engine))
        elif store is not None:
            _refuse_to_make(store)
            findings = asyncio.run(_read(store, engine, context.obj))
    except (InvalidUrl, InvalidSettings) as error:
        raise click.UsageError(str(error)) from error
    except (CallRefused, ApiError) as refused:
        raise click.UsageError(str(refused)) from refused
    except ServerUnreachable as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.UNREACHABLE)
    if json:
        report.print_json({"command": "doctor", "findings": findings})
    else:
        print_findings(Console(), findings)
    sys.exit(Exit.REFUSED if findings else Exit.DONE)


def _chosen(context: click.Context, url: str | None, store: str | None) -> tuple[str | None, str | None]:
    """What the command line names wins over the other one, should that come from the environment or the file."""
    said = {name for name in ("url", "store") if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    return (url if said != {"store"} else None, store if said != {"url"} else None)


def _refuse_to_make(store: str) -> None:
    """Opening a folder that is not there would make it."""
    scheme, _, folder = store.partition(":")
    if scheme == "sqlite" and not Path(folder).is_dir():
        raise InvalidSettings(f'Unusable setting "store": there is no folder "{folder}"')


async def examine_server(client: Client, engines: Sequence[str]) -> list[Finding]:
    """The findings of a running server in `engines`, or in all engines when there are none."""
    if not engines:
        listed = await client.call("device-manager/engine", "list")
        engines = [engine["index"] for engine in listed["engines"]]
    findings: list[Finding] = []
    for engine in engines:
        found = await client.call("device-manager/engine", "check", index=engine)
        findings.extend(found["findings"])
    return findings


def print_findings(console: Console, findings: list[Finding]) -> None:
    """For people: one line a finding."""
    if not findings:
        console.print("Nothing found: the links and the history are sound.")
        return
    table = Table("engine", "kind", "document", "what", title=f"{len(findings):,} findings")
    for finding in findings:
        table.add_row(*(str(finding.get(name) or "") for name in ("engine", "kind", "document", "text")))
    console.print(table)


async def _ask(url: str, token: str | None, engines: Sequence[str]) -> list[Finding]:
    async with Client(url, token=token) as client:
        return await examine_server(client, engines)


async def _read(store: str, engines: Sequence[str], settings_file: Path | None) -> list[Finding]:
    from device_manager.storage.opening import open_store  # the stores: not for commands that only send
    from device_manager.twins.doctor import examine

    settings = load_settings({"store": store}, file=settings_file)
    opened = open_store(settings)
    await opened.start()
    try:
        return await examine(opened, engines, settings.platform_index)
    finally:
        await opened.close()
