"""Columns from models: their names, their order and what stands in them (device-manager 2.8)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.storage.contract import Document
from device_manager.tables.paths import value_at, value_paths
from device_manager.twins.exports.columns import MeasureTable, TwinTable
from device_manager.twins.exports.formats import distinct_names
from device_manager.twins.models import Models, asset_model, device_model, measure_model


def slots(**types: str) -> dict[str, Any]:
    return {"measures": [{"name": name, "type": type} for name, type in types.items()]}


FLOAT = {"type": "float"}
MODELS = Models(
    [
        measure_model("temperature", {"valuesMappings": {"temperature": FLOAT}}),
        measure_model(
            "position", {"valuesMappings": {"position": {"type": "geo_point"}, "accuracy": FLOAT, "altitude": FLOAT}}
        ),
        measure_model(
            "acceleration",
            {
                "valuesMappings": {
                    "acceleration": {"properties": {"x": FLOAT, "y": FLOAT, "z": {"properties": {"raw": FLOAT}}}},
                    "accuracy": FLOAT,
                }
            },
        ),
        measure_model("light", {"valuesMappings": {"lights": FLOAT, "lumens": FLOAT}}),
        measure_model(
            "status",
            {
                "valuesMappings": {
                    "type": {"type": "keyword", "fields": {"text": {"type": "text"}}},
                    "properties": {"type": "date", "format": "yyyy"},
                    "parts": {"type": "nested", "properties": {"a": FLOAT}},
                }
            },
        ),
        asset_model("commons", "Container", slots(temperatureExt="temperature", position="position", Zone="light")),
        asset_model("commons", "Alpha", slots(temperatureExt="light", state="status")),
        asset_model("harbour", "Crane", slots(arm="acceleration")),
        asset_model("other", "Room", slots(window="status")),
        device_model("Sensor", slots(t1="temperature", t2="temperature", shake="acceleration")),
    ]
)
CONTAINER = [
    "position",
    "position.accuracy",
    "position.altitude",
]
STATE = ["state.type", "state.properties", "state.parts"]


def names(table: TwinTable | MeasureTable) -> list[str]:
    return [column.name for column in table.columns]


def test_columns_of_twins() -> None:
    # Alpha comes before Container, so its temperatureExt counts; capitals come before small letters.
    light = ["temperatureExt.lights", "temperatureExt.lumens"]
    zone = ["Zone.lights", "Zone.lumens"]
    tail = ["lastMeasuredAt", "lastMeasuredAtISO"]
    expected = ["Model", "Reference", *zone, *CONTAINER, *STATE, *light, *tail]
    assert names(TwinTable(MODELS, "assets", "commons")) == expected
    arm = ["arm.x", "arm.y", "arm.z.raw", "arm.accuracy"]
    expected = ["Model", "Reference", *zone, *arm, *CONTAINER, *STATE, *light, *tail]
    assert names(TwinTable(MODELS, "assets", "harbour")) == expected
    shake = ["shake.x", "shake.y", "shake.z.raw", "shake.accuracy"]
    assert names(TwinTable(MODELS, "devices", "harbour")) == ["Model", "Reference", *shake, "t1", "t2", *tail]


def test_columns_of_measures() -> None:
    crane = next(model for model in MODELS if model.name == "Crane")
    fixed = ["Measure Id", "Measured At", "Measured At ISO", "Measure Type"]
    fixed += ["Device Id", "Device Model", "Asset Id", "Asset Model"]
    paths = ["acceleration.x", "acceleration.y", "acceleration.z.raw", "accuracy"]
    assert names(MeasureTable(MODELS, crane)) == [*fixed, *(f"arm.{path}" for path in paths)]


def test_types_of_columns() -> None:
    types = {column.name: column[1:] for column in TwinTable(MODELS, "assets", "other").columns}
    assert types["window.properties"] == ("date", "yyyy")
    assert types["window.parts"] == ("nested", None)
    assert types["position"] == ("geo_point", None)
    assert types["lastMeasuredAt"] == ("long", None)


def test_a_device_has_values_in_the_columns_of_the_slot_that_measured() -> None:
    sensor = next(model for model in MODELS if model.name == "Sensor")
    source = {
        "type": "temperature",
        "measuredAt": 1_700_000_000_000,
        "values": {"temperature": 21.5},
        "origin": {"type": "device", "_id": "Sensor-1", "deviceModel": "Sensor", "measureName": "t2"},
        "asset": {"_id": "Container-1", "model": "Container", "measureName": "t1"},
    }
    table = MeasureTable(MODELS, sensor)
    row = dict(zip(names(table), table.row(Document("m", source, 1)), strict=True))
    assert {name: value for name, value in row.items() if value is not None} == {
        "Measure Id": "m",
        "Measured At": 1_700_000_000_000,
        "Measured At ISO": "2023-11-14T22:13:20.000Z",
        "Measure Type": "temperature",
        "Device Id": "Sensor-1",
        "Device Model": "Sensor",
        "Asset Id": "Container-1",
        "Asset Model": "Container",
        "t2.temperature": 21.5,
    }
    row = dict(zip(names(table), table.row(Document("m", {"measuredAt": "2026-01-01", "asset": None}, 1)), strict=True))
    assert row["Measured At ISO"] == "2026-01-01T00:00:00.000Z"
    assert table.row(Document("m", {"measuredAt": "soon"}, 1))[1:3] == ["soon", None]


def test_a_twin_without_measures_has_a_row() -> None:
    table = TwinTable(MODELS, "devices", "commons")
    row = table.row(Document("Sensor-1", {"model": "Sensor", "reference": "1"}, 1), {})
    assert row == ["Sensor", "1", *[None] * (len(table.columns) - 2)]


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": 1}}, ("a", "b"), 1),
        ({"a": {"b": False}}, ("a", "b"), False),
        ({"a": [{"b": 1}, {}, {"b": [2]}]}, ("a", "b"), [1, [2]]),
        ({"a": [{}]}, ("a", "b"), None),
        ({"a": 5}, ("a", "b"), None),
        (None, ("a",), None),
    ],
)
def test_values_at_a_path(value: Any, path: tuple[str, ...], found: Any) -> None:
    assert value_at(value, path) == found


def test_columns_of_one_name_are_told_apart() -> None:
    models = Models(
        [
            measure_model("a", {"valuesMappings": {"b": {"properties": {"c": FLOAT}}}}),
            measure_model("d", {"valuesMappings": {"c": FLOAT}}),
            device_model("Odd", {"measures": [{"name": "x", "type": "a"}, {"name": "x.b", "type": "d"}]}),
        ]
    )
    columns = TwinTable(models, "devices", "commons").columns
    assert distinct_names(columns)[2:4] == ["x.b.c", "x.b.c (2)"]


def test_a_type_without_a_model_has_no_columns() -> None:
    models = Models([device_model("Odd", slots(x="gone"))])
    assert names(TwinTable(models, "devices", "commons"))[2:-2] == []
    assert list(value_paths({"a": {"properties": {}}})) == [(("a",), {"properties": {}})]
