"""The controller `device-manager/engine` on both stores (device-manager 2.1)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from device_manager.storage.contract import Key
from device_manager.twins.domain import Twins
from device_manager.twins.places import Places

pytestmark = pytest.mark.asyncio(loop_scope="session")

COLLECTIONS = ["config", "assets", "assets-history", "groups", "devices", "measures"]


async def test_the_life_of_an_engine(platform: Any) -> None:
    index = f"e{uuid.uuid4().hex[:10]}"
    assert await platform.do("engine:exists", index=index) == {"exists": False}
    tried = await platform.do("engine:create", index=index, dryRun=True)
    assert tried == {"index": index, "collections": COLLECTIONS, "dryRun": True}
    assert await platform.do("engine:exists", index=index) == {"exists": False}
    made = await platform.do("engine:create", index=index, group="air")
    assert made == {"index": index, "collections": COLLECTIONS}
    assert await platform.store.collections(index) == sorted(COLLECTIONS)
    assert await platform.do("engine:exists", index=index) == {"exists": True}
    listed = await platform.do("engine:list")
    assert {"group": "air", "index": index, "name": "device-manager"} in listed["engines"]
    error = await platform.refused("engine:create", index=index)
    assert (error["status"], error["message"]) == (400, f'Device-manager engine on index "{index}" already exists')

    device = await platform.device("1", engineId=index)
    gone = await platform.do("engine:delete", index=index, dryRun=True)
    assert gone == {"index": index, "collections": COLLECTIONS[1:], "dryRun": True}
    assert await platform.do("engine:delete", index=index) == {"index": index, "collections": COLLECTIONS[1:]}
    assert await platform.do("engine:exists", index=index) == {"exists": False}
    assert index not in [engine["index"] for engine in (await platform.do("engine:list"))["engines"]]
    assert await platform.store.collections(index) == ["config"]
    provisioning = await platform.do("devices:get", engineId=platform.twins.platform, _id=device)
    assert provisioning["_source"]["engineId"] is None
    error = await platform.refused("engine:delete", index=index)
    assert (error["status"], error["message"]) == (404, f'Device-manager engine on index "{index}" does not exists')
    await platform.store.drop_index(index)


async def test_an_interrupted_creation_or_deletion_is_completed_by_calling_again(platform: Any) -> None:
    index = f"e{uuid.uuid4().hex[:10]}"
    await platform.store.create_index(index)
    await platform.do("engine:create", index=index)
    device = await platform.device("1", engineId=index)
    key = Places(platform.twins.platform).engine_config(index)

    def close(tx: Any) -> None:
        source = tx.read((key,))[key].source
        tx.replace(key, source | {"engine": source["engine"] | {"closing": True}})

    await platform.store.transact(close)
    error = await platform.refused("assets:create", engineId=index, body={"model": "Container", "reference": "1"})
    assert (error["status"], error["id"]) == (409, "device_manager.engines.closing")
    error = await platform.refused("devices:create", engineId=index, body={"model": "Dummy", "reference": "2"})
    assert (error["status"], error["message"]) == (400, f'Engine "{index}" does not exists.')
    await platform.do("engine:delete", index=index)
    found = await platform.do("devices:get", engineId=platform.twins.platform, _id=device)
    assert found["_source"]["engineId"] is None
    await platform.store.drop_index(index)


async def test_what_is_refused(platform: Any) -> None:
    for index, id in (
        (platform.twins.platform, "device_manager.engines.reserved_index"),
        ("device-manager-internal", "device_manager.engines.reserved_index"),
        ("Not Valid", "services.storage.invalid_index_name"),
    ):
        error = await platform.refused("engine:create", index=index)
        assert (error["status"], error["id"]) == (400, id)
    for action in ("create", "update", "delete", "exists", "check"):
        error = await platform.refused(f"engine:{action}")
        assert (error["status"], error["id"], error["props"]) == (400, "api.assert.missing_argument", ["index"])
    assert (await platform.refused("engine:check", index="nowhere"))["status"] == 404


async def test_another_process_notices_new_engines_and_models(platform: Any) -> None:
    """A second domain on the same store stands for another process: it learns of a commit from the generation alone."""
    other = Twins(platform.store, platform.bus, platform.settings)
    listeners = platform.store._listeners
    listeners.remove(other.catalogue.generation._on_commit)
    await other.catalogue.start()
    index = f"e{uuid.uuid4().hex[:10]}"
    await platform.do("engine:create", index=index)
    assert index not in other.catalogue.engines
    await other.catalogue.look()
    assert other.catalogue.engines[index].group == "commons"
    await other.stop()
    await platform.do("engine:delete", index=index)
    await platform.store.drop_index(index)


async def test_the_check_finds_what_something_else_broke(platform: Any) -> None:
    await asyncio.gather(*(platform.device(number) for number in "123"), *(platform.asset(number) for number in "123"))
    records = [{"assetId": f"Container-{number}", "deviceId": f"Dummy-{number}"} for number in "123"]
    await platform.do("devices:mLinkAssets", body={"records": records})
    assert await platform.do("engine:check", index=platform.engine) == {"findings": []}

    def damage(tx: Any) -> None:
        one_sided = Key(platform.engine, "devices", "Dummy-1")
        dangling = Key(platform.engine, "assets", "Container-2")
        doubled = Key(platform.engine, "devices", "Dummy-3")
        found = tx.read((one_sided, dangling, doubled))
        tx.replace(one_sided, found[one_sided].source | {"linkedMeasures": []})
        tx.delete(dangling)
        link = found[doubled].source["linkedMeasures"][0]
        slots = [*link["measureSlots"], {"asset": "temperatureInt", "device": "temperature"}]
        tx.replace(doubled, found[doubled].source | {"linkedMeasures": [link | {"measureSlots": slots}]})

    await platform.store.transact(damage)
    findings = (await platform.do("engine:check", index=platform.engine))["findings"]
    assert sorted((finding["kind"], finding["document"]) for finding in findings) == [
        ("dangling_link", "devices/Dummy-2"),
        ("doubled_slot", "devices/Dummy-3"),
        ("one_sided_link", "assets/Container-1"),
        ("one_sided_link", "assets/Container-3"),
        ("one_sided_link", "devices/Dummy-3"),
    ]
    assert {finding["engine"] for finding in findings} == {platform.engine}


async def spoil(platform: Any, index: str, collection: str, field: str) -> None:
    """Give a collection a mapping that no engine's can be added to."""
    await platform.store.create_collection(index, collection, {"properties": {field: {"type": "integer"}}})


