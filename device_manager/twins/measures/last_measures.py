"""The record of a slot's newest measure: its form, its address, and which of two measures it holds (transactions 2).

There is one for each asset slot and, of measures whose origin is a device, one for each device slot. A record is a
function of the measures in history and of nothing else, so writing one again or in another order changes nothing. Pure.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from device_manager.query.conversions import date
from device_manager.storage.contract import INTERNAL_INDEX, Key, Put, PutKind
from device_manager.storage.mappings.names import MAX_ID_BYTES, MAX_NAME_BYTES
from device_manager.storage.stamps import Source

TwinKind = Literal["asset", "device"]

END_OF_TIME = 1 << 43
"""Milliseconds since 1970 that no measure with a record reaches: 20 bits of the version are left to settle ties."""
TIE_BITS = 20
MOST_BYTES = 4
"""Bytes that a character may need."""

RECORDS: Source = {
    "dynamic": "false",
    "properties": {
        "twin": {"type": "keyword"},
        "id": {"type": "keyword"},
        "slot": {"type": "keyword"},
        "measuredAt": {"type": "long"},
        "model": {"type": "keyword"},
        "slots": {"type": "keyword"},
    },
}
"""The mapping of the records. `model` and `slots` belong to the documents that list slots, see `slots.py`.

Four records are written anew with each linked measure or two: what nobody searches by is not indexed.
"""

_read_date = date({})


class Slot(NamedTuple):
    """One slot of a twin.

    Attributes:
        twin: whether it is an asset or a device.
        id: the twin.
        name: the slot.
    """

    twin: TwinKind
    id: str
    name: str


@functools.lru_cache(maxsize=1024)
def records_collection(engine: str) -> str:
    """The internal collection with the records of an engine."""
    name = f"last-measures-{engine}"
    if len(name.encode()) > MAX_NAME_BYTES:
        name = f"last-measures-{_digest(engine)}-long"
    return name


def record_key(engine: str, slot: Slot) -> Key:
    """The record of a slot."""
    return Key(INTERNAL_INDEX, records_collection(engine), composed_id(*slot))


def composed_id(kind: str, first: str, second: str) -> str:
    """An id that no other three texts give, whatever they hold and however long they are."""
    id = f"{kind}-{len(first)}-{first}-{second}"
    return id if len(id) * MOST_BYTES <= MAX_ID_BYTES else f"digest-{_digest(id)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def measured_at(measure: Source) -> int | None:
    """When a measure was taken, in milliseconds since 1970; None when it is at no time that a record can hold."""
    value = measure.get("measuredAt")
    if type(value) is not int:
        try:
            value = _read_date(value)
        except (ValueError, OverflowError):
            return None
    return value if type(value) is int and 0 <= value < END_OF_TIME else None


def measure_version(measure_id: str, at: int) -> int:
    """Orders the measures of a slot: by time, and those of one millisecond by 20 bits that follow from their ids.

    The bits are of a checksum: ids of native writes begin with their time, so their own first bits would be equal.
    """
    return at << TIE_BITS | zlib.crc32(measure_id.encode()) >> 32 - TIE_BITS


def slots_of(measure: Source) -> Iterator[Slot]:
    """The slots that a measure belongs to: that of its asset, that of the device that it came from."""
    asset, origin = measure.get("asset"), measure.get("origin")
    if isinstance(asset, dict) and (slot := _slot("asset", asset)):
        yield slot
    if isinstance(origin, dict) and origin.get("type") == "device" and (slot := _slot("device", origin)):
        yield slot


def _slot(twin: TwinKind, context: Source) -> Slot | None:
    id, name = context.get("_id"), context.get("measureName")
    return Slot(twin, id, name) if isinstance(id, str) and isinstance(name, str) and id and name else None


def last_measure_puts(engine: str, measure_id: str, measure: Source) -> list[Put]:
    """What has to be put when a measure is stored: the records of its slots, which win if nothing newer is there.

    Args:
        engine: where the measure is stored.
        measure_id: the id of its document.
        measure: its content, as stored.
    """
    at = measured_at(measure)
    if at is None:
        return []
    version = measure_version(measure_id, at)
    return [
        Put(PutKind.NEWEST, record_key(engine, slot), _record(slot, measure_id, at, measure), version)
        for slot in slots_of(measure)
    ]


def _record(slot: Slot, measure_id: str, at: int, measure: Source) -> Source:
    origin: Any = measure.get("origin") or {}
    return {
        "twin": slot.twin,
        "id": slot.id,
        "slot": slot.name,
        "measureId": measure_id,
        "type": measure.get("type"),
        "measuredAt": at,
        "originId": origin.get("_id"),
        "payloadUuids": origin.get("payloadUuids") or [],
        "values": measure.get("values") or {},
    }


def slot_of(record: Source) -> Slot:
    """The slot that a record is about."""
    return Slot(record["twin"], record["id"], record["slot"])


def record_version(record: Source) -> int:
    """The version that a record was put with."""
    return measure_version(record["measureId"], record["measuredAt"])


def embedded(record: Source) -> Source:
    """A record as actions answer it (device-manager 2.2, getLastMeasures)."""
    return {
        "name": record["slot"],
        "type": record["type"],
        "measuredAt": record["measuredAt"],
        "values": record["values"],
        "originId": record["originId"],
        "payloadUuids": record["payloadUuids"],
    }
