"""The pipes around links, on both stores (design 5)."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEFORE = "device-manager:device:link-asset:before"
AFTER = "device-manager:device:link-asset:after"
IMPLICIT = {"linkedMeasures": [{"assetId": "Container-1", "implicitMeasuresLinking": True}]}


class Recorder:
    """A pipe that keeps what it got and may act on it."""

    def __init__(self) -> None:
        self.payloads: list[Any] = []
        self.requests: list[Any] = []
        self.act: Any = None

    async def __call__(self, payload: Any, request: Any) -> Any:
        self.payloads.append(copy.deepcopy(payload))
        self.requests.append(request)
        return self.act(payload) if self.act else None


@pytest_asyncio.fixture(loop_scope="session")
async def pair(platform: Any) -> Any:
    """Devices and assets 1 to 3."""
    for number in ("1", "2", "3"):
        await platform.device(number)
        await platform.asset(number)
    return platform


def listen(platform: Any, event: str) -> Recorder:
    recorder = Recorder()
    platform.bus.add_pipe(event, recorder, owner="recorder")
    platform.bus.compile()
    return recorder


async def test_pipes_get_the_stored_twins_once_for_each_entry(pair: Any) -> None:
    before, after = listen(pair, BEFORE), listen(pair, AFTER)
    entries = [
        {"assetId": "Container-1", "measureSlots": [{"asset": "power", "device": "battery"}]},
        {"assetId": "Container-2", "measureSlots": [{"asset": "temperatureInt", "device": "temperature"}]},
    ]
    result = await pair.do("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": entries})
    assert [payload["asset"]["_id"] for payload in before.payloads] == ["Container-1", "Container-2"]
    assert before.payloads[0]["device"]["_source"]["linkedMeasures"] == []
    assert before.payloads[0].keys() == {"device", "asset"}
    assert before.requests[0].action == "linkAssets"
    assert [payload["asset"] for payload in after.payloads] == result["assets"]
    assert [payload["device"] for payload in after.payloads] == [result["device"]] * 2


async def test_pipes_run_once_for_each_entry_however_often_a_transaction_is_tried(pair: Any) -> None:
    hall = await pair.asset("1", model="Hall")
    devices = await asyncio.gather(*(pair.device(f"many{number}") for number in range(20)))
    before, after = listen(pair, BEFORE), listen(pair, AFTER)
    body = {"linkedMeasures": [{"assetId": hall, "implicitMeasuresLinking": True}]}
    await asyncio.gather(*(pair.do("devices:linkAssets", _id=device, body=body) for device in devices))
    for recorder in (before, after):
        assert sorted(payload["device"]["_id"] for payload in recorder.payloads) == sorted(devices)
    assert len(await pair.links("assets", hall)) == 20
    await pair.check()


async def test_a_pipe_that_raises_prevents_everything(pair: Any) -> None:
    def veto(payload: Any) -> None:
        raise ApiError("Not on Sundays.", status=403)

    before, after = listen(pair, BEFORE), listen(pair, AFTER)
    before.act = veto
    error = await pair.refused("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    assert (error["status"], error["message"]) == (403, "Not on Sundays.")
    assert "committed" not in error
    assert after.payloads == []
    assert await pair.links("devices", "Dummy-1") == []
    assert len(await pair.history("Container-1")) == 1


async def test_changed_metadata_is_stored_with_a_history_entry_of_its_own(pair: Any) -> None:
    def enrich(payload: Any) -> Any:
        payload["asset"]["_source"]["metadata"]["note"] = "linked"
        payload["device"]["_source"]["metadata"]["color"] = "green"
        return payload

    listen(pair, BEFORE).act = enrich
    result = await pair.do("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    assert result["assets"][0]["_source"]["metadata"] == {"weight": 10, "note": "linked"}
    assert result["device"]["_source"]["metadata"] == {"color": "green"}
    entries = await pair.history("Container-1")
    assert [entry["event"]["name"] for entry in entries] == ["metadata", "metadata", "link"]
    assert entries[1]["event"]["metadata"] == {"names": ["note"]}
    assert entries[1]["asset"]["linkedMeasures"] == []
    await pair.check()


async def test_what_else_changed_meanwhile_survives_the_patch(pair: Any) -> None:
    """The patch of a pipe touches what the pipe changed; the rest is taken as it is at the commit."""

    async def write_elsewhere(payload: Any, request: Any) -> Any:
        if payload["device"]["_id"] != "Dummy-1":
            return None
        power = [{"asset": "power", "device": "battery"}]
        body = {"linkedMeasures": [{"assetId": "Container-1", "measureSlots": power}]}
        await pair.do("devices:linkAssets", _id="Dummy-2", body=body)
        payload["asset"]["_source"]["metadata"]["note"] = "late"
        return payload

    pair.bus.add_pipe(BEFORE, write_elsewhere, owner="late")
    pair.bus.compile()
    slots = [{"asset": "temperatureExt", "device": "temperature"}]
    body = {"linkedMeasures": [{"assetId": "Container-1", "measureSlots": slots}]}
    result = await pair.do("devices:linkAssets", _id="Dummy-1", body=body)
    source = result["assets"][0]["_source"]
    assert [link["deviceId"] for link in source["linkedMeasures"]] == ["Dummy-2", "Dummy-1"]
    assert source["metadata"]["note"] == "late"
    await pair.check()


async def test_a_pipe_may_change_nothing_but_metadata(pair: Any) -> None:
    def meddle(payload: Any) -> Any:
        payload["asset"]["_source"]["groups"] = [{"path": "x"}]
        return payload

    listen(pair, BEFORE).act = meddle
    error = await pair.refused("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    assert (error["status"], error["id"]) == (400, "plugin.runtime.forbidden_change")
    assert error["props"] == ["recorder", "metadata", "asset._source.groups"]
    assert await pair.links("devices", "Dummy-1") == []


async def test_metadata_that_the_mapping_refuses_fails_the_entry(pair: Any) -> None:
    def overreach(payload: Any) -> Any:
        if payload["asset"]["_id"] == "Container-1":
            payload["asset"]["_source"]["metadata"]["unheardOf"] = 1
        return payload

    listen(pair, BEFORE).act = overreach
    error = await pair.refused("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    assert (error["status"], error["id"]) == (400, "services.storage.strict_mapping_rejection")
    assert await pair.links("devices", "Dummy-1") == []
    records = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in (1, 2)]
    result = await pair.do("devices:mLinkAssets", body={"records": records})
    assert [item["row"] for item in result["errors"]] == [1]
    assert [item["row"] for item in result["successes"]] == [2]
    await pair.check()


async def test_a_failing_after_pipe_says_that_the_link_is_stored(pair: Any) -> None:
    def fail(payload: Any) -> None:
        raise RuntimeError("the mail server is down")

    listen(pair, AFTER).act = fail
    error = await pair.refused("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    assert error["committed"] is True
    assert error["message"].startswith("Caught an unexpected plugin error: the mail server is down")
    assert len(await pair.links("devices", "Dummy-1")) == 1
    records = [{"assetId": "Container-2", "deviceId": "Dummy-2"}]
    result = await pair.do("devices:mLinkAssets", body={"records": records})
    assert result["errors"] == []
    assert result["successes"][0]["changed"] is True
    assert result["successes"][0]["afterError"]["committed"] is True


async def test_in_bulk_a_refusing_pipe_fails_its_own_record_unless_strict(pair: Any) -> None:
    def pick(payload: Any) -> None:
        if payload["device"]["_id"] == "Dummy-2":
            raise ApiError("Not this one.", status=403)

    before, after = listen(pair, BEFORE), listen(pair, AFTER)
    before.act = pick
    records = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in (1, 2, 3)]
    error = await pair.refused("devices:mLinkAssets", body={"records": records}, strict=True)
    assert [item["reason"] for item in error["errors"]] == ["Not this one."]
    assert after.payloads == []
    result = await pair.do("devices:mLinkAssets", body={"records": records})
    assert [item["row"] for item in result["successes"]] == [1, 3]
    assert [(item["row"], item["status"]) for item in result["errors"]] == [(2, 403)]
    assert sorted(payload["device"]["_id"] for payload in after.payloads) == ["Dummy-1", "Dummy-3"]
    await pair.check()


async def test_a_dry_run_runs_the_before_pipes_only(pair: Any) -> None:
    before, after = listen(pair, BEFORE), listen(pair, AFTER)
    await pair.do("devices:linkAssets", _id="Dummy-1", body=IMPLICIT, dryRun=True)
    assert before.requests[0].dry_run is True
    assert after.payloads == []


async def test_unlinking_runs_its_own_pipes_for_every_asset_that_it_meets(pair: Any) -> None:
    slots = [
        ("Container-1", {"asset": "power", "device": "battery"}),
        ("Container-2", {"asset": "temperatureExt", "device": "temperature"}),
    ]
    entries = [{"assetId": asset, "measureSlots": [pair_]} for asset, pair_ in slots]
    await pair.do("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": entries})
    before = listen(pair, "device-manager:device:unlink-asset:before")
    after = listen(pair, "device-manager:device:unlink-asset:after")
    generic = listen(pair, "generic:document:afterUpdate")

    def annotate(payload: Any) -> Any:
        payload["asset"]["_source"]["metadata"]["note"] = "unlinked"
        return payload

    before.act = annotate
    result = await pair.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True})
    assert [payload["asset"]["_id"] for payload in before.payloads] == ["Container-1", "Container-2"]
    assert len(before.payloads[0]["device"]["_source"]["linkedMeasures"]) == 2
    assert [payload["asset"] for payload in after.payloads] == result["assets"]
    assert all(asset["_source"]["metadata"]["note"] == "unlinked" for asset in result["assets"])
    assert [twin["_id"] for payload in generic.payloads for twin in payload] == [
        "Dummy-1",
        "Container-1",
        "Dummy-1",
        "Container-2",
    ]
    assert [entry["event"]["name"] for entry in await pair.history("Container-1")][-2:] == ["metadata", "unlink"]
    await pair.check()


async def test_attaching_runs_its_pipes(pair: Any) -> None:
    before = listen(pair, "device-manager:device:attach-engine:before")
    after = listen(pair, "device-manager:device:attach-engine:after")

    def paint(payload: Any) -> Any:
        payload["device"]["_source"]["metadata"]["color"] = "blue"
        return payload

    before.act = paint
    platform_index = pair.twins.platform
    free = await pair.do("devices:create", engineId=platform_index, body={"model": "Dummy", "reference": "9"})
    assert before.payloads == []
    await pair.do("devices:attachEngine", _id=free["_id"])
    assert before.payloads[0]["engineId"] == pair.engine
    assert after.payloads[0]["device"]["_source"]["metadata"] == {"color": "blue"}
    made = await pair.do("devices:create", body={"model": "Dummy", "reference": "8"})
    assert made["_source"]["metadata"] == {"color": "blue"}
    before.act = None
    assert len(after.payloads) == 2


async def test_generic_events_around_reads_and_creations(pair: Any) -> None:
    def hide(payload: Any) -> Any:
        payload[0]["_source"]["metadata"] = {}
        return payload

    def heavier(payload: Any) -> Any:
        payload[0]["_source"]["metadata"]["weight"] = 99
        return payload

    listen(pair, "generic:document:afterGet").act = hide
    listen(pair, "generic:document:beforeWrite").act = heavier
    written = listen(pair, "generic:document:afterWrite")
    found = listen(pair, "generic:document:afterSearch")
    made = await pair.do("assets:create", body={"model": "Container", "reference": "7"}, refresh="wait_for")
    assert made["_source"]["metadata"]["weight"] == 99
    assert written.payloads == [[made]]
    assert (await pair.do("assets:get", _id=made["_id"]))["_source"]["metadata"] == {}
    result = await pair.do("assets:search", body={"query": {"ids": {"values": [made["_id"]]}}})
    assert found.payloads == [result]


async def test_the_generic_update_pipe_sees_the_links_before_they_are_written(pair: Any) -> None:
    def annotate(payload: Any) -> Any:
        payload[1]["_source"]["metadata"] = {"note": "checked"}
        return payload

    before = listen(pair, "generic:document:beforeUpdate")
    before.act = annotate
    result = await pair.do("devices:linkAssets", _id="Dummy-1", body=IMPLICIT)
    (partial,) = before.payloads
    assert [twin["_id"] for twin in partial] == ["Dummy-1", "Container-1"]
    assert partial[0]["_source"] == {"linkedMeasures": result["device"]["_source"]["linkedMeasures"]}
    assert result["assets"][0]["_source"]["metadata"] == {"weight": 10, "note": "checked"}

    def meddle(payload: Any) -> Any:
        payload[0]["_source"]["groups"] = []
        return payload

    before.act = meddle
    error = await pair.refused("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True})
    assert error["id"] == "plugin.runtime.forbidden_change"
    await pair.check()
