"""Every refusal of every action that links or unlinks twins one by one, on both stores (device-manager 4.2)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from device_manager.storage.contract import Key

pytestmark = pytest.mark.asyncio(loop_scope="session")

Link = tuple[str, str, list[tuple[str, str]] | None, str]
LINKS: list[Link] = [
    ("Dummy-404", "Container-1", [("temperatureInt", "temperature")], "services.storage.not_found"),
    ("Dummy-free", "Container-1", [("temperatureInt", "temperature")], "device_manager.devices.not_attached"),
    ("Dummy-away", "Container-1", [("temperatureInt", "temperature")], "device_manager.devices.attached_elsewhere"),
    ("Dummy-2", "Container-404", [("temperatureInt", "temperature")], "services.storage.not_found"),
    ("Dummy-2", "Container-1", [("temperatureInt", "smell")], "device_manager.links.undeclared_device_slot"),
    ("Dummy-2", "Container-1", [("roof", "temperature")], "device_manager.links.unknown_asset_slot"),
    ("Dummy-2", "Container-1", [("power", "temperature")], "device_manager.links.different_types"),
    ("Dummy-2", "Container-1", [("temperatureExt", "temperature")], "device_manager.links.asset_slot_taken"),
    ("Dummy-1", "Container-2", [("temperatureExt", "temperature")], "device_manager.links.device_slot_taken"),
    ("Dummy-1", "Hall-1", None, "device_manager.links.no_free_slot"),
    (
        "Dummy-2",
        "Container-2",
        [("temperatureExt", "temperature"), ("temperatureInt", "temperature")],
        "device_manager.links.slot_named_twice",
    ),
]
"""Device, asset, pairs of an asset slot and a device slot (None: by type), error."""


@pytest_asyncio.fixture(loop_scope="session")
async def linked(platform: Any) -> Any:
    """`Dummy-1` feeds `temperatureExt` of `Container-1`; `Dummy-free` has no engine, `Dummy-away` another one."""
    for reference in ("1", "2", "away"):
        await platform.device(reference)
    await platform.device("free", engineId=platform.twins.platform)
    for reference, model in (("1", "Container"), ("2", "Container"), ("1", "Hall")):
        await platform.asset(reference, model=model)
    slots = [{"asset": "temperatureExt", "device": "temperature"}]
    body = {"linkedMeasures": [{"assetId": "Container-1", "measureSlots": slots}]}
    await platform.do("devices:linkAssets", _id="Dummy-1", body=body)

    def move(tx: Any) -> None:
        key = Key(platform.twins.platform, "devices", "Dummy-away")
        tx.replace(key, tx.read((key,))[key].source | {"engineId": "elsewhere"})

    await platform.store.transact(move)
    return platform


def slot_pairs(pairs: list[tuple[str, str]] | None) -> dict[str, Any]:
    if pairs is None:
        return {"implicitMeasuresLinking": True}
    return {"measureSlots": [{"asset": asset, "device": device} for asset, device in pairs]}


async def test_link_assets(linked: Any) -> None:
    for device, asset, pairs, id in LINKS:
        body = {"linkedMeasures": [{"assetId": asset, **slot_pairs(pairs)}]}
        assert (await linked.refused("devices:linkAssets", _id=device, body=body))["id"] == id
    for entries, id in (([], "no_entry"), ([{"assetId": "Container-1"}], "no_slot_to_link")):
        error = await linked.refused("devices:linkAssets", _id="Dummy-2", body={"linkedMeasures": entries})
        assert error["id"] == f"device_manager.links.{id}"
    await linked_as_before(linked)


async def test_link_devices(linked: Any) -> None:
    for device, asset, pairs, id in LINKS:
        body = {"linkedMeasures": [{"deviceId": device, **slot_pairs(pairs)}]}
        assert (await linked.refused("assets:linkDevices", _id=asset, body=body))["id"] == id
    for entries, id in (([], "no_entry"), ([{"deviceId": "Dummy-2"}], "no_slot_to_link")):
        error = await linked.refused("assets:linkDevices", _id="Container-1", body={"linkedMeasures": entries})
        assert error["id"] == f"device_manager.links.{id}"
    await linked_as_before(linked)


async def test_link_asset(linked: Any) -> None:
    for device, asset, pairs, id in LINKS:
        names = [{"asset": slot, "device": source} for slot, source in pairs or ()]
        error = await linked.refused("devices:linkAsset", _id=device, assetId=asset, body={"measureNames": names})
        assert error["id"] == id
    await linked_as_before(linked)


UNLINKED = [
    ("Dummy-404", "services.storage.not_found"),
    ("Dummy-free", "device_manager.devices.not_attached"),
    ("Dummy-away", "device_manager.devices.attached_elsewhere"),
]


async def test_unlink_assets(linked: Any) -> None:
    for device, id in UNLINKED:
        error = await linked.refused("devices:unlinkAssets", _id=device, body={"allMeasures": True})
        assert error["id"] == id
    for body, id in (
        ({}, "nothing_to_unlink"),
        ({"linkedMeasures": [{"assetId": "Container-1"}]}, "no_slot_to_unlink"),
        ({"assets": ["Container-2"]}, "device_not_linked"),
        ({"measureSlots": ["battery"]}, "slot_not_linked"),
    ):
        error = await linked.refused("devices:unlinkAssets", _id="Dummy-1", body=body)
        assert error["id"] == f"device_manager.links.{id}"
    await linked_as_before(linked)


async def test_unlink_devices(linked: Any) -> None:
    for device, id in UNLINKED:
        body = {"linkedMeasures": [{"deviceId": device, "allMeasures": True}]}
        assert (await linked.refused("assets:unlinkDevices", _id="Container-1", body=body))["id"] == id
    for entries, id in (
        ([], "no_slot_to_unlink"),
        ([{"deviceId": "Dummy-2", "allMeasures": True}], "device_not_linked"),
        ([{"deviceId": "Dummy-1", **slot_pairs([("power", "battery")])}], "slot_not_linked"),
    ):
        error = await linked.refused("assets:unlinkDevices", _id="Container-1", body={"linkedMeasures": entries})
        assert error["id"] == f"device_manager.links.{id}"
    await linked_as_before(linked)


async def test_unlink_asset(linked: Any) -> None:
    for device, id in UNLINKED:
        assert (await linked.refused("devices:unlinkAsset", _id=device))["id"] == id
    await linked_as_before(linked)


async def linked_as_before(platform: Any) -> None:
    """Nothing that was refused left a trace."""
    slots = [{"asset": "temperatureExt", "device": "temperature"}]
    assert await platform.links("devices", "Dummy-1") == [{"assetId": "Container-1", "measureSlots": slots}]
    assert await platform.links("assets", "Container-1") == [{"deviceId": "Dummy-1", "measureSlots": slots}]
    for collection, id in (("devices", "Dummy-2"), ("assets", "Container-2"), ("assets", "Hall-1")):
        assert await platform.links(collection, id) == []
