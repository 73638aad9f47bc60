"""`devices:receiveMeasures` on either store (device-manager 2.3, 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000


def warm(at: int | None = AT, value: Any = 20.5) -> dict[str, Any]:
    measure = {"measureName": "temperature", "type": "temperature", "values": {"temperature": value}}
    return measure if at is None else measure | {"measuredAt": at}


async def test_they_are_stored_by_the_links_and_archived(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew")
    moist = {"measureName": "humidity", "type": "humidity", "measuredAt": 5, "values": {"humidity": 50}}
    body = {"measures": [warm(), moist], "payloadUuids": [f"one-{device}", "two"]}
    for _ in range(2):
        assert await platform.do("devices:receiveMeasures", _id=device, body=body) is None
    humidity, temperature = await gateway.measures(device)
    assert (temperature["asset"]["_id"], temperature["asset"]["measureName"]) == (asset, "dew")
    assert temperature["origin"]["payloadUuids"] == [f"one-{device}", "two"]
    assert (humidity["measuredAt"], humidity["asset"]) == (5, None)
    archived = await gateway.archived(f"one-{device}") or {}
    assert archived["payload"] == body["measures"]
    assert archived["apiAction"] == "device-manager/devices:receiveMeasure"
    assert (archived["valid"], "state" in archived, archived["deviceModel"]) == (True, False, "Weather")
    # Without a time they were taken now; sent again they are still the same.
    body = {"measures": [warm(None)], "payloadUuids": [f"now-{device}"]}
    for _ in range(2):
        await platform.do("devices:receiveMeasures", _id=device, body=body)
    assert len(await gateway.measures(device)) == 3
    # Without uuids the request's id counts, with a key for retries what follows from that.
    for request in ("r1", "r2"):
        await platform.do(
            "devices:receiveMeasures", _id=device, requestId=f"{request}{device}", body={"measures": [warm()]}
        )
    assert [m["origin"]["payloadUuids"] for m in await gateway.measures(device)].count([f"r1{device}"]) == 1
    for _ in range(2):
        await platform.do(
            "devices:receiveMeasures", _id=device, idempotencyKey=f"k{device}", body={"measures": [warm()]}
        )
    assert len(await gateway.measures(device)) == 6


async def test_devices_without_an_engine_keep_their_newest(gateway: Any) -> None:
    platform = gateway.platform
    await gateway.send(metadata={"loose": {"color": "red"}})
    everywhere = {"_id": "Weather-loose", "engineId": platform.twins.platform}
    await platform.do("devices:receiveMeasures", **everywhere, body={"measures": [warm()]})
    assert (await gateway.record("Weather-loose"))["lastMeasuredAt"] == AT
    device, asset = await gateway.linked(temperature="temperature")
    everywhere["_id"] = device
    await platform.do("devices:receiveMeasures", **everywhere, body={"measures": [warm()]})
    (measure,) = await gateway.measures(device)
    assert measure["asset"]["_id"] == asset


async def test_refusals(gateway: Any) -> None:
    platform = gateway.platform
    device, _ = await gateway.linked()

    async def refused(*measures: Any, id: str = device, **more: Any) -> tuple[int, str]:
        refusal: tuple[int, str] = await platform.refusal(
            "devices:receiveMeasures", _id=id, body={"measures": list(measures)} | more
        )
        return refusal

    assert await refused(warm(), warm() | {"measureName": 5}) == (400, "body.measures[1].measureName must be a string")
    assert await refused(warm() | {"measuredAt": "now"}) == (400, "body.measures[0].measuredAt must be a number")
    assert await refused(warm() | {"type": None}) == (400, "body.measures[0].type must be a string")
    assert await refused(warm() | {"values": [1]}) == (400, "body.measures[0].values must be an object")
    assert await refused("warm") == (400, "body.measures[0] must be an object")
    for at in (-1, 1.5, 1 << 43):
        status, message = await refused(warm() | {"measuredAt": at})
        assert (status, message.startswith('"body.measures[0].measuredAt" must be whole milliseconds')) == (400, True)
    assert await refused(warm(), id="Weather-404") == platform.not_found(platform.engine, "devices", "Weather-404")
    undeclared = 'Measure "wind" is not declared for this device model.'
    assert await refused(warm() | {"measureName": "wind"}) == (400, undeclared)
    undeclared = 'Measure "temperature" is not declared for this device model.'
    assert await refused(warm() | {"type": "humidity"}) == (400, undeclared)
    moist = {"measureName": "humidity", "type": "humidity", "values": {"humidity": 500}}
    message = "The provided measures do not comply with their respective schemas"
    assert await refused(warm(), moist, payloadUuids=[f"moist-{device}"]) == (400, message)
    assert (await gateway.archived(f"moist-{device}") or {})["reason"] == message
    status, message = await refused(warm(value="hot"))
    assert (status, message.startswith("Cannot save measures: ")) == (400, True)
    unknown = await platform.refusal("devices:receiveMeasures", engineId="nowhere", _id=device, body={"measures": []})
    assert unknown == platform.unknown_engine()
    assert await gateway.measures(device) == []


async def test_the_generic_events_around_reading_the_device(gateway: Any) -> None:
    platform = gateway.platform
    device, _ = await gateway.linked()
    heard: list[Any] = []
    for event in ("beforeGet", "afterGet"):
        platform.bus.add_pipe(f"generic:document:{event}", lambda ids: heard.append(ids), owner="test", inline=True)
    result = await platform.do("devices:receiveMeasures", _id=device, body={"measures": [warm()]}, dryRun=True)
    assert result == {"dryRun": True}
    assert [list(found[0]) for found in heard] == [["_id"], ["_id", "_source"]]
    assert await gateway.measures(device) == []
