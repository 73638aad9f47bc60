"""The records of bulk calls about links and engines, from JSON or CSV (device-manager 6.3). Pure.

Every kind has a `row`, its number from 1 with the CSV header not counted, and a `refusal`: why it cannot be used
whatever is stored, None for a good one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.twins.bulk.csv import read_records
from device_manager.twins.links import SlotPair, WantedLink

T = TypeVar("T")

LINK_COLUMNS = ("assetId", "deviceId")
DEVICE_COLUMNS = ("deviceId",)
TENANT = "tenantId"
"""What records call an engine in the oldest versions."""


class LinkRecord(NamedTuple):
    """A device to link to an asset: the slot pairs that are wanted, or implicit pairing."""

    row: int
    asset_id: str
    device_id: str
    wanted: WantedLink
    refusal: ApiError | None = None

    def names(self) -> dict[str, Any]:
        """The members by which results name it."""
        return {"assetId": self.asset_id, "deviceId": self.device_id}


class UnlinkSlot(NamedTuple):
    """A slot pair that goes; without an asset slot, whatever pair the device slot is in."""

    device: str
    asset: str = ""


class UnlinkRecord(NamedTuple):
    """A device to unlink: from one asset or, without one, from all; completely, or some slots only."""

    row: int
    asset_id: str
    device_id: str
    slots: tuple[UnlinkSlot, ...] = ()
    refusal: ApiError | None = None

    def names(self) -> dict[str, Any]:
        """The members by which results name it."""
        return {"assetId": self.asset_id or None, "deviceId": self.device_id}


class DeviceRecord(NamedTuple):
    """A device to attach to an engine or to detach from it; without an engine, the call's or the device's own."""

    row: int
    engine_id: str
    device_id: str
    refusal: ApiError | None = None

    def names(self) -> dict[str, Any]:
        """The members by which results name it."""
        return {"engineId": self.engine_id or None, "deviceId": self.device_id}


def link_record(row: int, asset_id: str, device_id: str, pairs: Sequence[SlotPair]) -> LinkRecord:
    """A record as a client sent it; without slot pairs the pairing is implicit."""
    wanted = WantedLink(tuple(pairs), implicit=not pairs)
    return LinkRecord(row, asset_id, device_id, wanted, _missing(assetId=asset_id, deviceId=device_id))


def unlink_record(row: int, asset_id: str, device_id: str, slots: Sequence[UnlinkSlot] = ()) -> UnlinkRecord:
    """A record as a client sent it."""
    return UnlinkRecord(row, asset_id, device_id, tuple(slots), _missing(deviceId=device_id))


def attach_record(row: int, engine_id: str, device_id: str) -> DeviceRecord:
    """A record as a client sent it, the call's engine filled in."""
    return DeviceRecord(row, engine_id, device_id, _missing(engineId=engine_id, deviceId=device_id))


def detach_record(row: int, engine_id: str, device_id: str) -> DeviceRecord:
    """A record as a client sent it."""
    return DeviceRecord(row, engine_id, device_id, _missing(deviceId=device_id))


def _missing(**values: str) -> ApiError | None:
    for name, value in values.items():
        if not value:
            return api_error("api.assert.missing_argument", name)
    return None


def csv_link_records(text: str, *, limit: int, first_row: int = 1) -> list[LinkRecord]:
    """The records of a CSV with the columns `assetId`, `deviceId` and, optionally, `deviceSlot` and `assetSlot`.

    Args:
        text: the CSV.
        limit: most rows accepted.
        first_row: the number of its first data row.

    Raises:
        ApiError: what `read_records` raises.
    """

    def read(row: int, values: Mapping[str, str]) -> LinkRecord:
        asset_slot, device_slot = values.get("assetSlot", ""), values.get("deviceSlot", "")
        pairs = [SlotPair(asset_slot, device_slot)] if asset_slot and device_slot else []
        parsed = link_record(row, values["assetId"], values["deviceId"], pairs)
        if parsed.refusal is None and bool(asset_slot) != bool(device_slot):
            return parsed._replace(refusal=api_error("device_manager.bulk.half_pair"))
        return parsed

    def unreadable(row: int, refusal: ApiError) -> LinkRecord:
        return LinkRecord(row, "", "", WantedLink(), refusal)

    return csv_records(text, LINK_COLUMNS, read, unreadable, limit=limit, first_row=first_row)


def csv_unlink_records(text: str, *, limit: int, first_row: int = 1) -> list[UnlinkRecord]:
    """The records of a CSV with the column `deviceId` and, optionally, `assetId`, `deviceSlot` and `assetSlot`.

    Takes and raises what `csv_link_records` does.
    """

    def read(row: int, values: Mapping[str, str]) -> UnlinkRecord:
        asset_slot, device_slot = values.get("assetSlot", ""), values.get("deviceSlot", "")
        slots = [UnlinkSlot(device_slot, asset_slot)] if device_slot else []
        parsed = unlink_record(row, values.get("assetId", ""), values["deviceId"], slots)
        if parsed.refusal is None and asset_slot and not device_slot:
            return parsed._replace(refusal=api_error("api.assert.missing_argument", "deviceSlot"))
        return parsed

    def unreadable(row: int, refusal: ApiError) -> UnlinkRecord:
        return UnlinkRecord(row, "", "", (), refusal)

    return csv_records(text, DEVICE_COLUMNS, read, unreadable, limit=limit, first_row=first_row)


def csv_device_records(
    text: str, make: Callable[[int, str, str], DeviceRecord], *, limit: int, first_row: int = 1
) -> list[DeviceRecord]:
    """The records of a CSV with the column `deviceId` and, optionally, `engineId` or `tenantId`.

    Args:
        text: the CSV.
        make: `attach_record` or `detach_record`, or what fills in an engine before it.
        limit: most rows accepted.
        first_row: the number of its first data row.

    Raises:
        ApiError: what `read_records` raises.
    """

    def read(row: int, values: Mapping[str, str]) -> DeviceRecord:
        return make(row, values.get("engineId") or values.get(TENANT, ""), values["deviceId"])

    def unreadable(row: int, refusal: ApiError) -> DeviceRecord:
        return DeviceRecord(row, "", "", refusal)

    return csv_records(text, DEVICE_COLUMNS, read, unreadable, limit=limit, first_row=first_row)


def csv_records(
    text: str,
    required: Sequence[str],
    read: Callable[[int, Mapping[str, str]], T],
    unreadable: Callable[[int, ApiError], T],
    *,
    limit: int,
    first_row: int,
) -> list[T]:
    """The records of a CSV: `read` makes one of the values of a row, `unreadable` of what is wrong with one.

    Raises:
        ApiError: what `read_records` raises.
    """
    records = []
    for number, line in enumerate(read_records(text, required, limit=limit), first_row):
        if line.error is None:
            records.append(read(number, line.values))
        else:
            records.append(unreadable(number, api_error("device_manager.bulk.unreadable_row", number, line.error)))
    return records
