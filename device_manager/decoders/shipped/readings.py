"""Values as devices send them, before it is known which slot they belong to: Cayenne LPP, or decoded by others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cayennelpp import LppFrame

from device_manager.decoders.shipped.measures import KINDS, POSITION
from device_manager.errors import api_error

BOOLEANS = frozenset({"presence"})
NUMBERS_OF_BOOLEANS = frozenset({"digitalInput", "digitalOutput"})
VECTORS = frozenset({"acceleration", "rotation"})


class Reading(NamedTuple):
    """One value.

    Attributes:
        kind: one of `KINDS`.
        channel: tells several sensors of a kind on one device from each other; None where there is no such number.
        values: of the measure.
    """

    kind: str
    channel: int | None
    values: dict[str, Any]


LPP_KINDS = {
    0: "digitalInput",
    1: "digitalOutput",
    2: "analogInput",
    3: "analogOutput",
    101: "illuminance",
    102: "presence",
    103: "temperature",
    104: "humidity",
    113: "acceleration",
    115: "pressure",
    116: "voltage",
    117: "current",
    120: "percentage",
    128: "power",
    130: "distance",
    131: "energy",
    132: "direction",
    134: "rotation",
    136: POSITION,
}
"""Types of Cayenne LPP that are kept; the others have no common meaning."""


def read_cayenne(frame: bytes) -> list[Reading]:
    """The values in a Cayenne LPP frame, those of unkept types left out.

    Raises:
        ApiError: `device_manager.decoders.not_cayenne`.
    """
    try:
        data = LppFrame.from_bytes(frame).data
    except AttributeError:  # how the library meets a type that does not exist
        raise api_error("device_manager.decoders.not_cayenne", frame.hex(), "a type of value is unknown") from None
    except (BufferError, ValueError) as error:
        raise api_error("device_manager.decoders.not_cayenne", frame.hex(), str(error)) from error
    readings = []
    for item in data:
        kind = LPP_KINDS.get(int(item.type))
        if kind is not None:
            readings.append(Reading(kind, item.channel, _lpp_values(kind, item.value)))
    return readings


def _lpp_values(kind: str, value: tuple[float, ...]) -> dict[str, Any]:
    if kind == POSITION:
        latitude, longitude, altitude = value
        return position(latitude, longitude, altitude)
    if kind in VECTORS:
        return {kind: dict(zip("xyz", value, strict=True))}
    if kind in BOOLEANS:
        return {kind: value[0] != 0}
    return {kind: int(value[0]) if kind in NUMBERS_OF_BOOLEANS else value[0]}


def position(latitude: float, longitude: float, altitude: Any = None, accuracy: Any = None) -> dict[str, Any]:
    """The values of a position."""
    values: dict[str, Any] = {POSITION: {"lat": latitude, "lon": longitude}}
    for name, value in (("altitude", altitude), ("accuracy", accuracy)):
        if _is_number(value):
            values[name] = value
    return values


ALIASES = {
    "temp": "temperature",
    "temperaturesensor": "temperature",
    "airtemperature": "temperature",
    "relativehumidity": "humidity",
    "humiditysensor": "humidity",
    "hum": "humidity",
    "batterylevel": "battery",
    "batterypercentage": "battery",
    "batteryvoltage": "voltage",
    "gps": POSITION,
    "gpslocation": POSITION,
    "location": POSITION,
    "luminosity": "illuminance",
    "light": "illuminance",
    "lux": "illuminance",
    "illuminancesensor": "illuminance",
    "barometer": "pressure",
    "barometricpressure": "pressure",
    "airpressure": "pressure",
    "presencesensor": "presence",
    "accelerometer": "acceleration",
    "gyrometer": "rotation",
    "digitalin": "digitalInput",
    "digitalout": "digitalOutput",
    "analogin": "analogInput",
    "analogout": "analogOutput",
} | {name.lower(): name for name in KINDS}
"""How network servers and their payload formatters call the kinds, in lower case without separators."""

_NUMBERED = re.compile(r"(.*?)[_ -]?(\d+)")


def read_object(decoded: Mapping[str, Any]) -> list[Reading]:
    """The values in what a network server decoded by itself; members that nobody knows are left out.

    Understood are `temperature`, `temperature_1`, `temperatureSensor: {"1": ...}` and their like for every kind, and
    `latitude` beside `longitude`.
    """
    readings = list(_members(decoded))
    values = _position_of(decoded)
    if values is not None:
        readings.append(Reading(POSITION, None, values))
    return readings


def _members(decoded: Mapping[str, Any]) -> Iterator[Reading]:
    for name, value in decoded.items():
        kind, channel = _kind_of(name), None
        if kind is None and (numbered := _NUMBERED.fullmatch(name)):
            kind, channel = _kind_of(numbered[1]), int(numbered[2])
        if kind is None:
            continue
        if channel is None and isinstance(value, Mapping) and value and all(map(str.isdecimal, value)):
            for number, inner in value.items():
                yield from _reading(kind, int(number), inner)
        else:
            yield from _reading(kind, channel, value)


def _kind_of(name: str) -> str | None:
    return ALIASES.get(re.sub(r"[_ -]", "", name).lower())


def _reading(kind: str, channel: int | None, value: Any) -> Iterator[Reading]:
    """The reading, unless the value is of another form than the kind's."""
    values: dict[str, Any] | None = None
    if kind == POSITION:
        values = _position_of(value) if isinstance(value, Mapping) else None
    elif kind in VECTORS:
        if isinstance(value, Mapping) and all(_is_number(value.get(axis)) for axis in "xyz"):
            values = {kind: {axis: value[axis] for axis in "xyz"}}
    elif kind in BOOLEANS:
        values = {kind: bool(value)} if isinstance(value, (bool, int, float)) else None
    elif kind in NUMBERS_OF_BOOLEANS:
        values = {kind: int(value)} if isinstance(value, (bool, int, float)) else None
    elif _is_number(value):
        values = {kind: value}
    if values is not None:
        yield Reading(kind, channel, values)


def _position_of(value: Mapping[str, Any]) -> dict[str, Any] | None:
    for latitude, longitude in (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng")):
        if _is_number(value.get(latitude)) and _is_number(value.get(longitude)):
            return position(value[latitude], value[longitude], value.get("altitude"), value.get("accuracy"))
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
