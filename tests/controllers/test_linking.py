"""linkAssets, linkDevices, unlinkAssets and unlinkDevices on both stores (device-manager 4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAIR = {"asset": "temperatureExt", "device": "temperature"}


async def test_a_link_is_stored_on_both_sides_with_one_history_entry(platform: Any) -> None:
    device, asset = await platform.device("1"), await platform.asset("1")
    result = await platform.do(
        "devices:linkAssets", _id=device, body={"linkedMeasures": [{"assetId": asset, "measureSlots": [PAIR]}]}
    )
    assert result["device"]["_source"]["linkedMeasures"] == [{"assetId": asset, "measureSlots": [PAIR]}]
    assert [linked["_id"] for linked in result["assets"]] == [asset]
    assert result["assets"][0]["_source"]["linkedMeasures"] == [{"deviceId": device, "measureSlots": [PAIR]}]
    assert result["device"]["_source"]["_kuzzle_info"]["updater"] == "-1"
    assert await platform.links("devices", device) == result["device"]["_source"]["linkedMeasures"]
    assert await platform.links("assets", asset) == result["assets"][0]["_source"]["linkedMeasures"]
    created, linked = await platform.history(asset)
    assert created["event"] == {"name": "metadata", "metadata": {"names": ["weight", "note"]}}
    assert linked["event"] == {"name": "link", "link": {"deviceId": device}}
    assert linked["asset"] == result["assets"][0]["_source"]
    await platform.check()


async def test_a_link_that_holds_already_writes_nothing(platform: Any) -> None:
    device, asset = await platform.device("1"), await platform.asset("1")
    body = {"linkedMeasures": [{"assetId": asset, "measureSlots": [PAIR]}]}
    first = await platform.do("devices:linkAssets", _id=device, body=body)
    assert await platform.do("devices:linkAssets", _id=device, body=body) == first
    assert len(await platform.history(asset)) == 2


async def test_all_entries_of_a_call_are_one_transaction(platform: Any) -> None:
    device, asset = await platform.device("1"), await platform.asset("1")
    entries = [
        {"assetId": asset, "measureSlots": [PAIR]},
        {"assetId": "Container-404", "implicitMeasuresLinking": True},
    ]
    error = await platform.refused("devices:linkAssets", _id=device, body={"linkedMeasures": entries})
    assert error["status"] == 404
    assert error["id"] == "services.storage.not_found"
    assert error["message"] == f'Document "Container-404" not found in "{platform.engine}":"assets".'
    assert await platform.links("devices", device) == []
    assert len(await platform.history(asset)) == 1


async def test_an_asset_is_linked_to_devices_by_type(platform: Any) -> None:
    devices = [await platform.device("1"), await platform.device("2")]
    asset = await platform.asset("1")
    entries = [{"deviceId": device, "implicitMeasuresLinking": True} for device in devices]
    result = await platform.do("assets:linkDevices", _id=asset, body={"linkedMeasures": entries})
    assert [device["_id"] for device in result["devices"]] == devices
    assert result["asset"]["_source"]["linkedMeasures"] == [
        {"deviceId": devices[0], "measureSlots": [PAIR, {"asset": "power", "device": "battery"}]},
        {"deviceId": devices[1], "measureSlots": [{"asset": "temperatureInt", "device": "temperature"}]},
    ]
    assert [entry["event"]["name"] for entry in await platform.history(asset)] == ["metadata", "link", "link"]
    await platform.check()


async def test_what_linking_refuses(platform: Any) -> None:
    device, asset = await platform.device("1"), await platform.asset("1")
    free = await platform.do(
        "devices:create", engineId=platform.twins.platform, body={"model": "Dummy", "reference": "2"}
    )
    implicit = {"linkedMeasures": [{"assetId": asset, "implicitMeasuresLinking": True}]}

    async def refusal(id: str, body: Any = implicit, **more: Any) -> tuple[int, str]:
        error = await platform.refused("devices:linkAssets", _id=id, body=body, **more)
        assert error["id"] is not None
        return error["status"], error["message"]

    assert await refusal(device, {"linkedMeasures": []}) == (400, "You must provide at least one asset to be linked.")
    assert await refusal(device, {"linkedMeasures": [{"assetId": asset}]}) == (
        400,
        'You must provide at least one measure name or set "implicitMeasuresLinking" to true.',
    )
    assert await refusal("Dummy-404") == (
        404,
        f'Document "Dummy-404" not found in "{platform.twins.platform}":"devices".',
    )
    assert await refusal(free["_id"]) == (400, f'Device "{free["_id"]}" is not attached to an engine.')
    assert await refusal(device, engineId="nowhere") == (
        404,
        f'Document "engine-device-manager--nowhere" not found in "{platform.twins.platform}":"config".',
    )
    assert await refusal(device, {"linkedMeasures": [{"assetId": 5}]}) == (
        400,
        'Wrong type for argument "body.linkedMeasures[0].assetId" (expected: string)',
    )
    missing = await platform.refused("devices:linkAssets", _id=..., body=implicit)
    assert (missing["id"], missing["props"]) == ("api.assert.missing_argument", ["_id"])
    assert await platform.links("devices", device) == []


async def test_a_device_of_another_engine_is_refused(platform: Any) -> None:
    device = await platform.device("1")
    other = f"{platform.engine}x"
    await platform.do("engine:create", index=other)
    asset = await platform.asset("1", engineId=other)
    error = await platform.refused(
        "devices:linkAssets",
        _id=device,
        engineId=other,
        body={"linkedMeasures": [{"assetId": asset, "implicitMeasuresLinking": True}]},
    )
    assert error["message"] == f'Device "{device}" is not attached to the specified engine.'
    await platform.do("engine:delete", index=other)


@pytest_asyncio.fixture(loop_scope="session")
async def linked(platform: Any) -> Any:
    """Device 1 feeds two slots of asset 1 ... and device 2 one of asset 2."""
    for number in ("1", "2"):
        await platform.device(number)
        await platform.asset(number)
    await platform.do(
        "devices:linkAssets",
        _id="Dummy-1",
        body={
            "linkedMeasures": [
                {"assetId": "Container-1", "measureSlots": [PAIR]},
                {"assetId": "Container-2", "measureSlots": [{"asset": "power", "device": "battery"}]},
            ]
        },
    )
    return platform


@pytest.mark.parametrize(
    ("body", "left", "touched"),
    [
        ({"allMeasures": True}, [], ["Container-1", "Container-2"]),
        ({"assets": ["Container-2"]}, ["Container-1"], ["Container-2"]),
        ({"measureSlots": ["temperature"]}, ["Container-2"], ["Container-1"]),
        ({"measureSlots": ["battery"], "assets": ["Container-1"]}, [], ["Container-1", "Container-2"]),
        ({"linkedMeasures": [{"assetId": "Container-2", "allMeasures": True}]}, ["Container-1"], ["Container-2"]),
        ({"linkedMeasures": [{"assetId": "Container-1", "measureSlots": [PAIR]}]}, ["Container-2"], ["Container-1"]),
    ],
)
async def test_unlinking_takes_the_union_of_what_is_named(
    linked: Any, body: dict[str, Any], left: list[str], touched: list[str]
) -> None:
    result = await linked.do("devices:unlinkAssets", _id="Dummy-1", body=body)
    assert [link["assetId"] for link in result["device"]["_source"]["linkedMeasures"]] == left
    assert [asset["_id"] for asset in result["assets"]] == touched
    for asset in touched:
        assert (await linked.history(asset))[-1]["event"] == {"name": "unlink", "unlink": {"deviceId": "Dummy-1"}}
    await linked.check()


async def test_what_unlinking_refuses(linked: Any) -> None:
    async def refusal(body: Any, id: str = "Dummy-1") -> tuple[int, str]:
        error = await linked.refused("devices:unlinkAssets", _id=id, body=body)
        assert error["id"] is not None
        return error["status"], error["message"]

    nothing = (400, 'You must provide at least one of "allMeasures", "assets", "measureSlots" and "linkedMeasures".')
    for body in ({}, ..., {"allMeasures": False, "assets": [], "measureSlots": [], "linkedMeasures": []}):
        assert await refusal(body) == nothing
    assert await refusal({"assets": ["Container-9"]}) == (400, 'Device "Dummy-1" is not linked to an asset.')
    assert await refusal({"measureSlots": ["nose"]}) == (400, 'Measure "nose" of device "Dummy-1" is not linked.')
    assert await refusal({"linkedMeasures": [{"assetId": "Container-1"}]}) == (
        400,
        'You must provide at least one measure name or set "allMeasures" to true.',
    )
    assert (await refusal({"allMeasures": True}, "Dummy-404"))[0] == 404
    assert await refusal({"assets": "Container-1"}) == (
        400,
        'Wrong type for argument "body.assets" (expected: array)',
    )
    assert len(await linked.links("devices", "Dummy-1")) == 2


async def test_unlinking_everything_from_a_device_without_links_writes_nothing(linked: Any) -> None:
    before = await linked.store.get(linked.engine, "devices", "Dummy-2")
    result = await linked.do("devices:unlinkAssets", _id="Dummy-2", body={"allMeasures": True})
    assert result == {"device": {"_id": "Dummy-2", "_source": before.source}, "assets": []}
    assert (await linked.store.get(linked.engine, "devices", "Dummy-2")).version == before.version


async def test_devices_are_unlinked_from_an_asset(linked: Any) -> None:
    body = {"linkedMeasures": [{"deviceId": "Dummy-1", "measureSlots": [PAIR]}]}
    result = await linked.do("assets:unlinkDevices", _id="Container-1", body=body)
    assert result["asset"]["_source"]["linkedMeasures"] == []
    assert [device["_id"] for device in result["devices"]] == ["Dummy-1"]
    refusals: list[Any] = [{"linkedMeasures": []}, body, {"linkedMeasures": [{"deviceId": "Dummy-1"}]}]
    for refused_body in refusals:
        assert (await linked.refused("assets:unlinkDevices", _id="Container-1", body=refused_body))["status"] == 400
    unknown = {"linkedMeasures": [{"deviceId": "Dummy-1", "allMeasures": True}]}
    assert (await linked.refused("assets:unlinkDevices", _id="Container-404", body=unknown))["status"] == 404
    await linked.check()


async def test_dry_runs_show_the_result_and_store_nothing(linked: Any) -> None:
    body = {"linkedMeasures": [{"assetId": "Container-2", "implicitMeasuresLinking": True}]}
    result = await linked.do("devices:linkAssets", _id="Dummy-2", body=body, dryRun=True)
    assert result["dryRun"] is True
    assert result["device"]["_source"]["linkedMeasures"][0]["assetId"] == "Container-2"
    result = await linked.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True}, dryRun=True)
    assert result["dryRun"] is True
    assert result["device"]["_source"]["linkedMeasures"] == []
    assert await linked.links("devices", "Dummy-2") == []
    assert len(await linked.links("devices", "Dummy-1")) == 2
    assert len(await linked.history("Container-2")) == 2


async def test_older_forms_and_names(linked: Any) -> None:
    result = await linked.do(
        "device:linkAsset", engineId=..., index=linked.engine, _id="Dummy-2", assetId="Container-2", body={}
    )
    assert result["asset"]["_source"]["linkedMeasures"][1]["deviceId"] == "Dummy-2"
    result = await linked.do("device:unlinkAsset", engineId=..., index=linked.engine, _id="Dummy-2")
    assert result["device"]["_source"]["linkedMeasures"] == []
    assert result["asset"]["_id"] == "Container-2"


async def test_fifty_devices_linked_to_fifty_slots_of_one_asset_at_once(platform: Any) -> None:
    hall = await platform.asset("1", model="Hall")
    devices = await asyncio.gather(*(platform.device(str(number)) for number in range(50)))
    await asyncio.gather(
        *(
            platform.do(
                "devices:linkAssets",
                _id=device,
                body={
                    "linkedMeasures": [
                        {"assetId": hall, "measureSlots": [{"asset": f"slot{number}", "device": "temperature"}]}
                    ]
                },
            )
            for number, device in enumerate(devices)
        )
    )
    assert {link["deviceId"] for link in await platform.links("assets", hall)} == set(devices)
    history = await platform.history(hall)
    assert len(history) == 51
    assert len({entry["timestamp"] for entry in history}) == 51
    assert history[-1]["asset"]["linkedMeasures"] == await platform.links("assets", hall)
    await platform.check()


async def test_the_entries_of_a_call_are_bounded(make_platform: Any) -> None:
    platform = await make_platform(bulk_records=2)
    entries = [{"assetId": f"Container-{number}", "implicitMeasuresLinking": True} for number in range(3)]
    error = await platform.refused("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": entries})
    assert (error["status"], error["id"]) == (413, "services.storage.write_limit_exceeded")
    error = await platform.refused(
        "devices:unlinkAssets", _id="Dummy-1", body={"assets": ["a", "b"], "measureSlots": ["c"]}
    )
    assert (error["status"], error["id"]) == (413, "services.storage.write_limit_exceeded")


async def test_the_private_index_does_not_exist_for_clients(platform: Any) -> None:
    for action, more in (("assets:get", {"_id": "generation"}), ("devices:search", {}), ("assets:search", {})):
        error = await platform.refused(action, engineId="device-manager-internal", **more)
        assert (error["status"], error["id"]) == (412, "services.storage.unknown_index")
