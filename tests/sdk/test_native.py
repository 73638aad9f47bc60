"""The SDK's own methods for indices, collections and documents, over WebSocket and HTTP, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess

StartSdk = Callable[[str, int], Any]
MAPPINGS = {"dynamic": "strict", "properties": {"name": {"type": "keyword"}, "height": {"type": "integer"}}}


@pytest.fixture(params=["ws client", "http"])
def sdk(request: pytest.FixtureRequest, server: ServerProcess, start_sdk: StartSdk) -> Any:
    """An SDK instance with an index of its own in `sdk.index`, without collections."""
    made = start_sdk(request.param, server.port)
    made.index = "sdk-" + request.param.replace(" ", "-")
    made.resolved("index", "create", made.index)
    return made


def test_everyday_native_methods(sdk: Any) -> None:
    index, here = sdk.index, (sdk.index, "stations")
    assert sdk.resolved("index", "exists", index) is True
    assert "already exists" in sdk.rejected("index", "create", index)["message"]
    assert index in sdk.resolved("index", "list")
    assert sdk.resolved("collection", "create", *here, {"mappings": MAPPINGS}) is None
    assert sdk.resolved("collection", "exists", *here) is True
    assert sdk.resolved("collection", "getMapping", *here) == MAPPINGS
    assert sdk.resolved("collection", "list", index)["collections"] == [{"name": "stations", "type": "stored"}]
    check_single(sdk, here)
    check_many(sdk, here)
    check_searches(sdk, here)
    assert sdk.resolved("collection", "truncate", *here) is None
    assert sdk.resolved("document", "count", *here) == 0
    sdk.resolved("collection", "delete", *here)
    sdk.resolved("index", "delete", index)
    assert sdk.resolved("index", "exists", index) is False


def check_single(sdk: Any, here: tuple[str, str]) -> None:
    made = sdk.resolved("document", "create", *here, {"name": "North"}, "north")
    assert (made["_id"], made["_version"]) == ("north", 1)
    assert len(sdk.resolved("document", "create", *here, {"height": 0})["_id"]) >= 20
    assert sdk.resolved("document", "exists", *here, "north") is True
    assert sdk.resolved("document", "get", *here, "north")["_source"]["name"] == "North"
    missing = sdk.rejected("document", "get", *here, "nowhere")
    assert (missing["status"], missing["id"], missing["isKuzzleError"]) == (404, "services.storage.not_found", True)
    assert sdk.resolved("document", "update", *here, "north", {"height": 3})["_version"] == 2
    assert sdk.resolved("document", "replace", *here, "north", {"name": "N"})["_source"]["name"] == "N"
    assert sdk.resolved("document", "createOrReplace", *here, "south", {"name": "S"})["created"] is True
    assert (
        sdk.resolved("document", "upsert", *here, "west", {"name": "W"}, {"default": {"height": 1}})["created"] is True
    )
    assert sdk.resolved("document", "deleteFields", *here, "west", ["height"])["_version"] == 2
    assert sdk.resolved("document", "delete", *here, "west") == "west"


def check_many(sdk: Any, here: tuple[str, str]) -> None:
    documents = [{"_id": f"s{n}", "body": {"name": "many", "height": n}} for n in range(5)]
    made = sdk.resolved("document", "mCreate", *here, documents)
    assert [success["_id"] for success in made["successes"]] == [f"s{n}" for n in range(5)]
    again = sdk.resolved("document", "mCreate", *here, documents[:1])
    assert again["errors"][0]["document"] == documents[0]
    assert len(sdk.resolved("document", "mReplace", *here, documents[:2])["successes"]) == 2
    assert len(sdk.resolved("document", "mCreateOrReplace", *here, documents[:2])["successes"]) == 2
    updated = sdk.resolved(
        "document", "mUpdate", *here, [{"_id": "s0", "body": {"height": 9}}], {"refresh": "wait_for"}
    )
    assert updated["successes"][0]["_source"]["height"] == 9
    found = sdk.resolved("document", "mGet", *here, ["s1", "nowhere", "s0"])
    assert [document["_id"] for document in found["successes"]] == ["s1", "s0"]
    assert found["errors"] == ["nowhere"]
    assert sdk.resolved("document", "mDelete", *here, ["s4", "nowhere"])["successes"] == ["s4"]


def check_searches(sdk: Any, here: tuple[str, str]) -> None:
    sdk.resolved("collection", "refresh", *here)
    many = {"query": {"term": {"name": "many"}}}
    assert sdk.resolved("document", "count", *here, many) == 4
    by_height = many | {"sort": [{"height": "asc"}]}
    found = sdk.resolved("document", "search", *here, by_height, {"size": 3})
    assert found == {"pages": [["s1", "s2", "s3"], ["s0"]], "total": 4}
    filter = {"query": {"equals": {"name": "many"}}}
    found = sdk.resolved("document", "search", *here, filter, {"lang": "koncorde", "size": 2})
    assert found["total"] == 4
    gone = sdk.resolved("document", "deleteByQuery", *here, many)
    assert sorted(gone) == ["s0", "s1", "s2", "s3"]
