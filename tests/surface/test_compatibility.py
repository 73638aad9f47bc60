"""The page about compatibility tells of every native action what it does here, and the server does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from device_manager.app import Application
from device_manager.errors import CATALOGUE, ApiError
from device_manager.security.native_actions import NATIVE

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
OWN = {"server": {"pipes", "prometheus"}}
"""Actions that Kuzzle does not have."""


class Row(NamedTuple):
    """A line of a table: one action, and what the page says of it."""

    controller: str
    action: str
    text: str

    @property
    def is_left_out(self) -> bool:
        return self.text.startswith("left out:")


def rows() -> Iterator[Row]:
    for section in PAGE.read_text().split("\n## ")[1:]:
        title, _, content = section.partition("\n")
        for controller in re.findall(r"`([^`]+)`", title):
            for names, text in re.findall(r"^\| (`.+?`) \| (.*)\|$", content, re.MULTILINE):
                for action in re.findall(r"`(\w+)`", names):
                    yield Row(controller, action, text.strip())


ROWS = list(rows())


def test_each_action_stands_there_once() -> None:
    named = [(row.controller, row.action) for row in ROWS]
    assert len(named) == len(set(named))


def test_it_tells_of_every_native_action() -> None:
    told = {(row.controller, row.action) for row in ROWS}
    native = {(controller, action) for controller, actions in NATIVE.items() for action in actions}
    assert told >= native
    assert sum(row.controller == "ms" and not row.is_left_out for row in ROWS) == 118


def test_what_it_tells_of_is_there_and_nothing_else(application: Application) -> None:
    table = application.router.registry.table
    controllers = {row.controller for row in ROWS}
    there = {(name, action) for name in controllers for action in set(table[name]) - OWN.get(name, set())}
    assert {(row.controller, row.action) for row in ROWS if not row.is_left_out} == there
    assert {name for name in table if "/" not in name} == controllers


async def test_what_is_left_out_answers_as_it_says(application: Application) -> None:
    left_out = [row for row in ROWS if row.is_left_out]
    assert left_out
    for row in left_out:
        with pytest.raises(ApiError) as caught:
            await application.router.call(row.controller, row.action)
        assert f"{caught.value.status} `{caught.value.id}`" in row.text


def test_the_errors_that_it_names_exist() -> None:
    text = PAGE.read_text()
    named = set(re.findall(r"\d{3} `([a-z_]+\.[a-z_]+\.[a-z_]+)`", text))
    assert named
    assert named <= CATALOGUE.keys()


def test_the_pages_that_it_links_to_exist() -> None:
    for page, anchor in re.findall(r"\]\((?:([\w-]+\.md))?(?:#([\w-]+))?\)", PAGE.read_text()):
        target = PAGE.parent / page if page else PAGE
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, (page, anchor)
