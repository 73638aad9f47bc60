"""The events around measures: what listeners may do, and what becomes of it (device-manager 3.4, 3.6; design 5)."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest

from device_manager.errors import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000
BEFORE = "device-manager:measures:process:before"
AFTER = "device-manager:measures:process:after"


def listen(gateway: Any, event: str, listener: Callable[..., Any]) -> None:
    gateway.platform.bus.add_pipe(event, listener, owner="test", inline=True)


def dew_of(measure: dict[str, Any], rule: str = "dew-rule") -> dict[str, Any]:
    """A computed measure beside another one."""
    return {
        "type": "temperature",
        "measuredAt": measure["measuredAt"],
        "values": {"temperature": measure["values"]["temperature"] - 5},
        "origin": {"type": "computed", "_id": rule, "measureName": "dew", "payloadUuids": []},
        "asset": measure["asset"] and measure["asset"] | {"measureName": "dew"},
    }


async def test_listeners_get_each_run_and_then_its_engine(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]
    heard: list[tuple[str, Any]] = []

    def note(event: str, payload: Any) -> None:
        heard.append((event, copy.deepcopy(payload)))

    for event in (BEFORE, f"engine:{platform.engine}:{BEFORE}", AFTER, f"engine:{platform.engine}:{AFTER}"):
        listen(gateway, event, functools.partial(note, event))
    listen(gateway, f"engine:another:{BEFORE}", lambda payload: heard.append(("another", payload)))
    await gateway.send(
        (reference, "temperature", AT, 1.0), (reference, "humidity", AT, 50), metadata={reference: {"color": "red"}}
    )
    assert [event.removeprefix(f"engine:{platform.engine}:") for event, _ in heard] == [BEFORE] * 4 + [AFTER] * 4
    assert [event.startswith("engine:") for event, _ in heard] == [False, True] * 4
    (_, linked), _, (_, plain), *_ = heard
    assert linked["source"] == {
        "type": "device",
        "id": device,
        "reference": reference,
        "model": "Weather",
        "deviceMetadata": {"color": None},
        "groups": [],
        "metadata": {"color": "red"},
    }
    assert linked["target"] == {"type": "device", "indexId": platform.engine, "assetId": asset}
    assert linked["asset"] == await platform.source("assets", asset)
    (measure,) = linked["measures"]
    assert set(measure) == {"type", "measuredAt", "values", "origin", "asset"}
    assert measure["asset"]["_id"] == asset
    assert plain["target"]["assetId"] is plain["asset"] is None
    assert [measure["type"] for measure in plain["measures"]] == ["humidity"]


async def test_listeners_change_and_add_measures(gateway: Any) -> None:
    device, asset = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]

    def enrich(payload: dict[str, Any]) -> None:
        for measure in list(payload["measures"]):
            measure["values"]["temperature"] += 100
            payload["measures"] += [dew_of(measure), dew_of(measure)]
        payload["asset"]["metadata"]["weight"] = 99

    listen(gateway, BEFORE, enrich)
    for _ in range(2):
        await gateway.send((reference, "temperature", AT, 1.0), uuid=f"enriched-{reference}")
    stored = await gateway.measures(asset=asset)
    assert sorted(measure["values"]["temperature"] for measure in stored) == [96.0, 96.0, 101.0]
    assert (await gateway.platform.source("assets", asset))["metadata"]["weight"] is None
    assert await gateway.last("assets", asset) == {
        "temperature": (AT, {"temperature": 101.0}),
        "dew": (AT, {"temperature": 96.0}),
    }
    assert await gateway.last("devices", device) == {"temperature": (AT, {"temperature": 101.0})}


async def test_what_listeners_return_replaces_measures_and_asset_alone(gateway: Any) -> None:
    device, _ = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]
    seen: list[dict[str, Any]] = []

    def copied(payload: dict[str, Any]) -> dict[str, Any]:
        measures = [
            measure | {"values": {"temperature": 7}} for measure in payload["measures"] if measure["measuredAt"] == AT
        ]
        return {"measures": measures, "asset": {"name": "mine"}, "target": {"indexId": "elsewhere"}, "extra": 1}

    listen(gateway, BEFORE, copied)
    listen(gateway, f"engine:{gateway.platform.engine}:{BEFORE}", lambda payload: seen.append(dict(payload)))
    measures = [(reference, "temperature", AT, 1.0), (reference, "temperature", AT + 1, 1.0)]
    for _ in range(2):
        await gateway.send(*measures, uuid=f"copied-{reference}")
    (stored,) = await gateway.measures(device)
    assert (stored["values"], stored["measuredAt"]) == ({"temperature": 7}, AT)
    assert seen[0]["asset"] == {"name": "mine"}
    assert seen[0]["target"]["indexId"] == gateway.platform.engine
    assert set(seen[0]) == {"source", "target", "asset", "measures"}
    listen(gateway, BEFORE, lambda payload: {"measures": "none"})
    error = await gateway.refused((reference, "temperature", AT, 2.0))
    assert error["id"] == "device_manager.ingestion.unusable_pipe_result"


async def test_a_failing_pipe_fails_the_payload(gateway: Any) -> None:
    device, _ = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]
    fails = {"before": True}

    def refuse(payload: dict[str, Any]) -> None:
        if fails["before"]:
            raise ApiError("too warm", status=418)

    def complain(payload: dict[str, Any]) -> None:
        raise ApiError("cannot tell", status=418)

    listen(gateway, BEFORE, refuse)
    sent = {"uuid": f"pipe-{reference}", "metadata": {reference: {"color": "red"}, f"new{reference}": {"color": "red"}}}
    error = await gateway.refused((reference, "temperature", AT, 1.0), **sent)
    assert (error["status"], error["message"], "committed" in error) == (418, "too warm", False)
    archived = await gateway.archived(sent["uuid"]) or {}
    assert (archived["state"], archived["reason"]) == ("ERROR", "too warm")
    assert await gateway.measures(device) == []
    assert (await gateway.platform.source("devices", device))["metadata"]["color"] is None
    assert not await gateway.platform.exists(gateway.platform.twins.platform, "devices", f"Weather-new{reference}")
    fails["before"] = False
    listen(gateway, AFTER, complain)
    error = await gateway.refused((reference, "temperature", AT, 1.0), **sent)
    assert (error["message"], error["committed"]) == ("cannot tell", True)
    assert len(await gateway.measures(device)) == 1
    assert (await gateway.platform.source("devices", device))["metadata"]["color"] == "red"
    assert (await gateway.archived(sent["uuid"]) or {})["state"] == "VALID"


async def test_pushed_measures_have_to_satisfy_the_mapping(gateway: Any) -> None:
    device, _ = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]
    listen(gateway, BEFORE, lambda payload: payload["measures"].append({"type": "temperature", "colour": "red"}))
    error = await gateway.refused((reference, "temperature", AT, 1.0), uuid=f"strict-{reference}")
    assert error["message"].startswith("Cannot save measures: ")
    assert "colour" in error["message"]
    assert await gateway.measures(device) == []
    assert (await gateway.archived(f"strict-{reference}") or {})["state"] == "ERROR"
