"""No argument of any action carries a request into another tenant (design 8).

The requests are made from the declarations, so that new actions are tested without being named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from device_manager.security.scope import Scope

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORBIDDEN = "security.rights.forbidden"
UNKNOWN_SCROLL = "services.storage.unknown_scroll_id"
MARK = "nobodyelse"
TWIN = re.compile(r"\b(?:DummyTemp|Container)-[\w-]+")
THEIRS = {"DummyTemp": "DummyTemp-B1", "Container": "Container-B-1"}
UNKNOWN = {"DummyTemp": "DummyTemp-X1", "Container": "Container-X-1"}
CHANGING = frozenset({"createdAt", "updatedAt", "timestamp", "provisionedAt", "now"})
CREATING = frozenset({"create", "importAssets", "importDevices", "upsert"})
"""Actions that make a twin of a new id; ids of devices are the platform's, so that one may be taken."""


def variants_with_engine(town: Any, example: Any, engine: Any) -> Iterator[dict[str, Any]]:
    """The example with `engine` in every argument that can name one, alone and beside our own."""
    bare = {name: value for name, value in example.message.items() if name not in ("engineId", "index", "collection")}
    collection = example.message.get("collection", "assets")
    yield bare | {"engineId": engine}
    yield bare | {"index": engine, "collection": collection}
    yield bare | {"engineId": town.ours, "index": engine, "collection": collection}
    yield bare | {"engineId": engine, "index": town.ours, "collection": collection}
    yield bare | {"targets": [{"index": engine, "collections": [collection]}]}
    yield bare | {"targets": [{"index": town.ours, "collections": ["assets"]}, {"index": engine}]}
    yield bare | {"engineId": town.ours, "targets": [{"index": engine, "collections": ["assets", "devices"]}]}


async def test_an_engine_without_a_right_is_refused_wherever_it_is_named(town: Any) -> None:
    for engine in (town.theirs, town.platform, "nosuchengine", "%kuzzle", "device-manager-internal", "*", "_all", ""):
        for example in town.examples:
            if example.bound.rule.scope is Scope.NONE:
                continue
            for message in variants_with_engine(town, example, engine):
                answer = await town.ask("tenant", message)
                assert answer["status"] == 403, (message, answer)
                assert answer["error"]["id"] == FORBIDDEN
                assert answer["error"]["props"] == [example.controller, example.name, "tenant"]
                assert answer["result"] is None


async def test_several_names_in_one_argument_are_several_engines(town: Any) -> None:
    both = f"{town.ours},{town.theirs}"
    for example in town.examples:
        if example.bound.rule.scope is not Scope.NONE:
            for message in variants_with_engine(town, example, both):
                assert (await town.ask("tenant", message))["error"]["id"] == FORBIDDEN, message


async def test_a_name_that_is_no_text_is_refused(town: Any) -> None:
    for example in town.examples:
        if example.bound.rule.scope is not Scope.NONE:
            for engine in ([town.theirs], {"a": town.theirs}, 7, True):
                for message in variants_with_engine(town, example, engine):
                    answer = await town.ask("tenant", message)
                    assert answer["status"] in (400, 403), (message, answer)
                    assert answer["error"]["id"] in ("api.assert.invalid_type", FORBIDDEN), (message, answer)


async def test_the_platform_is_a_tenant(town: Any) -> None:
    for example in town.examples:
        if example.bound.rule.scope is Scope.PLATFORM:
            refused = await town.ask("tenant", example.message)
            assert refused["error"]["id"] == FORBIDDEN, example.label
            allowed = await town.ask("keeper", example.message, dry_run=True)
            assert allowed["error"] is None or allowed["error"]["id"] != FORBIDDEN, (example.label, allowed)


async def test_rights_are_given_only_by_those_with_a_right_to_all(town: Any) -> None:
    concerned = set()
    for example in town.examples:
        if example.bound.rule.scope is Scope.ALL:
            concerned.add(example.controller)
            for user in ("tenant", "keeper", "reader"):
                assert (await town.ask(user, example.message))["error"]["id"] == FORBIDDEN, example.label
    password = "kuzzle-plugin-auth-passport-local/password"  # a controller
    assert concerned == {"security", "admin", "debug", "device-manager/credentials", password}


async def test_private_indices_do_not_exist_for_anybody(town: Any) -> None:
    before = await rights_now(town)
    for example in town.examples:
        if example.bound.rule.scope is Scope.ENGINE:
            for index in ("%kuzzle", "%plugin-kuzzle-plugin-auth-passport-local", "device-manager-internal"):
                for message in variants_with_engine(town, example, index):
                    if town.ours in (message.get("engineId"), message.get("index")):
                        continue  # the other argument is not read
                    if "collection" in message:
                        message["collection"] = "users"
                    answer = await town.ask("root", message)
                    private = json.dumps(answer["result"])
                    assert "profileIds" not in private and "policies" not in private, (message, answer)
                    if "engineId" in message or "index" in message:
                        assert answer["error"] or answer["result"] in (False, {"exists": False}, []), (message, answer)
    assert await rights_now(town) == before
    for user in ("root", "keeper", "tenant"):
        listed = await town.ask(user, {"controller": "index", "action": "list"})
        assert not [name for name in listed["result"]["indexes"] if name.startswith("%") or "internal" in name]


