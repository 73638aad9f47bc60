"""Changing twins on both stores (device-manager 2.2, 2.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_manager.storage.contract import Key

pytestmark = pytest.mark.asyncio(loop_scope="session")

POWER = {"asset": "power", "device": "battery"}
TEMPERATURE = {"asset": "temperatureExt", "device": "temperature"}


@pytest.mark.parametrize("kind", ["asset", "device"])
async def test_an_update_merges_and_keeps_what_it_does_not_name(platform: Any, kind: str) -> None:
    id = await platform.asset("1", "Site") if kind == "asset" else await platform.device("1", "Probe")
    before = await platform.source(f"{kind}s", id)
    first = {"place": {"city": "Brest", "floor": {"number": 2}}, "tags": ["a", "b"]}
    envelope = await platform.ask(f"{kind}s:update", _id=id, body={"metadata": first})
    assert (envelope["index"], envelope["collection"]) == (platform.engine, f"{kind}s")
    assert envelope["result"].keys() == {"_id", "_source"}
    second = {"place": {"floor": {"number": 0}}, "tags": ["c"], "open": False}
    result = await platform.do(f"{kind}s:update", _id=id, body={"metadata": second})
    wanted = {"place": {"city": "Brest", "floor": {"number": 0}}, "tags": ["c"], "open": False, "owner": "us"}
    assert result["_source"]["metadata"] == wanted
    emptied = await platform.do(f"{kind}s:update", _id=id, body={"metadata": {"place": {"floor": None}, "owner": None}})
    assert emptied["_source"]["metadata"] == wanted | {"place": {"city": "Brest", "floor": None}, "owner": None}
    after = await platform.source(f"{kind}s", id)
    assert after == emptied["_source"]
    assert {**after, "metadata": 0, "_kuzzle_info": 0} == {**before, "metadata": 0, "_kuzzle_info": 0}
    info, old = after["_kuzzle_info"], before["_kuzzle_info"]
    assert (info["author"], info["createdAt"], info["updater"]) == (old["author"], old["createdAt"], "-1")
    assert info["updatedAt"] > old["createdAt"]
    if kind == "asset":
        names = [entry["event"]["metadata"]["names"] for entry in await platform.history(id)]
        assert names[1:] == [
            ["place.city", "place.floor.number", "tags"],
            ["place.floor.number", "tags", "open"],
            ["place.floor", "owner"],
        ]
    await platform.check()


@pytest.mark.parametrize("kind", ["asset", "device"])
async def test_replacing_metadata_takes_members_as_a_whole(platform: Any, kind: str) -> None:
    id = await platform.asset("1", "Site") if kind == "asset" else await platform.device("1", "Probe")
    place = {"city": "Brest", "floor": {"number": 2}}
    await platform.do(f"{kind}s:update", _id=id, body={"metadata": {"place": place, "open": True}})
    created = (await platform.source(f"{kind}s", id))["_kuzzle_info"]
    body = {"metadata": {"place": {"floor": {"number": 1}}, "unheardOf": 1}}
    result = await platform.do(f"{kind}s:replaceMetadata", _id=id, body=body)
    expected = {"place": {"floor": {"number": 1}}, "open": True, "tags": None, "owner": "us"}
    assert result["_source"]["metadata"] == expected
    info = result["_source"]["_kuzzle_info"]
    assert (info["author"], info["createdAt"], info["updater"]) == (created["author"], created["createdAt"], "-1")
    if kind == "asset":
        assert (await platform.history(id))[-1]["event"]["metadata"]["names"] == ["place.floor.number"]
    await platform.check()


async def test_replacing_metadata_asks_the_model_of_the_engines_own_group(platform: Any) -> None:
    """The engine's group is in its record, not in its name."""
    id = await platform.asset("1", "Site")
    key = Key(platform.engine, "assets", id)

    async def have(**members: Any) -> None:
        await platform.store.transact(lambda tx: tx.replace(key, tx.read((key,))[key].source | members))

    await have(metadata={"owner": "us"})
    body = {"metadata": {"open": True, "unheardOf": 1}}
    result = await platform.do("assets:replaceMetadata", _id=id, body=body)
    assert result["_source"]["metadata"] == {"owner": "us", "open": True}
    await have(model="Gone")
    result = await platform.do("assets:replaceMetadata", _id=id, body={"metadata": {"owner": "you"}})
    assert result["_source"]["metadata"]["owner"] == "you"
    unknown = await platform.refusal("assets:replaceMetadata", _id=id, body={"metadata": {"tags": "new"}})
    assert unknown == (404, 'Unknown Asset model "Gone".')
    device = await platform.device("1", "Probe")
    result = await platform.do("devices:replaceMetadata", _id=device, body={"metadata": {"unheardOf": 1}})
    assert "unheardOf" not in result["_source"]["metadata"]


