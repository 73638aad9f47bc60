"""`device-manager credential`: one JSON object to give to another system's client, and its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx


def test_a_credential_is_made_listed_and_revoked(start_server: Any, start_command: Callable[..., Any]) -> None:
    server = start_server()
    httpx.post(f"{server.url}/_/device-manager/engine/plant", json={}).raise_for_status()

    def run(*arguments: str) -> tuple[int, str, str]:
        process = start_command("credential", *arguments, "--url", server.url)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    limits = ("--session", "900", "--region", "eu-west-1")
    status, output, errors = run("create", "sitewise", "--engine", "plant", *limits)
    made = json.loads(output)
    assert (status, errors, made["region"]) == (0, "", "eu-west-1")
    assert {"accessKeyId", "secretAccessKey", "accountId", "sessionToken", "expiresAt"} < made.keys()
    status, output, _ = run("create", "ubidots", "--engine", "plant", "--profile", "admin")
    assert status == 0 and {"apiKey", "token"} < json.loads(output).keys()

    status, output, _ = run("list", "--engine", "plant")
    listed = [json.loads(line) for line in output.splitlines()]
    assert [entry["interface"] for entry in listed] == ["sitewise", "ubidots"]
    assert made["secretAccessKey"] not in output
    assert run("revoke", made["_id"])[0] == 0
    assert made["_id"] not in run("list")[1]

    status, output, errors = run("revoke", made["_id"])
    assert (status, output) == (1, "") and "no credential" in errors
    assert run("create", "teos", "--engine", "nowhere")[0] == 1
    assert run("create", "smtp", "--engine", "plant")[0] == 2
