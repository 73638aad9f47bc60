"""mLinkAssets on both stores (device-manager 6.3, design 6 and 7)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import api_error

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPERATURE = {"asset": "temperatureExt", "device": "temperature"}
POWER = {"asset": "power", "device": "battery"}


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(make_platform: Any) -> Any:
    """Five devices and five assets, in chunks of two records."""
    platform = await make_platform(bulk_chunk=2, bulk_records=20)
    for number in range(1, 6):
        await platform.device(str(number))
        await platform.asset(str(number))
    return platform


def record(device: int, asset: int, *pairs: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any] = {"assetId": f"Container-{asset}", "deviceId": f"Dummy-{device}"}
    return content | {"measureSlots": list(pairs)} if pairs else content


async def test_records_are_linked_by_type_and_reported_in_order(fleet: Any) -> None:
    records = [record(1, 1), record(404, 1), record(2, 2, TEMPERATURE), record(3, 404), record(3, 3)]
    result = await fleet.do("devices:mLinkAssets", body={"records": records})
    assert result == {
        "successes": [
            {
                "row": 1,
                "assetId": "Container-1",
                "deviceId": "Dummy-1",
                "measureSlots": [TEMPERATURE, POWER],
                "changed": True,
            },
            {
                "row": 3,
                "assetId": "Container-2",
                "deviceId": "Dummy-2",
                "measureSlots": [TEMPERATURE],
                "changed": True,
            },
            {
                "row": 5,
                "assetId": "Container-3",
                "deviceId": "Dummy-3",
                "measureSlots": [TEMPERATURE, POWER],
                "changed": True,
            },
        ],
        "errors": [
            {
                "row": 2,
                "assetId": "Container-1",
                "deviceId": "Dummy-404",
                "reason": f'Document "Dummy-404" not found in "{fleet.twins.platform}":"devices".',
                "id": "services.storage.not_found",
                "status": 404,
            },
            {
                "row": 4,
                "assetId": "Container-404",
                "deviceId": "Dummy-3",
                "reason": f'Document "Container-404" not found in "{fleet.engine}":"assets".',
                "id": "services.storage.not_found",
                "status": 404,
            },
        ],
    }
    await fleet.check()


async def test_what_holds_already_is_a_success_that_writes_nothing(fleet: Any) -> None:
    body = {"records": [record(1, 1), record(1, 1)]}
    result = await fleet.do("devices:mLinkAssets", body=body)
    assert [success["changed"] for success in result["successes"]] == [True, False]
    version = (await fleet.store.get(fleet.engine, "devices", "Dummy-1")).version
    result = await fleet.do("devices:mLinkAssets", body=body)
    assert [success["changed"] for success in result["successes"]] == [False, False]
    assert (await fleet.store.get(fleet.engine, "devices", "Dummy-1")).version == version
    assert len(await fleet.history("Container-1")) == 2


async def test_csv_with_slots_and_without_an_engine(fleet: Any) -> None:
    csv = "\ufeffassetId; deviceId; deviceSlot; assetSlot\r\nContainer-1;Dummy-1;battery;power\r\n"
    csv += "Container-1;Dummy-2;;\r\n;Dummy-3;;\r\nContainer-3;Dummy-3;battery;\r\nContainer-4\r\n"
    result = await fleet.do("device:mLink", engineId=..., body={"csv": csv})
    assert [(success["row"], success["measureSlots"]) for success in result["successes"]] == [
        (1, [POWER]),
        (2, [TEMPERATURE]),
    ]
    assert [(error["row"], error["id"]) for error in result["errors"]] == [
        (3, "api.assert.missing_argument"),
        (4, "device_manager.bulk.half_pair"),
        (5, "device_manager.bulk.unreadable_row"),
    ]
    await fleet.check()


async def test_of_two_records_that_claim_a_slot_the_first_wins(fleet: Any) -> None:
    records = [record(1, 1, TEMPERATURE), record(2, 1, TEMPERATURE), record(1, 2, TEMPERATURE)]
    result = await fleet.do("devices:mLinkAssets", body={"records": records})
    assert [success["row"] for success in result["successes"]] == [1]
    assert [(error["row"], error["reason"]) for error in result["errors"]] == [
        (2, 'Measure name "temperatureExt" is already provided by another device on this asset.'),
        (3, 'Measure name "temperature" is already provided to another asset by this device.'),
    ]


async def test_a_dry_run_decides_like_the_real_one_across_chunks_and_stores_nothing(fleet: Any) -> None:
    records = [record(1, 1, TEMPERATURE), record(2, 2), record(3, 3), record(4, 1, TEMPERATURE), record(404, 1)]
    tried = await fleet.do("devices:mLinkAssets", body={"records": records}, dryRun=True)
    assert tried.pop("dryRun") is True
    assert await fleet.links("devices", "Dummy-1") == []
    assert await fleet.do("devices:mLinkAssets", body={"records": records}) == tried


async def test_a_strict_call_is_applied_as_a_whole(fleet: Any) -> None:
    records = [record(number, number) for number in range(1, 6)]
    result = await fleet.do("devices:mLinkAssets", body={"records": records}, strict=True)
    assert [success["row"] for success in result["successes"]] == [1, 2, 3, 4, 5]
    assert result["errors"] == []
    await fleet.check()


async def test_a_strict_call_is_refused_as_a_whole(fleet: Any) -> None:
    await fleet.do("devices:create", engineId=fleet.twins.platform, body={"model": "Dummy", "reference": "free"})
    free = {"assetId": "Container-2", "deviceId": "Dummy-free"}
    taken = [record(1, 1, TEMPERATURE), record(2, 1, TEMPERATURE)]
    for records, status, id, rows in [
        ([*taken, free, record(404, 1), record(5, 404)], 404, "device_manager.bulk.unknown_twins", [2, 3, 4, 5]),
        ([*taken, free], 412, "device_manager.bulk.not_attached", [2, 3]),
        (taken, 400, "device_manager.bulk.refused", [2]),
    ]:
        error = await fleet.refused("devices:mLinkAssets", body={"records": records}, strict=True)
        assert (error["status"], error["id"]) == (status, id)
        assert [item["row"] for item in error["errors"]] == rows
    assert error["message"] == "1 of 2 records are refused, nothing was changed."
    assert await fleet.links("devices", "Dummy-1") == []
    assert len(await fleet.history("Container-1")) == 1


async def test_the_late_form_is_answered_in_its_own_shape(fleet: Any) -> None:
    names = [{"assetMeasureName": "power", "deviceMeasureName": "battery"}]
    good = {"assetId": "Container-1", "deviceLink": {"deviceId": "Dummy-1", "measureNamesLinks": names}}
    bad = {"assetId": "Container-1", "deviceLink": {"deviceId": "Dummy-404", "measureNamesLinks": []}}
    result = await fleet.do("devices:mLinkAssets", body={"linkRequests": [good, bad]})
    assert result["valids"] == [good]
    ((invalid,),) = (result["invalids"],)
    assert invalid["linkRequest"] == bad
    assert invalid["error"]["id"] == "services.storage.not_found"


@pytest.mark.parametrize(
    ("body", "status", "id"),
    [
        (..., 400, "device_manager.bulk.malformed"),
        ({}, 400, "device_manager.bulk.malformed"),
        ({"records": []}, 400, "api.assert.empty_argument"),
        ({"csv": "assetId,deviceId\n"}, 400, "api.assert.empty_argument"),
        ({"csv": ""}, 400, "api.assert.invalid_argument"),
        ({"csv": "asset,device\na,b"}, 400, "api.assert.invalid_argument"),
        ({"csv": 'assetId,deviceId\n"a,b'}, 400, "api.assert.invalid_argument"),
        ({"csv": 5}, 400, "api.assert.invalid_type"),
        ({"records": [{"assetId": "a"}]}, 400, "api.assert.missing_argument"),
        ({"records": [{"assetId": "a", "deviceId": 5}]}, 400, "api.assert.invalid_type"),
        ({"records": [], "linkRequests": []}, 400, "api.assert.mutually_exclusive"),
        ({"records": [{"assetId": "a", "deviceId": "d"}] * 21}, 413, "services.storage.write_limit_exceeded"),
        ({"csv": "assetId,deviceId\n" + "a,d\n" * 21}, 413, "services.storage.write_limit_exceeded"),
    ],
)
async def test_what_is_refused_as_a_whole(fleet: Any, body: Any, status: int, id: str) -> None:
    error = await fleet.refused("devices:mLinkAssets", body=body)
    assert (error["status"], error["id"]) == (status, id)


async def test_an_unknown_engine_is_refused_as_a_whole(fleet: Any) -> None:
    error = await fleet.refused("devices:mLinkAssets", engineId="nowhere", body={"records": [record(1, 1)]})
    assert (error["status"], error["id"]) == (404, "services.storage.not_found")


async def test_ids_that_no_store_accepts_fail_their_own_record(fleet: Any) -> None:
    long = {"assetId": "Container-1", "deviceId": "Dummy-" + "x" * 600}
    result = await fleet.do("devices:mLinkAssets", body={"records": [long, record(1, 1)]})
    assert [success["row"] for success in result["successes"]] == [2]
    assert [error["row"] for error in result["errors"]] == [1]


async def test_a_chunk_that_the_store_fails_leaves_the_report_true(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that share no twin are under way together, so others than the first may have been applied."""
    for number in range(6, 9):
        await fleet.device(str(number))
        await fleet.asset(str(number))
    transact, count = fleet.store._transact, itertools.count(1)

    async def failing_once(*args: Any, **options: Any) -> Any:
        if next(count) == 2:
            raise api_error("services.storage.unavailable", "the disk is away.")
        return await transact(*args, **options)

    monkeypatch.setattr(fleet.store, "_transact", failing_once)
    result = await fleet.do("devices:mLinkAssets", body={"records": [record(n, n) for n in range(1, 9)]})
    monkeypatch.undo()
    linked = [item["row"] for item in result["successes"]]
    failed = [item["row"] for item in result["errors"]]
    assert set(linked) >= {1, 2, 5, 6}
    assert {item["status"] for item in result["errors"]} == {503}
    assert {3, 4} <= set(failed)
    assert sorted(linked + failed) == list(range(1, 9))
    for number in range(1, 9):
        assert bool(await fleet.links("devices", f"Dummy-{number}")) == (number in linked)
