"""`device-manager link` and `unlink`: the options, the exit status, and the signals that interrupt a run."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from device_manager.cli import report
from device_manager.cli.bulk import BulkRun, Summary, batch_size
from device_manager.cli.client import InvalidUrl, websocket_url
from device_manager.cli.jobs import Job, Link, Unlink
from device_manager.cli.progress import Progress
from device_manager.cli.rows import ErrorsFile, InputFile, InvalidInput, errors_path

DEFAULT_URL = "http://127.0.0.1:7512"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """What both commands are told."""

    file: Path
    engine: str
    url: str
    token: str | None
    strict: bool
    dry_run: bool
    json: bool


def _bulk_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that both commands share."""
    for decorate in reversed(
        [
            click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)),
            click.option(
                "--engine", required=True, envvar="DEVICE_MANAGER_ENGINE", show_envvar=True, help="Engine id."
            ),
            click.option(
                "--url",
                default=DEFAULT_URL,
                envvar="DEVICE_MANAGER_URL",
                show_default=True,
                show_envvar=True,
                help="Where the server listens.",
            ),
            click.option("--token", envvar="DEVICE_MANAGER_TOKEN", show_envvar=True, help="Token to send."),
            click.option(
                "--strict",
                is_flag=True,
                envvar="DEVICE_MANAGER_STRICT",
                show_envvar=True,
                help="All or nothing; see above for what that covers.",
            ),
            click.option(
                "--dry-run",
                is_flag=True,
                envvar="DEVICE_MANAGER_DRY_RUN",
                show_envvar=True,
                help="Have everything checked, store nothing.",
            ),
            click.option(
                "--json",
                is_flag=True,
                envvar="DEVICE_MANAGER_JSON",
                show_envvar=True,
                help="Print the summary as one JSON object.",
            ),
        ]
    ):
        command = decorate(command)
    return command


@click.command()
@_bulk_options
def link(**options: Any) -> None:
    """Link the devices to the assets that FILE names.

    FILE is a CSV with the columns deviceId and assetId, and if wanted deviceSlot and assetSlot; without these two the
    server pairs free slots of the same type. Records are sent 2,000 a call. Rows that are not applied go to FILE with
    the ending .errors.csv, with the columns row, status, id and reason added; correct it and feed it in again.

    With --strict a file of up to 20,000 records is one call and is linked completely or not at all; of a larger file
    each call of 2,000 records is, and the first call that is refused ends the run.
    """
    chosen = BulkOptions(**options)
    run_bulk("link", Link(chosen.engine, chosen.strict), chosen)


@click.command()
@_bulk_options
def unlink(**options: Any) -> None:
    """Remove the links that FILE names.

    FILE is a CSV with the column deviceId, and if wanted assetId, deviceSlot and assetSlot. A row with deviceSlot
    removes the link of that slot, one with only assetId everything between the two, one with neither all links of the
    device. Rows that are not applied go to FILE with the ending .errors.csv, as with `link`.

    With --strict the whole file is checked first, and nothing is removed when a row would be refused.
    """
    chosen = BulkOptions(**options)
    job = Unlink(chosen.engine)
    if chosen.strict and not chosen.dry_run:
        rehearsed = _execute(job, chosen, dry_run=True, label="checking")
        if rehearsed.exit:
            _finish("unlink", rehearsed, chosen, dry_run=True)
    run_bulk("unlink", job, chosen)


def run_bulk(command: str, job: Job, options: BulkOptions) -> None:
    """Run `job`, print its summary and exit with its status."""
    summary = _execute(job, options, dry_run=options.dry_run, label=command)
    _finish(command, summary, options, dry_run=options.dry_run)


def _finish(command: str, summary: Summary, options: BulkOptions, *, dry_run: bool) -> None:
    written = errors_path(options.file) if errors_path(options.file).exists() else None
    if options.json:
        report.print_json(report.as_json(command, options.file, written, summary, dry_run=dry_run))
    else:
        report.print_table(command, options.file, written, summary, dry_run=dry_run)
    sys.exit(summary.exit)


def _execute(job: Job, options: BulkOptions, *, dry_run: bool, label: str) -> Summary:
    try:
        websocket_url(options.url)
        size = batch_size(options.file, job.required, strict=options.strict)
        with (
            InputFile(options.file, job.required) as source,
            ErrorsFile(errors_path(options.file), source.columns, source.delimiter) as errors,
            Progress(label, source.count_lines()) as progress,
        ):
            run = BulkRun(job, source, errors, progress, dry_run=dry_run)
            asyncio.run(_interruptible(run, options, size))
            return run.summary
    except (InvalidInput, InvalidUrl) as error:
        raise click.UsageError(str(error)) from error


async def _interruptible(run: BulkRun, options: BulkOptions, size: int) -> None:
    """The first Ctrl-C or SIGTERM ends the run in order, a second one at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(run.run(options.url, options.token, size))

    def interrupt(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    await task
