"""What the pages say can be found in the product, and the other way round."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from device_manager.cli import main

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]


def test_the_generated_pages_are_current() -> None:
    subprocess.run([sys.executable, str(ROOT / "docs" / "reference.py"), "--check"], check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_in_the_table_of_contents() -> None:
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme


def test_the_command_line_page_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    for name, command in main.commands.items():
        assert f"device-manager {name}" in page
        if name == "serve":
            continue  # its options are the settings, which have their own page
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[0] in page, (name, option.opts)


def test_every_setting_is_an_option_of_serve() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    options = {parameter.name for parameter in main.commands["serve"].params}
    assert documented - options == {"plugins", "password_policies"}
    assert options - documented == set()


def test_every_variable_that_help_names_is_read() -> None:
    for command in main.commands.values():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.envvar, str) and option.name is not None:
                assert option.envvar == f"DEVICE_MANAGER_{option.name.upper()}"


def test_every_error_id_that_pages_name_exists() -> None:
    from device_manager.errors import CATALOGUE

    areas = {kind.split(".")[0] for kind in CATALOGUE}
    for page in PAGES:
        for name in re.findall(r"`([a-z_]+\.[a-z_]+\.[a-z_]+)`", page.read_text()):
            if name.split(".")[0] in areas:
                assert name in CATALOGUE, (page.name, name)


@pytest.mark.parametrize("target", ["demo", "test", "check", "soak", "bench", "serve", "docs"])
def test_make_has_the_target(target: str) -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert re.search(rf"^  make {target} ", listed, re.MULTILINE)
