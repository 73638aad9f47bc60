"""Bodies of the bulk actions other than `mLinkAssets` (device-manager 6.3): records in JSON, CSV, or a list of ids."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from device_manager.errors import api_error
from device_manager.twins.bulk.records import (
    DeviceRecord,
    UnlinkRecord,
    UnlinkSlot,
    attach_record,
    csv_device_records,
    csv_unlink_records,
    detach_record,
    unlink_record,
)

T = TypeVar("T")
B = TypeVar("B")


class ReadCsv(Protocol[T]):
    """Reads the records of a CSV."""

    def __call__(self, text: str, *, limit: int, first_row: int) -> list[T]:
        """The records of `text`, the first one numbered `first_row`."""


def gathered(listed: list[T] | None, csv: str | None, read_csv: ReadCsv[T], limit: int) -> list[T]:
    """All records of a body; those of the CSV come after those in JSON.

    Raises:
        ApiError: 400 without records, with an empty list, or with CSV that cannot be read; 413 past `limit`.
    """
    if listed is None and csv is None:
        raise api_error("device_manager.bulk.malformed")
    records = listed or []
    if len(records) <= limit and csv is not None:
        records = records + read_csv(csv, limit=limit, first_row=len(records) + 1)
    if not records:
        raise api_error("api.assert.empty_argument", "body.records" if csv is None else "body.csv")
    return records


def _numbered(
    records: list[B] | None, ids: list[str] | None, of_id: Callable[[str], B], make: Callable[[int, B], T]
) -> list[T] | None:
    """The records in JSON, then those of the plain ids; None when the body has neither."""
    if records is None and ids is None:
        return None
    return [make(row, body) for row, body in enumerate([*(records or ()), *map(of_id, ids or ())], 1)]


class UnlinkSlotBody(msgspec.Struct):
    """A device slot whose link goes; with an asset slot, exactly that pair."""

    device: str
    asset: str = ""


class UnlinkRecordBody(msgspec.Struct, rename="camel"):
    """One record of `mUnlinkAssets`."""

    device_id: str
    asset_id: str = ""
    measure_slots: list[UnlinkSlotBody] = []


class MUnlinkAssetsBody(msgspec.Struct, rename="camel"):
    """The body of `mUnlinkAssets`: `records`, `deviceIds`, `csv`."""

    records: list[UnlinkRecordBody] | None = None
    csv: str | None = None
    device_ids: list[str] | None = None

    def to_records(self, limit: int) -> list[UnlinkRecord]:
        """All records, numbered from 1. Raises what `gathered` does."""

        def make(row: int, body: UnlinkRecordBody) -> UnlinkRecord:
            slots = [UnlinkSlot(slot.device, slot.asset) for slot in body.measure_slots]
            return unlink_record(row, body.asset_id, body.device_id, slots)

        listed = _numbered(self.records, self.device_ids, UnlinkRecordBody, make)
        return gathered(listed, self.csv, csv_unlink_records, limit)


class DeviceRecordBody(msgspec.Struct, rename="camel"):
    """One record of `mAttachEngines` or `mDetachEngines`; `tenantId` is the older name of `engineId`."""

    device_id: str
    engine_id: str = ""
    tenant_id: str = ""


class MEnginesBody(msgspec.Struct, rename="camel"):
    """The body of `mAttachEngines` and `mDetachEngines`: `records`, `deviceIds`, `csv`."""

    records: list[DeviceRecordBody] | None = None
    csv: str | None = None
    device_ids: list[str] | None = None

    def to_attach(self, engine: str | None, limit: int) -> list[DeviceRecord]:
        """All records, numbered from 1, `engine` where they name none. Raises what `gathered` does."""

        def make(row: int, engine_id: str, device_id: str) -> DeviceRecord:
            return attach_record(row, engine_id or engine or "", device_id)

        return self._records(make, limit)

    def to_detach(self, limit: int) -> list[DeviceRecord]:
        """All records, numbered from 1. Raises what `gathered` does."""
        return self._records(detach_record, limit)

    def _records(self, make: Callable[[int, str, str], DeviceRecord], limit: int) -> list[DeviceRecord]:

        def of_body(row: int, body: DeviceRecordBody) -> DeviceRecord:
            return make(row, body.engine_id or body.tenant_id, body.device_id)

        listed = _numbered(self.records, self.device_ids, DeviceRecordBody, of_body)
        return gathered(listed, self.csv, partial(csv_device_records, make=make), limit)
