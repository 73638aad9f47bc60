"""What documents of version 2 become, apart from any store (device-manager 6.1, 6.2)."""

from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from device_manager.migration.shapes import (
    TwinModel,
    group_path,
    shape_asset,
    shape_device,
    shape_group,
    shape_history,
    shape_measure,
    shape_model,
    shape_provisioning,
)
from device_manager.migration.shaping import Shaped, Source

MODEL = TwinModel([{"name": "indoor", "type": "temperature"}], {"en": {"friendlyName": "Room"}})
PATHS = {"a": "a", "b": "a.b"}
EMBEDDED = {"name": "indoor", "type": "temperature", "measuredAt": 1000, "values": {"temperature": 2.5}}
LINKED = {"_id": "D-1", "measureNames": [{"asset": "indoor", "device": "temp", "type": "temperature"}]}


def old_asset(**members: Any) -> Source:
    asset = {
        "model": "Room",
        "reference": "1",
        "metadata": {"floor": 1},
        "groups": [{"id": "b", "date": 5}],
        "linkedDevices": [LINKED],
        "measures": {"indoor": EMBEDDED},
        "lastMeasuredAt": 1000,
        "_kuzzle_info": {"createdAt": 7},
    }
    return asset | members


def old_device(**members: Any) -> Source:
    device = {
        "model": "Thermometer",
        "reference": "1",
        "engineId": "hotel",
        "assetId": "A-1",
        "metadata": {"serial": "S"},
        "groups": [],
        "measures": {"temp": EMBEDDED | {"name": "temp"}},
        "lastMeasuredAt": 1000,
        "_kuzzle_info": {"createdAt": 7},
    }
    return device | members


def kinds(shaped: Shaped) -> list[str]:
    return [note.kind for note in shaped.notes]


def test_an_asset() -> None:
    shaped = shape_asset(old_asset(softTenant="east"), MODEL, PATHS)
    assert shaped.source == {
        "model": "Room",
        "reference": "1",
        "metadata": {"floor": 1},
        "groups": [{"path": "a.b", "date": 5}],
        "linkedMeasures": [{"deviceId": "D-1", "measureSlots": [{"asset": "indoor", "device": "temp"}]}],
        "measureSlots": MODEL.slots,
        "modelLocales": MODEL.locales,
        "softTenant": "east",
        "_kuzzle_info": {"createdAt": 7},
    }
    assert shaped.notes == ()
    assert shape_asset(shaped.source, MODEL, PATHS) == Shaped(shaped.source)


def test_an_asset_that_half_a_migration_has_seen() -> None:
    link = {"deviceId": "D-0", "measureSlots": [{"asset": "damp", "device": "hum"}]}
    shaped = shape_asset(old_asset(linkedMeasures=[link]), MODEL, PATHS)
    assert [entry["deviceId"] for entry in shaped.source["linkedMeasures"]] == ["D-0", "D-1"]


def test_an_asset_of_an_unknown_model_in_an_unknown_group() -> None:
    shaped = shape_asset(old_asset(groups=[{"id": "gone", "date": 5}]), None, PATHS)
    assert shaped.source["measureSlots"] == [{"name": "indoor", "type": "temperature"}]
    assert shaped.source["groups"] == [{"path": "gone", "date": 5}]
    assert kinds(shaped) == [
        "unknown model, slots taken from what is in use",
        "membership in a group that does not exist, kept with its id as path",
    ]


def test_embedded_measures_that_history_lacks_stay() -> None:
    asset = old_asset(measures={"indoor": EMBEDDED, "damp": EMBEDDED | {"name": "damp"}})
    shaped = shape_asset(asset, MODEL, PATHS, {"damp"})
    assert list(shaped.source["measures"]) == ["damp"]
    assert shaped.source["lastMeasuredAt"] == 1000
    assert kinds(shaped) == ["embedded measures that history lacks, kept"]
    assert shape_asset(shaped.source, MODEL, PATHS, {"damp"}).changes == ()
    assert "measures" not in shape_asset(shaped.source, MODEL, PATHS).source


@pytest.mark.parametrize("migrated", [False, True], ids=["from the old asset", "from the new asset"])
def test_a_device_mirrors_its_asset(migrated: bool) -> None:
    asset = shape_asset(old_asset(), MODEL, PATHS).source if migrated else old_asset()
    shaped = shape_device(old_device(), None, PATHS, asset, "D-1")
    link = {"assetId": "A-1", "measureSlots": [{"asset": "indoor", "device": "temp"}]}
    assert shaped.source["linkedMeasures"] == [link]
    assert not shaped.source.keys() & {"assetId", "measures", "lastMeasuredAt"}
    assert shape_device(shaped.source, None, PATHS, None, "D-1").changes == ()


@pytest.mark.parametrize("asset", [None, old_asset(linkedDevices=[])], ids=["no asset", "an asset that does not know"])
def test_a_link_that_only_the_device_knows_stays_visible(asset: Source | None) -> None:
    shaped = shape_device(old_device(), MODEL, PATHS, asset, "D-1")
    assert shaped.source["assetId"] == "A-1"
    assert shaped.source["linkedMeasures"] == []
    assert kinds(shaped) == ["link that only the device knows, kept as assetId"]
    assert shape_device(shaped.source, MODEL, PATHS, asset, "D-1").changes == ()


def test_the_record_of_an_attached_device_is_slim() -> None:
    shaped = shape_provisioning(old_device(), MODEL, old_device())
    assert shaped.source == {
        "model": "Thermometer",
        "reference": "1",
        "engineId": "hotel",
        "measureSlots": MODEL.slots,
        "provisionedAt": 7,
        "lastMeasuredAt": None,
        "lastMeasures": [],
        "_kuzzle_info": {"createdAt": 7},
    }
    assert shape_provisioning(shaped.source, MODEL, old_device()) == Shaped(shaped.source)


