"""Damage that something else did to the data is found, planned and repaired, once; on both stores."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.storage.contract import Key, Transaction

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def overwrite(platform: Any, collection: str, id: str, **members: Any) -> None:
    """Change members of a document past all rules; `None` for the document removes it."""
    index = platform.engine if collection != "provisioning" else platform.twins.platform
    key = Key(index, "devices" if collection == "provisioning" else collection, id)

    def decide(tx: Transaction) -> None:
        source = tx.read((key,))[key].source
        if members:
            tx.replace(key, source | members)
        else:
            tx.delete(key)

    await platform.store.transact(decide)


async def link(platform: Any, device: str, asset: str, *pairs: tuple[str, str]) -> None:
    slots = [{"device": device_slot, "asset": asset_slot} for device_slot, asset_slot in pairs]
    body = {"linkedMeasures": [{"assetId": asset, "measureSlots": slots}]}
    await platform.do("devices:linkAssets", _id=device, body=body)


async def repair(platform: Any) -> list[str]:
    """Check that the plan is what is done then, that nothing is left, and what the texts say."""
    found = (await platform.do("engine:check", index=platform.engine))["findings"]
    assert found
    plan = await platform.do("engine:repair", index=platform.engine, dryRun=True)
    assert plan["dryRun"] is True
    assert (await platform.do("engine:check", index=platform.engine))["findings"] == found
    done = await platform.do("engine:repair", index=platform.engine)
    assert done["repairs"] == plan["repairs"]
    assert [entry["error"] for entry in done["repairs"]] == [None] * len(done["repairs"])
    assert (await platform.do("engine:check", index=platform.engine))["findings"] == []
    assert (await platform.do("engine:repair", index=platform.engine))["repairs"] == []
    return [entry["text"] for entry in done["repairs"]]


async def test_a_link_that_only_the_device_knows_is_written_on_the_asset(platform: Any) -> None:
    device, asset = await platform.device("a"), await platform.asset("a")
    await link(platform, device, asset, ("temperature", "temperatureExt"), ("battery", "power"))
    links = await platform.links("assets", asset)
    await overwrite(platform, "assets", asset, linkedMeasures=[])
    assert await repair(platform) == [
        f'Link device "{device}" and asset "{asset}" on both sides: "temperature" to "temperatureExt", '
        '"battery" to "power".'
    ]
    assert await platform.links("assets", asset) == links
    newest = (await platform.history(asset))[-1]
    assert newest["event"] == {"name": "link", "link": {"deviceId": device}}
    assert newest["asset"]["linkedMeasures"] == links


async def test_a_link_that_only_the_asset_knows_is_removed(platform: Any) -> None:
    device, asset = await platform.device("b"), await platform.asset("b")
    await link(platform, device, asset, ("temperature", "temperatureExt"))
    await overwrite(platform, "devices", device, linkedMeasures=[])
    assert await repair(platform) == [
        f'Remove the link of device "{device}" and asset "{asset}": it is not sound on the device\'s side.'
    ]
    assert await platform.links("assets", asset) == []
    assert (await platform.history(asset))[-1]["event"] == {"name": "unlink", "unlink": {"deviceId": device}}


async def test_links_to_nothing_are_removed(platform: Any) -> None:
    device, asset = await platform.device("c"), await platform.asset("c")
    lost, gone = await platform.device("lost"), await platform.asset("gone")
    await link(platform, device, gone, ("temperature", "temperatureExt"))
    await link(platform, lost, asset, ("temperature", "temperatureExt"))
    await overwrite(platform, "assets", gone)
    await overwrite(platform, "devices", lost)
    assert set(await repair(platform)) == {
        f'Remove the link of device "{device}" with asset "{gone}", which does not exist.',
        f'Remove the link of asset "{asset}" with device "{lost}", which does not exist.',
        f'Let the platform know that the device "{lost}" is not attached to "{platform.engine}".',
    }
    assert await platform.links("devices", device) == await platform.links("assets", asset) == []


async def test_each_slot_keeps_one_pair(platform: Any) -> None:
    """Two devices on one asset slot, one pair by a slot that does not exist, one of different types."""
    first, second = await platform.device("d1"), await platform.device("d2")
    asset = await platform.asset("d")
    await link(platform, first, asset, ("temperature", "temperatureExt"))

    def entry(partner: str, id: str, *pairs: tuple[str, str]) -> dict[str, Any]:
        return {partner: id, "measureSlots": [{"device": device, "asset": asset} for device, asset in pairs]}

    wrong = (("temperature", "temperatureExt"), ("battery", "temperatureInt"), ("humidity", "power"))
    await overwrite(platform, "devices", second, linkedMeasures=[entry("assetId", asset, *wrong)])
    pair = ("temperature", "temperatureExt")
    both = [entry("deviceId", first, pair), entry("deviceId", second, *wrong)]
    await overwrite(platform, "assets", asset, linkedMeasures=both)
    await repair(platform)
    assert await platform.links("devices", second) == []
    assert await platform.links("assets", asset) == [entry("deviceId", first, pair)]


async def test_platform_and_engine_agree_again_on_where_a_device_is(platform: Any) -> None:
    unknown, free, named = [await platform.device(reference) for reference in ("e1", "e2", "e3")]
    elsewhere, astray = await platform.device("e4"), await platform.device("e5")
    await overwrite(platform, "provisioning", unknown)
    await overwrite(platform, "provisioning", free, engineId=None)
    await overwrite(platform, "devices", named, engineId="no-such-engine")
    await overwrite(platform, "provisioning", elsewhere, engineId="no-such-engine")
    await overwrite(platform, "devices", astray)
    engine = platform.engine
    assert set(await repair(platform)) == {
        f'Provision the device "{unknown}" on the platform, attached to "{engine}".',
        f'Let the platform know that the device "{free}" is attached to "{engine}".',
        f'Write on the device "{named}" that it is attached to "{engine}".',
        f'Let the platform know that the device "{elsewhere}" is attached to "{engine}".',
        f'Let the platform know that the device "{astray}" is not attached to "{engine}".',
    }
    await platform.do("devices:attachEngine", _id=astray)


async def test_what_is_left_of_a_device_that_moved_on_is_removed(platform: Any) -> None:
    device, asset = await platform.device("f"), await platform.asset("f")
    await link(platform, device, asset, ("temperature", "temperatureExt"))
    other = f"o{platform.engine}"
    await platform.do("engine:create", index=other)
    source = (await platform.store.get(platform.engine, "devices", device)).source
    moved = source | {"engineId": other, "linkedMeasures": []}
    await platform.store.transact(lambda tx: tx.create(other, "devices", moved, device))
    await overwrite(platform, "provisioning", device, engineId=other)
    assert await repair(platform) == [
        f'Remove the device "{device}" from "{platform.engine}" with its links: it is attached to "{other}".'
    ]
    assert await platform.links("assets", asset) == []
    assert (await platform.do("engine:check", index=other))["findings"] == []
    await platform.do("engine:delete", index=other)


async def test_history_that_lags_behind_gets_an_entry(platform: Any) -> None:
    heavy, silent = await platform.asset("g"), await platform.asset("h")
    await overwrite(platform, "assets", heavy, metadata={"weight": 77, "note": None})
    (entry,) = await platform.history(silent)
    await platform.store.refresh(platform.engine, "assets-history")
    async for page in platform.store.scan(platform.engine, "assets-history"):
        for document in page:
            if document.source["id"] == silent:
                await overwrite(platform, "assets-history", document.id)
    assert set(await repair(platform)) == {
        f'Add the history entry that the asset "{asset}" lacks, with its links and metadata as they are.'
        for asset in (heavy, silent)
    }
    assert (await platform.history(heavy))[-1]["event"] == {"name": "metadata", "metadata": {"names": ["weight"]}}
    assert (await platform.history(heavy))[-1]["asset"]["metadata"]["weight"] == 77
    (added,) = await platform.history(silent)
    assert added["timestamp"] > entry["timestamp"]


async def test_collections_are_mapped_as_the_models_need_it(platform: Any) -> None:
    engine = f"m{platform.engine}"
    await platform.do("engine:create", index=engine)
    await platform.store.drop_collection(engine, "groups")
    await platform.store.drop_collection(engine, "assets")
    await platform.store.create_collection(engine, "assets", {"dynamic": "strict", "properties": {}})
    found = (await platform.do("engine:check", index=engine))["findings"]
    assert {(finding["kind"], finding["document"]) for finding in found} == {
        ("missing_collection", "groups"),
        ("mapping_drift", "assets"),
    }
    await platform.do("engine:repair", index=engine)
    assert (await platform.do("engine:check", index=engine))["findings"] == []
    await platform.do("assets:create", engineId=engine, body={"model": "Container", "reference": "i"})
    await platform.do("engine:delete", index=engine)


async def test_a_mapping_that_contradicts_the_models_is_only_told(platform: Any) -> None:
    engine = f"n{platform.engine}"
    await platform.do("engine:create", index=engine)
    await platform.store.drop_collection(engine, "groups")
    wrong = {"dynamic": "strict", "properties": {"name": {"type": "integer"}}}
    await platform.store.create_collection(engine, "groups", wrong)
    found = (await platform.do("engine:check", index=engine))["findings"]
    assert [finding["kind"] for finding in found] == ["mapping_conflict"]
    assert (await platform.do("engine:repair", index=engine))["repairs"] == []
    await platform.do("engine:delete", index=engine)


async def test_an_unknown_engine(platform: Any) -> None:
    error = await platform.refused("engine:repair", index="no-such-engine")
    assert error["id"] == "device_manager.engines.not_found"
