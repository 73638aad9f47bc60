"""Raw payloads: what gets stored, on either store (device-manager 3.2, transactions 2)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000


async def test_links_say_which_asset_a_measure_is_about(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    await platform.do("assets:update", _id=asset, body={"metadata": {"weight": 7}})
    metadata = {reference: {"color": "red"}}
    assert await gateway.send(
        (reference, "temperature", AT, 20.5), (reference, "humidity", AT, 50), uuid=f"u-{reference}", metadata=metadata
    ) == {"valid": True}
    humidity, temperature = await gateway.measures(device)
    assert temperature["asset"] == {
        "_id": asset,
        "model": "Room",
        "reference": reference,
        "measureName": "dew",
        "metadata": {"weight": 7},
        "groups": [],
    }
    assert temperature["origin"] == {
        "type": "device",
        "_id": device,
        "deviceModel": "Weather",
        "reference": reference,
        "measureName": "temperature",
        "payloadUuids": [f"u-{reference}"],
        "deviceMetadata": {"color": "red"},
        "groups": [],
    }
    assert temperature["_kuzzle_info"]["author"] is None
    assert humidity["asset"] is None
    assert (humidity["type"], humidity["values"], humidity["measuredAt"]) == ("humidity", {"humidity": 50}, AT)
    assert (await platform.source("devices", device))["metadata"] == {"color": "red"}
    archived = await gateway.archived(f"u-{reference}")
    assert archived is not None
    assert {name: value for name, value in archived.items() if name not in ("_kuzzle_info", "payload")} == {
        "uuid": f"u-{reference}",
        "deviceModel": "Weather",
        "valid": True,
        "state": "VALID",
        "apiAction": "device-manager/payloads:weather",
    }
    assert archived["payload"]["metadata"] == metadata
    assert await gateway.last("assets", asset) == {"dew": (AT, {"temperature": 20.5})}
    assert await gateway.last("devices", device) == {
        "temperature": (AT, {"temperature": 20.5}),
        "humidity": (AT, {"humidity": 50}),
    }


async def test_a_payload_sent_again_changes_nothing(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    asked: list[Any] = []
    platform.bus.add_pipe(
        "device-manager:measures:process:before",
        lambda payload: asked.append(payload["target"]),
        owner="test",
        inline=True,
    )
    sent: dict[str, Any] = {"uuid": f"again-{reference}", "metadata": {reference: {"color": "red"}}}
    await gateway.send((reference, "temperature", AT, 20.0), **sent)
    first = await gateway.measures(device)
    assert asked == [{"type": "device", "indexId": platform.engine, "assetId": asset}]
    await platform.do("devices:update", _id=device, body={"metadata": {"color": "blue"}})
    await platform.do("devices:unlinkAssets", _id=device, body={"allMeasures": True})
    stored = await platform.source("devices", device)
    for value in (20, 20.0):
        await gateway.send((reference, "temperature", AT, value), **sent)
    assert await gateway.measures(device) == first
    assert await platform.source("devices", device) == stored
    assert await gateway.last("assets", asset) == {"dew": (AT, {"temperature": 20.0})}
    assert len(asked) == 1
    # Metadata alone is not merged twice either.
    sent["uuid"] += "-metadata"
    await gateway.send(**sent)
    await platform.do("devices:update", _id=device, body={"metadata": {"color": "green"}})
    await gateway.send(**sent)
    assert (await platform.source("devices", device))["metadata"] == {"color": "green"}


async def test_one_uuid_in_parts_loses_nothing_and_two_uuids_are_two_payloads(gateway: Any) -> None:
    device, _ = await gateway.linked()
    reference = device.partition("-")[2]
    same = (reference, "temperature", AT, 20.0)
    await gateway.send(same, same, uuid=f"parts-{reference}")
    await gateway.send((reference, "temperature", AT + 1, 21.0), uuid=f"parts-{reference}")
    assert [measure["values"] for measure in await gateway.measures(device)] == [
        {"temperature": 20.0},
        {"temperature": 21.0},
    ]
    await gateway.send(same)
    await gateway.send(same)
    assert len(await gateway.measures(device)) == 4
    key = {"idempotencyKey": f"key-{reference}", "engineId": ...}
    body = {"measures": [[reference, "temperature", AT + 9, 1.0]]}
    for _ in range(2):
        assert await gateway.platform.do("payloads:weather", body=body, **key) == {"valid": True}
    assert len(await gateway.measures(device)) == 5


async def test_late_measures_do_not_become_the_last_ones(gateway: Any) -> None:
    device, asset = await gateway.linked(temperature="temperature")
    reference = device.partition("-")[2]
    for at in (AT, AT - 5, AT + 5, AT + 1):
        await gateway.send((reference, "temperature", at, at - AT))
    assert await gateway.last("assets", asset) == {"temperature": (AT + 5, {"temperature": 5})}
    assert len(await gateway.measures(device)) == 4


async def test_unknown_devices_are_provisioned_and_keep_their_five_newest_measures(gateway: Any) -> None:
    platform = gateway.platform
    device = "Weather-fresh"
    assert await gateway.send(("fresh", "temperature", AT, 1.0), metadata={"fresh": {"color": "red"}}) == {
        "valid": True
    }
    record = await gateway.record(device)
    assert record["lastMeasures"] == [
        {"type": "temperature", "measureName": "temperature", "measuredAt": AT, "values": {"temperature": 1.0}}
    ]
    assert (record["engineId"], record["lastMeasuredAt"], record["measureSlots"][0]["name"]) == (
        None,
        AT,
        "temperature",
    )
    for at in range(1, 8):
        await gateway.send(("fresh", "temperature", AT + at, 1.0), uuid=f"fresh-{at}")
    await gateway.send(("fresh", "temperature", AT + 7, 1.0), uuid="fresh-7")
    record = await gateway.record(device)
    assert [last["measuredAt"] - AT for last in record["lastMeasures"]] == [7, 6, 5, 4, 3]
    assert record["lastMeasuredAt"] == AT + 7
    assert await gateway.measures(device) == []
    await platform.do("devices:attachEngine", _id=device)
    await gateway.send(("fresh", "temperature", AT + 9, 1.0))
    assert len(await gateway.measures(device)) == 1
    assert (await gateway.record(device))["lastMeasuredAt"] == AT + 7


async def test_the_strategy_of_provisioning_is_read_each_time(gateway: Any) -> None:
    platform = gateway.platform
    config = {"index": platform.twins.platform, "collection": "config", "_id": "plugin--device-manager"}
    change = {**config, "engineId": ..., "force": True}
    await platform.do("document:update", **change, body={"device-manager": {"provisioningStrategy": "catalog"}})
    try:
        assert await gateway.send(("stranger", "temperature", AT, 1.0), uuid="strange") == {"valid": True}
        assert not await platform.exists(platform.twins.platform, "devices", "Weather-stranger")
    finally:
        await platform.do("document:update", **change, body={"device-manager": {"provisioningStrategy": "auto"}})
    await gateway.send(("stranger", "temperature", AT, 1.0), uuid="strange")
    assert (await gateway.record("Weather-stranger"))["lastMeasuredAt"] == AT


async def test_devices_of_all_sorts_in_one_payload(gateway: Any) -> None:
    platform = gateway.platform
    linked, asset = await gateway.linked(temperature="temperature", humidity="humidity")
    plain, _ = await gateway.linked()
    gone, lost_asset = await gateway.linked(temperature="temperature")
    await gateway.send(metadata={"free": {"color": "red"}})
    one, two, three = (id.partition("-")[2] for id in (linked, plain, gone))
    await platform.do(
        "document:delete", index=platform.engine, collection="assets", _id=lost_asset, force=True, engineId=...
    )
    assert await gateway.send(
        (one, "temperature", AT, 1.0),
        (two, "temperature", AT, 2.0),
        (three, "temperature", AT, 3.0),
        ("free", "temperature", AT, 4.0),
        ("newcomer", "temperature", AT, 5.0),
        (one, "humidity", AT, 6),
        metadata={two: {"color": "red"}, "only-metadata": {"color": "red"}},
    ) == {"valid": True}
    assert [measure["asset"]["measureName"] for measure in await gateway.measures(linked)] == [
        "humidity",
        "temperature",
    ]
    assert [measure["asset"] for measure in await gateway.measures(plain)] == [None]
    assert [measure["asset"] for measure in await gateway.measures(gone)] == [None]
    for reference in ("free", "newcomer"):
        assert (await gateway.record(f"Weather-{reference}"))["lastMeasuredAt"] == AT
    assert (await gateway.record("Weather-only-metadata"))["lastMeasuredAt"] is None
    # A device that its engine has lost does not stop the others.
    await platform.do(
        "document:delete", index=platform.engine, collection="devices", _id=plain, force=True, engineId=...
    )
    await gateway.send((two, "temperature", AT + 1, 1.0), (one, "temperature", AT + 1, 1.0))
    assert len(await gateway.measures(linked)) == 3
    assert set(await gateway.last("assets", asset)) == {"temperature", "humidity"}


async def test_refused_payloads_are_archived_with_the_reason_and_store_nothing(gateway: Any) -> None:
    device, _ = await gateway.linked()
    reference = device.partition("-")[2]
    good = (reference, "temperature", AT, 20.0)
    refusals = {
        "schema": (await gateway.refused(good, (reference, "humidity", AT, 101), uuid="schema"), 400),
        "slot": (await gateway.refused(good, (reference, "wind", AT, 1), uuid="slot"), 400),
        "time": (await gateway.refused(good, (reference, "temperature", 12, 1), uuid="time"), 400),
        "missing": (await gateway.refused(good, uuid="missing", fail=True), 412),
        "type": (await gateway.refused(good, (reference, "temperature", AT, "warm"), uuid="type"), 400),
    }
    for uuid, (error, status) in refusals.items():
        archived = await gateway.archived(uuid)
        assert error["status"] == status
        assert archived is not None
        assert (archived["valid"], archived["state"], archived["reason"]) == (False, "ERROR", error["message"])
    schema = refusals["schema"][0]
    assert schema["message"] == "The provided measures do not comply with their respective schemas"
    (problem,) = schema["errors"]
    assert (problem["measureName"], problem["validationErrors"][0]["message"]) == ("humidity", "must be <= 100")
    assert refusals["type"][0]["message"].startswith("Cannot save measures: ")
    assert await gateway.measures(device) == []
    for uuid, body, reason in (
        ("skipped", {"skip": True}, "Skip by user defined validation"),
        ("empty", {"empty": True}, "nothing inside"),
    ):
        assert await gateway.send(uuid=uuid, **body) == {"valid": False}
        archived = await gateway.archived(uuid)
        assert archived is not None
        assert (archived["valid"], archived["state"], archived["reason"]) == (False, "SKIP", reason)
    # What was refused and is sent again once it is right is stored, and archived as valid.
    assert await gateway.send(good, uuid="schema") == {"valid": True}
    archived = await gateway.archived("schema")
    assert archived is not None
    assert (archived["valid"], archived["state"], "reason" in archived) == (True, "VALID", False)
    assert len(await gateway.measures(device)) == 1


async def test_devices_of_an_unknown_model_are_refused_and_archived(gateway: Any) -> None:
    body = {"measures": [["1", "temperature", AT, 1.0]]}
    error = await gateway.platform.refused("payloads:ghost", engineId=..., uuid="ghost", body=body)
    assert (error["status"], error["id"]) == (404, "device_manager.models.unknown_device")
    archived = await gateway.archived("ghost") or {}
    assert (archived["state"], archived["reason"]) == ("ERROR", error["message"])


async def test_a_payload_without_measures_is_archived(gateway: Any) -> None:
    assert await gateway.send(uuid="nothing") == {"valid": True}
    assert (await gateway.archived("nothing") or {})["state"] == "VALID"
    body = {"raw": "FF"}
    await gateway.platform.do("payloads:receiveUnknown", engineId=..., deviceModel="Other", uuid="other", body=body)
    archived = await gateway.archived("other") or {}
    assert (archived["valid"], archived["deviceModel"], archived["payload"]) == (False, "Other", body)
    assert "state" not in archived


async def test_a_dry_run_stores_nothing(gateway: Any) -> None:
    device, _ = await gateway.linked()
    reference = device.partition("-")[2]
    body = {"measures": [[reference, "temperature", AT, 1], ["dry", "temperature", AT, 1]]}
    result = await gateway.platform.do("payloads:weather", engineId=..., uuid="dry", body=body, dryRun=True)
    assert result == {"valid": True, "dryRun": True}
    assert await gateway.archived("dry") is None
    assert await gateway.measures(device) == []
    assert not await gateway.platform.exists(gateway.platform.twins.platform, "devices", "Weather-dry")


async def test_a_noisy_device_is_refused(make_gateway: Any) -> None:
    gateway = await make_gateway(device_rate=0.001, device_burst=2)
    device, _ = await gateway.linked()
    reference = device.partition("-")[2]
    for at in range(2):
        await gateway.send((reference, "temperature", AT + at, 1.0))
    error = await gateway.refused((reference, "temperature", AT, 1.0), uuid="noise")
    assert (error["status"], error["id"]) == (429, "device_manager.ingestion.too_many_payloads")
    assert await gateway.archived("noise") is None
