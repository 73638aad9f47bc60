"""The generic events around native documents (router-protocol 3.4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

GENERIC = "generic:document:"
AB = {"query": {"ids": {"values": ["a", "b"]}}}
DOCUMENTS = {"documents": [{"_id": "a", "body": {"height": 1}, "changes": {"height": 1}}, {"_id": 5}]}

EXPECTED: list[tuple[str, dict[str, Any], str, Any, list[str]]] = [
    ("create", {"_id": "new", "body": {"height": 1}}, "Write", [{"_id": "new", "_source": {"height": 1}}], ["new"]),
    ("createOrReplace", {"_id": "a", "body": {}}, "Write", [{"_id": "a", "_source": {}}], ["a"]),
    ("replace", {"_id": "a", "body": {}}, "Write", [{"_id": "a", "_source": {}}], ["a"]),
    ("update", {"_id": "a", "body": {"height": 1}}, "Update", [{"_id": "a", "_source": {"height": 1}}], ["a"]),
    ("upsert", {"_id": "a", "body": {"changes": {}}}, "Update", [{"_id": "a", "_source": {}}], ["a"]),
    ("deleteFields", {"_id": "a", "body": {"fields": ["x"]}}, "Update", [{"_id": "a", "_source": ["x"]}], ["a"]),
    ("delete", {"_id": "a"}, "Delete", [{"_id": "a"}], ["a"]),
    ("deleteByQuery", {"body": AB}, "Delete", None, ["a", "b"]),
    ("get", {"_id": "a"}, "Get", [{"_id": "a"}], ["a"]),
    ("mGet", {"body": {"ids": ["a", "x"]}}, "Get", [{"_id": "a"}, {"_id": "x"}], ["a"]),
    ("mExists", {"body": {"ids": ["a", "x"]}}, "Get", [{"_id": "a"}, {"_id": "x"}], ["a"]),
    ("search", {"body": AB}, "Get", None, ["a", "b"]),
    ("mCreateOrReplace", {"body": DOCUMENTS}, "Write", [{"_id": "a", "_source": {"height": 1}}], ["a"]),
    ("mReplace", {"body": DOCUMENTS}, "Write", [{"_id": "a", "_source": {"height": 1}}], ["a"]),
    ("mUpdate", {"body": DOCUMENTS}, "Update", [{"_id": "a", "_source": {"height": 1}}], ["a"]),
    ("mUpsert", {"body": DOCUMENTS}, "Update", [{"_id": "a", "_source": {"height": 1}}], ["a"]),
    ("mDelete", {"body": {"ids": ["a", "x"]}}, "Delete", [{"_id": "a"}, {"_id": "x"}], ["a"]),
]


async def test_what_listeners_get(stations: Any) -> None:
    heard: dict[str, Any] = {}
    for kind in ("Write", "Update", "Delete", "Get"):
        for event in (f"before{kind}", f"after{kind}"):

            def note(documents: Any, request: Any, event: str = event) -> None:
                heard[event] = documents
                heard["action"] = request.action

            stations.platform.bus.add_pipe(GENERIC + event, note, owner="test", inline=True)
    stations.platform.router.compile()
    for action, payload, kind, before, after in EXPECTED:
        documents = [{"_id": id, "body": {"name": id}} for id in "ab"]
        await stations.do("mCreateOrReplace", body={"documents": documents}, refresh="wait_for")
        heard.clear()
        await stations.do(action, **payload)
        assert heard.pop("action") == action
        assert heard.pop(f"before{kind}", None) == before, action
        assert sorted(document["_id"] for document in heard.pop(f"after{kind}")) == after, action
        assert not heard, action


async def test_further_pages_pass_the_pipes_of_the_first(stations: Any) -> None:
    await stations.add("a", "b")

    def hide(hits: Any, request: Any) -> Any:
        return [hit | {"_source": {"by": request.action}} for hit in hits]

    stations.platform.bus.add_pipe(GENERIC + "afterGet", hide, owner="test", inline=True)
    begun = await stations.do("search", size=1, scroll="5s")
    more = await stations.platform.do("document:scroll", scrollId=begun["scrollId"])
    shown = [(hit["_id"], hit["_source"]) for hit in begun["hits"] + more["hits"]]
    assert shown == [("a", {"by": "search"}), ("b", {"by": "scroll"})]


async def test_exists_tells_listeners_what_it_found(stations: Any) -> None:
    heard: list[Any] = []

    def note(found: Any, request: Any) -> list[bool]:
        heard.append(found)
        return [True]

    stations.platform.bus.add_pipe(GENERIC + "afterGet", note, owner="test", inline=True)
    assert await stations.do("exists", _id="a") is True
    assert heard == [[False]]


async def test_pipes_change_what_is_stored_and_answered(stations: Any) -> None:
    bus = stations.platform.bus

    def add(documents: Any, request: Any) -> Any:
        for document in documents:
            document["_source"]["tags"] = "piped"
        return documents

    def mark(documents: Any, request: Any) -> Any:
        return [document | {"seen": True} for document in documents]

    bus.add_pipe(GENERIC + "beforeWrite", add, owner="test", inline=True)
    bus.add_pipe(GENERIC + "afterWrite", mark, owner="test", inline=True)
    made = await stations.do("create", _id="a", body={})
    assert made["seen"] is True
    many = await stations.do("mCreate", body={"documents": [{"_id": "b", "body": {}}, {"_id": "b", "body": 3}]})
    assert many["successes"][0]["seen"] is True
    assert await stations.sources() == {"a": {"tags": "piped"}, "b": {"tags": "piped"}}


async def test_pipes_redirect_reads_and_deletions(stations: Any) -> None:
    await stations.add("a", "b")
    bus = stations.platform.bus
    for event in ("beforeGet", "beforeDelete"):
        bus.add_pipe(GENERIC + event, lambda documents, request: [{"_id": "b"}], owner="test", inline=True)
    assert (await stations.do("get", _id="a"))["_id"] == "b"
    assert (await stations.do("mGet", ids="a"))["successes"][0]["_id"] == "b"
    assert await stations.do("mDelete", body={"ids": ["a"]}) == {"successes": ["b"], "errors": []}
    assert (await stations.sources()).keys() == {"a"}


async def test_a_failing_after_pipe_says_that_it_is_stored(stations: Any) -> None:
    def fail(documents: Any, request: Any) -> None:
        raise RuntimeError("the mail server is down")

    for event in ("afterWrite", "afterGet"):
        stations.platform.bus.add_pipe(GENERIC + event, fail, owner="test", inline=True)
    error = await stations.refused("create", _id="a", body={})
    assert error["committed"] is True
    assert (await stations.sources()).keys() == {"a"}
    assert "committed" not in await stations.refused("get", _id="a")


async def test_a_dry_run_has_before_pipes_only(stations: Any) -> None:
    heard: list[str] = []
    for event in ("beforeWrite", "afterWrite"):
        stations.platform.bus.add_pipe(
            GENERIC + event, lambda documents, request, event=event: heard.append(event), owner="test", inline=True
        )
    await stations.do("create", _id="a", body={}, dryRun=True)
    await stations.do("mCreate", body={"documents": [{"body": {}}]}, dryRun=True)
    assert heard == ["beforeWrite", "beforeWrite"]


async def test_pipes_inject_metadata(stations: Any) -> None:
    heard: list[Any] = []

    def inject(payload: Any) -> Any:
        heard.append({name: value for name, value in payload.items() if name != "request"})
        payload["metadata"]["updater"] = "pipe"
        if "defaultMetadata" in payload:
            payload["defaultMetadata"]["author"] = "pipe"
        return payload

    stations.platform.bus.add_pipe(GENERIC + "injectMetadata", inject, owner="test", inline=True)
    for action, payload in (
        ("create", {"body": {}}),
        ("update", {"body": {}, "source": True}),
        ("upsert", {"body": {"changes": {}}, "source": True}),
    ):
        written = await stations.do(action, _id="a", **payload)
        assert written["_source"]["_kuzzle_info"]["updater"] == "pipe"
        assert written["_source"]["_kuzzle_info"]["author"] == "-1"
    made = await stations.do("upsert", _id="b", body={"changes": {}}, source=True)
    assert made["_source"]["_kuzzle_info"]["author"] == "pipe"
    assert [set(payload) for payload in heard] == [
        {"metadata"},
        {"metadata"},
        {"metadata", "defaultMetadata"},
        {"metadata", "defaultMetadata"},
    ]


async def test_what_a_pipe_adds_to_one_answer_is_in_no_other(stations: Any) -> None:
    def add(request: Any) -> None:
        request.result["seen"] = True

    stations.platform.bus.add_pipe("collection:afterTruncate", add, owner="test", inline=True)
    stations.platform.router.compile()
    here = {"index": stations.index, "collection": stations.collection}
    assert await stations.platform.do("collection:truncate", **here) == {"acknowledged": True, "seen": True}
    assert await stations.platform.do("collection:create", **here) == {"acknowledged": True}
