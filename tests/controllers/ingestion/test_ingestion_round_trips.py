"""The budget of ingestion, counted at the store (design 7)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000


async def cost(platform: Any, action: str, **payload: Any) -> tuple[int, int, int]:
    """Reads, puts, and everything else, apart from the look-out for other processes' changes."""
    await platform.stop_looking()
    await platform.twins.catalogue.look()
    trips = platform.store.round_trips
    before = trips.reads, trips.puts, trips.commits + trips.searches
    await platform.do(action, **payload)
    return trips.reads - before[0], trips.puts - before[1], trips.commits + trips.searches - before[2]


async def test_raw_payloads(gateway: Any) -> None:
    platform = gateway.platform
    twins = [await gateway.linked(temperature="dew", humidity="humidity") for _ in range(3)]
    references = [device.partition("-")[2] for device, _ in twins]
    at = AT

    async def payload(
        *references: str, uuid: Any = ..., metadata: dict[str, Any] | None = None
    ) -> tuple[int, int, int]:
        nonlocal at
        at += 1
        measures = [[reference, "temperature", at + n, 1.0] for reference in references for n in range(3)]
        measures += [[reference, "humidity", at, 50] for reference in references]
        body = {"measures": measures, "metadata": metadata or {}}
        return await cost(platform, "payloads:weather", engineId=..., uuid=uuid, body=body)

    assert await payload(references[0]) == (3, 1, 0)
    colors = {references[0]: {"color": "red"}, references[1]: {"color": "red"}}
    # Where a device was the last time is read at once.
    assert await payload(references[0]) == (1, 1, 0)
    assert await payload(*references, uuid="counted", metadata=colors) == (3, 1, 0)
    assert await payload("first", "second") == (2, 1, 0)
    assert await payload("first", "second") == (1, 1, 0)
    assert await payload(*references, "first", "third") == (2, 1, 0)
    at = AT + 2
    assert await payload(*references, uuid="counted", metadata=colors) == (1, 0, 0)
    for skipped in ({"skip": True}, {}):
        assert await cost(platform, "payloads:weather", engineId=..., body=skipped) == (0, 1, 0)


async def test_formatted_and_api_measures(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew", humidity="humidity")
    measures = [
        {"measureName": "temperature", "type": "temperature", "measuredAt": AT, "values": {"temperature": 1}},
        {"measureName": "humidity", "type": "humidity", "measuredAt": AT, "values": {"humidity": 1}},
    ]
    formatted = {"_id": device, "body": {"measures": measures}}
    assert await cost(platform, "devices:receiveMeasures", **formatted) == (2, 1, 0)
    formatted["body"] |= {"payloadUuids": [f"counted-{device}"]}
    assert await cost(platform, "devices:receiveMeasures", **formatted) == (1, 1, 0)
    measurements = [
        {"slotName": "dew", "measuredAt": AT + number, "values": {"temperature": number}} for number in range(50)
    ]
    many = {"dataSource": {"id": "station"}, "measurements": measurements}
    assert await cost(platform, "assets:mMeasureIngest", assetId=asset, body=many) == (1, 1, 0)
    one = {"dataSource": {"id": "station"}, "measuredAt": AT, "values": {"temperature": 1}}
    assert await cost(platform, "assets:measureIngest", assetId=asset, slotName="dew", body=one) == (1, 1, 0)