async def rights_now(town: Any) -> dict[str, Any]:
    store = town.application.store
    found: dict[Any, Any] = {}
    for collection in ("users", "profiles", "roles"):
        await store.refresh("%kuzzle", collection)
        async for page in store.scan("%kuzzle", collection):
            found |= {(collection, document.id): (document.source, document.version) for document in page}
    return found


async def test_what_concerns_our_own_engine_is_not_refused(town: Any) -> None:
    for example in town.examples:
        if example.bound.rule.scope in (Scope.ENGINE, Scope.FOUND):
            answer = await town.ask("tenant", example.message, dry_run=True)
            assert answer["error"] is None or answer["error"]["id"] != FORBIDDEN, (example.label, answer)


async def test_a_right_to_some_collections_is_none_to_the_others(town: Any) -> None:
    for example in town.examples:
        rule = example.bound.rule
        if rule.scope is Scope.ENGINE and "engineId" in example.message:
            answer = await town.ask("reader", example.message, dry_run=True)
            is_refused = answer["error"] is not None and answer["error"]["id"] == FORBIDDEN
            assert is_refused == (rule.collection != "assets"), (example.label, answer)
        elif rule.scope is Scope.ENGINE and "collection" in example.message:
            for collection in ("devices", "assets-history", "stations", "", "*", ["assets"], None):
                answer = await town.ask("reader", example.message | {"collection": collection})
                assert answer["error"]["id"] == FORBIDDEN, (example.label, answer)


async def test_every_action_says_which_tenants_it_concerns(town: Any) -> None:
    for example in town.examples:
        bound = example.bound
        assert bound.declaration.scope or bound.method.__self__.scope, f"{example.label} has no scope"
        if bound.rule.scope is Scope.ENGINE and not bound.rule.needs_engine:
            assert example.message["index"] == town.ours, f"{example.label}: who names the engine?"
            unnamed = {"controller": example.controller, "action": example.name, "body": example.message.get("body")}
            assert (await town.ask("tenant", unnamed))["error"]["id"] == FORBIDDEN


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
        if path[-1] == "newEngineId" or (text == town.ours and path[-1] in ("engineId", "index", "tenantId")):
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
    assert await town.theirs_now() == before


def search(index: str, collection: str) -> dict[str, Any]:
    """The message that begins a scroll."""
    place = {"index": index, "collection": collection, "size": 1, "scroll": "30s"}
    return {"controller": "document", "action": "search", **place}


async def test_a_scroll_is_its_owners_alone(town: Any) -> None:
    begun = (await town.ask("reader", search(town.ours, "assets")))["result"]
    assert begun["remaining"] > 0
    go_on = {"controller": "document", "action": "scroll", "scrollId": begun["scrollId"]}
    for user in ("tenant", "keeper", None):
        assert (await town.ask(user, go_on))["error"]["id"] in (UNKNOWN_SCROLL, "security.rights.unauthorized")
    shown = (await town.ask("reader", go_on))["result"]
    assert shown["hits"][0]["_id"] != begun["hits"][0]["_id"]
    specifications = {"controller": "collection", "action": "scrollSpecifications", "scrollId": begun["scrollId"]}
    assert (await town.ask("keeper", specifications))["error"]["id"] == UNKNOWN_SCROLL


async def test_scrolls_begin_only_where_there_is_a_right(town: Any) -> None:
    both = {"targets": [{"index": index, "collections": ["assets"]} for index in (town.ours, town.theirs)]}
    for user, message in (
        ("reader", search(town.ours, "devices")),
        ("reader", search(town.theirs, "assets")),
        ("tenant", search(town.theirs, "assets")),
        ("tenant", {"controller": "document", "action": "search", "scroll": "30s", **both}),
    ):
        assert (await town.ask(user, message))["error"]["id"] == FORBIDDEN


async def test_bodies_that_name_indices_reach_only_ours(town: Any) -> None:
    before = await town.theirs_now()
    removal = {"controller": "index", "action": "mDelete", "body": {"indexes": [town.theirs]}, "force": True}
    assert (await town.ask("tenant", removal))["result"] == {"deleted": []}
    stats = (await town.ask("tenant", {"controller": "index", "action": "stats"}))["result"]
    assert [index["name"] for index in stats["indexes"]] == [town.ours]
    assert await town.theirs_now() == before
