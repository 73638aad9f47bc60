"""The questions about measures that plugins ask inside the process (device-manager 3.7), and tenants of senders."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.events.answers import Answers
from device_manager.twins.call import Call
from device_manager.twins.ingestion.questions import answer_questions

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000
INGEST = "device-manager:measures:sourceIngest"
WARM = {"measureName": "temperature", "type": "temperature", "measuredAt": AT, "values": {"temperature": 1.0}}
MOIST = {"measureName": "humidity", "type": "humidity", "measuredAt": AT, "values": {"humidity": 50}}


async def test_sources_and_targets_that_are_named(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew")
    _, other = await gateway.linked()
    answers = Answers()
    answer_questions(answers, platform.twins.ingestion)
    source = {"type": "device", "id": device, "reference": device.partition("-")[2], "model": "Weather"}
    target = {"type": "device", "indexId": platform.engine, "assetId": asset}

    async def ask(source: Any = source, target: Any = target, measurements: Any = (WARM, MOIST)) -> None:
        uuids = [f"ask-{device}"]
        payload = {"source": source, "target": target, "measurements": list(measurements), "payloadUuids": uuids}
        await answers.ask(INGEST, payload)

    for _ in range(2):
        await ask()
    humidity, temperature = await gateway.measures(device)
    assert (temperature["asset"]["_id"], temperature["asset"]["measureName"]) == (asset, "dew")
    assert humidity["asset"] is None
    await ask(target=target | {"assetId": None}, measurements=[WARM | {"measuredAt": AT + 1}])
    assert [measure["asset"] for measure in await gateway.measures(device)][2] is None
    api = {"type": "api", "id": f"station-{device}"}
    await ask(api, target | {"type": "api"}, [MOIST, WARM | {"measureName": "elsewhere"}])
    (about,) = await gateway.measures(api["id"], asset=asset)
    assert (about["asset"]["measureName"], about["origin"]["payloadUuids"]) == ("humidity", [])
    assert len(await gateway.measures(api["id"])) == 2

    async def refused(*arguments: Any) -> str:
        with pytest.raises(ApiError) as refusal:
            await ask(*arguments)
        return refusal.value.message

    message = f'Device "{device}" is not linked to "Room" asset: "{other.partition("-")[2]}"'
    assert await refused(source, target | {"assetId": other}) == message
    message = f'Asset "Room-404" does not exists on index "{platform.engine}"'
    assert await refused(api, target | {"type": "api", "assetId": "Room-404"}) == message
    assert (await refused(api, target)).startswith('Unable to ingest measure with context {"source":')
    assert "schemas" in await refused(source, target, [MOIST | {"values": {}}])
    with pytest.raises(ApiError, match="source"):
        await answers.ask(INGEST, {"target": target})


async def test_formatted_measures(gateway: Any) -> None:
    platform = gateway.platform
    device, _ = await gateway.linked()
    answers = Answers()
    answer_questions(answers, platform.twins.ingestion)
    document = {"_id": device, "_source": await platform.source("devices", device)}
    asked = {"device": document, "measures": [WARM], "payloadUuids": [f"formatted-{device}"]}
    await answers.ask("ask:device-manager:payload:receive-formated", asked)
    assert len(await gateway.measures(device)) == 1
    assert (await gateway.archived(f"formatted-{device}") or {})["valid"] is True


async def test_devices_in_engines_of_others_are_like_unknown_ones(gateway: Any) -> None:
    platform = gateway.platform
    device, _ = await gateway.linked()
    stranger = Call("gateway", engines=frozenset({platform.twins.platform}))
    everywhere = platform.twins.platform
    with pytest.raises(ApiError) as refusal:
        await platform.twins.ingestion.receive_measures(everywhere, device, [WARM], [], stranger)
    assert (refusal.value.status, refusal.value.message) == platform.not_found(everywhere, "devices", device)
    from_weather = gateway.payload((device.partition("-")[2], "temperature", AT, 1.0), uuid=f"stranger-{device}")
    assert await platform.twins.ingestion.receive_payload(from_weather, gateway.decoder, stranger) == {"valid": True}
    assert await gateway.measures(device) == []
    tenant = stranger._replace(engines=frozenset({everywhere, platform.engine}))
    await platform.twins.ingestion.receive_payload(from_weather, gateway.decoder, tenant)
    assert len(await gateway.measures(device)) == 1
