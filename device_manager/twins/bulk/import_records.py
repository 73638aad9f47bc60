"""The records of an import, from JSON or CSV, with a verdict on each unusable one (device-manager 6.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.twins.bulk.cells import PREFIX, Field, fields_of, read_metadata
from device_manager.twins.bulk.csv import read_records
from device_manager.twins.models import Model
from device_manager.twins.places import twin_id

REQUIRED = ("model", "reference")
COLUMNS = (*REQUIRED, "_id")
ENGINE = "engineId"


class ImportRecord(NamedTuple):
    """A twin to create or to update.

    Attributes:
        row: its number from 1, the CSV header not counted.
        model: the model's name.
        reference: what tells it from others of its model.
        given_id: the id that the record names; empty when it names none.
        engine_id: the engine that the record names; empty when it names none.
        metadata: as the twin is going to have it.
        cells: metadata path -> text of a CSV cell, not converted yet; `metadata` is made of it.
        refusal: why it cannot be used, None for a good one.
    """

    row: int
    model: str
    reference: str
    given_id: str = ""
    engine_id: str = ""
    metadata: dict[str, Any] = {}  # noqa: RUF012  # never written into
    cells: Mapping[str, str] | None = None
    refusal: ApiError | None = None

    @property
    def id(self) -> str:
        """The id of the twin."""
        return twin_id(self.model, self.reference)

    def names(self) -> dict[str, Any]:
        """The members by which results name it."""
        id = self.id if self.model and self.reference else self.given_id or None
        return {"_id": id, "model": self.model, "reference": self.reference}

    def checked(self) -> ImportRecord:
        """The record with a verdict on its names."""
        return self if self.refusal is not None else self._replace(refusal=self._wrong_name())

    def _wrong_name(self) -> ApiError | None:
        for name, value in (("model", self.model), ("reference", self.reference)):
            if not value:
                return api_error("api.assert.missing_argument", name)
        if self.given_id not in ("", self.id):
            return api_error("device_manager.bulk.wrong_id", self.given_id, self.id)
        return None


class ImportFile(NamedTuple):
    """The records of one call.

    Attributes:
        records: in order.
        columns: metadata paths that the CSV has columns for.
    """

    records: list[ImportRecord]
    columns: tuple[str, ...] = ()


def csv_import_records(text: str, *, limit: int, first_row: int, engines: bool) -> ImportFile:
    """The records of a CSV with the columns `model`, `reference`, `_id`, `engineId` and `metadata.<path>`.

    Args:
        text: the CSV.
        limit: most rows accepted.
        first_row: the number of its first data row.
        engines: whether it may have the column `engineId`.

    Raises:
        ApiError: what `read_records` raises; `device_manager.bulk.unknown_column`.
    """
    lines = read_records(text, REQUIRED, limit=limit)
    known = (*COLUMNS, ENGINE) if engines else COLUMNS
    names = next((tuple(line.values) for line in lines if line.error is None), ())
    for name in names:
        if name not in known and not (name.startswith(PREFIX) and len(name) > len(PREFIX)):
            raise unknown_column(name, known)
    paths = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
    paths.sort(key=lambda path: path.count("."))  # objects before their members, as `read_metadata` wants them
    records = []
    for row, line in enumerate(lines, first_row):
        if line.error is not None:
            refusal = api_error("device_manager.bulk.unreadable_row", row, line.error)
            records.append(ImportRecord(row, "", "", refusal=refusal))
            continue
        values = line.values
        cells = {path: value for path in paths if (value := values[PREFIX + path])}
        record = ImportRecord(
            row, values["model"], values["reference"], values.get("_id", ""), values.get(ENGINE, ""), cells=cells
        )
        records.append(record.checked())
    return ImportFile(records, tuple(paths))


def unknown_column(name: str, known: Iterable[str]) -> ApiError:
    """The refusal of a file with a column that means nothing."""
    return api_error("device_manager.bulk.unknown_column", name, ", ".join((*known, f"{PREFIX}<field>")))


class Converter:
    """Turns the cells of records into metadata, by the mappings of their models."""

    def __init__(self) -> None:
        self._fields: dict[str, dict[str, Field]] = {}

    def add(self, model: Model) -> None:
        """Make a model known."""
        self._fields[model.name] = {field.path: field for field in fields_of(model.metadata_mappings)}

    def check_columns(self, paths: Sequence[str], known: Sequence[str]) -> None:
        """Refuse a column that is a field of none of the models; without a known model, nothing can be said.

        Raises:
            ApiError: `device_manager.bulk.unknown_column`.
        """
        for path in paths:
            if self._fields and not any(path in fields for fields in self._fields.values()):
                fields = dict.fromkeys(field.column for model in self._fields.values() for field in model.values())
                raise api_error("device_manager.bulk.unknown_column", PREFIX + path, ", ".join((*known, *fields)))

    def convert(self, record: ImportRecord) -> ImportRecord:
        """The record with its metadata, or with the reason why a cell cannot be used."""
        if record.cells is None or record.refusal is not None:
            return record
        fields = self._fields[record.model]
        try:
            cells = [(self._field(record, path, fields), text) for path, text in record.cells.items()]
            return record._replace(metadata=read_metadata(cells), cells=None)
        except ApiError as error:
            return record._replace(refusal=error)

    def _field(self, record: ImportRecord, path: str, fields: Mapping[str, Field]) -> Field:
        if path not in fields:
            raise api_error("device_manager.bulk.foreign_field", PREFIX + path, record.model)
        return fields[path]
