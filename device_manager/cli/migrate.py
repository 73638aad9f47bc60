"""`device-manager migrate`: data of an existing Kuzzle device-manager becomes this product's (device-manager 6.2)."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from device_manager.cli import report
from device_manager.cli.exit_codes import Exit
from device_manager.cli.interruption import interruptible
from device_manager.cli.progress import Progress
from device_manager.errors import ApiError
from device_manager.settings import InvalidSettings, load_settings
from device_manager.storage.contract import StoreError

if TYPE_CHECKING:
    from device_manager.migration.opening import Order, Result
    from device_manager.tasks import TaskRecord


class Wish(NamedTuple):
    """What the command line asks for.

    Attributes:
        store: where the data is.
        into: where a copy goes; None to migrate in place.
        platform_index: name of the platform index; None for the usual one.
        applies: write.
        json: print one JSON object.
    """

    store: str
    into: str | None
    platform_index: str | None
    applies: bool
    json: bool


@click.command()
@click.option(
    "--store",
    envvar="DEVICE_MANAGER_STORE",
    show_envvar=True,
    required=True,
    help="Where the data is: elasticsearch:http://HOST:PORT",
)
@click.option("--into", metavar="STORE", help="Leave the data as it is and copy it, migrated, into this empty store.")
@click.option("--platform-index", help="Index with models and engine configurations.  [default: device-manager]")
@click.option(
    "--apply/--dry-run", "applies", default=False, help="Write, or only say what would be done.  [default: --dry-run]"
)
@click.option("--json", is_flag=True, envvar="DEVICE_MANAGER_JSON", show_envvar=True, help="Print one JSON object.")
@click.pass_context
def migrate(
    context: click.Context, store: str, into: str | None, platform_index: str | None, applies: bool, json: bool
) -> None:
    """Take over the data of a Kuzzle device-manager, version 2 or 3, from its Elasticsearch.

    Without --apply nothing is written and the report says what would be. Stop the servers that write to the data first,
    and take a snapshot. A run that was interrupted goes on when it is started again; doing it again changes nothing,
    and a copy that is finished is not made again.
    What this product does not know stays where it is and is counted. In the end the doctor looks at all engines.

    Exit status 0: done and sound, 1: something was refused, contradicts the models or was found by the doctor,
    3: the store does not answer, or the run was interrupted.
    """
    wish = Wish(store, into, platform_index, applies, json)
    try:
        order = _order(wish, context.obj)
        result, seconds = _carry_out(order)
    except (InvalidSettings, StoreError) as error:
        raise click.UsageError(str(error)) from error
    except asyncio.CancelledError:
        click.echo("Interrupted. Start the same command again and it goes on where it was.", err=True)
        sys.exit(Exit.UNREACHABLE)
    except ApiError as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.UNREACHABLE if error.is_unavailable else Exit.REFUSED)
    status = _status(result)
    if json:
        from device_manager.migration.opening import as_json

        head = {"command": "migrate", "dryRun": not applies, "copy": into is not None}
        report.print_json(head | as_json(result) | {"seconds": round(seconds, 3), "exit": int(status)})
    else:
        print_result(Console(), result, applies=applies)
    sys.exit(status)


def _order(wish: Wish, settings_file: Path | None) -> Order:
    from device_manager.logs import configure_logging
    from device_manager.migration.opening import Order

    flags = {"platform_index": wish.platform_index}
    settings = load_settings(flags | {"store": wish.store}, file=settings_file)
    configure_logging(settings.log_level, settings.log_format)
    into = load_settings(flags | {"store": wish.into}, file=settings_file) if wish.into is not None else None
    return Order(settings, into, wish.applies)


def _carry_out(order: Order) -> tuple[Result, float]:
    """The result and how many seconds it took."""
    from device_manager.migration.opening import Listener
    from device_manager.migration.opening import migrate as carry_out

    started = time.monotonic()
    results: list[Result] = []
    with Progress("documents", 0) as progress:
        told = 0

        def done(documents: int) -> None:
            nonlocal told
            progress.advance(documents - told)
            told = documents

        def say(text: str) -> None:
            click.echo(text, err=True)

        def resuming(record: TaskRecord) -> None:
            progress.expect(record.total or 0)
            say(f"Going on with a run that stopped after {record.done:,} documents.")

        listener = Listener(
            progress.expect,
            done,
            resuming,
            lambda: say("Looking for damage."),
        )

        async def run() -> None:
            results.append(await carry_out(order, listener))

        asyncio.run(interruptible(run()))
    return results[0], time.monotonic() - started


def _status(result: Result) -> Exit:
    from device_manager.migration.mapping import TROUBLE

    tally = result.outcome.tally
    trouble = result.outcome.error or result.findings or tally.refused or tally.collections.keys() & TROUBLE
    return Exit.REFUSED if trouble else Exit.DONE


def print_result(console: Console, result: Result, *, applies: bool) -> None:
    """For people."""
    tally = result.outcome.tally
    title = f"{result.engines:,} engines" + ("" if applies else " (dry run, nothing was written)")
    table = Table("what", "documents", "changed" if applies else "to change", "copied", "refused", title=title)
    for name, kind in tally.kinds.items():
        figures = (kind.documents, kind.changed, kind.copied, kind.refused)
        table.add_row(name, *(f"{figure:,}" if figure else "" for figure in figures))
    console.print(table)
    _print_counts(console, "Changes", tally.changes)
    _print_counts(console, "Kept, though this product does not know it", tally.kept)
    _print_remarks(console, "Collections", tally.collections)
    if result.aliases:
        _print_counts(console, "Indices that lack the alias that requests use", dict.fromkeys(result.aliases, 1))
    _print_remarks(console, "Worth knowing", tally.notes)
    _print_remarks(console, "Refused, left as it is", tally.refused)
    if result.findings is not None:
        _print_remarks(console, "The doctor found", result.findings)
        if not result.findings:
            console.print("The doctor found nothing: the links and the history are sound.")
    if result.outcome.error:
        console.print(f"Ended early: {result.outcome.error}", highlight=False, markup=False)
    if not applies:
        console.print("Say --apply to do it.")


def _print_counts(console: Console, title: str, counts: Mapping[str, int]) -> None:
    if counts:
        console.print(f"{title}:", highlight=False, markup=False)
    for name, count in counts.items():
        console.print(f"  {count:,} x {name}", highlight=False, markup=False)


def _print_remarks(console: Console, title: str, remarks: Mapping[str, Any]) -> None:
    _print_counts(console, title, {name: remark.count for name, remark in remarks.items()})
    for remark in remarks.values():
        for example in remark.examples[:3]:
            console.print(f"    {example}", highlight=False, markup=False)
