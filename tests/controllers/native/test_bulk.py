"""Writing much at once: bulks, and changes by query (router-protocol 5.5, 5.6)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIGH = {"range": {"height": {"gte": 10}}}


async def bulk(stations: Any, action: str, **payload: Any) -> Any:
    """The result of a bulk action on the collection."""
    return await stations.platform.do(
        f"bulk:{action}", **{"index": stations.index, "collection": stations.collection, **payload}
    )


async def refused(stations: Any, action: str, **payload: Any) -> Any:
    """The error of a bulk action on the collection."""
    return await stations.platform.refused(
        f"bulk:{action}", **{"index": stations.index, "collection": stations.collection, **payload}
    )


async def test_import_carries_lines_out_in_order(stations: Any) -> None:
    await stations.add("old")
    lines = [
        {"index": {"_id": "a"}},
        {"name": "a", "_kuzzle_info": {"author": "forged"}},
        {"create": {"_id": "a"}},
        {"name": "twice"},
        {"update": {"_id": "a"}},
        {"doc": {"height": 3}},
        {"update": {"_id": "b"}},
        {"doc": {"height": 4}, "upsert": {"name": "b"}},
        {"update": {"_id": "b"}},
        {"doc": {"height": 5}, "upsert": {"name": "other"}},
        {"update": {"_id": "c"}},
        {"doc": {"name": "c"}, "doc_as_upsert": True},
        {"update": {"_id": "nowhere"}},
        {"doc": {"height": 4}},
        {"index": {"_id": "d"}},
        {"unheard": "of"},
        {"delete": {"_id": "old"}},
        {"delete": {"_id": "nowhere"}},
        {"index": {}},
        {"name": "generated"},
    ]
    done = await bulk(stations, "import", body={"bulkData": lines})
    carried_out = [next(iter(line)) for line in done["successes"]]
    assert carried_out == ["index", *["update"] * 4, "delete", "index"]
    assert done["successes"][:2] == [{"index": {"_id": "a", "status": 201}}, {"update": {"_id": "a", "status": 200}}]
    assert done["successes"][2] == {"update": {"_id": "b", "status": 201}}
    failures = [(action, line) for error in done["errors"] for action, line in error.items()]
    failed = [(action, line["_id"], line["status"], line["error"]["type"]) for action, line in failures]
    assert failed == [
        ("create", "a", 400, "services.storage.document_already_exists"),
        ("update", "nowhere", 404, "services.storage.not_found"),
        ("index", "d", 400, "services.storage.strict_mapping_rejection"),
        ("delete", "nowhere", 404, "services.storage.not_found"),
    ]
    assert done["errors"][0]["create"]["_source"] == {"name": "twice"}
    assert "_source" not in done["errors"][3]["delete"]
    sources = await stations.sources()
    generated = done["successes"][-1]["index"]["_id"]
    assert sources == {
        "a": {"name": "a", "height": 3},
        "b": {"name": "b", "height": 5},
        "c": {"name": "c"},
        generated: {"name": "generated"},
    }
    info = (await stations.do("get", _id="a"))["_source"]["_kuzzle_info"]
    assert (info["author"], info["updater"]) == ("-1", "-1")


async def test_an_import_may_be_strict_or_dry(stations: Any) -> None:
    lines = [{"index": {"_id": "a"}}, {"name": "a"}, {"delete": {"_id": "nowhere"}}]
    error = await refused(stations, "import", body={"bulkData": lines}, strict=True)
    assert (error["id"], error["count"]) == ("api.process.incomplete_multiple_request", 1)
    assert error["errors"][0]["delete"]["status"] == 404
    dry = await bulk(stations, "import", body={"bulkData": lines}, dryRun=True)
    assert (len(dry["successes"]), dry["dryRun"]) == (1, True)
    assert await stations.sources() == {}
    assert await bulk(stations, "import", body={"bulkData": []}) == {"successes": [], "errors": []}


async def test_an_import_takes_no_scripts_and_no_nonsense(stations: Any) -> None:
    for lines, id, where in (
        (
            [{"update": {"_id": "a"}}, {"script": {"source": "x"}}],
            "services.storage.invalid_query_keyword",
            "[1].script",
        ),
        ([{"update": {"_id": "a"}}, {"doc": {}, "lang": "x"}], "api.assert.unexpected_argument", "[1].lang"),
        ([{"update": {"_id": "a"}}, {"doc": {}, "upsert": 3}], "api.assert.invalid_type", "[1].upsert"),
        ([{"update": {}}, {"doc": {}}], "api.assert.missing_argument", "[0].update._id"),
        ([{"delete": {}}], "api.assert.missing_argument", "[0].delete._id"),
        ([{"index": {"_id": "a"}}], "api.assert.invalid_type", "[1]"),
        ([{"paint": {}}, {}], "api.assert.invalid_argument", "[0]"),
    ):
        error = await refused(stations, "import", body={"bulkData": lines})
        assert (error["id"], error["props"][0]) == (id, f"body.bulkData{where}")
    assert (await refused(stations, "import", body={}))["id"] == "api.assert.missing_argument"


async def test_a_bulk_is_not_limited(make_stations: Any) -> None:
    stations = await make_stations(documents_write_count=5)
    lines: list[Any] = []
    for number in range(1200):
        lines += [{"index": {"_id": f"d{number}"}}, {"height": number}]
    assert len((await bulk(stations, "import", body={"bulkData": lines}, refresh="wait_for"))["successes"]) == 1200
    change = {"query": {"range": {"height": {"gte": 0}}}, "changes": {"name": "new"}}
    assert await bulk(stations, "updateByQuery", body=change, refresh=True) == {"updated": 1200}
    assert await stations.do("count", body={"query": {"term": {"name": "new"}}}) == {"count": 1200}
    error = await stations.refused("updateByQuery", body=change)
    assert (error["id"], error["status"]) == ("services.storage.write_limit_exceeded", 413)
    assert await bulk(stations, "deleteByQuery", body={"query": {"match_all": {}}}, dryRun=True) == {
        "deleted": 1200,
        "dryRun": True,
    }
    documents = [{"_id": f"d{number}", "body": {"height": 1}} for number in range(10)]
    assert len((await bulk(stations, "mWrite", body={"documents": documents}))["successes"]) == 10
    assert await bulk(stations, "deleteByQuery", body={"query": {"exists": {"field": "height"}}}) == {"deleted": 1200}
    assert await stations.sources() == {}


async def test_a_bulk_by_query_sent_again_has_one_effect(stations: Any) -> None:
    await stations.add("a", "b", "c", height=1)
    low = {"query": {"term": {"height": 1}}}
    for action, body, answer in (
        ("updateByQuery", low | {"changes": {"name": "new"}}, {"updated": 3}),
        ("deleteByQuery", low, {"deleted": 3}),
    ):
        key = f"{stations.index}-{action}"
        assert await bulk(stations, action, body=body, idempotencyKey=key, refresh=True) == answer
        await stations.add("later", height=1)
        assert await bulk(stations, action, body=body, idempotencyKey=key) == answer
        assert (await stations.sources())["later"] == {"name": "later", "height": 1}
        await stations.do("delete", _id="later", refresh=True)


async def test_changes_by_query(stations: Any) -> None:
    await stations.add("low", height=3, place={"city": "Here", "street": "First"})
    await stations.add("high", "higher", height=12, place={"city": "Here", "street": "First"})
    change = {"query": HIGH, "changes": {"place": {"city": "There"}, "_kuzzle_info": {"author": "forged"}}}
    dry = await stations.do("updateByQuery", body=change, dryRun=True)
    assert (len(dry["successes"]), dry["dryRun"]) == (2, True)
    done = await stations.do("updateByQuery", body=change, source=True, refresh="wait_for")
    assert done["errors"] == []
    assert sorted(success["_id"] for success in done["successes"]) == ["high", "higher"]
    assert {(success["_version"], success["status"]) for success in done["successes"]} == {(2, 200)}
    (source,) = (success["_source"] for success in done["successes"] if success["_id"] == "high")
    info = source.pop("_kuzzle_info")
    assert source == {"name": "high", "height": 12, "place": {"city": "There", "street": "First"}}
    assert (info["author"], info["updater"]) == ("-1", "-1")
    assert (await stations.sources())["low"]["place"]["city"] == "Here"
    again = await stations.do(
        "updateByQuery", body={"query": {"equals": {"name": "low"}}, "changes": {}}, lang="koncorde"
    )
    assert [success.keys() for success in again["successes"]] == [{"_id", "_version", "status"}]
    wrong = {"query": HIGH, "changes": {"height": "tall"}}
    partly = await stations.do("updateByQuery", body=wrong)
    assert partly["successes"] == []
    assert {(error["document"]["_id"], error["status"]) for error in partly["errors"]} == {
        ("high", 400),
        ("higher", 400),
    }
    error = await refused(stations, "updateByQuery", body=wrong)
    assert (error["id"], error["props"], error["count"]) == ("services.storage.incomplete_update", [0], 2)


BODIES: dict[str, Any] = {
    "bulk:deleteByQuery": {"query": {}},
    "bulk:updateByQuery": {"query": {}, "changes": {}},
    "document:updateByQuery": {"query": {}, "changes": {}},
    "bulk:import": {"bulkData": [{"index": {}}, {}]},
    "bulk:mWrite": {"documents": [{"body": {}}]},
    "bulk:write": {},
}


async def test_writing_by_query_needs_a_query(stations: Any) -> None:
    await stations.add("a")
    here = {"index": stations.index, "collection": stations.collection}
    queries: list[dict[str, Any]] = [{}, {"query": None}, {"query": []}]
    for query in queries:
        for action in ("bulk:deleteByQuery", "bulk:updateByQuery", "document:updateByQuery"):
            more: dict[str, Any] = {} if action == "bulk:deleteByQuery" else {"changes": {}}
            error = await stations.platform.refused(action, **here, body=query | more)
            assert (error["id"], error["props"]) == ("services.storage.missing_argument", ["body.query"])
    assert (await refused(stations, "updateByQuery", body={"query": {}}))["id"] == "api.assert.missing_argument"
    for action, body in BODIES.items():
        for place, id in (({"index": "nowhere"}, "unknown_index"), ({"collection": "nowhere"}, "unknown_collection")):
            error = await stations.platform.refused(action, **(here | place), body=body)
            assert error["id"] == f"services.storage.{id}", action
    assert set(await stations.sources()) == {"a"}


async def test_documents_are_written_as_they_are(stations: Any) -> None:
    info = {"author": "ada", "createdAt": 5}
    written = await bulk(stations, "write", _id="raw", body={"name": "a", "_kuzzle_info": info})
    assert written == {"_id": "raw", "_source": {"name": "a", "_kuzzle_info": info}, "_version": 1}
    assert (await bulk(stations, "write", _id="raw", body={"name": "b"}))["_version"] == 2
    assert (await stations.do("get", _id="raw"))["_source"] == {"name": "b"}
    assert len((await bulk(stations, "write", body={"name": "c"}))["_id"]) > 10
    done = await bulk(
        stations,
        "mWrite",
        body={
            "documents": [
                {"_id": "raw", "body": {"name": "d", "_kuzzle_info": info}},
                {"body": {"name": "e"}},
                {"_id": 3},
            ]
        },
        notify=True,
    )
    assert done["successes"][0]["_source"]["_kuzzle_info"] == info
    assert [success["_version"] for success in done["successes"]] == [3, 1]
    assert [error["status"] for error in done["errors"]] == [400]
    error = await refused(stations, "mWrite", body={"documents": [{"_id": "z", "body": {"what": 1}}]}, strict=True)
    assert error["id"] == "api.process.incomplete_multiple_request"
    assert (await refused(stations, "write", _id="raw", body={"what": 1}))["id"].endswith("strict_mapping_rejection")
    assert (await refused(stations, "mWrite", body={"documents": [{"_source": {}}]}))["id"].endswith(
        "unexpected_argument"
    )


async def test_engines_are_written_by_their_rules(platform: Any) -> None:
    asset, device = await platform.asset("1"), await platform.device("1")
    await platform.link(device, asset, {"device": "temperature", "asset": "temperatureExt"})
    here = {"index": platform.engine, "collection": "assets"}
    query = {"ids": {"values": [asset]}}
    await platform.do("bulk:updateByQuery", **here, body={"query": query, "changes": {"metadata": {"weight": 5}}})
    assert (await platform.source("assets", asset))["metadata"]["weight"] == 5
    assert [entry["event"]["name"] for entry in await platform.history(asset)][-1] == "metadata"
    unlinked: dict[str, Any] = {"linkedMeasures": []}
    done = await platform.do("document:updateByQuery", **here, body={"query": query, "changes": unlinked})
    assert [(error["document"]["_id"], error["status"]) for error in done["errors"]] == [(asset, 400)]
    lines = [{"update": {"_id": asset}}, {"doc": unlinked}]
    done = await platform.do("bulk:import", **here, body={"bulkData": lines})
    assert done["errors"][0]["update"]["error"]["type"] == "device_manager.native.managed_member"
    error = await platform.refused("bulk:write", **here, _id=asset, body={"model": "Container", "reference": "1"})
    assert error["id"] == "device_manager.native.managed_member"
    await platform.do("bulk:import", **here, body={"bulkData": [{"delete": {"_id": asset}}]}, refresh=True)
    assert await platform.links("devices", device) == []
    assert await platform.do("bulk:deleteByQuery", **(here | {"collection": "devices"}), body={"query": {}}) == {
        "deleted": 1
    }
    await platform.check()