async def test_an_asset_is_created_or_changed_by_the_same_call(platform: Any) -> None:
    body = {"model": "Container", "reference": "1", "metadata": {"note": "new"}}
    made = await platform.do("assets:upsert", body=body)
    assert made["_source"]["metadata"] == {"weight": 10, "note": "new"}
    assert made["_source"]["_kuzzle_info"]["updatedAt"] is None
    changed = await platform.do("assets:upsert", body=body | {"metadata": {"weight": 0}})
    assert changed["_id"] == made["_id"] == "Container-1"
    assert changed["_source"]["metadata"] == {"weight": 0, "note": "new"}
    assert changed["_source"]["_kuzzle_info"]["createdAt"] == made["_source"]["_kuzzle_info"]["createdAt"]
    names = [entry["event"]["metadata"]["names"] for entry in await platform.history("Container-1")]
    assert names == [["weight", "note"], ["weight"]]
    assert await platform.refusal("assets:upsert", body=body | {"model": "Nope"}) == (
        404,
        'Unknown Asset model "Nope".',
    )
    assert await platform.refusal("assets:upsert", body=body, engineId="nowhere") == platform.unknown_engine()
    await platform.check()


async def test_upserts_at_the_same_time_make_one_asset(platform: Any) -> None:
    bodies = [
        {"model": "Container", "reference": "1", "metadata": {"note": str(number), "weight": number}}
        for number in range(20)
    ]
    results = await asyncio.gather(*(platform.do("assets:upsert", body=body) for body in bodies))
    assert len({result["_id"] for result in results}) == 1
    assert len(await platform.history("Container-1")) == 20
    await platform.check()


async def test_a_device_is_created_attached_or_changed_by_the_same_call(platform: Any) -> None:
    index = platform.twins.platform
    body = {"model": "Dummy", "reference": "1", "metadata": {"color": "red"}}
    made = await platform.do("devices:upsert", body=body)
    assert (made["_source"]["metadata"], made["_source"]["engineId"]) == ({"color": "red"}, platform.engine)
    assert (await platform.store.get(index, "devices", "Dummy-1")).source["engineId"] == platform.engine
    changed = await platform.do("devices:upsert", body=body | {"metadata": {"color": "blue"}})
    assert changed["_source"]["metadata"] == {"color": "blue"}
    assert changed["_source"]["_kuzzle_info"]["createdAt"] == made["_source"]["_kuzzle_info"]["createdAt"]

    free = {"model": "Dummy", "reference": "2", "metadata": {}}
    provisioned = await platform.do("devices:upsert", engineId=index, body=free)
    assert provisioned["_source"]["engineId"] is None
    again = await platform.do("devices:upsert", engineId=index, body=free)
    assert again["_source"]["_kuzzle_info"] == provisioned["_source"]["_kuzzle_info"]
    attached = await platform.do("devices:upsert", body=free | {"metadata": {"color": "green"}})
    assert (attached["_source"]["metadata"], attached["_source"]["engineId"]) == ({"color": "green"}, platform.engine)
    assert attached["_source"]["measureSlots"] == made["_source"]["measureSlots"]
    await platform.check()


async def test_what_upserting_a_device_refuses(platform: Any, second_engine: str) -> None:
    await platform.device("1", engineId=second_engine)
    await platform.do("devices:create", engineId=platform.twins.platform, body={"model": "Dummy", "reference": "2"})
    body = {"model": "Dummy", "reference": "1", "metadata": {}}
    elsewhere = (400, 'Device "Dummy-1" already exists on another engine. Abort')
    assert await platform.refusal("devices:upsert", body=body) == elsewhere
    assert await platform.refusal("devices:upsert", engineId=platform.twins.platform, body=body) == elsewhere
    nope = body | {"model": "Nope"}
    assert await platform.refusal("devices:upsert", body=nope) == (404, 'Unknown Device model "Nope".')
    missing = (400, 'Engine "nowhere" does not exists.')
    assert await platform.refusal("devices:upsert", engineId="nowhere", body=body) == missing
    assert await platform.refusal("devices:upsert", engineId=..., body=body) == (400, 'Missing argument "engineId".')
    free = {"model": "Dummy", "reference": "2", "metadata": {"unheardOf": 1}}
    error = await platform.refused("devices:upsert", body=free)
    assert (error["status"], error["id"]) == (400, "services.storage.strict_mapping_rejection")
    provisioning = await platform.store.get(platform.twins.platform, "devices", "Dummy-2")
    assert provisioning.source["engineId"] is None
    await platform.check()


