"""Bodies of the imports (device-manager 6.3): records in JSON, or CSV."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.bulk_bodies import gathered
from device_manager.twins.bulk.import_records import ImportFile, ImportRecord, csv_import_records


class AssetRecordBody(msgspec.Struct, forbid_unknown_fields=True):
    """One record of `importAssets`."""

    model: str
    reference: str
    _id: str = ""
    metadata: dict[str, Any] = {}

    def to_record(self, row: int) -> ImportRecord:
        """The record that it stands for."""
        return ImportRecord(row, self.model, self.reference, self._id, metadata=self.metadata).checked()


class DeviceRecordBody(AssetRecordBody, rename={"engine_id": "engineId"}):
    """One record of `importDevices`."""

    engine_id: str = ""

    def to_record(self, row: int) -> ImportRecord:
        """The record that it stands for."""
        return super().to_record(row)._replace(engine_id=self.engine_id)


class ImportAssetsBody(msgspec.Struct):
    """The body of `importAssets`: `records`, `csv`."""

    records: list[AssetRecordBody] | None = None
    csv: str | None = None

    def to_file(self, limit: int) -> ImportFile:
        """All records, numbered from 1. Raises what `gathered` does, and `device_manager.bulk.unknown_column`."""
        return _file(self.records, self.csv, limit, engines=False)


class ImportDevicesBody(msgspec.Struct):
    """The body of `importDevices`: `records`, `csv`."""

    records: list[DeviceRecordBody] | None = None
    csv: str | None = None

    def to_file(self, limit: int) -> ImportFile:
        """All records, numbered from 1. Raises what `gathered` does, and `device_manager.bulk.unknown_column`."""
        return _file(self.records, self.csv, limit, engines=True)


def _file(
    bodies: list[AssetRecordBody] | list[DeviceRecordBody] | None, csv: str | None, limit: int, *, engines: bool
) -> ImportFile:
    columns: tuple[str, ...] = ()

    def read(text: str, *, limit: int, first_row: int) -> list[ImportRecord]:
        nonlocal columns
        file = csv_import_records(text, limit=limit, first_row=first_row, engines=engines)
        columns = file.columns
        return file.records

    listed = None if bodies is None else [body.to_record(row) for row, body in enumerate(bodies, 1)]
    return ImportFile(gathered(listed, csv, read, limit), columns)
