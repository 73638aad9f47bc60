"""`device-manager user`: the first administrator, further users, and tokens for other commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery staple"
Run = Callable[..., Any]


@pytest.fixture
def run(start_command: Run) -> Run:
    """Runs a command to its end: `(status, output, errors)`."""

    def run(*arguments: object, password: str | None = PASSWORD) -> tuple[int, str, str]:
        process = start_command(*arguments, **({"DEVICE_MANAGER_PASSWORD": password} if password else {}))
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    return run


def test_a_store_is_closed_before_its_first_start(run: Run, start_server: Any, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'closed'}"
    status, output, errors = run("user", "create", "ada", "--first-admin", "--store", store)
    assert (status, output) == (0, "") and "closed to strangers" in errors
    status, _, errors = run("user", "create", "eve", "--first-admin", "--store", store)
    assert status == 1 and "administrator exists" in errors
    assert run("user", "create", "eve", "--profile", "default", "--store", store)[0] == 0
    status, _, errors = run("user", "create", "joe", "--profile", "nothing", "--store", store)
    assert status == 1 and '"nothing" not found' in errors

    server = start_server(store=store, settings={"host": "0.0.0.0"})
    assert httpx.get(f"{server.url}/_now").status_code == 401
    assert run("user", "create", "joe", "--profile", "admin", "--store", store)[0] == 2  # the server has it open
    assert run("user", "create", "joe", "--profile", "admin", "--url", server.url)[0] == 1
    status, token, _ = run("user", "login", "ada", "--url", server.url)
    token = token.strip()
    assert status == 0
    headers = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{server.url}/_now", headers=headers).status_code == 200
    assert run("user", "create", "joe", "--profile", "default", "--url", server.url, "--token", token)[0] == 0
    assert run("doctor", "--url", server.url)[0] == 2
    assert run("doctor", "--url", server.url, "--token", token)[0] == 0
    status, output, errors = run("user", "login", "ada", "--url", server.url, password="wrong")
    assert (status, output) == (1, "") and PASSWORD not in errors


def test_an_open_server_is_closed_over_the_wire(run: Run, start_server: Any) -> None:
    server = start_server()
    assert httpx.get(f"{server.url}/_now").status_code == 200
    assert run("user", "create", "ada", "--first-admin", "--url", server.url)[0] == 0
    assert httpx.get(f"{server.url}/_now").status_code == 401
    assert "anonymous callers may do everything" in server.log.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ada", "--first-admin"],
        ["ada", "--store", "sqlite:x", "--url", "http://127.0.0.1:1", "--first-admin"],
        ["ada", "--store", "sqlite:x"],
        ["ada", "--store", "sqlite:x", "--first-admin", "--profile", "admin"],
        ["ada", "--store", "tape:x", "--first-admin"],
        ["ada", "--url", "nowhere", "--first-admin"],
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, arguments: list[str]) -> None:
    status, output, _ = run("user", "create", *arguments)
    assert (status, output) == (2, "")


def test_a_password_has_to_be_said_somewhere(run: Run) -> None:
    status, _, errors = run("user", "create", "ada", "--first-admin", "--store", "sqlite:x", password=None)
    assert status == 2 and "DEVICE_MANAGER_PASSWORD" in errors
    command = ("user", "create", "ada", "--first-admin", "--store", "sqlite:x", "--password-stdin")
    assert run(*command, password=None)[0] == 2