@pytest.mark.parametrize("kind", ["asset", "device"])
async def test_what_changing_a_twin_refuses(platform: Any, kind: str) -> None:
    id = await platform.asset("1") if kind == "asset" else await platform.device("1")
    before = await platform.source(f"{kind}s", id)
    body: dict[str, Any] = {"metadata": {}}
    for action in ("update", "replaceMetadata"):
        name = f"{kind}s:{action}"
        assert await platform.refusal(name, _id="X-1", body=body) == platform.not_found(
            platform.engine, f"{kind}s", "X-1"
        )
        assert await platform.refusal(name, _id=id, engineId="nowhere", body=body) == platform.unknown_engine()
        assert await platform.refusal(name, _id=id, engineId=..., body=body) == (400, 'Missing argument "engineId".')
        assert await platform.refusal(name, body=body) == (400, 'Missing argument "_id".')
        assert await platform.refusal(name, _id=id) == (400, "The request must specify a body.")
        assert await platform.refusal(name, _id=id, body={}) == (400, 'Missing argument "body.metadata".')
        assert await platform.refusal(name, _id=id, body={"metadata": 5}) == (
            400,
            'Wrong type for argument "body.metadata" (expected: object)',
        )
    error = await platform.refused(f"{kind}s:update", _id=id, body={"metadata": {"unheardOf": 1}})
    assert (error["status"], error["id"]) == (400, "services.storage.strict_mapping_rejection")
    for member in ("model", "reference", "metadata"):
        whole = {"model": "X", "reference": "1", "metadata": {}}
        del whole[member]
        assert await platform.refusal(f"{kind}s:upsert", body=whole) == (400, f'Missing argument "body.{member}".')
    assert await platform.source(f"{kind}s", id) == before
    await platform.check()


async def test_a_link_and_an_update_at_the_same_time_are_both_kept(platform: Any) -> None:
    hall = await platform.asset("1", "Hall")
    devices = await asyncio.gather(*(platform.device(str(number)) for number in range(10)))
    body = {"linkedMeasures": [{"assetId": hall, "implicitMeasuresLinking": True}]}
    await asyncio.gather(
        *(platform.do("devices:linkAssets", _id=device, body=body) for device in devices),
        *(platform.do("devices:update", _id=id, body={"metadata": {"color": id}}) for id in devices),
        *(platform.do("assets:update", _id=hall, body={"metadata": {"note": str(n)}}) for n in range(10)),
        *(platform.do("assets:replaceMetadata", _id=hall, body={"metadata": {"weight": n}}) for n in range(10)),
    )
    stored = await platform.source("assets", hall)
    assert sorted(entry["deviceId"] for entry in stored["linkedMeasures"]) == sorted(devices)
    assert stored["metadata"]["note"] in "0123456789"
    assert stored["metadata"]["weight"] in range(10)
    for device in devices:
        found = await platform.source("devices", device)
        assert found["metadata"] == {"color": device}
        assert len(found["linkedMeasures"]) == 1
    assert len(await platform.history(hall)) == 1 + 10 + 20
    await platform.check()


async def test_a_change_is_searchable_at_once_when_asked_for(platform: Any) -> None:
    await platform.asset("1", refresh="wait_for")
    await platform.do("assets:update", _id="Container-1", body={"metadata": {"note": "here"}}, refresh="wait_for")
    query = {"query": {"term": {"metadata.note": "here"}}}
    assert (await platform.do("assets:search", body=query))["total"] == 1
    await platform.do("assets:delete", _id="Container-1", refresh="wait_for")
    assert (await platform.do("assets:search", body=query))["total"] == 0


async def test_a_dry_run_changes_nothing(platform: Any) -> None:
    asset, device = await platform.asset("1"), await platform.device("1")
    before = [await platform.source("assets", asset), await platform.source("devices", device)]
    metadata = {"metadata": {"note": "dry"}}
    result = await platform.do("assets:update", _id=asset, body=metadata, dryRun=True)
    assert result["dryRun"] is True
    assert result["_source"]["metadata"]["note"] == "dry"
    await platform.do("assets:replaceMetadata", _id=asset, body=metadata, dryRun=True)
    await platform.do("devices:update", _id=device, body={"metadata": {"color": "dry"}}, dryRun=True)
    await platform.do("devices:replaceMetadata", _id=device, body={"metadata": {"color": "dry"}}, dryRun=True)
    for kind, model in (("assets", "Container"), ("devices", "Dummy")):
        body = {"model": model, "reference": "9", "metadata": {}}
        made = await platform.do(f"{kind}:upsert", body=body, dryRun=True)
        assert (made["_id"], made["dryRun"]) == (f"{model}-9", True)
        assert not await platform.exists(platform.engine, kind, f"{model}-9")
    assert [await platform.source("assets", asset), await platform.source("devices", device)] == before
    assert len(await platform.history(asset)) == 1
