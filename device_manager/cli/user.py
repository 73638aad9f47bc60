"""`device-manager user`: make users, the first administrator among them, and log in (design 8)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from device_manager.cli.client import Client
from device_manager.cli.options import place_of, token_option, url_option
from device_manager.cli.running import check_url, run
from device_manager.settings import load_settings

PASSWORD = "DEVICE_MANAGER_PASSWORD"  # noqa: S105  # the name of a variable


@click.group()
def user() -> None:
    """Make users and log in.

    The password is asked for, or read from standard input (--password-stdin) or DEVICE_MANAGER_PASSWORD; no option
    holds it, because command lines can be read by everybody on the machine.
    """


def _password_options(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")(command)


@user.command()
@click.argument("name")
@click.option("--first-admin", is_flag=True, help="Give all rights, and leave strangers none but to log in.")
@click.option("--profile", multiple=True, help="Profile of the user; may be repeated.")
@click.option("--url", envvar="DEVICE_MANAGER_URL", show_envvar=True, help="On this running server.")
@click.option("--store", envvar="DEVICE_MANAGER_STORE", show_envvar=True, help="In this store, without a server.")
@token_option
@_password_options
@click.pass_context
def create(
    context: click.Context,
    name: str,
    first_admin: bool,
    profile: tuple[str, ...],
    url: str | None,
    store: str | None,
    token: str | None,
    password_stdin: bool,
) -> None:
    """Make the user NAME, who logs in as NAME with the strategy `local`.

    --first-admin makes the first administrator and closes the platform: from then on strangers may log in and nothing
    else. It is refused when there is an administrator.
    """
    url, store = place_of(context, url, store)
    if (url is None) == (store is None):
        raise click.UsageError("Give either --url of a running server or --store of a stopped one.")
    if first_admin == bool(profile):
        raise click.UsageError("Give either --first-admin or one --profile or more.")
    password = _read_password(password_stdin, confirm=True)
    credentials = {"local": {"username": name, "password": password}}
    if url is not None:
        check_url(url)
        run(_create_over_the_wire(url, token, name, profile, credentials))
    else:
        run(_create_in_store(str(store), context.obj, name, profile, credentials))
    click.echo(f'User "{name}" was made{" and the platform closed to strangers" if first_admin else ""}.', err=True)


@user.command()
@click.argument("name")
@click.option("--expires-in", default="1h", show_default=True, help="How long the token is good, such as 8h.")
@url_option
@_password_options
def login(name: str, expires_in: str, url: str, password_stdin: bool) -> None:
    """Print a token for the user NAME, for --token or DEVICE_MANAGER_TOKEN of the other commands."""
    check_url(url)
    password = _read_password(password_stdin, confirm=False)

    async def log_in() -> str:
        async with Client(url) as client:
            body = {"username": name, "password": password}
            answer = await client.call("auth", "login", strategy="local", expiresIn=expires_in, body=body)
            return str(answer["jwt"])

    click.echo(run(log_in()))


async def _create_over_the_wire(
    url: str, token: str | None, name: str, profiles: tuple[str, ...], credentials: dict[str, Any]
) -> None:
    async with Client(url, token=token) as client:
        if not profiles:
            body: dict[str, Any] = {"credentials": credentials}
            await client.call("security", "createFirstAdmin", _id=name, reset=True, body=body)
            return
        body = {"content": {"profileIds": list(profiles)}, "credentials": credentials}
        await client.call("security", "createUser", _id=name, body=body)


async def _create_in_store(
    store: str, settings_file: Path | None, name: str, profiles: tuple[str, ...], credentials: dict[str, Any]
) -> None:
    from device_manager.call import Call  # the stores: not for commands that only send
    from device_manager.security.service import Security
    from device_manager.storage.opening import open_store

    settings = load_settings({"store": store}, file=settings_file)
    opened = open_store(settings)
    await opened.start()
    try:
        security = Security(opened, settings)
        await security.start()
        try:
            if profiles:
                content = {"profileIds": list(profiles)}
                await security.accounts.users.create(name, content, credentials, Call())
            else:
                await security.first_admin.create(name, {}, credentials, Call(), reset=True)
        finally:
            await security.stop()
    finally:
        await opened.close()


def _read_password(from_stdin: bool, *, confirm: bool) -> str:
    """The password; asked for when nothing else holds it."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise click.UsageError("Standard input holds no password.")
        return password
    given = os.environ.get(PASSWORD)
    if given:
        return given
    if not sys.stdin.isatty():
        raise click.UsageError(f"Say the password in {PASSWORD} or with --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
