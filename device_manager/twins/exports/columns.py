"""The columns of an export, which follow from models, and the value of each in a row (device-manager 2.8). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from device_manager.query.conversions import Refused, date
from device_manager.query.dates import format_date
from device_manager.storage.contract import Document
from device_manager.tables.paths import Path, value_at, value_paths
from device_manager.twins.documents import Source
from device_manager.twins.models import Model, Models
from device_manager.twins.places import ASSETS

_read_date = date({})

Row = list[Any]


class Column(NamedTuple):
    """One column.

    Attributes:
        name: its header.
        type: the type of its values, as mappings name it.
        format: date format of the mapping, None for the default.
    """

    name: str
    type: str = "keyword"
    format: str | None = None


class ValueColumn(NamedTuple):
    """A column with one value of the measures of one slot.

    Attributes:
        slot: the slot.
        path: where the value is in the values of a measure.
        column: its header and type.
    """

    slot: str
    path: Path
    column: Column


TWIN_HEAD = (Column("Model"), Column("Reference"))
TWIN_TAIL = (Column("lastMeasuredAt", "long"), Column("lastMeasuredAtISO"))
MEASURE_HEAD = (
    Column("Measure Id"),
    Column("Measured At", "long"),
    Column("Measured At ISO"),
    Column("Measure Type"),
    Column("Device Id"),
    Column("Device Model"),
    Column("Asset Id"),
    Column("Asset Model"),
)


class TwinTable:
    """Twins as rows: one column for each value of each slot that their models have.

    Args:
        models: all models.
        collection: `assets` or `devices`.
        group: the engine group, whose asset models and those of `commons` count.
    """

    def __init__(self, models: Models, collection: str, group: str) -> None:
        kinds = models.of_group("asset", group) if collection == ASSETS else models.of_kind("device")
        slots: dict[str, str] = {}
        for model in kinds:
            for slot in model.measures:
                slots.setdefault(slot["name"], slot["type"])
        in_order = sorted(slots.items(), key=lambda slot: slot[0].encode("utf-16-be"))
        self._values = list(_value_columns(models, in_order, short=True))
        self.columns = [*TWIN_HEAD, *(value.column for value in self._values), *TWIN_TAIL]

    def row(self, twin: Document, last: Mapping[str, Source]) -> Row:
        """The row of a twin, given the newest measure of each of its slots."""
        newest = max((measure["measuredAt"] for measure in last.values()), default=None)
        source = twin.source
        row: Row = [source.get("model"), source.get("reference")]
        row += [value_at((last.get(value.slot) or {}).get("values"), value.path) for value in self._values]
        row += [newest, None if newest is None else format_date(newest)]
        return row


class MeasureTable:
    """The measures of one twin as rows: one column for each value of each slot of its model.

    Args:
        models: all models.
        model: that of the twin.
    """

    def __init__(self, models: Models, model: Model) -> None:
        self._context = "asset" if model.kind == "asset" else "origin"
        slots = [(slot["name"], slot["type"]) for slot in model.measures]
        self._values = list(_value_columns(models, slots, short=False))
        self.columns = [*MEASURE_HEAD, *(value.column for value in self._values)]

    def row(self, measure: Document) -> Row:
        """The row of a measure: only the columns of the slot that it was taken for hold something."""
        source = measure.source
        origin, asset = source.get("origin") or {}, source.get("asset") or {}
        taken_at = source.get("measuredAt")
        row: Row = [
            measure.id,
            taken_at,
            _iso(taken_at),
            source.get("type"),
            origin.get("_id"),
            origin.get("deviceModel"),
            asset.get("_id"),
            asset.get("model"),
        ]
        slot = (source.get(self._context) or {}).get("measureName")
        values = source.get("values")
        row += [value_at(values, value.path) if value.slot == slot else None for value in self._values]
        return row


def _value_columns(models: Models, slots: Iterable[tuple[str, str]], *, short: bool) -> Iterator[ValueColumn]:
    """The columns of some slots, each with its type; a type that has no model has no columns."""
    by_type = {model.name: model for model in models.of_kind("measure")}
    for slot, type in slots:
        mappings = by_type[type].content.get("valuesMappings") or {} if type in by_type else {}
        for path, definition in value_paths(mappings):
            name = ".".join((slot, *_shortened(path, type))) if short else ".".join((slot, *path))
            yield ValueColumn(slot, path, Column(name, definition.get("type", "object"), definition.get("format")))


def _shortened(path: Path, type: str) -> Path:
    """A path without the name of the measure type that it begins with: the slot says it."""
    own = tuple(type.split("."))
    return path[len(own) :] if path[: len(own)] == own else path


def _iso(value: Any) -> str | None:
    """A point in time as ISO 8601 in UTC, None for what is none."""
    try:
        millis = value if type(value) is int else _read_date(value)
    except (Refused, ValueError, OverflowError):
        return None
    return None if millis is None else format_date(int(millis))
