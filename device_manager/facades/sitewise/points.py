"""Values of properties at a moment: as clients write them, and as measures keep them (facades 2.5). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, get_args

from msgspec import Meta

from device_manager.facades.sitewise.definitions import VARIANTS, DataType, Property
from device_manager.facades.sitewise.errors import invalid
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.shapes import Input
from device_manager.storage.stamps import Source

Quality = Literal["GOOD", "BAD", "UNCERTAIN"]
QUALITIES = get_args(Quality)
BILLION, MILLION = 1_000_000_000, 1_000_000
LARGEST_INTEGER = 2**31 - 1
NULL_TYPES: dict[DataType, str] = {"DOUBLE": "D", "BOOLEAN": "B", "STRING": "S", "INTEGER": "I"}
Moment = float | str
"""Seconds since 1970, or ISO 8601."""


class Value(Input, frozen=True, kw_only=True):
    """A value in one of its forms."""

    string_value: Annotated[str, Meta(max_length=1024)] | None = None
    integer_value: int | None = None
    double_value: float | Literal["NaN", "Infinity", "-Infinity"] | None = None
    boolean_value: bool | None = None
    null_value: NullValue | None = None


class NullValue(Input, frozen=True, kw_only=True):
    """No value, of a type."""

    value_type: Literal["D", "B", "S", "I", "U"]


class Timestamp(Input, frozen=True, kw_only=True):
    """A moment."""

    time_in_seconds: Annotated[int, Meta(ge=1, le=9223372036854774)]
    offset_in_nanos: Annotated[int, Meta(ge=0, le=999_999_999)] = 0

    @property
    def nanoseconds(self) -> int:
        """Since 1970."""
        return self.time_in_seconds * BILLION + self.offset_in_nanos


class PropertyValue(Input, frozen=True, kw_only=True):
    """A value at a moment."""

    value: Value
    timestamp: Timestamp
    quality: Quality = "GOOD"


class Point(NamedTuple):
    """A value at a moment.

    Attributes:
        at: nanoseconds since 1970.
        quality: how far it can be trusted.
        value: the form and the value, such as `{"doubleValue": 21.5}`.
    """

    at: int
    quality: str
    value: Content

    @property
    def milliseconds(self) -> int:
        """When, as measures have it."""
        return self.at // MILLION

    @property
    def content(self) -> Content:
        """As answers show it."""
        return {"value": self.value, "timestamp": shown_time(self.at), "quality": self.quality}


def shown_time(at: int) -> Content:
    """Nanoseconds since 1970 as clients read them."""
    return {"timeInSeconds": at // BILLION, "offsetInNanos": at % BILLION}


def read_moment(moment: Moment, name: str) -> int:
    """The nanoseconds since 1970 of a date in a request. Raises `InvalidRequestException`."""
    try:
        seconds = float(moment)
    except ValueError:
        return _read_date(str(moment), name)
    if not 0 <= seconds < LARGEST_INTEGER * 1000:
        raise invalid(f"{name} is no time since 1970: {moment}.")
    return round(seconds * MILLION) * 1000


def _read_date(text: str, name: str) -> int:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} has to be a date of ISO 8601 or seconds since 1970, not {text!r}.") from None
    elapsed = (date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * BILLION + elapsed.microseconds * 1000


def read_point(given: PropertyValue, one: Property) -> Point:
    """The point that a client sends for a property. Raises `InvalidRequestException`."""
    forms: dict[str, Any] = {
        "stringValue": given.value.string_value,
        "integerValue": given.value.integer_value,
        "doubleValue": given.value.double_value,
        "booleanValue": given.value.boolean_value,
        "nullValue": given.value.null_value,
    }
    said = {form: value for form, value in forms.items() if value is not None}
    if len(said) != 1:
        raise invalid(f"A value has one of the members {', '.join(forms)}, not {len(said)} of them.")
    ((form, value),) = said.items()
    at = given.timestamp.nanoseconds
    if isinstance(value, NullValue):
        if value.value_type != NULL_TYPES[one.data_type] or given.quality == "GOOD":
            raise invalid(
                f'A null value of "{one.name}" has the valueType {NULL_TYPES[one.data_type]} and is not GOOD.'
            )
        return Point(at, given.quality, {"nullValue": {"valueType": value.value_type}})
    if form != VARIANTS[one.data_type]:
        raise invalid(f'Values of "{one.name}" are {one.data_type}: send {VARIANTS[one.data_type]}, not {form}.')
    if form == "integerValue" and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise invalid(f'The value {value} of "{one.name}" does not fit into 32 bits.')
    if isinstance(value, str) and form == "doubleValue" and given.quality == "GOOD":
        raise invalid(f'The value {value} of "{one.name}" cannot be GOOD.')
    return Point(at, given.quality, {form: value})


def metadata_of(point: Point) -> Source:
    """What a measure keeps of a point beside its value, in `origin.apiMetadata`."""
    metadata: Source = {"quality": point.quality, "offsetInNanos": point.at % BILLION}
    ((form, value),) = point.value.items()
    if form == "nullValue":
        metadata["nullValue"] = value["valueType"]
    elif form == "doubleValue" and isinstance(value, str):
        metadata["doubleValue"] = value
    return metadata


def values_of(point: Point, one: Property) -> Source:
    """The values of the measure that keeps a point: none for those that numbers in stores cannot be."""
    ((form, value),) = point.value.items()
    kept: Any = None if form == "nullValue" or (form == "doubleValue" and isinstance(value, str)) else value
    for name in reversed(one.member):
        kept = {name: kept}
    return dict(kept)


def data_type_of(value: Value) -> DataType:
    """The type of a series that begins with a value. Raises `InvalidRequestException` when it has none."""
    if value.null_value is not None:
        types = {letter: data_type for data_type, letter in NULL_TYPES.items()}
        if value.null_value.value_type not in types:
            raise invalid(f"A data stream cannot begin with a null value of the type {value.null_value.value_type}.")
        return types[value.null_value.value_type]
    if value.string_value is not None:
        return "STRING"
    if value.boolean_value is not None:
        return "BOOLEAN"
    return "INTEGER" if value.integer_value is not None else "DOUBLE"


def point_of(measure: Source, data_type: DataType, member: Sequence[str]) -> Point | None:
    """The point that a measure keeps at `member`; None when it has no value there."""
    origin = measure.get("origin") or {}
    metadata = origin.get("apiMetadata") or {}
    at = measure["measuredAt"]
    offset, quality = metadata.get("offsetInNanos"), metadata.get("quality")
    nanoseconds = at // 1000 * BILLION + offset if isinstance(offset, int) else at * MILLION
    content: Any = measure.get("values")
    for name in member:
        content = content.get(name) if isinstance(content, dict) else None
    value = _value(content, metadata, data_type)
    return None if value is None else Point(nanoseconds, str(quality) if quality in QUALITIES else "GOOD", value)


def value_of(content: Any, data_type: DataType) -> Content | None:
    """A native value in the form of a type; None for none."""
    if content is None or isinstance(content, dict | list):
        return None
    try:
        if data_type == "DOUBLE":
            number = float(content)
            return {"doubleValue": number if math.isfinite(number) else str(number)}
        if data_type == "INTEGER":
            return {"integerValue": int(content)}
    except (ValueError, OverflowError):
        return None
    return {"booleanValue": bool(content)} if data_type == "BOOLEAN" else {"stringValue": str(content)}


def _value(content: Any, metadata: Source, data_type: DataType) -> Content | None:
    if content is not None:
        return value_of(content, data_type)
    if "nullValue" in metadata:
        return {"nullValue": {"valueType": metadata["nullValue"]}}
    return {"doubleValue": metadata["doubleValue"]} if "doubleValue" in metadata else None
