"""Clients with nothing but environment variables: the command line of AWS, and the example (2.13, case 12)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "sitewise.py"
PYTHON = ROOT / ".cache" / "aws-cli" / "bin" / "python"
"""Of the environment into which `make aws-cli` installs the command line: that wants another botocore than boto3."""
COMMANDS = """
import json, sys
from awscli.clidriver import create_clidriver

driver = create_clidriver()
sys.exit(max(driver.main(arguments) for arguments in json.loads(sys.argv[1])))
"""
"""A program that does what the command `aws` does, for several lists of arguments: starting it takes seconds."""


def environment(site: Site, home: Path) -> dict[str, str]:
    """The variables that point a client to the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL_IOTSITEWISE": f"{site.url}/",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": site.keys["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": site.keys["secretAccessKey"],
        "AWS_DEFAULT_REGION": site.keys["region"],
        "HOME": str(home),
    }


async def test_12_the_command_line(site: Site, call: Call, tmp_path: Path) -> None:
    client = site.client()
    portal = await call(
        client.create_portal,
        portalName="Plant",
        portalContactEmail="operations@plant.example",
        roleArn="arn:aws:iam::123456789012:role/monitor",
    )
    project = await call(client.create_project, portalId=portal["portalId"], projectName="Hall")
    (asset,) = await site.assets(1)
    id, unknown = project["projectId"], str(uuid.uuid4())
    await call(client.batch_associate_project_assets, projectId=id, assetIds=[asset])

    batch = ("batch-disassociate-project-assets", "--project-id", id, "--asset-ids", asset, unknown)
    arn = ("--resource-arn", project["projectArn"])
    commands = [
        batch,
        ("tag-resource", *arn, "--tags", "team=north,cost=4 & 5"),
        ("list-tags-for-resource", *arn),
        ("untag-resource", *arn, "--tag-keys", "team", "cost"),
        ("list-tags-for-resource", *arn),
    ]
    lines = json.dumps([["iotsitewise", *arguments, "--output", "json"] for arguments in commands])
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), "-c", COMMANDS, lines),
        env=environment(site, tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, failure = await process.communicate()
    assert process.returncode == 0, failure.decode()
    answers = []
    text = output.decode().strip()
    while text:
        answer, end = json.JSONDecoder().raw_decode(text)
        answers.append(answer)
        text = text[end:].strip()
    taken_out, *tags = answers
    errors = taken_out["errors"]
    assert [(error["assetId"], error["code"]) for error in errors] == [(unknown, "INTERNAL_FAILURE")]
    assert (await call(client.list_project_assets, projectId=id))["assetIds"] == []
    assert tags == [{"tags": {"team": "north", "cost": "4 & 5"}}, {"tags": {}}]


async def test_the_example(site: Site, tmp_path: Path) -> None:
    assets, unknown = await site.assets(2), str(uuid.uuid4())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), *assets, unknown),
        env=environment(site, tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    reason = f"{unknown} There is no asset {unknown}."
    assert output.decode().splitlines() == [f"cannot put in {reason}", "in the project: 2", f"cannot take out {reason}"]
