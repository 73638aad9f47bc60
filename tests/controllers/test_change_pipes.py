"""The pipes around changed, detached and deleted twins, on both stores (design 5, device-manager 5.5)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError
from device_manager.storage.contract import Key

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNLINK = "device-manager:device:unlink-asset"
DETACH = "device-manager:device:detach-engine"
ATTACH = "device-manager:device:attach-engine"
GENERIC = "generic:document"
CHANGE = "device-manager:asset:update:before"


class Log:
    """Notes the events that fire, in order, with what the pipes got."""

    def __init__(self, platform: Any) -> None:
        self.events: list[tuple[str, Any]] = []
        self._platform = platform

    def listen(self, *events: str, act: Any = None) -> None:
        for event in events:
            self._platform.bus.add_pipe(event, self._pipe(event, act), owner="log")
        self._platform.bus.compile()

    def _pipe(self, event: str, act: Any) -> Any:
        async def pipe(payload: Any, request: Any) -> Any:
            self.events.append((event, copy.deepcopy(payload)))
            return act(payload) if act else None

        return pipe

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def of(self, event: str) -> list[Any]:
        return [payload for name, payload in self.events if name == event]


@pytest_asyncio.fixture(loop_scope="session")
async def linked(platform: Any) -> Any:
    """Device 1 linked to assets 1 and 2, device 2 to asset 1."""
    for number in ("1", "2"):
        await platform.device(number)
        await platform.asset(number)
    for device, asset, pair in [
        ("Dummy-1", "Container-1", {"asset": "temperatureExt", "device": "temperature"}),
        ("Dummy-1", "Container-2", {"asset": "power", "device": "battery"}),
        ("Dummy-2", "Container-1", {"asset": "power", "device": "battery"}),
    ]:
        entry = {"assetId": asset, "measureSlots": [pair]}
        await platform.do("devices:linkAssets", _id=device, body={"linkedMeasures": [entry]})
    return platform


@pytest.mark.parametrize("kind", ["asset", "device"])
async def test_pipes_see_and_change_what_an_update_says(linked: Any, kind: str) -> None:
    id, field = ("Container-1", "note") if kind == "asset" else ("Dummy-1", "color")
    event = f"device-manager:{kind}:update"
    log = Log(linked)
    stored = (await linked.store.get(linked.engine, f"{kind}s", id)).source

    def rewrite(payload: Any) -> Any:
        payload["metadata"][field] += "!"
        return payload

    log.listen(f"{event}:before", act=rewrite)
    log.listen(f"{event}:after", f"{GENERIC}:beforeUpdate", f"{GENERIC}:afterUpdate", f"{GENERIC}:beforeWrite")
    result = await linked.do(f"{kind}s:update", _id=id, body={"metadata": {field: "new"}})
    assert result["_source"]["metadata"][field] == "new!"
    assert log.events == [
        (f"{event}:before", {kind: {"_id": id, "_source": stored}, "metadata": {field: "new"}}),
        (f"{GENERIC}:beforeUpdate", [{"_id": id, "_source": {"metadata": {field: "new!"}}}]),
        (f"{event}:after", {kind: result, "metadata": {field: "new!"}}),
        (f"{GENERIC}:afterUpdate", [result]),
    ]
    log.events.clear()
    result = await linked.do(f"{kind}s:replaceMetadata", _id=id, body={"metadata": {field: "whole"}})
    assert result["_source"]["metadata"][field] == "whole!"
    assert log.names == [f"{event}:before", f"{GENERIC}:beforeWrite", f"{event}:after"]
    assert log.events[0][1][kind]["_source"]["metadata"][field] == "whole"
    assert log.events[1][1][0]["_source"]["linkedMeasures"] == stored["linkedMeasures"]
    await linked.check()


async def test_what_pipes_change_of_the_asset_itself_counts_as_well(linked: Any) -> None:
    def through_asset(payload: Any) -> Any:
        payload["asset"]["_source"]["metadata"]["weight"] = 77
        return payload

    def through_document(payload: Any) -> Any:
        payload[0]["_source"]["metadata"]["note"] = "generic"
        return payload

    log = Log(linked)
    log.listen(CHANGE, act=through_asset)
    log.listen(f"{GENERIC}:beforeWrite", act=through_document)
    result = await linked.do("assets:replaceMetadata", _id="Container-1", body={"metadata": {"note": "mine"}})
    assert result["_source"]["metadata"] == {"weight": 77, "note": "generic"}
    (*_, entry) = await linked.history("Container-1")
    assert entry["event"]["metadata"]["names"] == ["note", "weight"]
    result = await linked.do("assets:update", _id="Container-1", body={"metadata": {"note": "mine"}})
    assert result["_source"]["metadata"] == {"weight": 77, "note": "mine"}
    await linked.check()


@pytest.mark.parametrize("action", ["update", "replaceMetadata"])
async def test_pipes_around_changes_may_touch_nothing_else(linked: Any, action: str) -> None:
    async def asked() -> dict[str, Any]:
        body = {"metadata": {"note": "x"}}
        error: dict[str, Any] = await linked.refused(f"assets:{action}", _id="Container-1", body=body)
        return error

    def meddle(payload: Any) -> Any:
        payload["asset"]["_source"]["groups"] = [{"path": "x"}]
        return payload

    Log(linked).listen(CHANGE, act=meddle)
    error = await asked()
    assert (error["status"], error["id"]) == (400, "plugin.runtime.forbidden_change")
    assert error["props"] == ["log", "metadata", "asset._source.groups"]
    assert len(await linked.history("Container-1")) == 3


async def test_a_veto_prevents_and_a_late_failure_does_not(linked: Any) -> None:
    def veto(payload: Any) -> None:
        raise ApiError("Not now.", status=403)

    Log(linked).listen(
        f"{UNLINK}:before",
        f"{DETACH}:before",
        f"{GENERIC}:beforeDelete",
        CHANGE,
        act=veto,
    )
    for action, id in [
        ("assets:delete", "Container-1"),
        ("devices:delete", "Dummy-1"),
        ("devices:detachEngine", "Dummy-1"),
    ]:
        error = await linked.refused(action, _id=id)
        assert (error["status"], error["message"]) == (403, "Not now.")
        assert "committed" not in error
    body = {"model": "Container", "reference": "1", "metadata": {"note": "x"}}
    assert (await linked.refused("assets:upsert", body=body))["status"] == 403
    assert len(await linked.links("devices", "Dummy-1")) == 2
    await linked.check()


async def test_a_failing_pipe_behind_a_deletion_says_that_it_is_done_and_stops_no_other(linked: Any) -> None:
    def fail(payload: Any) -> None:
        raise RuntimeError("the mail server is down")

    log = Log(linked)
    log.listen(f"{UNLINK}:after", act=fail)
    log.listen(f"{GENERIC}:afterDelete", f"{DETACH}:after")
    error = await linked.refused("assets:delete", _id="Container-1")
    assert error["committed"] is True
    assert (await linked.refused("assets:get", _id="Container-1"))["status"] == 404
    assert log.names == [f"{UNLINK}:after", f"{UNLINK}:after", f"{GENERIC}:afterDelete"]
    assert (await linked.refused("devices:detachEngine", _id="Dummy-1"))["committed"] is True
    assert log.names[3:] == [f"{UNLINK}:after", f"{DETACH}:after"]
    await linked.check()


async def test_deleting_an_asset_fires_for_every_link_that_ends(linked: Any) -> None:
    log = Log(linked)

    def annotate(payload: Any) -> Any:
        payload["device"]["_source"]["metadata"]["color"] = "free"
        payload["asset"]["_source"]["metadata"]["note"] = "gone"
        return payload

    log.listen(f"{UNLINK}:before", act=annotate)
    log.listen(f"{UNLINK}:after", f"{GENERIC}:beforeDelete", f"{GENERIC}:afterDelete", f"{DETACH}:before")
    await linked.do("assets:delete", _id="Container-1")
    deleted = [{"_id": "Container-1"}]
    assert log.names == [
        *[f"{UNLINK}:before"] * 2,
        f"{GENERIC}:beforeDelete",
        *[f"{UNLINK}:after"] * 2,
        f"{GENERIC}:afterDelete",
    ]
    assert log.of(f"{GENERIC}:beforeDelete") == log.of(f"{GENERIC}:afterDelete") == [deleted]
    before, after = log.of(f"{UNLINK}:before"), log.of(f"{UNLINK}:after")
    assert [payload["device"]["_id"] for payload in before] == ["Dummy-1", "Dummy-2"]
    assert len(before[1]["asset"]["_source"]["linkedMeasures"]) == 2
    assert after[1]["asset"]["_source"]["linkedMeasures"] == []
    for id in ("Dummy-1", "Dummy-2"):
        stored = (await linked.store.get(linked.engine, "devices", id)).source
        assert stored["metadata"]["color"] == "free"
    entries = await linked.history("Container-1")
    assert [entry["event"]["name"] for entry in entries] == [
        *["metadata", "link", "link"],
        *["metadata", "unlink", "unlink", "delete"],
    ]
    assert entries[-1]["asset"]["metadata"]["note"] == "gone"
    await linked.check()


@pytest.mark.parametrize("action", ["delete", "detachEngine"])
async def test_a_device_that_leaves_fires_for_its_links_and_its_attachment(linked: Any, action: str) -> None:
    log = Log(linked)

    def annotate(payload: Any) -> Any:
        payload["asset"]["_source"]["metadata"]["note"] = "lonely"
        return payload

    log.listen(f"{UNLINK}:before", act=annotate)
    log.listen(f"{UNLINK}:after", f"{DETACH}:before", f"{DETACH}:after")
    log.listen(f"{GENERIC}:beforeDelete", f"{GENERIC}:afterDelete")
    await linked.do(f"devices:{action}", _id="Dummy-1")
    deletes = action == "delete"
    assert log.names == [
        *[f"{UNLINK}:before"] * 2,
        f"{DETACH}:before",
        *([f"{GENERIC}:beforeDelete"] if deletes else []),
        *[f"{UNLINK}:after"] * 2,
        f"{DETACH}:after",
        *([f"{GENERIC}:afterDelete"] if deletes else []),
    ]
    (before,), (after,) = log.of(f"{DETACH}:before"), log.of(f"{DETACH}:after")
    assert before["engineId"] == after["engineId"] == linked.engine
    assert len(before["device"]["_source"]["linkedMeasures"]) == 2
    assert after["device"]["_source"]["linkedMeasures"] == []
    for id in ("Container-1", "Container-2"):
        entries = await linked.history(id)
        assert [entry["event"]["name"] for entry in entries[-2:]] == ["metadata", "unlink"]
        assert entries[-1]["asset"]["metadata"]["note"] == "lonely"
    await linked.check()


async def test_links_that_appear_while_pipes_run_are_asked_about_too(linked: Any) -> None:
    calls = []

    async def link_more(payload: Any, request: Any) -> None:
        calls.append(payload["asset"]["_id"])
        if len(calls) == 1:
            await linked.asset("3")
            entry = {"assetId": "Container-3", "measureSlots": [{"asset": "power", "device": "battery"}]}
            slots = {"measureSlots": ["battery"]}
            await linked.do("devices:unlinkAssets", _id="Dummy-1", body=slots)
            await linked.do("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": [entry]})

    linked.bus.add_pipe(f"{DETACH}:before", lambda payload, request: None, owner="none")
    linked.bus.add_pipe(f"{UNLINK}:before", link_more, owner="late")
    linked.bus.compile()
    await linked.do("devices:detachEngine", _id="Dummy-1")
    assert calls[0] == "Container-1"
    assert calls[-1] == "Container-3"
    assert await linked.links("assets", "Container-3") == []
    await linked.check()


async def test_upserting_fires_what_creating_attaching_and_changing_fire(platform: Any) -> None:
    log = Log(platform)
    changes = [f"device-manager:{kind}:update:{when}" for kind in ("asset", "device") for when in ("before", "after")]
    log.listen(*changes, f"{ATTACH}:before", f"{ATTACH}:after", f"{GENERIC}:beforeWrite", f"{GENERIC}:afterWrite")
    body = {"model": "Container", "reference": "1", "metadata": {"note": "x"}}
    for expected in ([f"{GENERIC}:beforeWrite", f"{GENERIC}:afterWrite"], changes[:2]):
        log.events.clear()
        await platform.do("assets:upsert", body=body)
        assert log.names == expected
    body = {"model": "Dummy", "reference": "1", "metadata": {"color": "red"}}
    created = [f"{GENERIC}:beforeWrite", f"{ATTACH}:before", f"{GENERIC}:beforeWrite"]
    for expected in ([*created, f"{GENERIC}:afterWrite", f"{ATTACH}:after"], changes[2:]):
        log.events.clear()
        await platform.do("devices:upsert", body=body)
        assert log.names == expected
    await platform.do("devices:detachEngine", _id="Dummy-1")
    log.events.clear()
    attached = await platform.do("devices:upsert", body=body | {"metadata": {"color": "blue"}})
    assert log.names == [
        f"{ATTACH}:before",
        f"{GENERIC}:beforeWrite",
        changes[2],
        f"{GENERIC}:afterWrite",
        f"{ATTACH}:after",
        changes[3],
    ]
    assert log.of(changes[2])[0]["device"]["_source"]["metadata"] == {"color": "grey"}
    assert attached["_source"]["metadata"] == {"color": "blue"}
    await platform.check()


async def test_an_asset_that_appears_while_the_pipes_of_an_upsert_run_is_changed(platform: Any) -> None:
    body = {"model": "Container", "reference": "1", "metadata": {"note": "mine"}}
    seen = []

    async def create_first(payload: Any, request: Any) -> None:
        seen.append(payload[0]["_id"])
        if len(seen) == 1:
            await platform.do("assets:create", body=body | {"metadata": {"weight": 5}})

    platform.bus.add_pipe(f"{GENERIC}:beforeWrite", create_first, owner="fast")
    platform.bus.compile()
    result = await platform.do("assets:upsert", body=body)
    assert result["_source"]["metadata"] == {"weight": 5, "note": "mine"}
    assert len(await platform.history("Container-1")) == 2
    await platform.check()


async def test_a_dry_run_asks_the_pipes_but_does_not_tell_them(linked: Any) -> None:
    log = Log(linked)
    log.listen(f"{UNLINK}:before", f"{UNLINK}:after", f"{DETACH}:before", f"{DETACH}:after", f"{GENERIC}:afterDelete")
    await linked.do("devices:delete", _id="Dummy-1", dryRun=True)
    assert log.names == [*[f"{UNLINK}:before"] * 2, f"{DETACH}:before"]
    assert len(await linked.links("devices", "Dummy-1")) == 2


async def test_what_changed_meanwhile_survives_an_update_behind_pipes(linked: Any) -> None:
    async def slow(payload: Any, request: Any) -> Any:
        if "weight" in payload["metadata"]:
            return None
        await linked.do("assets:update", _id="Container-1", body={"metadata": {"weight": 3}})
        await linked.do("devices:unlinkAssets", _id="Dummy-2", body={"allMeasures": True})
        return None

    linked.bus.add_pipe(CHANGE, slow, owner="slow")
    linked.bus.compile()
    result = await linked.do("assets:update", _id="Container-1", body={"metadata": {"note": "late"}})
    assert result["_source"]["metadata"] == {"weight": 3, "note": "late"}
    assert [entry["deviceId"] for entry in result["_source"]["linkedMeasures"]] == ["Dummy-1"]
    key = Key(linked.engine, "assets", "Container-1")
    assert (await linked.store.read((key,)))[key].source == result["_source"]
    await linked.check()
