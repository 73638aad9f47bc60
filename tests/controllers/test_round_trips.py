"""The budgets of design 7, counted at the store."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPERATURE = {"asset": "temperatureExt", "device": "temperature"}
POWER = {"asset": "power", "device": "battery"}


@pytest_asyncio.fixture(loop_scope="session")
async def counted(make_platform: Any) -> Any:
    """Three devices and assets, chunks of two records."""
    platform = await make_platform(bulk_chunk=2)
    for number in ("1", "2", "3"):
        await platform.device(number)
        await platform.asset(number)
    return platform


async def cost(platform: Any, action: str, *, alone: bool = False, **payload: Any) -> tuple[int, int, int]:
    """Reads, commits and searches of one action, apart from the look-out for other processes' changes.

    A commit is three requests on Elasticsearch and one on SQLite; of documents that are `alone`, one on both.
    """
    await platform.stop_looking()
    await platform.twins.catalogue.look()
    trips = platform.store.round_trips
    before = trips.reads, trips.commits, trips.searches
    await platform.do(action, **payload)
    commits, rest = divmod(trips.commits - before[1], 3 if platform.store.shared and not alone else 1)
    assert rest == 0
    return trips.reads - before[0], commits, trips.searches - before[2]


async def test_links_and_unlinks(counted: Any) -> None:
    entries = [
        {"assetId": "Container-1", "measureSlots": [TEMPERATURE]},
        {"assetId": "Container-2", "measureSlots": [POWER]},
    ]
    link = {"linkedMeasures": entries}
    assert await cost(counted, "devices:linkAssets", _id="Dummy-1", body=link) == (1, 1, 0)
    ids = {"linkedMeasures": [{"deviceId": "Dummy-1", "allMeasures": True}]}
    assert await cost(counted, "assets:unlinkDevices", _id="Container-1", body=ids) == (1, 1, 0)
    assert await cost(counted, "devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True}) == (2, 1, 0)
    implicit = {
        "linkedMeasures": [{"deviceId": f"Dummy-{number}", "implicitMeasuresLinking": True} for number in (1, 2)]
    }
    assert await cost(counted, "assets:linkDevices", _id="Container-1", body=implicit) == (1, 1, 0)
    assert await cost(counted, "devices:unlinkAssets", _id="Dummy-1", body={"measureSlots": ["battery"]}) == (2, 1, 0)


async def side_by_side(platform: Any, action: str, **payload: Any) -> bool:
    """Whether two chunks that share no twin cost what they may: together on a cluster no more than one by one."""
    spent = await cost(platform, action, **payload)
    return spent == (2, 2, 0) or (platform.store.shared and spent in ((1, 1, 0), (2, 1, 0), (1, 2, 0)))


async def comes_back_for(platform: Any, action: str, expected: tuple[int, int, int], **payload: Any) -> bool:
    """Whether it costs that; on a cluster each commit may read again after waiting for the tombstones to go."""
    reads, *rest = await cost(platform, action, **payload)
    most = expected[0] + (expected[1] if platform.store.shared else 0)
    return expected[0] <= reads <= most and rest == list(expected[1:])


async def test_bulk(counted: Any) -> None:
    records = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in (1, 2, 3)]
    body = {"records": records}
    assert await side_by_side(counted, "devices:mLinkAssets", body=body)
    reads, *written = await cost(counted, "devices:mLinkAssets", body=body)
    assert (reads <= 2, written) == (True, [0, 0])
    assert await cost(counted, "devices:mLinkAssets", engineId=..., body=body) == (4, 0, 0)


async def test_bulk_unlinks_and_engines(counted: Any) -> None:
    numbers = (1, 2, 3)
    links = {"records": [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in numbers]}
    ids = {"deviceIds": [f"Dummy-{number}" for number in numbers]}
    free: dict[str, Any] = {"engineId": ..., "body": ids}
    await counted.do("devices:mLinkAssets", body=links)
    assert await side_by_side(counted, "devices:mUnlinkAssets", body=links)
    await counted.do("devices:mLinkAssets", body=links)
    assert await cost(counted, "devices:mUnlinkAssets", engineId=..., body=links) == (4, 2, 0)
    await counted.do("devices:mLinkAssets", body=links)
    assert await cost(counted, "devices:mUnlinkAssets", body=ids) == (4, 2, 0)
    assert await cost(counted, "devices:mUnlinkAssets", **free) == (4, 0, 0)
    await counted.do("devices:mLinkAssets", body=links)
    assert await cost(counted, "devices:mDetachEngines", body=ids) == (4, 2, 0)
    assert await comes_back_for(counted, "devices:mAttachEngines", (2, 2, 0), body=ids)
    assert await cost(counted, "devices:mDetachEngines", **free) == (4, 2, 0)


async def test_imports(counted: Any) -> None:
    for controller, model in (("assets", "Container"), ("devices", "Dummy")):
        action = f"{controller}:import{controller.capitalize()}"
        records = [{"model": model, "reference": f"new-{number}"} for number in (1, 2, 3)]
        assert await side_by_side(counted, action, body={"records": records})
        reads, *written = await cost(counted, action, body={"records": records}, upsert=True)
        assert (reads <= 2, written) == (True, [0, 0])
    assert await cost(counted, action, engineId=..., body={"records": records}, upsert=True) == (4, 0, 0)
    columns = [{"model": "Dummy", "reference": f"own-{number}", "engineId": counted.engine} for number in (1, 2, 3)]
    assert await cost(counted, action, engineId=..., body={"records": columns}) == (2, 2, 0)


async def test_bulk_with_pipes_reads_no_more(counted: Any) -> None:
    async def watch(payload: Any, request: Any) -> None:
        return None

    counted.bus.add_pipe("device-manager:device:link-asset:before", watch, owner="watch")
    counted.bus.compile()
    records = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in (1, 2, 3)]
    assert await cost(counted, "devices:mLinkAssets", body={"records": records}) == (2, 2, 0)
    body = {
        "linkedMeasures": [
            {"assetId": "Container-2", "measureSlots": [{"asset": "temperatureInt", "device": "temperature"}]}
        ]
    }
    await counted.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True})
    assert await cost(counted, "devices:linkAssets", _id="Dummy-1", body=body) == (1, 1, 0)


async def test_reads_by_id(counted: Any) -> None:
    assert await cost(counted, "assets:get", _id="Container-1") == (1, 0, 0)
    assert await cost(counted, "models:getAsset", model="Container") == (0, 0, 0)
    assert await cost(counted, "engine:exists", index=counted.engine) == (1, 0, 0)


async def test_changes(counted: Any) -> None:
    note, color = {"metadata": {"note": "x"}}, {"metadata": {"color": "x"}}
    for action, id, body in [
        ("assets:update", "Container-1", note),
        ("assets:replaceMetadata", "Container-1", note),
        ("devices:update", "Dummy-1", color),
        ("devices:replaceMetadata", "Dummy-1", color),
    ]:
        has_no_history = action.startswith("devices:")
        assert await cost(counted, action, alone=has_no_history, _id=id, body=body) == (1, 1, 0)
    for number in ("1", "9"):
        asset = {"model": "Container", "reference": number, **note}
        assert await cost(counted, "assets:upsert", body=asset) == (1, 1, 0)
        device = {"model": "Dummy", "reference": number, **color}
        is_update = number == "1"
        assert await cost(counted, "devices:upsert", alone=is_update, body=device) == (1, 1, 0)
    assert await cost(counted, "assets:create", body={"model": "Container", "reference": "8"}) == (1, 1, 0)
    assert await cost(counted, "devices:create", body={"model": "Dummy", "reference": "8"}) == (1, 1, 0)


async def test_twins_that_go(counted: Any) -> None:
    for number in ("1", "2", "3"):
        entries = [{"assetId": f"Container-{number}", "implicitMeasuresLinking": True}]
        await counted.do("devices:linkAssets", _id=f"Dummy-{number}", body={"linkedMeasures": entries})
    assert await cost(counted, "assets:delete", _id="Container-1") == (2, 1, 0)
    assert await cost(counted, "devices:detachEngine", _id="Dummy-1") == (1, 1, 0)
    assert await comes_back_for(counted, "devices:attachEngine", (1, 1, 0), _id="Dummy-1")
    assert await cost(counted, "devices:detachEngine", _id="Dummy-2", engineId=...) == (3, 1, 0)
    assert await cost(counted, "devices:delete", _id="Dummy-3") == (2, 1, 0)
    assert await cost(counted, "assets:delete", _id="Container-2") == (1, 1, 0)


async def test_changes_with_pipes_read_no_more(counted: Any) -> None:
    async def watch(payload: Any, request: Any) -> None:
        return None

    for event in ("asset:update", "device:update", "device:unlink-asset", "device:detach-engine"):
        counted.bus.add_pipe(f"device-manager:{event}:before", watch, owner="watch")
    counted.bus.compile()
    entries = [{"assetId": "Container-1", "implicitMeasuresLinking": True}]
    await counted.do("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": entries})
    assert await cost(counted, "assets:update", _id="Container-1", body={"metadata": {"note": "x"}}) == (1, 1, 0)
    assert await cost(counted, "devices:detachEngine", _id="Dummy-1") == (2, 1, 0)
    assert await cost(counted, "assets:delete", _id="Container-2") == (1, 1, 0)
