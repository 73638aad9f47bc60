"""`device-manager link`, `unlink` and `import`: the options, the exit status, and the signals that interrupt a run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from device_manager.cli import report
from device_manager.cli.bulk import BulkRun, Summary, batch_size
from device_manager.cli.client import InvalidUrl, websocket_url
from device_manager.cli.interruption import interruptible
from device_manager.cli.jobs import Job, import_job, link_job, unlink_job
from device_manager.cli.options import KINDS, token_option, url_option
from device_manager.cli.progress import Progress
from device_manager.cli.rows import ErrorsFile, InputFile, InvalidInput, errors_path

Command = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """What all bulk commands are told."""

    file: Path
    engine: str | None
    url: str
    token: str | None
    strict: bool
    dry_run: bool
    json: bool


def _bulk_options(*, engine_required: bool) -> Callable[[Command], Command]:
    """The options that the bulk commands share."""
    options = [
        click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)),
        click.option(
            "--engine", required=engine_required, envvar="DEVICE_MANAGER_ENGINE", show_envvar=True, help="Engine id."
        ),
        url_option,
        token_option,
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

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command()
@_bulk_options(engine_required=True)
def link(**options: Any) -> None:
    """Link the devices to the assets that FILE names.

    FILE is a CSV with the columns deviceId and assetId, and if wanted deviceSlot and assetSlot; without these two the
    server pairs free slots of the same type. Records are sent 2,000 a call. Rows that are not applied go to FILE with
    the ending .errors.csv, with the columns row, status, id and reason added; correct it and feed it in again.

    With --strict a file of up to 20,000 records is one call and is applied completely or not at all; of a larger file
    each call of 2,000 records is, and the first call that is refused ends the run.
    """
    chosen = BulkOptions(**options)
    run_bulk("link", link_job(options["engine"], strict=chosen.strict), chosen)


@click.command()
@_bulk_options(engine_required=True)
def unlink(**options: Any) -> None:
    """Remove the links that FILE names.

    FILE is a CSV with the column deviceId, and if wanted assetId, deviceSlot and assetSlot. A row with deviceSlot
    removes the link of that slot, one with only assetId everything between the two, one with neither all links of the
    device; what is not linked counts as done. Calls, --strict and the errors file are as with `link`.
    """
    chosen = BulkOptions(**options)
    run_bulk("unlink", unlink_job(options["engine"], strict=chosen.strict), chosen)


@click.command(name="import")
@click.argument("kind", type=click.Choice(KINDS))
@_bulk_options(engine_required=False)
@click.option(
    "--upsert",
    is_flag=True,
    envvar="DEVICE_MANAGER_UPSERT",
    show_envvar=True,
    help="Update what exists instead of refusing it.",
)
def import_(kind: str, upsert: bool, **options: Any) -> None:
    """Create the devices or assets that FILE describes.

    FILE is a CSV with the columns model and reference, and if wanted _id (which has to be <model>-<reference>), for
    devices engineId, and metadata.<field> for each field: positions as "lat,lon", arrays and objects as JSON, an empty
    cell for no value. A device belongs to the engine of its row, else to --engine, else to none; assets need --engine.

    Calls, --strict and the errors file are as with `link`.
    """
    chosen = BulkOptions(**options)
    if kind == "assets" and not chosen.engine:
        raise click.UsageError("Missing option '--engine': assets belong to an engine.")
    run_bulk(f"import {kind}", import_job(kind, chosen.engine, strict=chosen.strict, upsert=upsert), chosen)


def run_bulk(command: str, job: Job, options: BulkOptions) -> None:
    """Run `job`, print its summary and exit with its status."""
    summary = _execute(job, options, label=command)
    written = errors_path(options.file) if errors_path(options.file).exists() else None
    if options.json:
        report.print_json(report.as_json(command, options.file, written, summary, dry_run=options.dry_run))
    else:
        report.print_table(command, options.file, written, summary, dry_run=options.dry_run)
    sys.exit(summary.exit)


def _execute(job: Job, options: BulkOptions, *, label: str) -> Summary:
    try:
        websocket_url(options.url)
        size = batch_size(options.file, job.required, strict=options.strict)
        with (
            InputFile(options.file, job.required) as source,
            ErrorsFile(errors_path(options.file), source.columns, source.delimiter) as errors,
            Progress(label, source.count_lines()) as progress,
        ):
            run = BulkRun(job, source, errors, progress, dry_run=options.dry_run)
            asyncio.run(interruptible(run.run(options.url, options.token, size)))
            return run.summary
    except (InvalidInput, InvalidUrl) as error:
        raise click.UsageError(str(error)) from error
