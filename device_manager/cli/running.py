"""Running what a command does, and telling what refused it by the exit status of the contract."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

from device_manager.cli.client import CallRefused, InvalidUrl, ServerUnreachable, websocket_url
from device_manager.cli.exit_codes import Exit
from device_manager.errors import ApiError
from device_manager.settings import InvalidSettings
from device_manager.storage.contract import StoreError


def check_url(url: str) -> None:
    """End the command when `url` is none."""
    try:
        websocket_url(url)
    except InvalidUrl as error:
        raise click.UsageError(str(error)) from error


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work`; what it refuses becomes a message and an exit status."""
    try:
        return asyncio.run(work)
    except (CallRefused, ApiError) as refused:
        click.echo(f"Refused: {refused}", err=True)
        sys.exit(Exit.REFUSED)
    except (InvalidSettings, StoreError) as error:
        raise click.UsageError(str(error)) from error
    except ServerUnreachable as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.UNREACHABLE)
