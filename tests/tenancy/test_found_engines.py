"""What is another tenant's is answered like what nobody has, wherever a request names it (design 8)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from device_manager.security.scope import Scope

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = "nobodyelse"
TWIN = re.compile(r"\b(?:DummyTemp|Container)-[\w-]+")
THEIRS = {"DummyTemp": "DummyTemp-B1", "Container": "Container-B-1"}
UNKNOWN = {"DummyTemp": "DummyTemp-X1", "Container": "Container-X-1"}
CHANGING = frozenset({"createdAt", "updatedAt", "timestamp", "provisionedAt", "now"})
CREATING = frozenset({"create", "importAssets", "importDevices", "upsert"})
"""Actions that make a twin of a new id; ids of devices are the platform's, so that one may be taken."""


class Pair(NamedTuple):
    """A request that names something of the other tenant's, and the same with what nobody has."""

    label: str
    theirs: dict[str, Any]
    unknown: dict[str, Any]
    names: tuple[tuple[str, str], ...]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every text inside a message, with its path."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from leaves(member, (*path, place))
    elif isinstance(value, str):
        yield path, value


def put(value: Any, path: tuple[Any, ...], text: str) -> Any:
    """A copy of a message with another text at a path."""
    if not path:
        return text
    head, *rest = path
    copy = value.copy()
    copy[head] = put(value[head], tuple(rest), text)
    return copy


def twin_pairs(example: Any) -> Iterator[Pair]:
    """One pair for each id of a twin in the example, without the engine too where that may be left out."""
    messages = [example.message]
    if example.bound.rule.scope is Scope.FOUND:
        messages.append({name: value for name, value in example.message.items() if name != "engineId"})
    for message in messages:
        for path, text in leaves(message):
            for found in TWIN.finditer(text):
                model = found[0].partition("-")[0]

                def with_id(id: str, path: tuple[Any, ...] = path, text: str = text, found: Any = found) -> Any:
                    return put(message, path, text[: found.start()] + id + text[found.end() :])  # noqa: B023

                label = f"{example.label} {'.'.join(map(str, path))} {found[0]}"
                yield Pair(label, with_id(THEIRS[model]), with_id(UNKNOWN[model]), ((THEIRS[model], UNKNOWN[model]),))


def engine_pairs(town: Any, example: Any) -> Iterator[Pair]:
    """One pair for each engine that the body of the example names, as a member, a key or in a column."""
    body = example.message.get("body")
    names = ((town.theirs, "nosuchengine"),)
    for path, text in leaves(body):
        if text == town.ours and path[-1] in ("engineId", "index", "tenantId"):
            theirs, unknown = (example.message | {"body": put(body, path, name)} for name in names[0])
            yield Pair(f"{example.label} body.{'.'.join(map(str, path))}", theirs, unknown, names)
    if isinstance(body, dict) and town.ours in body:
        theirs, unknown = (example.message | {"body": {name: body[town.ours]}} for name in names[0])
        yield Pair(f"{example.label} body", theirs, unknown, names)
    if isinstance(body, dict) and isinstance(body.get("csv"), str) and example.bound.rule.scope is Scope.FOUND:
        head, *rows = body["csv"].split("\n")
        message = {name: value for name, value in example.message.items() if name != "engineId"}
        theirs, unknown = (
            message | {"body": body | {"csv": "\n".join([f"{head},engineId", *(f"{row},{name}" for row in rows)])}}
            for name in names[0]
        )
        yield Pair(f"{example.label} csv engineId", theirs, unknown, names)


def pairs(town: Any) -> list[Pair]:
    found = []
    for example in town.examples:
        if example.bound.rule.scope is not Scope.NONE:
            found += [*twin_pairs(example), *engine_pairs(town, example)]
    return found


def comparable(answer: Any, names: tuple[tuple[str, str], ...]) -> Any:
    """An answer without times, and with the unknown name in the place of theirs."""
    if isinstance(answer, dict):
        return {name: comparable(value, names) for name, value in answer.items() if name not in CHANGING}
    if isinstance(answer, list):
        return [comparable(value, names) for value in answer]
    if isinstance(answer, str):
        for theirs, unknown in names:
            answer = answer.replace(theirs, unknown)
    return answer


@pytest.mark.parametrize("user", ["tenant", "keeper"])
async def test_theirs_is_answered_like_unknown(town: Any, user: str) -> None:
    before = await town.theirs_now()
    wrong = []
    for pair in pairs(town):
        theirs = await town.ask(user, pair.theirs, dry_run=True)
        unknown = await town.ask(user, pair.unknown, dry_run=True)
        if comparable(theirs, pair.names) != comparable(unknown, pair.names):
            wrong.append((pair.label, theirs["error"] or theirs["result"], unknown["error"] or unknown["result"]))
    assert wrong == []
    assert await town.theirs_now() == before


async def test_whoever_has_both_rights_is_answered_otherwise(town: Any) -> None:
    """What the test above compares would show a hole."""
    reached = set()
    for pair in pairs(town):
        theirs = await town.ask("root", pair.theirs, dry_run=True)
        unknown = await town.ask("root", pair.unknown, dry_run=True)
        if comparable(theirs, pair.names) != comparable(unknown, pair.names):
            reached.add(pair.label.split(" ")[0].partition(":")[2])
    assert reached >= {"mLinkAssets", "mUnlinkAssets", "mAttachEngines", "mDetachEngines", "detachEngine", "linkAssets"}


@pytest.mark.parametrize("user", ["tenant", "keeper"])
async def test_a_device_of_theirs_cannot_be_made_again(town: Any, user: str) -> None:
    """Ids of devices are the platform's, so that a taken one is refused; nothing else is told of it, or done to it."""
    before = await town.theirs_now()
    body = {"model": "DummyTemp", "reference": "B1", "metadata": {"color": "ours"}}
    for action in ("create", "upsert"):
        message = {"controller": "device-manager/devices", "action": action, "engineId": town.ours, "body": body}
        answer = await town.ask(user, message)
        assert answer["error"] is not None and answer["error"]["id"] == "services.storage.document_already_exists"
    for more in (
        {"engineId": town.ours},
        {"engineId": town.ours, "upsert": True},
        {"engineId": town.ours, "strict": True},
    ):
        csv = {"csv": "model,reference,metadata.color\nDummyTemp,B1,ours"}
        message = {"controller": "device-manager/devices", "action": "importDevices", "body": csv, **more}
        answer = await town.ask(user, message)
        errors = (answer["error"] or answer["result"])["errors"]
        assert [error["id"] for error in errors] == ["services.storage.document_already_exists"], answer
        assert MARK not in json.dumps(answer)
    assert await town.theirs_now() == before


async def test_devices_without_an_engine_are_the_platforms(town: Any) -> None:
    csv = {"csv": "model,reference\nDummyTemp,free"}
    message = {"controller": "device-manager/devices", "action": "importDevices", "body": csv}
    refused = await town.ask("tenant", message)
    assert refused["result"] is None or refused["result"]["successes"] == [], refused
    assert (await town.ask("keeper", message))["result"]["errors"] == []


@pytest.mark.parametrize("user", ["tenant", "keeper"])
async def test_nothing_of_theirs_changes_or_shows(town: Any, user: str) -> None:
    before = await town.theirs_now()
    assert MARK in json.dumps(before)
    for pair in pairs(town):
        answer = await town.ask(user, pair.theirs)
        assert MARK not in json.dumps(answer), pair.label
        assert await town.theirs_now() == before, pair.label
