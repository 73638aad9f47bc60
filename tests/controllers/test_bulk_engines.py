"""mAttachEngines and mDetachEngines on both stores (device-manager 2.3, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from device_manager.twins.bulk.records import attach_record, detach_record, link_record, unlink_record
from device_manager.twins.call import Call

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTACH, DETACH = "devices:mAttachEngines", "devices:mDetachEngines"


@pytest_asyncio.fixture(loop_scope="session")
async def platform(make_platform: Any) -> Any:
    """Three free devices, one attached and linked to two assets; chunks of two records."""
    platform = await make_platform(bulk_chunk=2, bulk_records=20)
    for number in (1, 2, 3):
        await platform.device(str(number), engineId=platform.twins.platform)
    await platform.device("4")
    for number in (1, 2):
        await platform.asset(str(number))
    slots = [[{"asset": "temperatureExt", "device": "temperature"}], [{"asset": "power", "device": "battery"}]]
    links = [{"assetId": f"Container-{number}", "measureSlots": slots[number - 1]} for number in (1, 2)]
    await platform.do("devices:linkAssets", _id="Dummy-4", body={"linkedMeasures": links})
    return platform


async def engine_of(platform: Any, device: str) -> Any:
    return (await platform.store.get(platform.twins.platform, "devices", device)).source["engineId"]


async def test_records_and_csv_name_the_engine_or_take_that_of_the_call(platform: Any) -> None:
    engine = platform.engine
    records = [
        {"deviceId": "Dummy-1", "engineId": engine},
        {"deviceId": "Dummy-2", "tenantId": engine},
        {"deviceId": "Dummy-1", "engineId": engine},
        {"deviceId": "Dummy-404", "engineId": engine},
        {"deviceId": "Dummy-3", "engineId": "nowhere"},
        {"deviceId": "Dummy-3"},
    ]
    result = await platform.do(ATTACH, engineId=..., body={"records": records})
    assert result["successes"] == [
        {"row": 1, "engineId": engine, "deviceId": "Dummy-1", "changed": True},
        {"row": 2, "engineId": engine, "deviceId": "Dummy-2", "changed": True},
        {"row": 3, "engineId": engine, "deviceId": "Dummy-1", "changed": False},
    ]
    assert [(error["row"], error["id"]) for error in result["errors"]] == [
        (4, "services.storage.not_found"),
        (5, "device_manager.engines.unknown"),
        (6, "api.assert.missing_argument"),
    ]
    held = await platform.do("devices:get", _id="Dummy-1")
    assert held["_source"]["metadata"] == {"color": "grey"}
    result = await platform.do("device:mAttach", body={"csv": "tenantId;deviceId\n;Dummy-3\n;Dummy-4\n"})
    assert [success["changed"] for success in result["successes"]] == [True, False]
    assert await engine_of(platform, "Dummy-3") == engine
    await platform.check()


async def test_a_device_of_another_engine_stays_there(platform: Any) -> None:
    other = f"{platform.engine}b"
    await platform.do("engine:create", index=other, engineId=...)
    try:
        result = await platform.do(ATTACH, engineId=other, body={"deviceIds": ["Dummy-4", "Dummy-1"]})
        assert [error["id"] for error in result["errors"]] == ["device_manager.devices.already_attached"]
        assert [success["deviceId"] for success in result["successes"]] == ["Dummy-1"]
        error = await platform.refused(ATTACH, engineId=other, body={"deviceIds": ["Dummy-4"]}, strict=True)
        assert error["message"] == 'These devices "Dummy-4" are already attached to a tenant'
        records = [{"deviceId": "Dummy-4", "engineId": other}, {"deviceId": "Dummy-1"}, {"deviceId": "Dummy-2"}]
        error = await platform.refused(DETACH, engineId=..., body={"records": records}, strict=True)
        assert (error["status"], error["id"], error["count"]) == (400, "device_manager.bulk.refused", 1)
        result = await platform.do(DETACH, engineId=..., body={"records": records})
        assert [error["id"] for error in result["errors"]] == ["device_manager.devices.attached_elsewhere"]
        assert [(success["engineId"], success["changed"]) for success in result["successes"]] == [
            (other, True),
            (None, False),
        ]
    finally:
        await platform.do("engine:delete", index=other, engineId=...)
        await platform.store.drop_index(other)


async def test_a_device_leaves_with_its_links_which_history_tells(platform: Any) -> None:
    for engine in (platform.engine, ...):
        result = await platform.do(DETACH, engineId=engine, body={"csv": "deviceId\nDummy-4\nDummy-1\nDummy-404\n"})
        assert [(success["deviceId"], success["changed"]) for success in result["successes"]] == [
            ("Dummy-4", engine is platform.engine),
            ("Dummy-1", False),
        ]
        assert [error["deviceId"] for error in result["errors"]] == ["Dummy-404"]
    assert await engine_of(platform, "Dummy-4") is None
    assert (await platform.ask("devices:get", _id="Dummy-4"))["status"] == 404
    for asset in ("Container-1", "Container-2"):
        assert await platform.links("assets", asset) == []
        assert (await platform.history(asset))[-1]["event"] == {"name": "unlink", "unlink": {"deviceId": "Dummy-4"}}
    await platform.check()


async def test_strict_and_dry_run(platform: Any) -> None:
    tried = await platform.do(DETACH, body={"deviceIds": ["Dummy-4", "Dummy-4"]}, dryRun=True)
    assert [success["changed"] for success in tried["successes"]] == [True, False]
    error = await platform.refused(DETACH, body={"deviceIds": ["Dummy-4", "Dummy-404"]}, strict=True)
    assert (error["status"], error["count"]) == (404, 1)
    assert await engine_of(platform, "Dummy-4") == platform.engine
    error = await platform.refused(
        ATTACH, body={"records": [{"deviceId": "Dummy-1"}, {"deviceId": "Dummy-2", "engineId": "x"}]}, strict=True
    )
    assert error["message"] == 'Tenant "x" does not have a device-manager engine'
    assert await engine_of(platform, "Dummy-1") is None
    error = await platform.refused(ATTACH, body={"deviceIds": ["Dummy-1", "Dummy-404"]}, strict=True)
    assert (error["status"], error["id"]) == (404, "device_manager.bulk.unknown_twins")
    for action in (ATTACH, DETACH):
        error = await platform.refused(action, engineId="nowhere", body={"deviceIds": ["Dummy-1"]})
        assert (error["status"], error["id"]) == (404, "services.storage.not_found")
    done = await platform.do(ATTACH, body={"deviceIds": ["Dummy-1", "Dummy-2", "Dummy-3"]}, strict=True)
    assert len(done["successes"]) == 3
    await platform.check()


async def test_pipes_around_both(platform: Any) -> None:
    told: list[tuple[str, str]] = []

    def listen(event: str, *, colour: str | None = None, refuse: str | None = None) -> None:
        async def pipe(payload: Any, request: Any) -> Any:
            told.append((event, payload["device"]["_id"]))
            if payload["device"]["_id"] == refuse:
                raise RuntimeError("not this one")
            if colour:
                payload["device"]["_source"]["metadata"]["color"] = colour
            return payload

        platform.bus.add_pipe(f"device-manager:device:{event}", pipe, owner="test")

    listen("attach-engine:before", colour="red", refuse="Dummy-2")
    listen("attach-engine:after")
    listen("detach-engine:before", refuse="Dummy-1")
    listen("detach-engine:after")
    listen("unlink-asset:before")
    listen("unlink-asset:after")
    platform.bus.compile()
    result = await platform.do(ATTACH, body={"deviceIds": ["Dummy-1", "Dummy-2", "Dummy-404"]})
    assert [success["deviceId"] for success in result["successes"]] == ["Dummy-1"]
    assert (await platform.do("devices:get", _id="Dummy-1"))["_source"]["metadata"] == {"color": "red"}
    result = await platform.do(DETACH, body={"deviceIds": ["Dummy-4", "Dummy-1"]})
    assert [success["deviceId"] for success in result["successes"]] == ["Dummy-4"]
    assert sorted(told) == [
        ("attach-engine:after", "Dummy-1"),
        ("attach-engine:before", "Dummy-1"),
        ("attach-engine:before", "Dummy-2"),
        ("detach-engine:after", "Dummy-4"),
        ("detach-engine:before", "Dummy-1"),
        ("detach-engine:before", "Dummy-4"),
        ("unlink-asset:after", "Dummy-4"),
        ("unlink-asset:after", "Dummy-4"),
        ("unlink-asset:before", "Dummy-4"),
        ("unlink-asset:before", "Dummy-4"),
    ]
    await platform.check()


async def test_engines_of_others_do_not_exist(platform: Any) -> None:
    stranger = Call(engines=frozenset({"another"}))
    bulk = platform.twins.bulk
    found = [
        await bulk.attach(None, [attach_record(1, platform.engine, "Dummy-1")], False, stranger),
        await bulk.detach(None, [detach_record(1, "", "Dummy-4")], False, stranger),
        await bulk.unlink(None, [unlink_record(1, "", "Dummy-4")], False, stranger),
        await bulk.link(None, [link_record(1, "Container-1", "Dummy-4", [])], False, stranger),
    ]
    assert [outcome.errors[0].error.id for outcome in found] == [
        "device_manager.engines.unknown",
        *["services.storage.not_found"] * 3,
    ]
    assert await engine_of(platform, "Dummy-1") is None


@pytest.mark.parametrize("action", [ATTACH, DETACH])
@pytest.mark.parametrize(
    ("body", "status", "id"),
    [
        ({}, 400, "device_manager.bulk.malformed"),
        ({"records": []}, 400, "api.assert.empty_argument"),
        ({"csv": "engineId\na"}, 400, "api.assert.invalid_argument"),
        ({"records": [{"engineId": "a"}]}, 400, "api.assert.missing_argument"),
        ({"deviceIds": ["d"] * 21}, 413, "services.storage.write_limit_exceeded"),
    ],
)
async def test_what_is_refused_as_a_whole(platform: Any, action: str, body: Any, status: int, id: str) -> None:
    error = await platform.refused(action, body=body)
    assert (error["status"], error["id"]) == (status, id)
