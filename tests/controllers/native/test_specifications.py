"""Specifications: what documents have to be like, by whatever door they come (router-protocol 5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.documents import collections as module
from device_manager.documents.addresses import Target
from device_manager.errors import ApiError, api_error
from device_manager.storage.specification_records import SPECIFICATIONS, SPECIFICATIONS_INDEX

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPECIFICATION = {
    "strict": True,
    "fields": {
        "name": {"type": "string", "mandatory": True, "typeOptions": {"length": {"min": 1, "max": 8}}},
        "height": {"type": "integer", "defaultValue": 7, "typeOptions": {"range": {"min": 0}}},
        "place": {"type": "object", "typeOptions": {"strict": True}},
        "place/city": {"type": "enum", "typeOptions": {"values": ["Here", "There"]}, "defaultValue": "Here"},
        "tags": {"type": "string", "multivalued": {"value": True, "minCount": 1, "maxCount": 2}},
    },
    "validators": [{"not": {"equals": {"name": "nobody"}}}],
}


class Ruled:
    """The collection with a specification."""

    def __init__(self, stations: Any) -> None:
        self.stations = stations
        self.here = {"index": stations.index, "collection": stations.collection}

    async def ask(self, action: str, **payload: Any) -> Any:
        return await self.stations.platform.ask(action, **{**self.here, **payload})

    async def do(self, action: str, **payload: Any) -> Any:
        return await self.stations.platform.do(action, **{**self.here, **payload})

    async def refused(self, action: str, **payload: Any) -> Any:
        return await self.stations.platform.refused(action, **{**self.here, **payload})


@pytest_asyncio.fixture(loop_scope="session")
async def ruled(stations: Any) -> AsyncIterator[Ruled]:
    ruled = Ruled(stations)
    assert await ruled.do("collection:updateSpecifications", body=SPECIFICATION) == SPECIFICATION
    yield ruled
    await ruled.do("collection:deleteSpecifications")


GOOD = {"name": "a"}
BAD = {"name": "a", "height": -1}


async def test_every_door_asks_the_specification(ruled: Ruled) -> None:
    made = await ruled.do("document:create", _id="a", body={"name": "a", "height": None, "place": {}})
    shown = {name: value for name, value in made["_source"].items() if name != "_kuzzle_info"}
    assert shown == {"name": "a", "height": 7, "place": {"city": "Here"}}
    for action, payload in (
        ("document:create", {"_id": "b", "body": BAD}),
        ("document:createOrReplace", {"_id": "b", "body": BAD}),
        ("document:createOrReplace", {"_id": "a", "body": BAD}),
        ("document:replace", {"_id": "a", "body": BAD}),
        ("document:update", {"_id": "a", "body": {"height": -1}}),
        ("document:upsert", {"_id": "a", "body": {"changes": {"height": -1}}}),
        ("document:upsert", {"_id": "b", "body": {"changes": BAD}}),
    ):
        error = await ruled.refused(action, **payload)
        assert (error["id"], error["status"]) == ("validation.check.failed_field", 400), action
        assert error["props"] == ["height", "the number -1 is below 0"]
    for action, documents in (
        ("mCreate", [{"_id": "b", "body": BAD}, {"_id": "c", "body": GOOD}]),
        ("mCreateOrReplace", [{"_id": "a", "body": BAD}, {"_id": "c", "body": GOOD}]),
        ("mReplace", [{"_id": "a", "body": BAD}, {"_id": "c", "body": GOOD}]),
        ("mUpdate", [{"_id": "a", "body": {"height": -1}}, {"_id": "c", "body": {"height": 3}}]),
        ("mUpsert", [{"_id": "b", "changes": BAD}, {"_id": "d", "changes": GOOD}]),
    ):
        done = await ruled.do(f"document:{action}", body={"documents": documents})
        assert (len(done["successes"]), [error["status"] for error in done["errors"]]) == (1, [400]), action
    lines = [{"index": {"_id": "a"}}, BAD, {"update": {"_id": "a"}}, {"doc": {"height": -1}}]
    assert len((await ruled.do("bulk:import", body={"bulkData": lines}))["errors"]) == 2
    change = {"query": {"ids": {"values": ["a"]}}, "changes": {"height": -1}}
    assert len((await ruled.do("document:updateByQuery", body=change))["errors"]) == 1
    assert (await ruled.refused("bulk:updateByQuery", body=change))["id"] == "services.storage.incomplete_update"
    error = await ruled.refused("document:deleteFields", _id="a", body={"fields": ["name"]})
    assert error["props"] == ["name", "it is missing"]
    assert (await ruled.stations.sources())["a"]["height"] == 7
    await ruled.do("bulk:write", _id="raw", body=BAD)
    await ruled.do("document:delete", _id="raw")


async def test_what_a_specification_refuses(ruled: Ruled) -> None:
    for body, id, props in (
        ({}, "failed_field", ["name", "it is missing"]),
        ({"name": "far too long"}, "failed_field", ["name", "the length 12 is above 8"]),
        ({"name": "a", "height": 1.5}, "failed_field", ["height", "expected a whole number"]),
        ({"name": "a", "place": {"city": "Nowhere"}}, "failed_field", ["place.city", "expected one of Here, There"]),
        (
            {"name": "a", "place": {"street": "x"}},
            "failed_field",
            ["place.street", "the specification does not have this field"],
        ),
        ({"name": "a", "place": 3}, "failed_field", ["place", "expected an object"]),
        ({"name": "a", "tags": "x"}, "failed_field", ["tags", "expected an array"]),
        ({"name": "a", "tags": []}, "failed_field", ["tags", "it has 0 values, expected 1 to 2"]),
        ({"name": "a", "other": 1}, "failed_field", ["other", "the specification does not have this field"]),
        ({"name": "nobody"}, "failed_document", ["it does not match the validators of the specification"]),
    ):
        error = await ruled.refused("document:create", body=body)
        assert (error["id"], error["props"]) == (f"validation.check.{id}", props)
    assert await ruled.do("document:validate", body={"name": "a"}) == {"valid": True, "errorMessages": {}}
    assert await ruled.do("document:validate", body={"place": {"city": "x"}, "height": "tall"}) == {
        "valid": False,
        "errorMessages": {
            "fieldScope": {
                "children": {
                    "name": {"messages": ["it is missing"]},
                    "height": {"messages": ["expected a whole number"]},
                    "place": {"children": {"city": {"messages": ["expected one of Here, There"]}}},
                }
            }
        },
    }
    assert (await ruled.do("document:validate", body={"name": "nobody"}))["errorMessages"] == {
        "documentScope": ["it does not match the validators of the specification"]
    }
    assert await ruled.stations.sources() == {}


async def test_an_update_brings_no_defaults_for_what_is_absent(ruled: Ruled) -> None:
    await ruled.do("bulk:write", _id="a", body={"name": "a"})
    await ruled.do("document:update", _id="a", body={"tags": ["x"]})
    assert await ruled.stations.sources() == {"a": {"name": "a", "tags": ["x"]}}
    await ruled.do("document:update", _id="a", body={"height": None})
    assert (await ruled.stations.sources())["a"]["height"] == 7


async def test_specifications_are_kept_listed_and_forgotten(ruled: Ruled, make_stations: Any) -> None:
    found = await ruled.do("collection:getSpecifications")
    assert found == {**ruled.here, "validation": SPECIFICATION}
    other = (await make_stations()).platform
    assert (await other.refused("document:create", **ruled.here, body=BAD))["id"] == "validation.check.failed_field"
    changed = {"fields": {"height": {"type": "numeric"}}}
    dry = await ruled.do("collection:updateSpecifications", body=changed, dryRun=True)
    assert dry == changed | {"dryRun": True}
    assert (await ruled.do("collection:deleteSpecifications", dryRun=True))["dryRun"] is True
    assert await ruled.do("collection:getSpecifications") == found
    query = {"query": {"term": {"index": ruled.here["index"]}}}
    await ruled.do("collection:updateSpecifications", body=SPECIFICATION, refresh="wait_for")
    listed = await other.do("collection:searchSpecifications", body=query)
    assert (listed["total"], listed["hits"][0]["_source"]) == (1, found)
    assert listed["hits"][0]["_id"] == "#".join(ruled.here.values())
    scrolled = await other.do("collection:searchSpecifications", body=query, size=1, scroll="5s")
    assert ([hit["_source"] for hit in scrolled["hits"]], scrolled["remaining"]) == ([found], 0)
    error = await other.refused("collection:scrollSpecifications", scrollId=scrolled["scrollId"])
    assert error["id"] == "services.storage.unknown_scroll_id"
    curated = await other.documents.specifications.curated(Target(**ruled.here), None, {"name": "a"})
    assert curated == {"name": "a", "height": 7}
    with pytest.raises(ApiError) as refused:
        await other.documents.specifications.curated(Target(**ruled.here), "x", BAD)
    assert refused.value.id == "validation.check.failed_field"
    assert await ruled.do("collection:deleteSpecifications") == {"acknowledged": True}
    assert await ruled.do("collection:deleteSpecifications") == {"acknowledged": True}
    assert (await ruled.refused("collection:getSpecifications"))["id"] == "validation.assert.not_found"
    await ruled.do("document:create", body=BAD)


async def test_what_is_no_specification(ruled: Ruled) -> None:
    for body, fault in (
        ({"fields": {"a": {"type": "tall"}}}, "unknown type"),
        ({"fields": {"a": {}}}, "it has no type"),
        ({"fields": {"a/b": {"type": "string"}}}, 'the parent of "a/b" is not specified'),
        ({"fields": {"a": {"type": "string"}, "a/b": {"type": "string"}}}, "is no object"),
        ({"fields": {"a": {"type": "integer", "typeOptions": {"range": {"min": 3, "max": 1}}}}}, "above its max"),
        (
            {"fields": {"a": {"type": "integer", "defaultValue": "tall"}}},
            '"a": its defaultValue is refused: expected a',
        ),
        (
            {
                "fields": {
                    "a": {"type": "object", "typeOptions": {"strict": True}, "defaultValue": {"c": 1}},
                    "a/b": {"type": "enum", "typeOptions": {"values": ["x"]}, "defaultValue": "y"},
                }
            },
            '"a": its defaultValue is refused at "a/c": the specification does not have this field',
        ),
        (
            {"fields": {"a": {"type": "string", "multivalued": {"value": True, "minCount": 1}, "defaultValue": []}}},
            '"a": its defaultValue is refused: it has 0 values',
        ),
        ({"validators": [{"equal": {"a": 1}}]}, "validators[0]"),
        ({"unheard": 1}, 'unknown member "unheard"'),
    ):
        judged = await ruled.do("collection:validateSpecifications", body=body)
        assert (judged["valid"], fault in judged["details"][0]) == (False, True), judged
        error = await ruled.refused("collection:updateSpecifications", body=body)
        assert (error["id"], error["status"]) == ("validation.assert.invalid_specifications", 400)
        assert error["details"] == judged["details"]
    assert await ruled.do("collection:validateSpecifications", body=SPECIFICATION) == {"valid": True}
    for action in ("get", "update", "delete", "validate"):
        for place, id in (({"index": "nowhere"}, "unknown_index"), ({"collection": "nowhere"}, "unknown_collection")):
            error = await ruled.refused(f"collection:{action}Specifications", body={}, **place)
            assert error["id"] == f"services.storage.{id}"
    for place in ({"index": "nowhere"}, {"collection": "nowhere"}):
        error = await ruled.refused("document:validate", body={}, **place)
        assert error["id"] == f"services.storage.unknown_{next(iter(place))}"


async def test_a_specification_goes_with_its_collection(stations: Any) -> None:
    platform, index = stations.platform, stations.index
    here = {"index": index, "collection": "ruled"}
    specification = {"fields": {"height": {"type": "integer"}}}
    for _ in range(2):
        await platform.do("collection:create", **here)
        await platform.do("document:create", **here, body={"height": "tall"})
        await platform.do("collection:updateSpecifications", **here, body=specification)
        assert (await platform.refused("document:create", **here, body={"height": "tall"}))["status"] == 400
        await platform.do("collection:delete", **here)
    found = await platform.documents.specifications.rules(Target(**here))
    assert found is None
    assert (await platform.documents.specifications.validate(Target(index, stations.collection), None, {}))["valid"]


async def test_a_deletion_that_was_cut_short_leaves_no_specification(
    ruled: Ruled, make_stations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the deletion of a collection or an index and that of what goes with it."""
    platform, index = ruled.stations.platform, ruled.here["index"]
    new = f"{index}-x"

    async def killed(*_: Any) -> None:
        raise api_error("services.storage.unavailable", "it was killed")

    places = [{"index": index, "collection": "cut"}, {"index": new, "collection": "cut"}]
    for place in places:
        await platform.do("collection:create", **place)
        await platform.do("collection:updateSpecifications", **place, body=SPECIFICATION)
    with monkeypatch.context() as patch:
        patch.setattr(module, "remove_specifications", killed)
        await platform.refused("collection:delete", **places[0])
        await platform.refused("index:delete", index=new)
    await platform.do("collection:create", **places[0])
    await platform.do("document:create", **places[0], body=BAD)  # the rules were those of another collection
    await platform.do("collection:delete", **places[0])
    query = {"query": {"prefix": {"index": index}}}
    await platform.store.refresh(SPECIFICATIONS_INDEX, SPECIFICATIONS)
    assert (await platform.do("collection:searchSpecifications", body=query))["total"] == 2
    another = (await make_stations()).platform  # a server that starts
    await platform.store.refresh(SPECIFICATIONS_INDEX, SPECIFICATIONS)
    [left] = (await another.do("collection:searchSpecifications", body=query))["hits"]
    assert left["_source"] == {**ruled.here, "validation": SPECIFICATION}, "others stay"


