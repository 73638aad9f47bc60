"""Bodies of the actions that link and unlink twins (device-manager 4.2, 6.1, 6.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.errors import api_error
from device_manager.twins.bulk.records import LinkRecord, csv_link_records, link_record
from device_manager.twins.links import Pairs, SlotPair, UnlinkSelection, WantedLink, WantedUnlink


class SlotPairBody(msgspec.Struct):
    """An asset slot and the device slot that feeds it."""

    asset: str
    device: str


def _pairs(slots: list[SlotPairBody]) -> Pairs:
    return tuple(SlotPair(slot.asset, slot.device) for slot in slots)


class LinkAssetEntry(msgspec.Struct, rename="camel"):
    """One asset to link."""

    asset_id: str
    measure_slots: list[SlotPairBody] = []
    implicit_measures_linking: bool = False


class LinkAssetsBody(msgspec.Struct, rename="camel"):
    """The body of `linkAssets`."""

    linked_measures: list[LinkAssetEntry] = []

    def wanted(self) -> list[tuple[str, WantedLink]]:
        """What is wanted of each asset, in order."""
        return [
            (entry.asset_id, WantedLink(_pairs(entry.measure_slots), entry.implicit_measures_linking))
            for entry in self.linked_measures
        ]


class LinkDeviceEntry(msgspec.Struct, rename="camel"):
    """One device to link."""

    device_id: str
    measure_slots: list[SlotPairBody] = []
    implicit_measures_linking: bool = False


class LinkDevicesBody(msgspec.Struct, rename="camel"):
    """The body of `linkDevices`."""

    linked_measures: list[LinkDeviceEntry] = []

    def wanted(self) -> list[tuple[str, WantedLink]]:
        """What is wanted of each device, in order."""
        return [
            (entry.device_id, WantedLink(_pairs(entry.measure_slots), entry.implicit_measures_linking))
            for entry in self.linked_measures
        ]


class UnlinkAssetEntry(msgspec.Struct, rename="camel"):
    """One asset to unlink, as a whole or some slot pairs."""

    asset_id: str
    all_measures: bool = False
    measure_slots: list[SlotPairBody] = []


class UnlinkAssetsBody(msgspec.Struct, rename="camel"):
    """The body of `unlinkAssets`: the union of what its members name goes."""

    all_measures: bool = False
    assets: list[str] = []
    measure_slots: list[str] = []
    linked_measures: list[UnlinkAssetEntry] = []

    def selection(self) -> UnlinkSelection:
        """What goes."""
        entries = tuple(
            WantedUnlink(entry.asset_id, entry.all_measures, _pairs(entry.measure_slots))
            for entry in self.linked_measures
        )
        return UnlinkSelection(self.all_measures, tuple(self.assets), tuple(self.measure_slots), entries)


class UnlinkDeviceEntry(msgspec.Struct, rename="camel"):
    """One device to unlink, as a whole or some slot pairs."""

    device_id: str
    all_measures: bool = False
    measure_slots: list[SlotPairBody] = []


class UnlinkDevicesBody(msgspec.Struct, rename="camel"):
    """The body of `unlinkDevices`."""

    linked_measures: list[UnlinkDeviceEntry]

    def wanted(self, asset_id: str) -> list[tuple[str, WantedUnlink]]:
        """What goes from each device, in order."""
        return [
            (entry.device_id, WantedUnlink(asset_id, entry.all_measures, _pairs(entry.measure_slots)))
            for entry in self.linked_measures
        ]


class LinkAssetBody(msgspec.Struct, rename="camel"):
    """The body of the older `linkAsset`."""

    measure_names: list[SlotPairBody] = []

    def wanted(self, implicit: bool) -> WantedLink:
        """Without names all free slots are paired by type."""
        return WantedLink(_pairs(self.measure_names), implicit or not self.measure_names)


class RecordBody(msgspec.Struct, rename="camel"):
    """One record of `mLinkAssets`."""

    asset_id: str
    device_id: str
    measure_slots: list[SlotPairBody] = []


class MeasureNamesLink(msgspec.Struct, rename="camel"):
    """A slot pair in the words of `linkRequests`."""

    asset_measure_name: str
    device_measure_name: str


class DeviceLink(msgspec.Struct, rename="camel"):
    """The device of one of the `linkRequests`."""

    device_id: str
    measure_names_links: list[MeasureNamesLink] = []


class LinkRequest(msgspec.Struct, rename="camel"):
    """One record of `mLinkAssets` in the late form of version 1."""

    asset_id: str
    device_link: DeviceLink

    def to_record(self, row: int) -> LinkRecord:
        """The record that it stands for."""
        pairs = [
            SlotPair(link.asset_measure_name, link.device_measure_name) for link in self.device_link.measure_names_links
        ]
        return link_record(row, self.asset_id, self.device_link.device_id, pairs)


class MLinkAssetsBody(msgspec.Struct, rename="camel"):
    """The body of `mLinkAssets`: `records`, `csv` or both, or else `linkRequests`."""

    records: list[RecordBody] | None = None
    csv: str | None = None
    link_requests: list[LinkRequest] | None = None

    def to_records(self, limit: int) -> list[LinkRecord]:
        """All records, numbered from 1; those of the CSV come after those in JSON.

        Raises:
            ApiError: 400 without records, with an empty list, or with CSV that cannot be read; 413 past `limit`.
        """
        if self.link_requests is not None:
            if self.records is not None or self.csv is not None:
                other = "body.csv" if self.records is None else "body.records"
                raise api_error("api.assert.mutually_exclusive", "body.linkRequests", other)
            return _some([link.to_record(row) for row, link in enumerate(self.link_requests, 1)], "linkRequests")
        if self.records is None and self.csv is None:
            raise api_error("device_manager.bulk.malformed")
        records = [
            link_record(row, record.asset_id, record.device_id, _pairs(record.measure_slots))
            for row, record in enumerate(self.records or (), 1)
        ]
        if self.csv is not None:
            records += csv_link_records(self.csv, limit=limit, first_row=len(records) + 1)
        return _some(records, "records" if self.csv is None else "csv")


def _some(records: list[LinkRecord], member: str) -> list[LinkRecord]:
    if not records:
        raise api_error("api.assert.empty_argument", f"body.{member}")
    return records


def link_request_dict(request: LinkRequest) -> dict[str, Any]:
    """The link request as it was sent, for the answer."""
    content: dict[str, Any] = msgspec.to_builtins(request)
    return content
