"""The example of a plugin that is a distribution of its own: installed into a fresh environment, it is at work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "third_party_pipe"
pytestmark = pytest.mark.timeout(400)  # installing takes half a minute, and minutes on a busy machine
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".pytest_cache")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A fresh virtual environment with the product, the example and pytest; beside it a copy of the example."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copytree(EXAMPLE, folder / "example", ignore=LEFT_OUT)
    venv.create(folder / "venv", with_pip=False)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "venv"), "install", "--quiet"]
    sources = [str(wheel), f"{folder / 'example'}[test]"]
    subprocess.run([*install, "--disable-pip-version-check", "--no-compile", *sources], check=True, timeout=240)
    return folder


def test_a_device_is_linked_and_its_asset_enriched(environment: Path) -> None:
    """The example's own tests start `device-manager serve` there, link devices, and look at the assets."""
    settings = '[plugins.link_enricher]\nignored_models = ["Probe"]\n'
    (environment / "example" / "device-manager.toml").write_text(settings)  # of the author's own server
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    ran = subprocess.run(
        [environment / "venv" / "bin" / "python", "-m", "pytest", "-q", "-W", "error"],
        cwd=environment / "example",
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout


def test_the_command_serves_with_the_plugin(environment: Path) -> None:
    """The server that pip installed, started as a user would, says which plugins it has."""
    script = (
        "import sys, pathlib, httpx\n"
        "from device_manager.testing import TestServer\n"
        "server = TestServer.in_folder(pathlib.Path(sys.argv[1]))\n"
        "server.start()\n"
        "info = httpx.get(server.url).json()['result']['serverInfo']['kuzzle']\n"
        "print(*info['plugins'], server.stop())\n"
    )
    command = [str(environment / "venv" / "bin" / "python"), "-c", script, str(environment)]
    ran = subprocess.run(command, cwd=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert ran.stdout.split() == ["link_enricher", "0"]
