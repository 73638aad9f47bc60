"""The `device-manager` command: the group, its settings file, and what unusable settings look like."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from device_manager.cli.backup import backup
from device_manager.cli.bulk_commands import import_, link, unlink
from device_manager.cli.credential import credential
from device_manager.cli.demo.command import demo
from device_manager.cli.doctor import doctor
from device_manager.cli.export import export
from device_manager.cli.migrate import migrate
from device_manager.cli.serve import serve
from device_manager.cli.user import user
from device_manager.settings import TABLES

SETTINGS_FILE = Path("device-manager.toml")
PREFIX = "DEVICE_MANAGER"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(version("device-manager"), prog_name="device-manager")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=f"{PREFIX}_CONFIG",
    help="Settings file (TOML), one table a command. Default: device-manager.toml, when there is one.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """An IoT device manager: engines, devices, assets, and links that never break.

    Every option can also be given by environment (DEVICE_MANAGER_PORT=7513) and in the settings file (port = 7513 in
    the table [serve]). The command line wins over the environment, that over the file.

    Exit status: 0 done, 1 some records refused or findings, 2 usage, 3 server unreachable or interrupted.
    """
    if config is None and SETTINGS_FILE.is_file():
        config = SETTINGS_FILE
    context.obj = config
    if config is not None:
        context.default_map = _defaults(config)


def _defaults(file: Path) -> dict[str, Any]:
    """The tables of the settings file by command, as click takes them."""
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"Cannot read the settings file {file}: {error}") from error
    commands = {name: table for name, table in tables.items() if name in main.commands and isinstance(table, dict)}
    for name, table in commands.items():
        known = {parameter.name for parameter in main.commands[name].params} | (TABLES if name == "serve" else set())
        renamed = {key.replace("-", "_"): value for key, value in table.items()}
        unknown = sorted(renamed.keys() - known)
        if unknown:
            raise click.UsageError(f"{file}: the table [{name}] has unknown settings: {', '.join(unknown)}")
        commands[name] = renamed
    commands.pop("serve", None)  # the server's settings are read, typed and checked by device_manager.settings
    return commands


main.add_command(serve)
main.add_command(link)
main.add_command(unlink)
main.add_command(import_)
main.add_command(export)
main.add_command(doctor)
main.add_command(backup)
main.add_command(migrate)
main.add_command(user)
main.add_command(credential)
main.add_command(demo)