async def collection_failure(platform: Any, action: str, index: str, collection: str) -> int:
    error = await platform.refused(f"engine:{action}", index=index)
    assert error["id"] == "device_manager.engines.collection_failed"
    assert error["message"].startswith(f"Failed to create the collection [{collection}] for engine [{index}]: ")
    status: int = error["status"]
    return status


async def test_an_update_maps_what_the_models_of_its_group_need(platform: Any) -> None:
    index = f"e{uuid.uuid4().hex[:10]}"
    await spoil(platform, index, "assets", "model")
    assert await collection_failure(platform, "create", index, "assets") == 500
    await platform.store.drop_collection(index, "assets")
    await platform.do("engine:create", index=index, group="air")
    vessel = {
        "model": "Vessel",
        "engineGroup": "sea",
        "measures": [],
        "metadataMappings": {"draught": {"type": "float"}},
    }
    await platform.do("models:writeAsset", body=vessel)
    tried = await platform.do("engine:update", index=index, group="sea", dryRun=True)
    assert tried == {"index": index, "collections": COLLECTIONS[1:], "dryRun": True}
    assert await platform.do("engine:update", index=index) == {"index": index, "collections": COLLECTIONS[1:]}
    body = {"model": "Vessel", "reference": "1", "metadata": {"draught": 2.5}}
    error = await platform.refused("assets:create", engineId=index, body=body)
    assert (error["status"], error["message"]) == (404, 'Unknown Asset model "Vessel".')
    key = Places(platform.twins.platform).engine_config(index)
    before = (await platform.store.read((key,)))[key].source["_kuzzle_info"]

    await platform.do("engine:update", index=index, group="sea")
    listed = (await platform.do("engine:list", group="sea"))["engines"]
    assert {"group": "sea", "index": index, "name": "device-manager"} in listed
    await platform.do("assets:create", engineId=index, body=body)
    after = (await platform.store.read((key,)))[key].source["_kuzzle_info"]
    assert (after["author"], after["createdAt"], after["updater"]) == (before["author"], before["createdAt"], "-1")
    error = await platform.refused("engine:update", index="nowhere")
    assert (error["status"], error["message"]) == (404, 'Device-manager engine on index "nowhere" does not exists')

    await platform.store.drop_collection(index, "groups")
    await spoil(platform, index, "groups", "path")
    assert await collection_failure(platform, "update", index, "groups") == 500

    def close(tx: Any) -> None:
        source = tx.read((key,))[key].source
        tx.replace(key, source | {"engine": source["engine"] | {"closing": True}})

    await platform.store.transact(close)
    error = await platform.refused("engine:update", index=index)
    assert (error["status"], error["id"]) == (409, "device_manager.engines.closing")
    await platform.do("engine:delete", index=index)
    await platform.store.drop_index(index)
