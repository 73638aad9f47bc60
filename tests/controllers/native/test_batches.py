"""Native documents by the list: verdicts item by item, `strict`, limits (router-protocol 2.5, 5.6)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRITES = ("mCreate", "mCreateOrReplace", "mReplace", "mUpdate", "mUpsert")


def documents(action: str, *items: tuple[str | None, dict[str, Any]]) -> dict[str, Any]:
    content = "changes" if action == "mUpsert" else "body"
    return {"documents": [{"_id": id, content: body} for id, body in items]}


async def test_m_create_keeps_the_order(stations: Any) -> None:
    await stations.add("b")
    answer = await stations.do(
        "mCreate", body=documents("mCreate", ("c", {"height": 1}), ("b", {}), (None, {}), ("c", {}), ("a", {}))
    )
    first, generated, last = answer["successes"]
    assert (first["_id"], first["created"], first["status"]) == ("c", True, 201)
    assert first["_source"]["_kuzzle_info"]["author"] == "-1"
    assert len(generated["_id"]) >= 20
    assert last["_id"] == "a"
    assert answer["errors"] == [
        {"document": {"_id": id, "body": {}}, "reason": "Document already exists.", "status": 400} for id in ("b", "c")
    ]
    assert len(await stations.sources()) == 4


async def test_m_create_or_replace(stations: Any) -> None:
    await stations.add("a")
    answer = await stations.do("mCreateOrReplace", body=documents("", ("a", {"height": 1}), ("b", {})), source=False)
    versions = [success.pop("_version") for success in answer["successes"]]
    assert all(type(version) is int for version in versions)
    assert answer == {
        "successes": [{"_id": "a", "created": False, "status": 200}, {"_id": "b", "created": True, "status": 201}],
        "errors": [],
    }
    assert await stations.sources() == {"a": {"height": 1}, "b": {}}


async def test_m_replace_and_m_update_need_documents(stations: Any) -> None:
    await stations.add("a", height=1)
    replaced = await stations.do("mReplace", body=documents("", ("a", {"name": "A"}), ("nowhere", {})))
    (success,) = replaced["successes"]
    version = success["_version"]
    assert success["_source"]["_kuzzle_info"]["updater"] is None
    assert replaced["errors"][0]["status"] == 404
    updated = await stations.do("mUpdate", body=documents("", ("nowhere", {}), ("a", {"place": {"city": "Oslo"}})))
    (success,) = updated["successes"]
    assert success["_version"] == version + 1
    assert success["_updatedFields"] == ["place.city"]
    assert success["_source"]["name"] == "A"
    assert success["_source"]["_kuzzle_info"]["updater"] == "-1"
    assert "created" not in success
    assert updated["errors"] == [
        {
            "document": {"_id": "nowhere", "body": {}},
            "reason": f'Document "nowhere" not found in "{stations.index}":"stations".',
            "status": 404,
        }
    ]
    silent = await stations.do("mUpdate", body=documents("", ("a", {"height": 2})), silent=True, source="false")
    assert silent["successes"] == [{"_id": "a", "_version": version + 2, "status": 200}]


async def test_m_update_of_one_document_twice_applies_both(stations: Any) -> None:
    await stations.add("a")
    answer = await stations.do("mUpdate", body=documents("", ("a", {"height": 1}), ("a", {"name": "A"})))
    assert answer["successes"][1]["_source"]["height"] == 1
    assert await stations.sources() == {"a": {"name": "A", "height": 1}}


async def test_m_upsert_prefers_defaults_to_changes(stations: Any) -> None:
    await stations.add("a")
    items = [{"_id": id, "changes": {"name": "new"}, "default": {"name": "D", "height": 1}} for id in ("a", "b")]
    answer = await stations.do("mUpsert", body={"documents": items})
    assert [(success["_id"], success["created"]) for success in answer["successes"]] == [("a", False), ("b", True)]
    assert await stations.sources() == {"a": {"name": "new"}, "b": {"name": "D", "height": 1}}


async def test_m_delete(stations: Any) -> None:
    await stations.add("a", "b")
    answer = await stations.do("mDelete", body={"ids": ["b", "nowhere", "a", 7]})
    assert answer["successes"] == ["b", "a"]
    assert [(error["_id"], error["status"]) for error in answer["errors"]] == [("nowhere", 404), (7, 400)]
    assert await stations.sources() == {}


async def test_m_get_and_m_exists_keep_the_order(stations: Any) -> None:
    await stations.add("a", "b")
    for given in ({"body": {"ids": ["b", "x", "a", "b"]}}, {"ids": "b,x,a,b"}, {"ids": '["b", "x", "a", "b"]'}):
        found = await stations.do("mGet", **given)
        assert [document["_id"] for document in found["successes"]] == ["b", "a", "b"]
        assert found["successes"][1]["_source"]["name"] == "a"
        assert found["errors"] == ["x"]
    assert await stations.do("mExists", body={"ids": ["b", "x"]}) == {"successes": ["b"], "errors": ["x"]}
    assert await stations.do("mGet", body={"ids": []}) == {"successes": [], "errors": []}


async def test_ids_have_to_be_there(stations: Any) -> None:
    for action in ("mGet", "mExists", "mDelete"):
        assert (await stations.refused(action, body={}))["id"] == "api.assert.missing_argument"
        assert (await stations.refused(action, body={"ids": 5}))["id"] == "api.assert.invalid_type"


async def test_calls_are_bounded(make_stations: Any) -> None:
    stations = await make_stations(documents_write_count=2, search_size=2)
    for action in ("mGet", "mExists"):
        error = await stations.refused(action, body={"ids": ["a", "b", "c"]})
        assert (error["id"], error["status"]) == ("services.storage.get_limit_exceeded", 413)
        assert (await stations.refused(action, body={"ids": ["a", 5]}))["props"] == ["ids[1]", "string"]
    for action in (*WRITES, "mDelete"):
        body = {"ids": ["a"] * 3} if action == "mDelete" else documents(action, *[("a", {})] * 3)
        error = await stations.refused(action, body=body)
        assert (error["id"], error["status"]) == ("services.storage.write_limit_exceeded", 413)


async def test_unusable_items_are_refused_one_by_one(stations: Any) -> None:
    await stations.add("a")
    for action in WRITES:
        content = "changes" if action == "mUpsert" else "body"
        bad: list[Any] = [
            {"_id": "x", content: 3},
            {"_id": "x"},
            {"_id": 5, content: {}},
            {"_id": "x" * 600, content: {}},
            "text",
            {"_id": "x", content: {"unheardOf": 1}},
        ]
        good_id = "b" if action == "mCreate" else "a"
        answer = await stations.do(action, body={"documents": [*bad, {"_id": good_id, content: {"height": 3}}]})
        assert [success["_id"] for success in answer["successes"]] == [good_id]
        statuses = [error["status"] for error in answer["errors"]]
        assert len(statuses) == len(bad)
        assert set(statuses) <= {400, 404}
        assert answer["errors"][0]["document"] == bad[0]
        if action != "mCreate":
            answer = await stations.do(action, body={"documents": [{content: {}}]})
            assert answer["errors"][0]["status"] == 400


async def test_source_in_an_item_is_a_mistake_of_the_call(stations: Any) -> None:
    for action in WRITES:
        error = await stations.refused(action, body={"documents": [{"_id": "a", "_source": {}}]})
        assert error["id"] == "api.assert.unexpected_argument"
        assert error["props"][0] == "documents[0]._source"
        assert (await stations.refused(action, body={}))["props"] == ["body.documents"]


async def test_strict_writes_all_or_nothing(stations: Any) -> None:
    await stations.add("a")
    before = await stations.sources()
    for action in (*WRITES, "mDelete"):
        good = "new" if action == "mCreate" else "a"
        body = (
            {"ids": [good, "nowhere"]}
            if action == "mDelete"
            else documents(action, (good, {}), ("n", {"unheardOf": 1}))
        )
        error = await stations.refused(action, body=body, strict=True)
        assert (error["id"], error["status"], error["count"]) == ("api.process.incomplete_multiple_request", 400, 1)
        assert error["errors"][0]["reason"]
        assert await stations.sources() == before


async def test_an_empty_list_is_fine(stations: Any) -> None:
    for action in WRITES:
        assert await stations.do(action, body={"documents": []}) == {"successes": [], "errors": []}


async def test_a_large_call_is_one_transaction(make_stations: Any) -> None:
    stations = await make_stations(documents_write_count=500)
    before = stations.platform.store.round_trips.commits
    answer = await stations.do("mCreate", body=documents("", *((f"s{n}", {"height": n}) for n in range(500))))
    assert [success["_id"] for success in answer["successes"]] == [f"s{n}" for n in range(500)]
    assert stations.platform.store.round_trips.commits - before <= 3
