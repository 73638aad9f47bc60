"""The rules of models: names, mappings, metadata of new twins (device-manager 1.9, 1.10, 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.twins.documents import (
    Stamp,
    asset_metadata,
    changed,
    changed_at,
    created,
    device_metadata,
    leaf_paths,
)
from device_manager.twins.mappings import engine_collections, platform_devices
from device_manager.twins.model_rules import check_model
from device_manager.twins.models import Models, asset_model, device_model, measure_model


@pytest.mark.parametrize(
    "name", ["Plane", "PERFO", "IPv4", "LoRa", "Temp2Position", "Model9", "O2", "9Model", "2nd", "XMLfile", ""]
)
def test_names_that_are_pascal_case(name: str) -> None:
    check_model(device_model(name, {"measures": []}), Models())


@pytest.mark.parametrize("name", ["plane", "co2Sensor", "Plane1b", "Dev1ce", "My_Model", "Foo-Bar", "Foo Bar", "Été"])
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(ApiError, match="must be PascalCase"):
        check_model(device_model(name, {"measures": []}), Models())


def test_mappings_hold_what_the_models_of_the_group_and_of_commons_map() -> None:
    def model(group: str, name: str, field: str) -> Any:
        return asset_model(group, name, {"measures": [], "metadataMappings": {field: {"type": "keyword"}}})

    values = {"valuesMappings": {"speed": {"type": "float"}}}
    models = Models(
        [
            model("commons", "Box", "everywhere"),
            model("air", "Plane", "wings"),
            model("sea", "Ship", "keel"),
            measure_model("wind", values),
        ]
    )
    collections = engine_collections(models, "air")
    assert list(collections) == ["config", "assets", "assets-history", "groups", "devices", "measures"]
    assets = collections["assets"]["properties"]
    assert assets["metadata"]["properties"].keys() == {"everywhere", "wings"}
    assert collections["assets-history"]["properties"]["asset"]["properties"].keys() == {*assets, "_kuzzle_info"}
    assert collections["measures"]["properties"]["values"]["properties"] == values["valuesMappings"]
    provisioning = platform_devices(models)["properties"]["lastMeasures"]["properties"]["values"]
    assert provisioning["properties"] == values["valuesMappings"]
    assert all(mapping["dynamic"] == "strict" for mapping in collections.values())


def test_metadata_of_new_assets() -> None:
    mappings: dict[str, Any] = {"a": {}, "b": {}, "place": {}}
    assert asset_metadata(mappings, {"a": 0, "place.city": "Rome"}, {"b": 1, "odd": 2}) == {
        "a": 0,
        "b": 1,
        "place": {"city": "Rome"},
        "odd": 2,
    }


def test_metadata_of_attached_devices() -> None:
    assert device_metadata({"a": {}, "b": {}, "c": {}}, {"a": 1, "b": 2}, {"a": 0, "odd": 3}) == {
        "a": 0,
        "b": 2,
        "c": None,
    }


def test_leaf_paths_walk_plain_objects_only() -> None:
    assert list(leaf_paths({"b": 1, "a": {"x": [{"y": 1}], "z": None}, "empty": {}})) == ["b", "a.x", "a.z"]


def test_the_time_of_change_always_grows() -> None:
    source = created({}, Stamp("u", 1000))
    for now, expected in ((1000, 1001), (990, 1002), (2000, 2000), (2000, 2001)):
        source = changed(source, Stamp("v", now))
        assert changed_at(source) == expected
    assert source["_kuzzle_info"] == {"author": "u", "createdAt": 1000, "updatedAt": 2001, "updater": "v"}
