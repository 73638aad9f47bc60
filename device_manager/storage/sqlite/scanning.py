"""Scans of the embedded store: every page comes from one snapshot, and only a page is in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any

import apsw
import orjson

from device_manager.query.scans import ScanPlan, plan_scan
from device_manager.query.search import Sort
from device_manager.query.sql import scan_statement
from device_manager.query.tree import Query
from device_manager.storage.contract import Document
from device_manager.storage.scanning import Scanned, read_size
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.reading import ReaderPool, fetch_rows
from device_manager.storage.sqlite.work import UNKNOWN_REVISION, RowState

PAGE_DEADLINE = 60.0
"""Seconds that one page of a scan may take, the first one with all the sorting."""

_DOCUMENT = 5
"""Columns of a document: rid, id, version, seq, source."""

Rows = list[Sequence[Any]]


async def scan_batches(
    pool: ReaderPool, collection: Collection, query: Query, sort: Sequence[Sort], page: int, count: Callable[[], None]
) -> AsyncGenerator[list[Scanned], None]:
    """All documents that match, in the order of their creation or as `sort` says.

    Args:
        pool: has the threads and connections.
        collection: which one to read.
        query: which documents.
        sort: in which order.
        page: documents of one page.
        count: called once for each read.

    Raises:
        ApiError: a 400 that names what cannot be run, or `services.storage.unavailable`.
    """
    reader = _SortedReader(plan_scan(query, sort, collection)) if sort else _Reader(query, collection)
    reads = 0
    with pool.connection() as connection:
        connection.execute("BEGIN")
        while True:
            wanted = read_size(page, reads)
            count()
            reads += 1
            rows, is_last = await pool.run_on(connection, partial(reader.read, wanted), PAGE_DEADLINE)
            if rows:
                yield [reader.scanned(row) for row in rows]
            if is_last:
                return


class _Reader:
    """Reads in the order of creation, along the documents themselves."""

    def __init__(self, query: Query, collection: Collection) -> None:
        self._query = query
        self._collection = collection
        self._after = -1

    def read(self, wanted: int, connection: apsw.Connection) -> tuple[Rows, bool]:
        """The next rows, and whether they are the last ones."""
        statement = scan_statement(self._query, self._collection, after_rid=self._after, page=wanted)
        rows = fetch_rows(connection, statement, _DOCUMENT)
        if rows:
            self._after = rows[-1][0]
        return rows, len(rows) < wanted

    def scanned(self, row: Sequence[Any]) -> Scanned:
        """The document in a row."""
        return Scanned(_document(row))


class _SortedReader:
    """Reads in the order of a plan, which it works out in temporary tables of the connection."""

    def __init__(self, plan: ScanPlan) -> None:
        self._plan = plan
        self._place = 0
        self._begun = False
        self._follows_index = plan.follows_index

    def read(self, wanted: int, connection: apsw.Connection) -> tuple[Rows, bool]:
        """The next rows, and whether they are the last ones."""
        if not self._begun:
            self._begin(connection)
        if self._follows_index:
            self._follow(connection, wanted)
        rows = fetch_rows(connection, self._plan.page(self._place, wanted), 1 + len(self._plan.keys) + _DOCUMENT)
        if rows:
            self._place = rows[-1][0]
        is_last = not self._follows_index and not connection.execute(self._plan.is_more, (self._place,)).get
        return self._distinct(rows), is_last

    def _begin(self, connection: apsw.Connection) -> None:
        for statement in self._plan.tables:
            connection.execute(statement)
        connection.execute(self._plan.hits.sql, self._plan.hits.parameters)
        if not self._follows_index:
            whole = self._plan.whole_order
            connection.execute(whole.sql, whole.parameters)
        self._begun = True

    def _follow(self, connection: apsw.Connection, wanted: int) -> None:
        """Put the next hits into their places; those without a value come last."""
        values = self._plan.next_values(wanted, first=self._place == 0)
        connection.execute(values.sql, values.parameters)
        ended = connection.changes() < wanted
        placed = self._plan.placed(self._place)
        connection.execute(placed.sql, placed.parameters)
        self._follows_index = not ended and bool(connection.execute(self._plan.is_any_waiting).get)
        if not self._follows_index:
            connection.execute(self._plan.without_value)

    @staticmethod
    def _distinct(rows: Rows) -> Rows:
        """The rows without those of a document with several values that has its place already."""
        distinct: dict[int, Sequence[Any]] = {}
        for row in rows:
            distinct.setdefault(row[-_DOCUMENT], row)
        return list(distinct.values())

    def scanned(self, row: Sequence[Any]) -> Scanned:
        """The document in a row, with what it was sorted by."""
        return Scanned(_document(row[-_DOCUMENT:]), tuple(row[1:-_DOCUMENT]))


def _document(row: Sequence[Any]) -> Document:
    rid, id, version, seq, source = row
    return Document(id, orjson.loads(source), version, RowState(rid, seq, UNKNOWN_REVISION))
