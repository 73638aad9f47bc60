"""What links make of the measures of a device (device-manager 3.2 to 3.4)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.storage.contract import Document
from device_manager.twins.ingestion.contexts import device_runs, device_source, fed_slots
from device_manager.twins.ingestion.readings import Reading

SLOTS = ("a", "b", "c", "d")
ASSETS = ("Room-1", "Room-2", "Room-3")
LINKS = st.dictionaries(st.sampled_from(SLOTS), st.tuples(st.sampled_from(ASSETS), st.sampled_from(SLOTS)))


def device_with(links: dict[str, tuple[str, str]]) -> dict[str, Any]:
    by_asset: dict[str, list[dict[str, str]]] = {}
    for slot, (asset, place) in links.items():
        by_asset.setdefault(asset, []).append({"asset": place, "device": slot})
    entries = [{"assetId": asset, "measureSlots": pairs} for asset, pairs in by_asset.items()]
    groups = [{"path": "g", "date": 1}]
    metadata = {"place": {"city": "Rome", "floor": 1}}
    return {"model": "M", "reference": "r", "metadata": metadata, "groups": groups, "linkedMeasures": entries}


def asset(id: str) -> Document:
    model, _, reference = id.partition("-")
    return Document(id, {"model": model, "reference": reference, "metadata": {"of": id}, "groups": []}, 1)


READINGS = [Reading(f"id{place}", slot, "t", place, {"t": place}) for place, slot in enumerate((*SLOTS, "a", "d"))]


@settings(deadline=None)
@given(LINKS, st.sets(st.sampled_from(ASSETS)), st.sets(st.sampled_from([reading.id for reading in READINGS])))
def test_every_measure_is_in_one_run_with_the_context_of_its_link(
    links: dict[str, tuple[str, str]], existing: set[str], stored: set[str]
) -> None:
    device = device_with(links)
    source = device_source("M-r", device, {})
    assets = {id: asset(id) for id in existing}
    known = dict.fromkeys(stored, asset("Room-1"))
    runs = device_runs("engine", source, fed_slots(device), assets, READINGS, ("uuid",), known)
    assert sorted(id for run in runs for id in run.ids) == sorted({reading.id for reading in READINGS} - stored)
    by_id = {reading.id: reading for reading in READINGS}
    for run in runs:
        assert run.measures
        about = run.target["assetId"]
        for id, measure in zip(run.ids, run.measures, strict=True):
            reading = by_id[id]
            place = links.get(reading.slot)
            assert about == (place[0] if place else None)
            assert measure["origin"]["measureName"] == reading.slot
            if place is None or place[0] not in existing:
                assert measure["asset"] is None
            else:
                assert (measure["asset"]["_id"], measure["asset"]["measureName"]) == place
                assert measure["asset"]["metadata"] == {"of": place[0]}
        assert set(run.ids) <= set(run.sent)
    order = [run.target["assetId"] for run in runs if run.target["assetId"] is not None]
    assert order == [id for id in dict.fromkeys(place for place, _ in fed_slots(device).values()) if id in order]


def test_metadata_of_the_payload_is_merged_into_that_of_the_origin() -> None:
    device = device_with({})
    source = device_source("M-r", device, {"place": {"floor": 2}, "open": False})
    (run,) = device_runs(None, source, {}, {}, READINGS[:1], ("uuid",), {})
    origin = run.measures[0]["origin"]
    assert origin["deviceMetadata"] == {"place": {"city": "Rome", "floor": 2}, "open": False}
    assert origin["groups"] == [{"path": "g", "date": 1}]
    assert device["metadata"] == {"place": {"city": "Rome", "floor": 1}}
    assert run.source["deviceMetadata"] == device["metadata"]


def test_of_a_slot_in_several_links_the_first_one_counts() -> None:
    device = device_with({"a": ("Room-1", "x")})
    device["linkedMeasures"].append({"assetId": "Room-2", "measureSlots": [{"asset": "y", "device": "a"}]})
    assert fed_slots(device) == {"a": ("Room-1", "x")}
