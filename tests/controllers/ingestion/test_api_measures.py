"""`assets:measureIngest` and `assets:mMeasureIngest` on either store (device-manager 2.2)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000
SOURCE = {"id": "station", "metadata": {"code": "KSEA"}}


async def test_one_measure(gateway: Any) -> None:
    platform = gateway.platform
    _, asset = await gateway.linked()
    body = {"dataSource": SOURCE | {"type": "device"}, "measuredAt": 123_456_789, "values": {"temperature": 1.5}}
    ingest = {"assetId": asset, "slotName": "dew", "body": body}
    assert await platform.do("assets:measureIngest", **ingest) is None
    (measure,) = await gateway.measures(asset=asset)
    assert measure["origin"] == {
        "type": "api",
        "_id": "station",
        "apiMetadata": {"code": "KSEA"},
        "payloadUuids": [],
    }
    assert (measure["type"], measure["measuredAt"], measure["values"]) == ("temperature", 123_456_789, body["values"])
    assert (measure["asset"]["_id"], measure["asset"]["measureName"]) == (asset, "dew")
    assert await gateway.last("assets", asset) == {"dew": (123_456_789, {"temperature": 1.5})}
    for _ in range(2):
        await platform.do("assets:ingestMeasure", **ingest, idempotencyKey=f"key-{asset}", engineGroup="commons")
    assert len(await gateway.measures(asset=asset)) == 2
    assert await platform.do("assets:measureIngest", **ingest, dryRun=True) == {"dryRun": True}
    assert len(await gateway.measures(asset=asset)) == 2


async def test_many_measures(gateway: Any) -> None:
    platform = gateway.platform
    _, asset = await gateway.linked()
    heard: list[Any] = []
    platform.bus.add_pipe("device-manager:measures:process:before", heard.append, owner="test", inline=True)
    measurements = [
        {"slotName": "dew", "measuredAt": AT, "values": {"temperature": 1}},
        {"slotName": "humidity", "measuredAt": AT, "values": {"humidity": 50}},
        {"slotName": "dew", "measuredAt": AT + 1, "values": {"temperature": 2}},
    ]
    body = {"dataSource": {"id": "station"}, "measurements": measurements}
    assert await platform.do("assets:mMeasureIngest", assetId=asset, body=body) is None
    assert [(m["type"], m["asset"]["measureName"]) for m in await gateway.measures(asset=asset)] == [
        ("humidity", "humidity"),
        ("temperature", "dew"),
        ("temperature", "dew"),
    ]
    (payload,) = heard
    assert payload["source"] == {"type": "api", "id": "station"}
    assert payload["target"] == {
        "type": "api",
        "indexId": platform.engine,
        "assetId": asset,
        "engineGroup": "commons",
    }
    body["measurements"] = []
    assert await platform.do("assets:mMeasureIngest", assetId=asset, body=body) is None
    assert len(await gateway.measures(asset=asset)) == 3


async def test_refusals(gateway: Any) -> None:
    platform = gateway.platform
    _, asset = await gateway.linked()
    good = {"slotName": "dew", "measuredAt": AT, "values": {"temperature": 1}}

    async def single(slot: str = "dew", id: str = asset, **body: Any) -> dict[str, Any]:
        whole = {"dataSource": SOURCE, "measuredAt": AT, "values": {"temperature": 1}} | body
        error: dict[str, Any] = await platform.refused("assets:measureIngest", assetId=id, slotName=slot, body=whole)
        return error

    async def many(*measurements: dict[str, Any], id: str = asset, **body: Any) -> dict[str, Any]:
        whole = {"dataSource": SOURCE, "measurements": [good, *measurements]} | body
        error: dict[str, Any] = await platform.refused("assets:mMeasureIngest", assetId=id, body=whole)
        return error

    for ask in (single, many):
        error = await ask(dataSource={"name": "station"})
        assert error["message"] == "The provided data source does not match the API source format"
        error = await ask(dataSource={"id": "station", "metadata": "none"})
        assert error["id"] == "device_manager.ingestion.invalid_source"
        error = await ask(id="Room-404")
        assert (error["status"], error["message"]) == (
            400,
            f'Asset "Room-404" does not exists on index "{platform.engine}"',
        )
    error = await platform.refused(
        "assets:mMeasureIngest", engineId="nowhere", assetId=asset, body={"dataSource": SOURCE, "measurements": [good]}
    )
    assert error["message"] == f'Asset "{asset}" does not exists on index "nowhere"'
    unknown = f"Slot name wind does not exist on Asset {asset}"
    assert (await single("wind"))["message"] == (await many(good | {"slotName": "wind"}))["message"] == unknown
    error = await single("humidity", values={"humidity": 500})
    assert error["message"] == "The provided measure does not respect its schema"
    assert [problem["measureName"] for problem in error["errors"]] == ["humidity"]
    error = await many({"slotName": "humidity", "measuredAt": AT, "values": {}})
    assert error["message"] == "The provided measures do not comply with their respective schemas"
    assert error["errors"][0]["validationErrors"][0]["keyword"] == "required"
    for at in (-1, 0.5, 1 << 43):
        error = await single(measuredAt=at)
        assert error["id"] == "device_manager.ingestion.invalid_time"
        error = await many(good | {"measuredAt": at})
        assert error["message"].startswith('"body.measurements[1].measuredAt" must be whole milliseconds')
    error = await single(measuredAt="now")
    assert error["id"] == "api.assert.invalid_type"
    error = await many(good | {"values": {"temperature": "hot"}})
    assert error["message"].startswith("Cannot save measures: ")
    error = await single(values={"temperature": "hot"})
    assert error["id"] == "device_manager.ingestion.not_saved"
    assert await gateway.measures(asset=asset) == []
