"""What the shipped decoders measure: kinds of values, a measure model and a slot for each (device-manager 1.6).

A kind is the name of a slot, of its measure type and of the value in it: the slot `temperature` holds measures of the
type `temperature` with the values `{"temperature": 21.5}`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FLOAT = {"type": "float"}
INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}
VECTOR = {"properties": {"x": FLOAT, "y": FLOAT, "z": FLOAT}}
JSON_TYPES = {"float": "number", "integer": "integer", "boolean": "boolean"}

POSITION = "position"
SIGNAL = "signal"


class Kind(NamedTuple):
    """One kind of values.

    Attributes:
        name: see the module.
        title: for people.
        unit: of the value, empty where it has none.
        mapping: how the value is stored.
    """

    name: str
    title: str
    unit: str = ""
    mapping: dict[str, Any] = FLOAT


KINDS = {
    kind.name: kind
    for kind in (
        Kind("temperature", "Temperature", "°C"),
        Kind("humidity", "Relative humidity", "%"),
        Kind("battery", "Battery level", "%"),
        Kind(POSITION, "Position", "", {"type": "geo_point"}),
        Kind(SIGNAL, "Radio signal"),
        Kind("illuminance", "Illuminance", "lx"),
        Kind("pressure", "Air pressure", "hPa"),
        Kind("co2", "Carbon dioxide", "ppm"),
        Kind("presence", "Presence", "", BOOLEAN),
        Kind("acceleration", "Acceleration", "g", VECTOR),
        Kind("rotation", "Rotation", "°/s", VECTOR),
        Kind("voltage", "Voltage", "V"),
        Kind("current", "Current", "A"),
        Kind("power", "Power", "W"),
        Kind("energy", "Energy", "kWh"),
        Kind("distance", "Distance", "m"),
        Kind("direction", "Direction", "°"),
        Kind("percentage", "Percentage", "%"),
        Kind("digitalInput", "Digital input", "", INTEGER),
        Kind("digitalOutput", "Digital output", "", INTEGER),
        Kind("analogInput", "Analog input"),
        Kind("analogOutput", "Analog output"),
    )
}
_MEMBERS: dict[str, dict[str, tuple[dict[str, Any], str, str]]] = {
    POSITION: {
        POSITION: (KINDS[POSITION].mapping, "Position", ""),
        "altitude": (FLOAT, "Altitude", "m"),
        "accuracy": (FLOAT, "Accuracy", "m"),
    },
    SIGNAL: {
        "rssi": (FLOAT, "Signal strength", "dBm"),
        "snr": (FLOAT, "Signal-to-noise ratio", "dB"),
        "gateways": (INTEGER, "Gateways that heard it", ""),
    },
}
"""Kinds with more than one value: value -> mapping, title and unit."""


def measure_model(kind: Kind) -> dict[str, Any]:
    """The measure model of a kind, as `device-manager/models:writeMeasure` takes it."""
    members = _MEMBERS.get(kind.name) or {kind.name: (kind.mapping, kind.title, kind.unit)}
    details = {}
    for name, (_, title, unit) in members.items():
        details[name] = {"en": {"friendlyName": title} | ({"unit": unit} if unit else {})}
    return {
        "type": kind.name,
        "valuesMappings": {name: mapping for name, (mapping, _, _) in members.items()},
        "validationSchema": {
            "type": "object",
            "properties": {name: _schema(mapping) for name, (mapping, _, _) in members.items()},
            "additionalProperties": False,
        },
        "valuesDetails": details,
    }


def _schema(mapping: dict[str, Any]) -> dict[str, Any]:
    if "properties" in mapping:
        return {"type": "object", "properties": {name: _schema(inner) for name, inner in mapping["properties"].items()}}
    if mapping["type"] == "geo_point":
        return {
            "type": "object",
            "properties": {
                "lat": {"type": "number", "minimum": -90, "maximum": 90},
                "lon": {"type": "number", "minimum": -180, "maximum": 180},
            },
            "required": ["lat", "lon"],
        }
    return {"type": JSON_TYPES[mapping["type"]]}


MEASURE_MODELS = [measure_model(kind) for kind in KINDS.values()]
SLOTS = [{"name": name, "type": name} for name in KINDS]
