"""Where aggregations in the embedded store take the values of a field from: the index, or the documents of few hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from device_manager.query.fields import FieldRef, FieldResolver, FieldType
from device_manager.query.fragments import Fragment
from device_manager.query.matcher import leaves_at, reader

FEW_AMONG = 25
"""Documents of which one may be read in the time that the index takes for one value of each."""


class Database(Protocol):
    """The connection, inside one transaction that is rolled back in the end."""

    def rows(self, statement: Fragment, columns: int) -> Sequence[Sequence[Any]]:
        """All rows of a SELECT."""

    def run(self, statement: Fragment) -> None:
        """Run a statement without rows."""


class FieldValues:
    """The values of the fields of one search, as SELECTs."""

    def __init__(self, fields: FieldResolver, database: Database) -> None:
        self._fields = fields
        self._database = database
        self._table = "term"
        self._read: set[int] = set()

    def from_hits(self) -> None:
        """Take values from the documents in `temp.hit` instead of the index, when they are few among many.

        The index has values in their order, not by document: finding those of a few documents means reading all.
        Documents that were stored under an older mapping may hold values that are not indexed; they are left to the
        index.
        """
        low, high = self._fields.rids
        span = (
            "ifnull((SELECT max(rid) FROM doc WHERE rid BETWEEN ? AND ?) - "
            "(SELECT min(rid) FROM doc WHERE rid BETWEEN ? AND ?), 0)"
        )
        sizes = Fragment(f"SELECT (SELECT count(*) FROM temp.hit), {span}", (low, high, low, high))
        ((hits, documents),) = self._database.rows(sizes, 2)
        if hits * FEW_AMONG > documents:
            return
        sql = "SELECT count(*) FROM temp.hit AS h CROSS JOIN doc ON doc.rid = h.rid WHERE doc.revision <> ?"
        ((older,),) = self._database.rows(Fragment(sql, (self._fields.revision,)), 1)
        if not older:
            self._table = "temp.value"

    def of(self, path: str, field: FieldRef) -> Fragment:
        """The values of a field as `v`, by `rid`; each value once for each document."""
        if self._table != "term" and field.number not in self._read:
            self._read.add(field.number)
            sql = (
                "INSERT OR IGNORE INTO temp.value (f, rid, v) SELECT ?, h.rid, j.value FROM temp.hit AS h "
                "CROSS JOIN doc ON doc.rid = h.rid CROSS JOIN json_each(values_of(?, json(doc.source))) AS j"
            )
            self._database.run(Fragment(sql, (field.number, _reader(self._fields.types[path]))))
        return Fragment(f"SELECT t.v AS v, t.rid AS rid FROM {self._table} AS t WHERE t.f = ?", (field.number,))


def _reader(type: FieldType) -> Callable[[str], str]:
    """From the JSON text of a document to that of the values of a field."""
    path, read = tuple(type.source.split(".")), reader(type)

    def values(source: str) -> str:
        found = {value for leaf in leaves_at(orjson.loads(source), path) for value in read(leaf)}
        return orjson.dumps(list(found)).decode()

    return values
