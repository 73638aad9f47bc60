"""The generic events around groups: once for each write, and of metadata only they may change anything (2.4, 0.4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Recorder:
    """Listens to the generic events.

    Attributes:
        heard: event -> ids of the documents, call by call.
        changes: id -> metadata that the pipes before writing put into it.
    """

    def __init__(self, bus: Any) -> None:
        self.heard: dict[str, list[list[str]]] = {}
        self.changes: dict[str, dict[str, Any]] = {}
        for moment in ("before", "after"):
            for kind in ("Write", "Update", "Delete"):
                self._listen(bus, f"generic:document:{moment}{kind}", changes=moment == "before")

    def _listen(self, bus: Any, event: str, *, changes: bool) -> None:
        async def pipe(payload: Any, request: Any) -> Any:
            self.heard.setdefault(event.removeprefix("generic:document:"), []).append([item["_id"] for item in payload])
            for item in payload:
                if changes and item["_id"] in self.changes:
                    item["_source"].setdefault("metadata", {}).update(self.changes[item["_id"]])
            return payload

        bus.add_pipe(event, pipe, owner="recorder")
        bus.compile()

    def taken(self) -> dict[str, list[list[str]]]:
        """What was heard since the last look."""
        heard, self.heard = self.heard, {}
        return heard


async def test_each_write_is_told_once(groups: Any) -> None:
    recorder = Recorder(groups.platform.bus)
    await groups.do("groups:create", _id="a", body={"name": "A", "model": "Parking"})
    assert recorder.taken() == {"beforeWrite": [["a"]], "afterWrite": [["a"]]}
    recorder.changes = {"b": {"places": 7}, "a": {"places": 8}}
    batch = [{"_id": "b", "name": "B", "path": "a", "model": "Parking"}, {"_id": "a", "metadata": {"open": True}}]
    result = await groups.do("groups:mUpsert", body={"groups": batch})
    assert recorder.taken() == {
        "beforeWrite": [["b"]],
        "beforeUpdate": [["a"]],
        "afterWrite": [["b"]],
        "afterUpdate": [["a"]],
    }
    places = [success["_source"]["metadata"]["places"] for success in result["successes"]]
    assert places == [7, 8]
    assert result["successes"][1]["_source"]["metadata"]["open"] is True
    asset = await groups.platform.asset("1")
    recorder.taken()
    recorder.changes = {asset: {"note": "parked"}, "b": {"places": 1}}
    added = await groups.add("a.b", asset)
    assert recorder.taken() == {
        "beforeWrite": [[asset]],
        "beforeUpdate": [["b"]],
        "afterWrite": [[asset]],
        "afterUpdate": [["b"]],
    }
    assert added["successes"][0]["_source"]["metadata"]["note"] == "parked"
    assert added["group"]["_source"]["metadata"]["places"] == 1
    recorder.changes = {}
    await groups.do("groups:update", _id="a", body={"name": "AA"}, dryRun=True)
    assert recorder.taken() == {"beforeUpdate": [["a"]]}
    await groups.do("groups:delete", _id="a")
    assert recorder.taken() == {"beforeDelete": [["a"]], "afterDelete": [["a"]]}
    assert await groups.of(asset) == ["b"]
    await groups.check()


async def test_a_pipe_may_change_nothing_but_metadata(groups: Any) -> None:
    async def rename(payload: Any, request: Any) -> Any:
        payload[0]["_source"]["name"] = "mine"
        return payload

    await groups.create("a")
    for kind in ("Write", "Update"):
        groups.platform.bus.add_pipe(f"generic:document:before{kind}", rename, owner="rename")
    groups.platform.bus.compile()
    for action, arguments in (
        ("create", {"_id": "b", "body": {"name": "B"}}),
        ("update", {"_id": "a", "body": {"name": "B"}}),
        ("mCreate", {"body": {"groups": [{"_id": "b", "name": "B"}]}}),
    ):
        error = await groups.platform.refused(f"groups:{action}", **arguments)
        assert error["id"] == "plugin.runtime.forbidden_change"
    assert await groups.paths() == {"a": "a"}
