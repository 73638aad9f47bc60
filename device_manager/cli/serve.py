"""`device-manager serve`: one option for every setting, merged with the environment and the settings file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from device_manager.lifecycle import UncleanStop
from device_manager.settings import PREFIX, TABLES, InvalidSettings, Settings, load_settings

DESCRIBED = {
    "host": "Address to listen on.",
    "port": "Port for HTTP and WebSocket.",
    "store": "sqlite:DIR or elasticsearch:http://HOST:PORT.",
    "redis": "redis://HOST:PORT: carries changes between servers on one cluster, and keeps the values of ms.",
    "plugin": "Load a plugin from a file or a module; may be repeated.",
    "decoder": "Switch on a decoder that ships along: the-things-stack, chirp-stack or json; may be repeated.",
    "insecure": "Listen on more than loopback although anonymous callers may do everything.",
    "log_level": "debug, info, warning or error.",
}


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for every setting; the server checks the values, so that all sources agree."""
    defaults = dict(zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True))
    for name in reversed([*DESCRIBED, *sorted(defaults.keys() - DESCRIBED.keys() - TABLES)]):
        declared = f"--{name.replace('_', '-')}"
        help_text = f"{DESCRIBED.get(name, '')}  [env: {PREFIX}{name.upper()}; default: {defaults[name]}]".strip()
        if isinstance(defaults[name], bool):
            both = f"{declared}/--no-{declared.removeprefix('--')}"
            option = click.option(both, name, is_flag=True, default=None, help=help_text)
        else:
            option = click.option(declared, name, multiple=isinstance(defaults[name], tuple), help=help_text)
        command = option(command)
    return command


@click.command()
@_setting_options
@click.pass_context
def serve(context: click.Context, /, **flags: Any) -> None:
    """Start the server; it stops cleanly on SIGTERM and Ctrl-C.

    GET /_healthcheck answers 200 once it is ready.
    """
    from device_manager import app  # imports the whole server: not for commands that only send

    settings_file: Path | None = context.obj
    flags = {name: None if value == () else value for name, value in flags.items()}
    try:
        settings = load_settings(flags, file=settings_file)
        uvloop.run(app.serve(settings))
    except InvalidSettings as error:
        raise click.UsageError(str(error)) from error
    except app.START_ERRORS as error:
        raise click.ClickException(f"The server cannot start: {error}") from error
    except UncleanStop as error:
        raise click.ClickException(f"The server has stopped, but not as it should: {error}") from error
