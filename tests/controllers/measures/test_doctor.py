"""The doctor finds and repairs last measures that disagree with history, on both stores."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from device_manager.storage.contract import INTERNAL_INDEX, Put, PutKind, Transaction
from device_manager.twins.measures.last_measures import Slot, last_measure_puts, record_key, records_collection
from device_manager.twins.measures.slots import list_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARCH = 1_772_323_200_000


async def test_wrong_records(platform: Any, new_measure: Any, store_measures: Any) -> None:
    engine = platform.engine
    asset = f"Container-{uuid.uuid4().hex[:12]}"
    slots = ["temperatureExt", "temperatureInt", "dewPoint", "frostPoint"]
    await platform.check()
    await store_measures(
        platform, *(new_measure(MARCH + n, asset=asset, slot=slot, value=n) for slot in slots for n in (1, 2))
    )
    good = await platform.do("assets:getLastMeasures", _id=asset)
    await platform.check()

    ahead = new_measure(MARCH + 9, asset=asset, value=9)
    await platform.store.put(last_measure_puts(engine, "lost", ahead))
    await platform.store.put([Put(PutKind.REMOVE, record_key(engine, Slot("asset", asset, "temperatureInt")), {})])
    listing = list_of(engine, "asset", asset)

    def unlist(tx: Transaction) -> None:
        document = tx.read((listing.key,))[listing.key]
        left = [name for name in document.source["slots"] if name != "frostPoint"]
        tx.replace(listing.key, document.source | {"slots": left})

    await platform.store.transact(unlist)
    found = (await platform.do("engine:check", index=engine))["findings"]
    assert [(finding["kind"], finding["document"]) for finding in found] == [
        ("last_measure_differs", f"measures/{asset}/{slot}")
        for slot in ("frostPoint", "temperatureExt", "temperatureInt")
    ]
    assert [finding["text"] for finding in found] == [
        f'The slot "frostPoint" of the asset "{asset}" is not in the list of slots, so its last measure is not found.',
        f'The slot "temperatureExt" of the asset "{asset}" has a last measure of 2026-03-01T00:00:00.009Z that is not '
        "the one of 2026-03-01T00:00:00.002Z in history.",
        f'The slot "temperatureInt" of the asset "{asset}" has no last measure, but one of 2026-03-01T00:00:00.002Z in '
        "history.",
    ]
    plan = await platform.do("engine:repair", index=engine, dryRun=True)
    assert (await platform.do("engine:check", index=engine))["findings"] == found
    done = await platform.do("engine:repair", index=engine)
    assert done["repairs"] == plan["repairs"]
    await platform.check()
    assert await platform.do("assets:getLastMeasures", _id=asset) == good


async def test_an_engine_without_records(platform: Any, new_measure: Any, store_measures: Any) -> None:
    engine = platform.engine
    asset = f"Container-{uuid.uuid4().hex[:12]}"
    await store_measures(platform, new_measure(MARCH, asset=asset, slot="dewPoint"))
    good = await platform.do("assets:getLastMeasures", _id=asset)
    await platform.store.drop_collection(INTERNAL_INDEX, records_collection(engine))
    found = (await platform.do("engine:check", index=engine))["findings"]
    assert [(finding["kind"], finding["document"]) for finding in found] == [("missing_last_measures", "measures")]
    await platform.do("engine:repair", index=engine)
    await platform.check()
    assert await platform.do("assets:getLastMeasures", _id=asset) == good
