"""No argument of any action carries a request into another tenant (design 8).

The requests are made from the declarations, so that new actions are tested without being named here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from device_manager.security.scope import Scope

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORBIDDEN = "security.rights.forbidden"


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
    assert concerned == {"security", "admin"}


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
    found = {}
    for collection in ("users", "profiles", "roles"):
        await store.refresh("%kuzzle", collection)
        async for page in store.scan("%kuzzle", collection):
            found |= {(collection, document.id): (document.source, document.version) for document in page}
    return found


async def test_what_concerns_our_own_engine_is_not_refused(town: Any) -> None:
    for example in town.examples:
        if example.bound.rule.scope in (Scope.ENGINE, Scope.FOUND, Scope.NONE):
            if (example.bound.controller, example.bound.action) == ("auth", "logout"):
                continue  # it would end the session
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
