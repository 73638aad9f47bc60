"""mUnlinkAssets on both stores (device-manager 6.3, design 5 and 7)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPERATURE = {"asset": "temperatureExt", "device": "temperature"}
POWER = {"asset": "power", "device": "battery"}
INSIDE = {"asset": "temperatureInt", "device": "temperature"}
UNLINK = "devices:mUnlinkAssets"


def record(device: int, asset: int | None = None, *slots: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any] = {"deviceId": f"Dummy-{device}"}
    content |= {"assetId": f"Container-{asset}"} if asset else {}
    return content | {"measureSlots": list(slots)} if slots else content


@pytest_asyncio.fixture(loop_scope="session")
async def linked(make_platform: Any) -> Any:
    """Four devices, each linked to the asset of its number; chunks of two records."""
    platform = await make_platform(bulk_chunk=2, bulk_records=20)
    for number in range(1, 5):
        await platform.device(str(number))
        await platform.asset(str(number))
    links = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in range(1, 5)]
    await platform.do("devices:mLinkAssets", body={"records": links})
    return platform


async def test_records_of_every_precision(linked: Any) -> None:
    records = [record(1), record(2, 2), record(3, 3, POWER), record(4, 4, {"device": "battery"}), record(4, None)]
    result = await linked.do(UNLINK, body={"records": records})
    assert result["errors"] == []
    assert result["successes"] == [
        {"row": 1, "assetId": None, "deviceId": "Dummy-1", "measureSlots": [TEMPERATURE, POWER], "changed": True},
        {
            "row": 2,
            "assetId": "Container-2",
            "deviceId": "Dummy-2",
            "measureSlots": [TEMPERATURE, POWER],
            "changed": True,
        },
        {"row": 3, "assetId": "Container-3", "deviceId": "Dummy-3", "measureSlots": [POWER], "changed": True},
        {"row": 4, "assetId": "Container-4", "deviceId": "Dummy-4", "measureSlots": [POWER], "changed": True},
        {"row": 5, "assetId": None, "deviceId": "Dummy-4", "measureSlots": [TEMPERATURE], "changed": True},
    ]
    assert await linked.links("devices", "Dummy-1") == []
    assert await linked.links("devices", "Dummy-3") == [{"assetId": "Container-3", "measureSlots": [TEMPERATURE]}]
    assert [entry["event"]["name"] for entry in await linked.history("Container-4")] == [
        "metadata",
        "link",
        "unlink",
        "unlink",
    ]
    await linked.check()


async def test_what_is_not_linked_is_a_success_that_writes_nothing(linked: Any) -> None:
    await linked.device("free")
    records = [{"deviceId": "Dummy-free"}, record(1, 2), record(1, 1, INSIDE), record(2), record(2)]
    result = await linked.do(UNLINK, body={"records": records})
    assert [success["changed"] for success in result["successes"]] == [False, False, False, True, False]
    assert len(await linked.history("Container-1")) == 2


async def test_what_does_not_exist_is_an_error(linked: Any) -> None:
    await linked.do("devices:create", engineId=linked.twins.platform, body={"model": "Dummy", "reference": "loose"})
    records = [
        record(404),
        record(1, 404),
        record(1, 1, {"device": "nose"}),
        record(1, 1, {"device": "battery", "asset": "nose"}),
        {"deviceId": "Dummy-loose"},
        {"deviceId": ""},
        record(1),
    ]
    result = await linked.do(UNLINK, body={"records": records})
    assert [(error["row"], error["id"]) for error in result["errors"]] == [
        (1, "services.storage.not_found"),
        (2, "services.storage.not_found"),
        (3, "device_manager.links.undeclared_device_slot"),
        (4, "device_manager.links.unknown_asset_slot"),
        (5, "device_manager.devices.not_attached"),
        (6, "api.assert.missing_argument"),
    ]
    assert [success["row"] for success in result["successes"]] == [7]


async def test_csv_and_ids_without_an_engine_under_the_old_name(linked: Any) -> None:
    csv = "deviceId;assetId;deviceSlot;assetSlot\r\nDummy-1;Container-1;battery;power\r\nDummy-2;;battery;\r\n"
    csv += "Dummy-3;;;\r\nDummy-3;;;power\r\nDummy-3\r\n"
    result = await linked.do("device:mUnlink", engineId=..., body={"csv": csv})
    assert [(success["row"], success["measureSlots"]) for success in result["successes"]] == [
        (1, [POWER]),
        (2, [POWER]),
        (3, [TEMPERATURE, POWER]),
    ]
    assert [(error["row"], error["id"]) for error in result["errors"]] == [
        (4, "api.assert.missing_argument"),
        (5, "device_manager.bulk.unreadable_row"),
    ]
    result = await linked.do("device:mUnlink", engineId=..., body={"deviceIds": ["Dummy-1", "Dummy-4"]})
    assert [success["measureSlots"] for success in result["successes"]] == [[TEMPERATURE], [TEMPERATURE, POWER]]
    await linked.check()


async def test_strict_and_dry_run(linked: Any) -> None:
    tried = await linked.do(UNLINK, body={"records": [record(1), record(404), record(1)]}, dryRun=True)
    assert tried["dryRun"] is True
    assert [success["changed"] for success in tried["successes"]] == [True, False]
    error = await linked.refused(UNLINK, body={"records": [record(1), record(404)]}, strict=True)
    assert (error["status"], error["id"], error["count"]) == (404, "device_manager.bulk.unknown_twins", 1)
    assert error["message"] == 'Devices "Dummy-404" do not exist'
    assert len(await linked.links("devices", "Dummy-1")) == 1
    await linked.do("devices:create", engineId=linked.twins.platform, body={"model": "Dummy", "reference": "loose"})
    for wrong, status, id in (
        ({"deviceId": "Dummy-loose"}, 412, "device_manager.bulk.not_attached"),
        (record(1, 1, {"device": "nose"}), 400, "device_manager.bulk.refused"),
    ):
        error = await linked.refused(UNLINK, body={"records": [record(1), wrong]}, strict=True)
        assert (error["status"], error["id"], error["errors"][0]["row"]) == (status, id, 2)
    error = await linked.refused(UNLINK, engineId="nowhere", body={"records": [record(1)]})
    assert (error["status"], error["id"]) == (404, "services.storage.not_found")
    done = await linked.do(UNLINK, body={"records": [record(1), record(2), record(3)]}, strict=True)
    assert [success["changed"] for success in done["successes"]] == [True, True, True]
    await linked.check()


@pytest.mark.parametrize(
    ("body", "status", "id"),
    [
        ({}, 400, "device_manager.bulk.malformed"),
        ({"records": []}, 400, "api.assert.empty_argument"),
        ({"deviceIds": []}, 400, "api.assert.empty_argument"),
        ({"csv": "deviceId\n"}, 400, "api.assert.empty_argument"),
        ({"csv": "assetId\na"}, 400, "api.assert.invalid_argument"),
        ({"records": [{"assetId": "a"}]}, 400, "api.assert.missing_argument"),
        ({"deviceIds": [5]}, 400, "api.assert.invalid_type"),
        ({"deviceIds": ["d"] * 21}, 413, "services.storage.write_limit_exceeded"),
        ({"csv": "deviceId\n" + "d\n" * 21}, 413, "services.storage.write_limit_exceeded"),
    ],
)
async def test_what_is_refused_as_a_whole(linked: Any, body: Any, status: int, id: str) -> None:
    error = await linked.refused(UNLINK, body=body)
    assert (error["status"], error["id"]) == (status, id)


async def test_pipes_run_once_a_link_and_may_change_metadata_or_refuse(linked: Any) -> None:
    told: list[tuple[str, str, str]] = []

    async def before(payload: Any, request: Any) -> Any:
        told.append(("before", payload["device"]["_id"], payload["asset"]["_id"]))
        if payload["device"]["_id"] == "Dummy-2":
            raise RuntimeError("not this one")
        payload["asset"]["_source"]["metadata"]["note"] = "unlinked"
        return payload

    async def after(payload: Any, request: Any) -> None:
        told.append(("after", payload["device"]["_id"], payload["asset"]["_id"]))
        assert payload["asset"]["_source"]["linkedMeasures"] == []

    linked.bus.add_pipe("device-manager:device:unlink-asset:before", before, owner="test")
    linked.bus.add_pipe("device-manager:device:unlink-asset:after", after, owner="test")
    linked.bus.compile()
    result = await linked.do(UNLINK, body={"records": [record(1), record(2), record(3, 3), record(1)]})
    assert [success["row"] for success in result["successes"]] == [1, 3, 4]
    assert [error["row"] for error in result["errors"]] == [2]
    assert sorted(told) == [
        ("after", "Dummy-1", "Container-1"),
        ("after", "Dummy-3", "Container-3"),
        ("before", "Dummy-1", "Container-1"),
        ("before", "Dummy-2", "Container-2"),
        ("before", "Dummy-3", "Container-3"),
    ]
    asset = await linked.store.get(linked.engine, "assets", "Container-1")
    assert asset.source["metadata"]["note"] == "unlinked"
    await linked.check()
