"""Payloads at once: nothing is lost, nothing twice (transactions 2, B4 and B5; device-manager 8.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000
COPIES = 20


async def test_metadata_of_many_payloads_is_merged(gateway: Any) -> None:
    platform = gateway.platform
    device, asset = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    await asyncio.gather(
        *(
            gateway.send((reference, "temperature", AT + number, number), metadata={reference: {"color": str(number)}})
            for number in range(COPIES)
        ),
        *(platform.do("assets:update", _id=asset, body={"metadata": {"weight": number}}) for number in range(3)),
    )
    assert len(await gateway.measures(device)) == COPIES
    stored = await platform.source("devices", device)
    assert stored["metadata"]["color"] in {str(number) for number in range(COPIES)}
    assert stored["linkedMeasures"]
    assert await gateway.last("assets", asset) == {"dew": (AT + COPIES - 1, {"temperature": COPIES - 1})}


async def test_a_new_device_is_provisioned_once_and_loses_nothing(gateway: Any) -> None:
    await asyncio.gather(
        *(gateway.send(("rush", "temperature", AT + number, number), uuid=f"rush-{number}") for number in range(COPIES))
    )
    record = await gateway.record("Weather-rush")
    assert [last["measuredAt"] - AT for last in record["lastMeasures"]] == [19, 18, 17, 16, 15]
    states = [(await gateway.archived(f"rush-{number}") or {})["state"] for number in range(COPIES)]
    assert states == ["VALID"] * COPIES


async def test_copies_of_one_payload_are_one(gateway: Any) -> None:
    device, asset = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    payload = (reference, "temperature", AT, 1.0), (reference, "humidity", AT, 1)
    await asyncio.gather(*(gateway.send(*payload, uuid=f"copy-{reference}") for _ in range(COPIES)))
    first = await gateway.measures(device)
    assert len(first) == 2
    assert await gateway.last("assets", asset) == {"dew": (AT, {"temperature": 1.0})}


async def test_last_measures_follow_the_copy_that_was_stored(gateway: Any) -> None:
    """Two copies at once, a link made between their reads: what history says counts."""
    platform = gateway.platform
    device, asset = await gateway.linked()
    reference = device.partition("-")[2]
    waiting, linked = asyncio.Event(), asyncio.Event()

    async def hold(payload: Any) -> None:
        if not waiting.is_set():
            waiting.set()
            await linked.wait()

    platform.bus.add_pipe("device-manager:measures:process:before", hold, owner="test")
    first = asyncio.create_task(gateway.send((reference, "temperature", AT, 1.0), uuid=f"race-{reference}"))
    await waiting.wait()
    await platform.link(device, asset, {"device": "temperature", "asset": "dew"})
    await gateway.send((reference, "temperature", AT, 1.0), uuid=f"race-{reference}")
    linked.set()
    await first
    (measure,) = await gateway.measures(device)
    assert measure["asset"]["_id"] == asset
    assert await gateway.last("assets", asset) == {"dew": (AT, {"temperature": 1.0})}
    assert await gateway.last("devices", device) == {"temperature": (AT, {"temperature": 1.0})}
