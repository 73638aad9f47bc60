"""Measures of twins, and the last ones (device-manager 2.2, 2.3), on both stores."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.events.answers import Answers
from device_manager.twins.measures.questions import answer_last_measures

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARCH = 1_772_323_200_000
"""2026-03-01T00:00:00Z."""


def fresh(model: str) -> str:
    """An id that no other test uses: measures stay in the engine."""
    return f"{model}-{uuid.uuid4().hex[:12]}"


async def test_measures_of_a_twin(platform: Any, new_measure: Any, store_measures: Any) -> None:
    asset, device = fresh("Container"), fresh("Dummy")
    linked = [new_measure(MARCH + n, asset=asset, device=device, value=20 + n) for n in range(3)]
    alone = new_measure(MARCH + 9, device=device, device_slot="battery", type="battery", value=80)
    by_api = new_measure(MARCH + 5, asset=asset, slot="temperatureInt", value=-4.5)
    await store_measures(platform, *linked, alone, by_api)
    await platform.store.refresh(platform.engine, "measures")

    async def found(controller: str, id: str, **payload: Any) -> list[int]:
        result = await platform.do(f"{controller}:getMeasures", _id=id, **payload)
        assert result["total"] == len(result["measures"])
        return [hit["_source"]["measuredAt"] - MARCH for hit in result["measures"]]

    assert await found("assets", asset) == [5, 2, 1, 0]
    assert await found("devices", device) == [9, 2, 1, 0]
    hit = (await platform.do("devices:getMeasures", _id=device, size=1))["measures"][0]
    assert hit["_source"] == alone
    assert (hit["index"], hit["collection"]) == (platform.engine, "measures")
    assert await found("devices", device, type="battery") == [9]
    assert await found("assets", asset, startAt="2026-03-01T00:00:00.001Z", endAt="2026-03-01T00:00:00.002Z") == [2, 1]
    warm = {"range": {"values.temperature": {"gte": 21}}}
    oldest = {"query": warm, "sort": [{"measuredAt": "asc"}]}
    assert await found("assets", asset, body=oldest) == [1, 2]
    assert await found("assets", asset, body={"query": warm}, lang="koncorde") == [2, 1]
    page = await platform.do("assets:getMeasures", _id=asset, size=2, **{"from": 1})
    assert page["total"] == 4
    assert [hit["_source"]["measuredAt"] - MARCH for hit in page["measures"]] == [2, 1]
    assert await found("assets", "Container-nobody") == []


async def test_refusals(platform: Any) -> None:
    for controller, id in (("assets", "Container-nobody"), ("devices", "Dummy-nobody")):
        unknown = platform.unknown_engine()
        one, several = {"_id": id}, {"body": {"ids": [id]}}
        for action, payload in (
            ("getMeasures", one),
            ("getLastMeasures", one),
            ("mGetLastMeasures", several),
            ("getLastMeasuredAt", one),
            ("mGetLastMeasuredAt", several),
        ):
            assert await platform.refusal(f"{controller}:{action}", engineId="nowhere", **payload) == unknown
        for action in ("getLastMeasures", "getLastMeasuredAt"):
            error = await platform.refused(f"{controller}:{action}", _id=id)
            assert (error["status"], error["id"]) == (404, "device_manager.measures.none")
            assert error["message"] == "No measure could be found for this digital twin"
        for action, payload in (("getLastMeasures", one), ("mGetLastMeasures", several)):
            error = await platform.refused(f"{controller}:{action}", measureCount=0, **payload)
            assert (error["status"], error["id"]) == (400, "api.assert.invalid_argument")
        for name, value in (("startAt", "yesterday"), ("endAt", 12), ("endAt", "1772323200000")):
            error = await platform.refused(f"{controller}:getMeasures", _id=id, **{name: value})
            assert error["message"].startswith(f'Wrong type for argument "{name}" (expected: date)')
        error = await platform.refused(f"{controller}:getMeasures", _id=id, size=10_001)
        assert error["id"] == "services.storage.get_limit_exceeded"
        error = await platform.refused(f"{controller}:getMeasures", _id=id, lang="sql")
        assert error["id"] == "api.assert.invalid_argument"
        error = await platform.refused(f"{controller}:mGetLastMeasures", body={})
        assert error["id"] == "api.assert.missing_argument"
        assert await platform.do(f"{controller}:mGetLastMeasures", body={"ids": []}) == {}


async def test_last_measures(platform: Any, new_measure: Any, store_measures: Any) -> None:
    asset, device, other = fresh("Container"), fresh("Dummy"), fresh("Container")
    await store_measures(
        platform,
        new_measure(MARCH + 7, asset=asset, device=device, value=27),
        new_measure(MARCH + 3, asset=asset, device=device, value=23),
        new_measure(MARCH + 5, asset=asset, slot="temperatureInt", value=-4),
    )
    last = {
        "name": "temperatureExt",
        "type": "temperature",
        "measuredAt": MARCH + 7,
        "values": {"temperature": 27},
        "originId": device,
        "payloadUuids": ["5f0c1d1e-8a1b-4a55-9d3c-2f6f0c7a9e11"],
    }
    inside = last | {"name": "temperatureInt", "measuredAt": MARCH + 5, "values": {"temperature": -4}}
    inside |= {"originId": "station", "payloadUuids": []}
    assert await platform.do("assets:getLastMeasures", _id=asset) == {"temperatureExt": last, "temperatureInt": inside}
    assert await platform.do("assets:getLastMeasures", _id=asset, measureCount=1) == {"temperatureExt": last}
    of_device = {"temperature": last | {"name": "temperature"}}
    assert await platform.do("devices:getLastMeasures", _id=device) == of_device
    ids = {"ids": [asset, other, asset]}
    found = await platform.do("assets:mGetLastMeasures", body=ids)
    assert found == {asset: {"temperatureExt": last, "temperatureInt": inside}}
    assert await platform.do("devices:mGetLastMeasures", body={"ids": [device]}) == {device: of_device}
    assert await platform.do("assets:getLastMeasuredAt", _id=asset) == {"lastMeasuredAt": MARCH + 7}
    assert await platform.do("assets:mGetLastMeasuredAt", body=ids) == {asset: MARCH + 7}
    assert await platform.do("devices:getLastMeasuredAt", _id=device) == {"lastMeasuredAt": MARCH + 7}
    assert await platform.do("devices:mGetLastMeasuredAt", body={"ids": [device]}) == {device: MARCH + 7}


async def test_questions_of_plugins(platform: Any, new_measure: Any, store_measures: Any) -> None:
    answers = Answers()
    answer_last_measures(answers, platform.twins.measures.reading)
    asset, device = fresh("Container"), fresh("Dummy")
    await store_measures(platform, new_measure(MARCH, asset=asset, device=device))
    for controller, id in (("asset", asset), ("device", device)):
        question = f"ask:device-manager:{controller}:get-last-measures"
        payload = {"engineId": platform.engine, "digitalTwinId": id}
        assert await answers.ask(question, payload) == await platform.do(f"{controller}s:getLastMeasures", _id=id)
        assert await answers.ask(question, payload | {"digitalTwinId": "Dummy-nobody"}) == {}
        with pytest.raises(ApiError, match='"digitalTwinId"'):
            await answers.ask(question, {"engineId": platform.engine})


async def test_slots_that_no_model_has(make_platform: Any, new_measure: Any, store_measures: Any) -> None:
    """They are found at once, also by a process that has not heard of them."""
    here, there = await make_platform(), await make_platform()
    asset, other = fresh("Container"), fresh("Container")
    assert await there.do("assets:mGetLastMeasures", body={"ids": [asset]}) == {}
    await store_measures(here, new_measure(MARCH, asset=asset, slot="dewPoint"))
    for platform in (here, there):
        assert list(await platform.do("assets:getLastMeasures", _id=asset)) == ["dewPoint"]
    await store_measures(there, new_measure(MARCH, asset=other, slot=uuid.uuid4().hex))
    assert len(await here.do("assets:getLastMeasures", _id=other)) == 1
    free = fresh("Nothing")
    await store_measures(here, new_measure(MARCH, asset=free, slot="any"))
    assert list(await there.do("assets:getLastMeasures", _id=free)) == ["any"]


async def test_one_round_trip(platform: Any, new_measure: Any, store_measures: Any) -> None:
    ids = [fresh("Container") for _ in range(20)]
    await store_measures(platform, *(new_measure(MARCH, asset=id, slot="dewPoint") for id in ids))
    await platform.do("assets:getLastMeasures", _id=ids[0])
    await platform.stop_looking()
    await platform.twins.catalogue.look()
    trips = platform.store.round_trips
    for action, payload in (
        ("getLastMeasures", {"_id": ids[0]}),
        ("mGetLastMeasures", {"body": {"ids": ids}}),
        ("getLastMeasuredAt", {"_id": ids[0]}),
        ("mGetLastMeasuredAt", {"body": {"ids": ids}}),
    ):
        before = trips.reads, trips.searches
        assert await platform.do(f"assets:{action}", **payload)
        assert (trips.reads - before[0], trips.searches - before[1]) == (1, 0), action


async def test_one_winner_whatever_the_order(platform: Any, new_measure: Any, store_measures: Any) -> None:
    """Measures of one moment, written by several at once in different orders, end with the same one."""
    slots = [f"slot{number}" for number in range(10)]
    asset = fresh("Hall")
    measures = [new_measure(MARCH, asset=asset, slot=slot, value=value) for slot in slots for value in range(5)]
    await asyncio.gather(*(store_measures(platform, measure) for measure in measures))
    first = await platform.do("assets:getLastMeasures", _id=asset)
    assert sorted(first) == sorted(slots)
    await platform.store.refresh(platform.engine, "measures")
    await platform.twins.measures.rebuilding.put_records(
        platform.engine,
        [
            (document.id, document.source)
            async for page in platform.store.scan(platform.engine, "measures")
            for document in page
            if (document.source["asset"] or {}).get("_id") == asset
        ],
    )
    assert await platform.do("assets:getLastMeasures", _id=asset) == first
