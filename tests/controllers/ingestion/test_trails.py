"""Devices that are not where their last payload found them: what the store says counts (transactions 2, B8)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = 1_732_000_000_000


async def reads_of(gateway: Any, reference: str, at: int) -> int:
    """How many reads a payload of one measure costs."""
    before = gateway.platform.store.round_trips.reads
    assert await gateway.send((reference, "temperature", at, 1.0)) == {"valid": True}
    reads: int = gateway.platform.store.round_trips.reads - before
    return reads


async def test_links_that_changed_since(gateway: Any) -> None:
    platform = gateway.platform
    await platform.stop_looking()
    device, first = await gateway.linked(temperature="dew")
    _, second = await gateway.linked()
    reference = device.partition("-")[2]
    assert await reads_of(gateway, reference, AT) == 3
    assert await reads_of(gateway, reference, AT + 1) == 1
    await platform.do("devices:unlinkAssets", _id=device, body={"allMeasures": True})
    assert await reads_of(gateway, reference, AT + 2) == 1
    await platform.link(device, second, {"device": "temperature", "asset": "temperature"})
    assert await reads_of(gateway, reference, AT + 3) == 2
    assert await reads_of(gateway, reference, AT + 4) == 1
    await platform.do("assets:update", _id=second, body={"metadata": {"weight": 7}})
    assert await reads_of(gateway, reference, AT + 5) == 1
    contexts = [measure["asset"] for measure in await gateway.measures(device)]
    assert [context and (context["_id"], context["measureName"]) for context in contexts] == [
        (first, "dew"),
        (first, "dew"),
        None,
        *[(second, "temperature")] * 3,
    ]
    assert [context["metadata"].get("weight") for context in contexts[3:]] == [None, None, 7]


async def test_a_device_that_moved_and_one_that_is_free(gateway: Any, second_engine: str) -> None:
    platform = gateway.platform
    await platform.stop_looking()
    device, _ = await gateway.linked(temperature="dew")
    reference = device.partition("-")[2]
    await gateway.send((reference, "temperature", AT, 1.0))
    await platform.do("devices:detachEngine", _id=device)
    assert await reads_of(gateway, reference, AT + 1) == 1
    assert (await gateway.record(device))["lastMeasuredAt"] == AT + 1
    await platform.do("devices:attachEngine", _id=device, engineId=second_engine)
    assert await reads_of(gateway, reference, AT + 2) == 2
    assert await reads_of(gateway, reference, AT + 3) == 1
    assert [measure["measuredAt"] for measure in await gateway.measures(device)] == [AT]
    await platform.store.refresh(second_engine, "measures")
    there = [found async for page in platform.store.scan(second_engine, "measures") for found in page]
    assert sorted(found.source["measuredAt"] for found in there) == [AT + 2, AT + 3]


async def test_the_place_where_a_device_was_is_gone(gateway: Any) -> None:
    """Another process deleted the engine, and this one has not heard of it yet."""
    platform = gateway.platform
    await platform.stop_looking()
    await platform.do("engine:create", index="left", engineId=...)
    device = await platform.device("mover", "Weather", engineId="left")
    await gateway.send(("mover", "temperature", AT, 1.0))
    await platform.do("devices:detachEngine", _id=device, engineId="left")
    await platform.do("devices:attachEngine", _id=device)
    await platform.store.drop_index("left")
    assert await gateway.send(("mover", "temperature", AT + 1, 1.0), uuid="moved") == {"valid": True}
    assert [measure["measuredAt"] for measure in await gateway.measures(device)] == [AT + 1]
    await platform.do("engine:delete", index="left", engineId=...)
