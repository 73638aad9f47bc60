"""Measures as their senders word them, and what is refused at every door (device-manager 2.2, 2.3, transactions 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.decoders import Measurement
from device_manager.errors import ApiError, api_error
from device_manager.storage.stamps import Source
from device_manager.twins.ingestion.identity import measure_id
from device_manager.twins.models import Models
from device_manager.twins.value_schemas import check_values

END_OF_TIME = 1 << 43
"""Milliseconds since 1970 that no measure reaches: the versions of last measures leave 43 bits for the time."""


class Reading(NamedTuple):
    """One measure that was sent, before links say which asset it is about.

    Attributes:
        id: of the document that it becomes.
        slot: the sender's name for it: a slot of the device or, from an API, of the asset.
        type: the measure type.
        measured_at: milliseconds since 1970.
        values: what was measured.
    """

    id: str
    slot: str
    type: str
    measured_at: int
    values: Source


class Sender(NamedTuple):
    """What the ids of a payload's measures begin with.

    Attributes:
        uuid: of the payload.
        type: `device` or `api`.
        id: the device, or the data source.
    """

    uuid: str
    type: str
    id: str


def read_measurements(sender: Sender, measurements: Iterable[Measurement]) -> list[Reading]:
    """What a decoder found of one device. Two identical measures are one.

    Raises:
        ApiError: `device_manager.ingestion.unusable_values`.
    """
    uuid, type, id = sender
    readings = {}
    for slot, measure_type, measured_at, values in measurements:
        key = measure_id(uuid, type, id, slot, measured_at, values)
        readings[key] = Reading(key, slot, measure_type, measured_at, values)
    return list(readings.values())


def read_formatted(sender: Sender, measures: Sequence[Any], now: int) -> list[Reading]:
    """The measures of `devices:receiveMeasures` (device-manager 2.3); without a time they were taken `now`.

    Raises:
        ApiError: `device_manager.ingestion.wrong_member` names item and member; `invalid_time`.
    """
    readings = {}
    for place, item in enumerate(measures):
        slot, type, values = _members(item, place)
        sent = item.get("measuredAt")
        if sent is not None:
            sent = whole_milliseconds(sent, f"measures[{place}].measuredAt")
        id = measure_id(*sender, slot, sent, values)
        readings[id] = Reading(id, slot, type, now if sent is None else sent, values)
    return list(readings.values())


def _members(item: Any, place: int) -> tuple[str, str, Source]:
    if not isinstance(item, dict):
        raise api_error("device_manager.ingestion.wrong_item", place)
    slot, type, values = item.get("measureName"), item.get("type"), item.get("values")
    if not isinstance(slot, str):
        raise _wrong(place, "measureName", "a string")
    if item.get("measuredAt") is not None and not _is_number(item["measuredAt"]):
        raise _wrong(place, "measuredAt", "a number")
    if not isinstance(type, str):
        raise _wrong(place, "type", "a string")
    if not isinstance(values, dict):
        raise _wrong(place, "values", "an object")
    return slot, type, values


def _wrong(place: int, member: str, wanted: str) -> ApiError:
    return api_error("device_manager.ingestion.wrong_member", place, member, wanted)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def whole_milliseconds(value: float, name: str | None = None) -> int:
    """A time as clients may send it: a whole number of milliseconds that a measure can have.

    Raises:
        ApiError: `device_manager.ingestion.invalid_time` names the member `name` of the body.
    """
    if value % 1 == 0 and 0 <= value < END_OF_TIME:
        return int(value)
    raise api_error("device_manager.ingestion.invalid_time", f"body.{name or 'measuredAt'}", value, END_OF_TIME - 1)


def value_errors(models: Models, readings: Iterable[Reading]) -> list[Source]:
    """What the schemas of the measure models refuse: `{measureName, validationErrors}` each."""
    errors = []
    for reading in readings:
        if found := check_values(models, reading.type, reading.values):
            errors.append({"measureName": reading.slot, "validationErrors": found})
    return errors


def refuse_values(models: Models, readings: Iterable[Reading]) -> None:
    """Refuse measures of which one does not satisfy its schema. Raises `device_manager.ingestion.invalid_values`."""
    if errors := value_errors(models, readings):
        raise api_error("device_manager.ingestion.invalid_values", errors=errors)


def refuse_undeclared(readings: Iterable[Reading], slots: Mapping[str, str]) -> None:
    """Refuse measures that `slots`, slot -> type, do not declare. Raises `device_manager.ingestion.undeclared`."""
    for reading in readings:
        if slots.get(reading.slot) != reading.type:
            raise api_error("device_manager.ingestion.undeclared", reading.slot)