def test_the_record_of_a_device_that_no_engine_has_keeps_what_nobody_else_has() -> None:
    measures = {f"t{number}": EMBEDDED | {"measuredAt": number} for number in range(7)}
    record = old_device(engineId=None, assetId=None, measures=measures)
    shaped = shape_provisioning(record, MODEL, None)
    assert [measure["measuredAt"] for measure in shaped.source["lastMeasures"]] == [6, 5, 4, 3, 2]
    assert shaped.source["lastMeasures"][0] == {
        "type": "temperature",
        "measureName": "t6",
        "measuredAt": 6,
        "values": {"temperature": 2.5},
    }
    assert shaped.source["lastMeasuredAt"] == 6
    assert shaped.source["metadata"] == {"serial": "S"}
    assert kinds(shaped) == ["metadata of a device that no engine has, kept"]
    assert shape_provisioning(shaped.source, MODEL, None).changes == ()
    emptied = shape_provisioning(record | {"metadata": {"serial": None, "at": {"lat": None}}}, MODEL, None)
    assert "metadata" not in emptied.source


def test_groups_get_paths() -> None:
    child = {"name": "First", "parent": "a", "children": [], "colour": "red"}
    assert shape_group(child, "b", True).source == {
        "name": "First",
        "path": "a.b",
        "model": None,
        "metadata": {},
        "lastUpdate": None,
        "colour": "red",
    }
    orphan = shape_group(child, "b", False)
    assert orphan.source["path"] == "b"
    assert kinds(orphan) == ["group whose parent does not exist, made a root"]
    assert shape_group(orphan.source, "b", False) == Shaped(orphan.source)
    assert [group_path("b", {"path": "x.b"}), group_path("b", {}), group_path("b", {"parent": None})] == [
        "x.b",
        "b",
        "b",
    ]


def test_history_and_measures() -> None:
    entry = {"id": "A-1", "timestamp": 1, "event": {"name": "measure"}, "asset": old_asset()}
    shaped = shape_history(entry, PATHS).source
    assert shaped["event"] == {"name": "measure"}
    assert shaped["asset"]["linkedMeasures"][0]["deviceId"] == "D-1"
    assert shaped["asset"]["groups"] == [{"path": "a.b", "date": 5}]
    assert not shaped["asset"].keys() & {"linkedDevices", "measures", "lastMeasuredAt"}
    measure = {"asset": {"_id": "A-1", "groups": [{"id": "a"}]}, "origin": {"groups": [{"id": "b"}], "type": "device"}}
    assert shape_measure(measure, PATHS).source == {
        "asset": {"_id": "A-1", "groups": [{"path": "a"}]},
        "origin": {"groups": [{"path": "a.b"}], "type": "device"},
    }


def test_models_of_groups_let_everybody_in() -> None:
    shaped = shape_model({"type": "group", "group": {"model": "Floor"}}).source
    assert shaped["group"]["affinity"] == {
        "type": ["assets", "devices"],
        "models": {"assets": [], "devices": []},
        "strict": False,
    }
    assert shape_model(shaped).changes == ()
    assert shape_model({"type": "asset", "asset": {}}).changes == ()


texts = st.sampled_from(["a", "b", "A-1", "D-1", "gone", ""])
odd: st.SearchStrategy[Any] = st.one_of(st.none(), st.integers(0, 9), texts, st.just([]), st.just({}), st.just([None]))
pairs = st.fixed_dictionaries({}, optional={"asset": texts, "device": texts, "type": texts | odd})
links = st.lists(st.fixed_dictionaries({}, optional={"_id": texts | odd, "measureNames": st.lists(pairs) | odd}) | odd)
memberships = st.lists(st.fixed_dictionaries({}, optional={"id": texts, "path": texts, "date": odd}) | odd)
embedded = st.dictionaries(
    texts, st.fixed_dictionaries({}, optional={"type": odd, "measuredAt": odd, "values": odd}) | odd
)
twins = st.fixed_dictionaries(
    {},
    optional={
        "assetId": texts | odd,
        "engineId": texts | odd,
        "linkedDevices": links | odd,
        "measures": embedded | odd,
        "groups": memberships | odd,
        "metadata": st.just({"floor": 1}) | odd,
        "lastMeasuredAt": odd,
        "measureSlots": st.just(MODEL.slots),
        "softTenant": odd,
    },
)


@hypothesis.given(twins, st.none() | twins, st.sampled_from([None, MODEL]))
def test_whatever_the_data_holds_shaping_it_twice_changes_nothing(
    twin: Source, other: Source | None, model: TwinModel | None
) -> None:
    before = repr(twin)
    once = [
        shape_asset(twin, model, PATHS).source,
        shape_device(twin, model, PATHS, other, "D-1").source,
        shape_provisioning(twin, model, other).source,
        shape_history({"asset": twin}, PATHS).source,
        shape_measure({"asset": twin, "origin": twin}, PATHS).source,
    ]
    twice = [
        shape_asset(once[0], model, PATHS),
        shape_device(once[1], model, PATHS, other, "D-1"),
        shape_provisioning(once[2], model, other),
        shape_history(once[3], PATHS),
        shape_measure(once[4], PATHS),
    ]
    assert [shaped.source for shaped in twice] == once
    assert [shaped.changes for shaped in twice] == [()] * 5
    assert all("softTenant" in source for source in once[:3]) or "softTenant" not in twin
    assert repr(twin) == before
