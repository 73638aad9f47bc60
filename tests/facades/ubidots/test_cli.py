"""The command line of Ubidots, unmodified, from an environment of its own (facades 4.9, case 11)."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.asyncio(loop_scope="session")
COMMAND = Path(__file__).parents[3] / ".cache" / "ubidots-cli" / "bin" / "ubidots"
"""`make soak` installs it; what it needs and what the other tests need exclude each other."""


def configure(home: Path, url: str, token: str) -> None:
    """What `ubidots config` writes, which asks the vendor's server on the way."""
    folder = home / ".ubidots_cli"
    (folder / "profiles").mkdir(parents=True)
    config = {"profilesPath": str(folder / "profiles"), "profile": "default"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"ignoreFunctionsFile": str(folder / "ignored")}))
    profile = {
        "api_domain": url,
        "auth_method": "X-Auth-Token",
        "access_token": token,
        "containerRepositoryBase": "none",
        "runtimes": ["none"],
        "output_format": "table",
    }
    (folder / "profiles" / "default.yaml").write_text(yaml.safe_dump(profile))


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_the_command_line(client: Any, tmp_path: Path) -> None:
    configure(tmp_path, client.url, client.token)

    async def run(*arguments: str, status: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            *(str(COMMAND), *arguments),
            env=os.environ | {"HOME": str(tmp_path), "COLUMNS": "1000"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == status, output.decode()
        return output.decode()

    doomed, kept = await client.add("pump-1"), await client.add("pump-2")
    added = await run(
        "devices", "add", "pump-0", "--name", "First", "--tags", "a,b", "--organization", f"~{client.engine}"
    )
    made = await client.json("GET", "/api/v2.0/devices/~pump-0", 200)
    assert made["id"] in added
    assert (made["name"], made["tags"]) == ("First", ["a", "b"])
    wanted = ["--filter", "label__startswith=pump", "--sort-by", "-label", "--page-size", "1", "--format", "json"]
    listed, got, _, _, refused = await asyncio.gather(
        run("devices", "list", *wanted),
        run("devices", "get", "--label", "pump-2", "--fields", "id,label,organization", "--format", "json"),
        run("devices", "update", "--label", "pump-0", "--new-name", "Main", "--new-label", "main"),
        run("devices", "delete", "--id", doomed["id"]),
        run("devices", "delete", "--label", "nobody", status=1),
    )
    added = await run("variables", "add", "~pump-2", "flow", "--unit", "l/s")  # alone: it waits no more than 5 seconds
    assert json.loads(listed) == [{key: kept[key] for key in ("id", "label", "name")}]
    assert json.loads(got) == {key: kept[key] for key in ("id", "label", "organization")}
    assert "404001" in refused
    assert kept["id"] in added
    renamed = await client.json("GET", "/api/v2.0/devices/~main", 200)
    assert (renamed["id"], renamed["name"]) == (made["id"], "Main")
    await client.json("GET", "/api/v2.0/devices/~pump-1", 404)
    [variable] = (await client.json("GET", "/api/v2.0/devices/~pump-2/variables", 200))["results"]
    assert (variable["label"], variable["unit"]) == ("flow", "l/s")
