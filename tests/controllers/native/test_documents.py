"""Native documents one by one: each action, each refusal (router-protocol 5.6)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = {"_id": "north"}


def unheard_of() -> dict[str, str]:
    """An id that no document ever had: in a cluster, the version of a document goes on where a deleted one ended."""
    return {"_id": uuid.uuid4().hex}


ONE = ["create", "createOrReplace", "replace", "update", "upsert", "deleteFields", "delete", "get", "exists"]
MANY = ["mCreate", "mCreateOrReplace", "mReplace", "mUpdate", "mUpsert", "mDelete", "mGet", "mExists"]
QUERIES = ["deleteByQuery", "count"]
READING = {"get", "exists", "count", "mGet", "mExists"}
BODIES: dict[str, Any] = {
    "upsert": {"changes": {}},
    "deleteFields": {"fields": ["name"]},
    **{name: {"documents": [{"_id": "a", "body": {}, "changes": {}}]} for name in MANY},
    **{name: {"ids": ["a"]} for name in ("mDelete", "mGet", "mExists")},
}
STRICT = ("create", "createOrReplace", "replace", "update", "upsert")


def body_of(action: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"changes": content} if action == "upsert" else content


async def test_create_stores_who_and_when(stations: Any) -> None:
    made = await stations.do("create", **HERE, body={"name": "North", "_kuzzle_info": {"author": "me"}})
    info = made["_source"].pop("_kuzzle_info")
    assert (made["_id"], made["_source"]) == ("north", {"name": "North"})
    assert (info["author"], info["updatedAt"], info["updater"]) == ("-1", None, None)
    assert type(info["createdAt"]) is int
    assert (await stations.do("get", **HERE))["_source"]["_kuzzle_info"] == info


async def test_create_makes_an_id_when_there_is_none(stations: Any) -> None:
    ids = {(await stations.do("create", body={}, **given))["_id"] for given in ({}, {"_id": None}, {"_id": ""})}
    assert len(ids) == 3
    assert all(len(id) >= 20 for id in ids)
    assert (await stations.refused("create", _id=5, body={}))["id"] == "api.assert.invalid_type"


async def test_create_refuses_an_id_that_is_taken(stations: Any) -> None:
    await stations.add("north")
    error = await stations.refused("create", **HERE, body={"name": "other"})
    assert error["id"] == "services.storage.document_already_exists"
    assert await stations.sources() == {"north": {"name": "north"}}


async def test_create_or_replace_does_either(stations: Any) -> None:
    here = unheard_of()
    first = await stations.do("createOrReplace", **here, body={"name": "North"})
    second = await stations.do("createOrReplace", **here, body={"height": 3})
    assert (first["created"], second["created"]) == (True, False)
    assert second["_version"] == first["_version"] + 1
    info = second["_source"]["_kuzzle_info"]
    assert info["createdAt"] == info["updatedAt"]
    assert info["author"] == info["updater"] == "-1"
    assert await stations.sources() == {here["_id"]: {"height": 3}}


async def test_replace_needs_a_document(stations: Any) -> None:
    here = unheard_of()
    made = await stations.do("create", **here, body={"name": "North"})
    replaced = await stations.do("replace", **here, body={"height": 3})
    assert replaced["_version"] == made["_version"] + 1
    assert await stations.sources() == {here["_id"]: {"height": 3}}
    error = await stations.refused("replace", _id="nowhere", body={})
    assert error["id"] == "services.storage.not_found"
    assert error["message"] == f'Document "nowhere" not found in "{stations.index}":"stations".'


async def test_update_merges_deeply(stations: Any) -> None:
    await stations.add("north", place={"city": "Oslo", "street": "A"}, tags=["a", "b"])
    changes = {"place": {"street": "B"}, "tags": ["c"], "height": None}
    partial = await stations.do("update", **HERE, body=changes | {"_kuzzle_info": {"author": "x"}})
    assert partial["_source"].pop("_kuzzle_info").keys() == {"updatedAt", "updater"}
    whole = await stations.do("update", **HERE, body={"name": "N"}, source=True)
    info = whole["_source"].pop("_kuzzle_info")
    assert info["author"] == info["updater"] == "-1"
    assert info["createdAt"] < info["updatedAt"]
    assert whole["_source"] == {
        "name": "N",
        "place": {"city": "Oslo", "street": "B"},
        "tags": ["c"],
        "height": None,
    }


async def test_simultaneous_updates_are_all_kept(stations: Any) -> None:
    here = unheard_of()
    made = await stations.do("create", **here, body={"place": {}})
    fields = [{"height": 1}, {"name": "N"}, {"place": {"city": "Oslo"}}, {"place": {"street": "A"}}]
    await asyncio.gather(*(stations.do("update", **here, body=body) for body in fields))
    found = await stations.do("get", **here)
    assert found["_version"] > made["_version"]
    assert (await stations.sources())[here["_id"]] == {
        "height": 1,
        "name": "N",
        "place": {"city": "Oslo", "street": "A"},
    }


async def test_upsert_prefers_changes_to_defaults(stations: Any) -> None:
    body = {"changes": {"name": "N"}, "default": {"name": "D", "height": 1}}
    made = await stations.do("upsert", **HERE, body=body)
    assert made == {"_id": "north", "_version": made["_version"], "created": True}
    changed = await stations.do(
        "upsert", **HERE, body={"changes": {"height": 2}, "default": {"tags": "x"}}, source=True
    )
    assert changed["created"] is False
    info = changed["_source"].pop("_kuzzle_info")
    assert info["author"] == info["updater"] == "-1"
    assert changed["_source"] == {"name": "N", "height": 2}


async def test_delete_fields_ignores_unknown_ones(stations: Any) -> None:
    await stations.add("north", place={"city": "Oslo", "street": "A"}, height=1)
    answer = await stations.do("deleteFields", **HERE, body={"fields": ["place.city", "height", "no.such.field"]})
    assert answer.keys() == {"_id", "_version"}
    answer = await stations.do("deleteFields", **HERE, body={"fields": ["name"]}, source=True)
    assert answer["_source"]["place"] == {"street": "A"}
    assert await stations.sources() == {"north": {"place": {"street": "A"}}}


async def test_delete_answers_with_the_id_or_the_document(stations: Any) -> None:
    await stations.add("north", "south")
    assert await stations.do("delete", **HERE) == {"_id": "north"}
    shown = await stations.do("delete", _id="south", source=True)
    assert shown["_source"]["name"] == "south"
    assert await stations.sources() == {}


async def test_unknown_documents_are_404(stations: Any) -> None:
    for action in ("replace", "update", "deleteFields", "delete", "get"):
        error = await stations.refused(action, _id="nowhere", body=BODIES.get(action, {}))
        assert (error["id"], error["status"]) == ("services.storage.not_found", 404)
        assert error["props"] == ["nowhere", stations.index, "stations"]


async def test_exists_and_get(stations: Any) -> None:
    await stations.add("north")
    assert await stations.do("exists", **HERE) is True
    assert await stations.do("exists", _id="nowhere") is False
    assert (await stations.do("get", **HERE)).keys() == {"_id", "_source", "_version"}
    assert (await stations.refused("get", _id="_search"))["id"] == "services.storage.search_as_an_id"
    assert (await stations.refused("get"))["id"] == "api.assert.missing_argument"


async def test_the_mapping_holds(stations: Any) -> None:
    await stations.add("north")
    for action in STRICT:
        id = "new" if action == "create" else "north"
        unheard = await stations.refused(action, _id=id, body=body_of(action, {"unheardOf": 1}))
        assert unheard["id"] == "services.storage.strict_mapping_rejection"
        assert unheard["props"] == ["unheardOf", stations.index, "stations"]
        wrong = await stations.refused(action, _id=id, body=body_of(action, {"height": "tall"}))
        assert wrong["id"] == "services.storage.unexpected_bad_request"
        assert '"height"' in wrong["message"]
        assert await stations.sources() == {"north": {"name": "north"}}


async def test_unknown_addresses_are_412(stations: Any) -> None:
    for action in (*ONE, *MANY, *QUERIES):
        payload = {"_id": "a", "body": BODIES.get(action, {})}
        for index in ("nowhere", "device-manager-internal", "%kuzzle", "a*", "a,b", "UPPER"):
            error = await stations.refused(action, index=index, **payload)
            assert (error["id"], error["status"], error["props"]) == ("services.storage.unknown_index", 412, [index])
        for collection in ("nowhere", "_kuzzle_keep", "st*"):
            error = await stations.refused(action, collection=collection, **payload)
            assert error["id"] == "services.storage.unknown_collection"
            assert error["props"] == [stations.index, collection]
        for name in ("index", "collection"):
            for value in (..., ""):
                error = await stations.refused(action, **{name: value}, **payload)
                assert (error["id"], error["props"]) == ("api.assert.missing_argument", [name])


async def test_a_dry_run_stores_nothing(stations: Any) -> None:
    await stations.add("north", "a")
    before = await stations.sources()
    for action in sorted({*ONE, *MANY, "deleteByQuery"} - READING):
        id = "new" if action == "create" else "north"
        body = {} if action == "deleteByQuery" else BODIES.get(action, {"name": "other"})
        answer = await stations.do(action, _id=id, body=body, dryRun=True)
        assert answer["dryRun"] is True
        assert await stations.sources() == before


async def test_bodies_have_to_be_objects(stations: Any) -> None:
    assert (await stations.refused("create"))["id"] == "api.assert.body_required"
    assert (await stations.refused("create", body=[1]))["id"] == "api.assert.invalid_type"
    assert (await stations.refused("upsert", **HERE, body={}))["props"] == ["body.changes"]
    assert (await stations.refused("deleteFields", **HERE, body={"fields": "name"}))["props"] == [
        "body.fields",
        "array",
    ]
