"""Listening to what tests are answered, so that the last one can look back at the answers of the whole suite."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from device_manager.cli.client import Client


@dataclass
class Answers:
    """Which answers tests have got, from servers over the wire and from platforms in their own process.

    `tests/surface/test_black_box.py` holds them against what the actions document. Answers of servers that `Servers`
    started are noted by themselves when they come through `httpx` or the command line's `Client`.

    Attributes:
        seen: `(store, controller, action, error id)`, the last one None for a success.
        stores: name of the store by the port of a server.
    """

    seen: set[tuple[str, str, str, str | None]] = field(default_factory=set)
    stores: dict[int | None, str] = field(default_factory=dict)

    def note(self, store: str | None, envelope: Any) -> None:
        """Remember an answer's envelope; `store` is `sqlite` or `elasticsearch`."""
        if store is not None and isinstance(envelope, dict) and envelope.get("controller") and envelope.get("action"):
            error = envelope.get("error")
            id = None if error is None else error.get("id", "")
            self.seen.add((store, envelope["controller"], envelope["action"], id))

    def note_http(self, response: httpx.Response) -> None:
        """Remember the answer of a server, if it is one of ours and was read."""
        store = self.stores.get(response.request.url.port)
        if store is not None and response.is_stream_consumed:
            with contextlib.suppress(ValueError):
                self.note(store, response.json())

    def save(self, folder: Path) -> None:
        """Add what was seen to the folder; sessions that run side by side do not get in each other's way."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(sorted(self.seen, key=str)))

    def load(self, folder: Path) -> None:
        """Take over what other sessions have saved."""
        for file in folder.glob("*.json"):
            self.seen.update(
                (store, controller, action, id) for store, controller, action, id in json.loads(file.read_text())
            )


ANSWERS = pytest.StashKey[Answers]()
LISTENING = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that connects the sessions of one run of the whole suite."""
    parser.addoption(
        "--answers", type=Path, metavar="FOLDER", help="keep there what tests are answered; `-m whole_suite` looks back"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the clients that tests use."""
    answers = config.stash[ANSWERS] = Answers()
    patch = config.stash[LISTENING] = pytest.MonkeyPatch()
    send, send_async, exchange = httpx.Client.send, httpx.AsyncClient.send, Client._exchange

    def heard(client: httpx.Client, *args: Any, **options: Any) -> httpx.Response:
        response = send(client, *args, **options)
        answers.note_http(response)
        return response

    async def heard_async(client: httpx.AsyncClient, *args: Any, **options: Any) -> httpx.Response:
        response = await send_async(client, *args, **options)
        answers.note_http(response)
        return response

    async def heard_exchange(client: Client, *args: Any) -> dict[str, Any]:
        envelope = await exchange(client, *args)
        answers.note(answers.stores.get(urlsplit(client._url).port), envelope)
        return envelope

    patch.setattr(httpx.Client, "send", heard)
    patch.setattr(httpx.AsyncClient, "send", heard_async)
    patch.setattr(Client, "_exchange", heard_exchange)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop listening."""
    config.stash[LISTENING].undo()


@pytest.fixture(scope="session")
def answers(pytestconfig: pytest.Config) -> Answers:
    """What the run's tests have been answered; in-process platforms `note` here."""
    answers = pytestconfig.stash[ANSWERS]
    folder = pytestconfig.option.answers
    if folder is not None and "whole_suite" in pytestconfig.option.markexpr:
        answers.load(folder)
    return answers


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what looks back at the whole suite, unless it is asked for."""
    if "whole_suite" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("whole_suite")])
        items[:] = [item for item in items if not item.get_closest_marker("whole_suite")]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the answers for the session that looks back."""
    folder, answers = session.config.option.answers, session.config.stash[ANSWERS]
    if folder is not None and answers.seen:
        answers.save(folder)
