"""Engines keep measures and payloads for as long as they want to; on both stores."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.storage.contract import Key

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOMENT = 1e-7
"""Days that are over at once."""


@pytest_asyncio.fixture(loop_scope="session")
async def engine(platform: Any) -> AsyncIterator[str]:
    """The engine, which keeps everything forever afterwards."""
    yield platform.engine
    await platform.do("engine:update", index=platform.engine, body={"retention": {"measures": None, "payloads": None}})


async def configured(platform: Any, engine: str) -> Any:
    (found,) = [item for item in (await platform.do("engine:list"))["engines"] if item["index"] == engine]
    return found.get("retention")


async def test_how_long_things_are_kept_is_part_of_the_engine(platform: Any, engine: str) -> None:
    async def update(**retention: Any) -> None:
        await platform.do("engine:update", index=engine, body={"retention": retention})

    assert await configured(platform, engine) is None
    await update(measures=365)
    assert await configured(platform, engine) == {"measures": 365}
    await update(payloads=0.5)
    await platform.do("engine:update", index=engine)
    assert await configured(platform, engine) == {"measures": 365, "payloads": 0.5}
    for wrong in ({"measures": 0}, {"payloads": -1}, {"measures": "1"}, {"measures": True}, {"payloads": 40_000}):
        error = await platform.refused("engine:update", index=engine, body={"retention": wrong})
        assert (error["id"], error["status"]) == ("device_manager.engines.unusable_retention", 400)
    error = await platform.refused("engine:update", index=engine, body={"retention": {"assets": 1}})
    assert error["message"] == (
        'An engine keeps "measures" and "payloads" for a number of days above 0 and up to 36500, or null for ever: '
        '"assets" cannot be 1.'
    )
    assert await platform.refusal("engine:update", index=engine, body={"retention": {"payloads": 366}}) == (
        400,
        "Payloads cannot be kept for 366 days and measures for 365: the measures tell whose payloads they are.",
    )
    await update(measures=None)
    assert await configured(platform, engine) == {"payloads": 0.5}
    fresh = f"e{uuid.uuid4().hex[:10]}"
    for retention, id in (
        ({"measures": []}, "device_manager.engines.unusable_retention"),
        ({"measures": 1, "payloads": 2}, "device_manager.engines.payloads_outlast_measures"),
    ):
        error = await platform.refused("engine:create", index=fresh, body={"retention": retention})
        assert error["id"] == id
    assert not (await platform.do("engine:exists", index=fresh))["exists"]


async def test_what_is_too_old_goes(platform: Any, engine: str) -> None:
    device = await platform.device("1")
    old, new = int(time.time() * 1000) - 40 * 86_400_000, int(time.time() * 1000)
    payloads = [uuid.uuid4().hex for _ in range(3)]
    for payload, moment in ((payloads[0], old), (payloads[1], new)):
        measure = {
            "measureName": "temperature",
            "type": "temperature",
            "measuredAt": moment,
            "values": {"temperature": 21},
        }
        body = {"measures": [measure], "payloadUuids": [payload]}
        await platform.do("devices:receiveMeasures", _id=device, body=body)
    other = {"uuid": payloads[2], "deviceModel": "Dummy", "valid": False, "payload": {}}
    await platform.do(
        "document:create", index=platform.twins.platform, collection="payloads", _id=payloads[2], body=other
    )

    async def left() -> tuple[list[int], list[str]]:
        await platform.do("collection:refresh", index=engine, collection="measures")
        found = await platform.do("devices:getMeasures", _id=device)
        keys = [Key(platform.twins.platform, "payloads", payload) for payload in payloads]
        stored = await platform.store.read(keys)
        return sorted(item["_source"]["measuredAt"] for item in found["measures"]), [
            key.id for key in keys if key in stored
        ]

    async def prune(**retention: Any) -> None:
        await platform.do("engine:update", index=engine, body={"retention": retention})
        for id in await platform.twins.tenants.retention.apply(at_once=True):
            task = await platform.twins.tasks.wait(id, 30)
            assert (task.state, task.error, task.engine) == ("finished", None, engine)

    assert await left() == ([old, new], payloads)
    await prune()
    assert await left() == ([old, new], payloads)
    await prune(measures=30)
    assert await left() == ([new], payloads)
    await prune(payloads=MOMENT)
    assert await left() == ([new], [payloads[0], payloads[2]])
    assert await platform.twins.tenants.retention.apply() == []