async def test_specifications_are_scrolled(ruled: Ruled) -> None:
    other = {**ruled.here, "collection": "others"}
    await ruled.do("collection:create", **other)
    for place in (other, ruled.here):
        await ruled.do("collection:updateSpecifications", **place, body={"fields": {}}, refresh="wait_for")
    platform = ruled.stations.platform
    body = {"query": {"term": {"index": ruled.here["index"]}}, "sort": "collection"}
    found = await platform.do("collection:searchSpecifications", body=body, size=1, scroll="5s")
    assert ([hit["_source"]["collection"] for hit in found["hits"]], found["remaining"]) == (["others"], 1)
    found = await platform.do("collection:scrollSpecifications", scrollId=found["scrollId"], scroll="5s")
    assert ([hit["_source"]["collection"] for hit in found["hits"]], found["remaining"]) == (["stations"], 0)
    await ruled.do("collection:delete", **other)
    for options, id in (
        ({"scroll": "2m"}, "scroll_duration_too_great"),
        ({"size": 10_001}, "get_limit_exceeded"),
        ({"body": {"unheard": 1}}, "invalid_search_query"),
    ):
        error = await platform.refused("collection:searchSpecifications", **options)
        assert error["id"] == f"services.storage.{id}"
    error = await platform.refused("collection:scrollSpecifications", scrollId=found["scrollId"], scroll="2m")
    assert error["id"] == "services.storage.scroll_duration_too_great"
