"""Options that several commands share."""

from __future__ import annotations

import click
from click.core import ParameterSource

DEFAULT_URL = "http://127.0.0.1:7512"
KINDS = ("devices", "assets")
"""The kinds of twins, as `import` and `export` name them."""

url_option = click.option(
    "--url",
    default=DEFAULT_URL,
    envvar="DEVICE_MANAGER_URL",
    show_default=True,
    show_envvar=True,
    help="Where the server listens.",
)
token_option = click.option("--token", envvar="DEVICE_MANAGER_TOKEN", show_envvar=True, help="Token to send.")


def place_of(context: click.Context, url: str | None, store: str | None) -> tuple[str | None, str | None]:
    """What the command line names wins over the other one, should that come from the environment or the file."""
    said = {name for name in ("url", "store") if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    return (url if said != {"store"} else None, store if said != {"url"} else None)
