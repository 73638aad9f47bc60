"""Options that several commands share."""

from __future__ import annotations

import click

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
