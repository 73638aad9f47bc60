"""`device-manager backup`: a copy of the embedded store while the server goes on (design 6)."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from device_manager.cli.exit_codes import Exit
from device_manager.cli.progress import Progress
from device_manager.settings import InvalidSettings, load_settings
from device_manager.storage.contract import StoreError


@click.command()
@click.argument("target", metavar="DIR|FILE", type=click.Path(path_type=Path))
@click.option(
    "--store", envvar="DEVICE_MANAGER_STORE", show_envvar=True, help="The store to copy.  [default: the server's]"
)
@click.pass_context
def backup(context: click.Context, target: Path, store: str | None) -> None:
    """Copy the embedded store, as it is at this moment, while a server may be working with it.

    A DIR gets the file under the name with which a server opens it (device-manager serve --store sqlite:DIR). A path
    that ends in .sqlite3 or .db is a FILE. Nothing is ever overwritten. For a store on Elasticsearch, use that
    cluster's snapshots.
    """
    from device_manager.storage.sqlite.backup import backup as copy
    from device_manager.storage.sqlite.layout import DATABASE

    try:
        url = load_settings({"store": store}, file=context.obj).store
    except InvalidSettings as error:
        raise click.UsageError(str(error)) from error
    scheme, _, place = url.partition(":")
    if scheme != "sqlite" or not place:
        raise click.UsageError(
            f'The store "{url}" cannot be copied: backup is for sqlite:DIR. Elasticsearch has snapshots of its own; '
            "take one of all indices whose names begin with & or %."
        )
    file = target if target.suffix in {".sqlite3", ".db"} and not target.is_dir() else target / DATABASE
    copied = 0

    try:
        with Progress("copied pages", 0) as progress:

            def report(done: int, total: int) -> None:
                nonlocal copied
                progress.expect(total)
                progress.advance(done - copied)
                copied = done

            size = copy(Path(place), file, report)
    except StoreError as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.USAGE)
    click.echo(f"{file}: {size:,} bytes")
