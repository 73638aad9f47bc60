"""The records of last measures follow native writes, and can be rebuilt (transactions 2, B6), on both stores."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind
from device_manager.twins.measures.last_measures import Slot, last_measure_puts, record_key, records_collection

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARCH = 1_772_323_200_000


def fresh(model: str) -> str:
    return f"{model}-{uuid.uuid4().hex[:12]}"


async def last(platform: Any, controller: str, id: str) -> dict[str, tuple[int, Any]]:
    """Slot -> time and value of its last measure, once everything is followed."""
    await platform.twins.measures.following.settled()
    found = await platform.do(f"{controller}:mGetLastMeasures", body={"ids": [id]})
    return {
        name: (measure["measuredAt"] - MARCH, next(iter(measure["values"].values())))
        for name, measure in found.get(id, {}).items()
    }


async def test_native_writes(platform: Any, new_measure: Any) -> None:
    asset, device = fresh("Container"), fresh("Dummy")
    measures = {"index": platform.engine, "collection": "measures"}

    async def create(at: Any, value: float, slot: str = "temperatureExt") -> str:
        measure = new_measure(at, asset=asset, slot=slot, device=device, value=value)
        return str((await platform.do("document:create", **measures, body=measure))["_id"])

    first = await create(MARCH + 1, 21)
    third = await create(MARCH + 3, 23)
    second = await create(MARCH + 2, 22)
    assert await last(platform, "assets", asset) == {"temperatureExt": (3, 23)}
    assert await last(platform, "devices", device) == {"temperature": (3, 23)}
    await platform.do("document:update", **measures, _id=third, body={"values": {"temperature": 33}})
    assert await last(platform, "assets", asset) == {"temperatureExt": (3, 33)}
    await platform.do("document:update", **measures, _id=third, body={"measuredAt": MARCH})
    assert await last(platform, "assets", asset) == {"temperatureExt": (2, 22)}
    assert await last(platform, "devices", device) == {"temperature": (2, 22)}
    await platform.do("document:update", **measures, _id=second, body={"asset": {"measureName": "temperatureInt"}})
    assert await last(platform, "assets", asset) == {"temperatureExt": (1, 21), "temperatureInt": (2, 22)}
    await platform.do("document:delete", **measures, _id=second)
    assert await last(platform, "assets", asset) == {"temperatureExt": (1, 21)}
    assert await last(platform, "devices", device) == {"temperature": (1, 21)}
    await create("2026-03-01T00:00:00.009Z", 29, "dewPoint")
    assert await last(platform, "assets", asset) == {"temperatureExt": (1, 21), "dewPoint": (9, 29)}
    await platform.do("document:deleteByQuery", **measures, body={"query": {"term": {"asset._id": asset}}})
    assert await last(platform, "assets", asset) == {}
    assert await last(platform, "devices", device) == {}
    await create(MARCH + 1, 25)
    assert await last(platform, "assets", asset) == {"temperatureExt": (1, 25)}
    lines = [{"create": {}}, new_measure(MARCH + 2, asset=asset), {"delete": {"_id": first}}]
    await platform.ask("admin:loadFixtures", body={platform.engine: {"measures": lines}})
    assert await last(platform, "assets", asset) == {"temperatureExt": (2, 20)}


async def test_rebuilding_slots(platform: Any, new_measure: Any, store_measures: Any) -> None:
    """Whatever a record says, it agrees with history afterwards; of many measures of one moment, one wins."""
    asset, engine = fresh("Container"), platform.engine
    slots = [Slot("asset", asset, name) for name in ("temperatureExt", "temperatureInt", "power", "dewPoint")]
    await store_measures(
        platform,
        new_measure(MARCH, asset=asset, value=10),
        *(new_measure(MARCH, asset=asset, slot="temperatureInt", value=number) for number in range(60)),
    )
    good = await platform.do("assets:getLastMeasures", _id=asset)
    ahead = new_measure(MARCH + 9, asset=asset, value=19)
    orphan = new_measure(MARCH + 9, asset=asset, slot="power", type="battery", value=1)
    await platform.store.put(
        [put for id, measure in (("lost", ahead), ("never", orphan)) for put in last_measure_puts(engine, id, measure)]
    )
    await platform.store.put([Put(PutKind.REMOVE, record_key(engine, slots[1]), {})])
    assert set(await platform.do("assets:getLastMeasures", _id=asset)) == {"temperatureExt", "power"}
    await platform.twins.measures.rebuilding.rebuild_slots(engine, slots)
    assert await platform.do("assets:getLastMeasures", _id=asset) == good
    await platform.twins.measures.rebuilding.rebuild_slots(engine, slots)
    assert await platform.do("assets:getLastMeasures", _id=asset) == good


async def test_rebuilding_an_engine(platform: Any, new_measure: Any, store_measures: Any) -> None:
    """Data that another product wrote has no records, until somebody looks."""
    twins, engine = platform.twins, platform.engine
    assets = [fresh("Container") for _ in range(5)]
    await store_measures(
        platform,
        *(
            new_measure(MARCH + n, asset=id, slot=slot, value=n)
            for n in range(3)
            for id in assets
            for slot in ("a", "b")
        ),
    )
    before = await platform.do("assets:mGetLastMeasures", body={"ids": assets})
    assert all(measure["measuredAt"] == MARCH + 2 for slots in before.values() for measure in slots.values())
    await platform.store.drop_collection(INTERNAL_INDEX, records_collection(engine))
    await twins.tasks.open()
    await twins.measures.following.start()
    task = await twins.tasks.wait(f"rebuildLastMeasures-{engine}", 30)
    assert task.state == "finished", task
    assert await platform.do("assets:mGetLastMeasures", body={"ids": assets}) == before


async def test_slots_that_a_model_had(platform: Any, new_measure: Any, store_measures: Any) -> None:
    """A slot that its model loses keeps its last measure."""
    model = f"Shed{uuid.uuid4().hex[:8].translate(str.maketrans('0123456789', 'abcdefghij'))}"
    body = {"model": model, "engineGroup": "commons", "metadataMappings": {}, "defaultValues": {}}
    slots = [{"name": "door", "type": "temperature"}, {"name": "roof", "type": "temperature"}]
    await platform.do("models:writeAsset", body=body | {"measures": slots})
    asset = fresh(model)
    await store_measures(platform, *(new_measure(MARCH, asset=asset, slot=name) for name in ("door", "roof")))
    assert set(await last(platform, "assets", asset)) == {"door", "roof"}
    await platform.do("models:writeAsset", body=body | {"measures": slots[:1]})
    assert set(await last(platform, "assets", asset)) == {"door", "roof"}
    await platform.do(
        "document:delete", index=platform.twins.platform, collection="models", _id=f"model-asset-{model}", force=True
    )
    assert set(await last(platform, "assets", asset)) == {"door", "roof"}


async def test_engines_come_and_go_with_their_records(platform: Any) -> None:
    engine = f"e{uuid.uuid4().hex[:10]}"
    collection = records_collection(engine)
    await platform.do("engine:create", engineId=..., index=engine)
    assert collection in await platform.store.collections(INTERNAL_INDEX)
    assert await platform.do("assets:mGetLastMeasures", engineId=engine, body={"ids": ["Container-1"]}) == {}
    await platform.do("engine:delete", engineId=..., index=engine)
    assert collection not in await platform.store.collections(INTERNAL_INDEX)


async def test_an_index_with_measures_becomes_an_engine(platform: Any, new_measure: Any) -> None:
    engine, store = f"e{uuid.uuid4().hex[:10]}", platform.store
    mappings = await store.mappings(platform.engine, "measures")
    mappings = {name: mappings[name] for name in ("dynamic", "properties")}
    mappings["properties"] = {name: value for name, value in mappings["properties"].items() if name != "_kuzzle_info"}
    await store.create_index(engine)
    await store.create_collection(engine, "measures", mappings)
    measure = new_measure(MARCH, asset="Container-old", slot="dewPoint", value=7)
    await store.put([Put(PutKind.CREATE, Key(engine, "measures", "old"), measure)])
    await platform.do("engine:create", engineId=..., index=engine)
    await platform.twins.measures.following.settled()
    await platform.twins.tasks.wait(f"rebuildLastMeasures-{engine}", 30)
    found = await platform.do("assets:getLastMeasures", engineId=engine, _id="Container-old")
    assert found["dewPoint"]["values"] == {"temperature": 7}
    await platform.do("engine:delete", engineId=..., index=engine)


async def test_records_cannot_be_reached(platform: Any) -> None:
    address = {"index": INTERNAL_INDEX, "collection": records_collection(platform.engine)}
    error = await platform.refused("document:search", **address, body={})
    assert error["id"] == "services.storage.unknown_index"
    key = Key(INTERNAL_INDEX, records_collection(platform.engine), "x")
    assert key not in await platform.store.read((key,))
