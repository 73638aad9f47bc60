"""The records of a bulk link call, from JSON or CSV, with a verdict on each unusable one (device-manager 6.3). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.twins.csv import CsvRecord, read_records
from device_manager.twins.links import SlotPair, WantedLink

CSV_COLUMNS = ("assetId", "deviceId")


class LinkRecord(NamedTuple):
    """One record of a bulk link call.

    Attributes:
        row: its number from 1, the CSV header not counted.
        asset_id: the asset; empty when the record does not name one.
        device_id: the device; empty when the record does not name one.
        wanted: the slot pairs, or implicit pairing.
        refusal: why it cannot be used whatever is stored, None for a good one.
    """

    row: int
    asset_id: str
    device_id: str
    wanted: WantedLink
    refusal: ApiError | None = None


def link_record(row: int, asset_id: str, device_id: str, pairs: Sequence[SlotPair]) -> LinkRecord:
    """A record as a client sent it; without slot pairs the pairing is implicit."""
    wanted = WantedLink(tuple(pairs), implicit=not pairs)
    refusal = None
    for name, value in zip(CSV_COLUMNS, (asset_id, device_id), strict=True):
        if not value and refusal is None:
            refusal = api_error("api.assert.missing_argument", name)
    return LinkRecord(row, asset_id, device_id, wanted, refusal)


def csv_link_records(text: str, *, limit: int, first_row: int = 1) -> list[LinkRecord]:
    """The records of a CSV with the columns `assetId`, `deviceId` and, optionally, `deviceSlot` and `assetSlot`.

    Args:
        text: the CSV.
        limit: most rows accepted.
        first_row: the number of its first data row.

    Raises:
        ApiError: what `read_records` raises.
    """
    return [_csv_record(record, record.row - 1 + first_row) for record in read_records(text, CSV_COLUMNS, limit=limit)]


def _csv_record(record: CsvRecord, row: int) -> LinkRecord:
    if record.error is not None:
        refusal = api_error("device_manager.bulk.unreadable_row", row, record.error)
        return LinkRecord(row, "", "", WantedLink(), refusal)
    values: Mapping[str, str] = record.values
    asset_slot, device_slot = values.get("assetSlot", ""), values.get("deviceSlot", "")
    pairs = [SlotPair(asset_slot, device_slot)] if asset_slot and device_slot else []
    parsed = link_record(row, values["assetId"], values["deviceId"], pairs)
    if parsed.refusal is None and bool(asset_slot) != bool(device_slot):
        return parsed._replace(refusal=api_error("device_manager.bulk.half_pair"))
    return parsed
