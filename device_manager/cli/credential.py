"""`device-manager credential`: what clients of other systems identify themselves by (facades 1.2)."""

from __future__ import annotations

import json
from typing import Any

import click

from device_manager.cli.client import Client
from device_manager.cli.options import token_option, url_option
from device_manager.cli.running import check_url, run

INTERFACES = ("sitewise", "teos", "ubidots")
CONTROLLER = "device-manager/credentials"


@click.group()
def credential() -> None:
    """Make, list and revoke credentials for clients of AWS IoT SiteWise, TEOS and Ubidots."""


@credential.command()
@click.argument("interface", type=click.Choice(INTERFACES))
@click.option("--engine", required=True, help="The one engine that its clients reach.")
@click.option("--profile", help="Whose rights they have; without it all that these clients need, in that engine.")
@click.option("--region", help="Of an access key for sitewise: what its requests are signed for; * for any.")
@click.option("--session", type=int, help="Seconds for which an access key for sitewise is good, with a session token.")
@url_option
@token_option
def create(
    interface: str,
    engine: str,
    profile: str | None,
    region: str | None,
    session: int | None,
    url: str,
    token: str | None,
) -> None:
    """Make a credential and print it as one JSON object. Its secrets cannot be read again."""
    wishes = {"profile": profile, "region": region, "sessionSeconds": session}
    args = {name: value for name, value in wishes.items() if value is not None}
    click.echo(json.dumps(_call(url, token, "create", engineId=engine, interface=interface, **args)))


@credential.command(name="list")
@click.option("--engine", help="Only those of this engine.")
@url_option
@token_option
def list_(engine: str | None, url: str, token: str | None) -> None:
    """Print the credentials that there are, one JSON object a line, without their secrets."""
    for found in _call(url, token, "list", **({"engineId": engine} if engine else {}))["credentials"]:
        click.echo(json.dumps(found))


@credential.command()
@click.argument("id")
@url_option
@token_option
def revoke(id: str, url: str, token: str | None) -> None:
    """Delete the credential ID. What its clients show is refused from then on."""
    _call(url, token, "revoke", _id=id)
    click.echo(f'Credential "{id}" was revoked.', err=True)


def _call(url: str, token: str | None, action: str, **args: Any) -> Any:
    check_url(url)

    async def call() -> Any:
        async with Client(url, token=token) as client:
            return await client.call(CONTROLLER, action, **args)

    return run(call())
