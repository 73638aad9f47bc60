"""`device-manager serve`: readiness, stopping, and settings from every source."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.cli.process import ServerProcess, free_port

StartServer = Callable[..., ServerProcess]
StartCommand = Callable[..., subprocess.Popen[str]]


def wait_until_ready(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/_healthcheck").status_code == 200
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("store", ["sqlite", "elasticsearch"])
def test_it_is_ready_and_stops_cleanly(start_server: StartServer, store: str) -> None:
    server = start_server(store=store)
    answer = httpx.get(f"{server.url}/_healthcheck")
    assert answer.status_code == 200
    assert httpx.get(f"{server.url}/_ready").status_code == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("source", ["environment", "default file", "named file"])
def test_settings_come_from(start_command: StartCommand, tmp_path: Path, source: str) -> None:
    port = free_port()
    environment: dict[str, str] = {}
    arguments: list[str] = []
    if source == "environment":
        environment = {"DEVICE_MANAGER_PORT": str(port)}
        (tmp_path / "device-manager.toml").write_text("[serve]\nport = 1\n")
    else:
        name = "device-manager.toml" if source == "default file" else "named.toml"
        policy = '[serve.password_policies.crew]\nappliesTo = {profiles = ["crew"]}\npasswordRegex = ".{8,}"\n'
        (tmp_path / name).write_text(f'[serve]\nport = {port}\nstore = "sqlite:./elsewhere"\n{policy}')
        arguments = [] if source == "default file" else ["--config", name]
    with start_command(*arguments, "serve", **environment) as process:
        wait_until_ready(process, port)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / ("data" if source == "environment" else "elsewhere")).is_dir()


@pytest.mark.parametrize(
    ("arguments", "mentions"),
    [
        (["--port", "many"], "port"),
        (["--store", "paper:there"], "paper:there"),
        (["--host", "0.0.0.0"], "--insecure"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_unusable_settings(run_command: Callable[..., Any], arguments: list[str], mentions: str) -> None:
    ran = run_command("serve", *arguments)
    assert ran.status == 2, ran.errors
    assert mentions in ran.errors
    assert "Traceback" not in ran.errors


def test_a_plugin_that_cannot_be_loaded_stops_the_start(run_command: Callable[..., Any], tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("1 / 0\n")
    ran = run_command("serve", "--plugin", plugin, "--port", free_port())
    assert ran.status != 0
    assert "broken" in ran.errors
    assert "division by zero" in ran.errors


def test_one_server_a_folder(start_server: StartServer, run_command: Callable[..., Any], tmp_path: Path) -> None:
    server = start_server(store=f"sqlite:{tmp_path / 'shared'}")
    ran = run_command("serve", "--store", f"sqlite:{tmp_path / 'shared'}", "--port", free_port())
    assert ran.status not in {0, 2}
    assert str(server.pid) in ran.errors


def test_a_taken_port_is_named(start_server: StartServer, run_command: Callable[..., Any]) -> None:
    server = start_server()
    ran = run_command("serve", "--port", server.port)
    assert ran.status != 0
    assert str(server.port) in ran.errors
    assert "Traceback" not in ran.errors
