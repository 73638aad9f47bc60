"""Measures that are older than they are kept are removed, and last measures agree with what is left; on both stores."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from device_manager.twins.call import Call

pytestmark = pytest.mark.asyncio(loop_scope="session")

EARLY = 978_307_200_000
"""2001-01-01, long before the measures of other tests."""


async def test_old_measures(platform: Any, new_measure: Any, store_measures: Any) -> None:
    assets = [f"Container-{uuid.uuid4().hex[:12]}" for _ in range(3)]
    kept, partly, gone = assets
    await store_measures(
        platform,
        new_measure(EARLY + 20, asset=kept, value=20),
        *(new_measure(EARLY + n, asset=partly, value=n) for n in (8, 9, 10, 11)),
        *(new_measure(EARLY + n, asset=gone, slot=slot, value=n) for n in (1, 5, 9) for slot in ("power", "dewPoint")),
    )
    tasks = platform.twins.tasks
    task = await tasks.start("pruneMeasures", {"engine": platform.engine, "before": EARLY + 10}, Call())
    task = await tasks.wait(task.id, 30)
    assert (task.state, task.done) == ("finished", 8)
    await platform.store.refresh(platform.engine, "measures")
    left = {id: (await platform.do("assets:getMeasures", _id=id))["total"] for id in assets}
    assert left == {kept: 1, partly: 2, gone: 0}
    found = await platform.do("assets:mGetLastMeasuredAt", body={"ids": assets})
    assert found == {kept: EARLY + 20, partly: EARLY + 11}
    await platform.check()
    nobody = await tasks.start("pruneMeasures", {"engine": "nobody", "before": EARLY}, Call())
    assert (await tasks.wait(nobody.id, 30)).state == "finished"
