"""Running the statements that `query.sql` plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from device_manager.query.aggregating import HITS, Aggregator, every_document
from device_manager.query.field_values import FieldValues
from device_manager.query.fragments import Fragment
from device_manager.query.search import Search, SearchResult
from device_manager.query.sql import MANY, SearchPlan, plan_search
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.reading import ReaderPool, fetch_rows

Rows = Sequence[Sequence[Any]]

_ID_AND_SOURCE = 2
_RID_AND_VALUE = 2


async def run_search(pool: ReaderPool, collection: Collection, search: Search, deadline: float) -> SearchResult:
    """Find hits, total and aggregations on one snapshot.

    Raises:
        ApiError: a 400 that names what cannot be run, or `services.storage.unavailable`.
    """
    plan = plan_search(search, collection)
    return await pool.run(lambda connection: _answer(connection, plan, collection), deadline)


def _answer(connection: apsw.Connection, plan: SearchPlan, collection: Collection) -> SearchResult:
    database = _Database(connection)
    connection.execute("BEGIN")
    try:
        if plan.gather is not None:
            database.run(plan.gather)
        page, total = plan.page, None
        if plan.along_index is not None:
            total = _count(connection, plan.probe)
            if total >= MANY:
                page, total = plan.page_of(fetch_rows(connection, plan.along_index, _RID_AND_VALUE)) or page, None
        rows = [] if page is None else fetch_rows(connection, page, _ID_AND_SOURCE + len(plan.keys))
        if total is None:
            total = plan.known_total(rows)
        if total is None:
            total = _count(connection, plan.total) if plan.search.counted else len(rows)
        return plan.result(rows, total, _aggregated(database, plan, collection))
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _count(connection: apsw.Connection, statement: Fragment) -> int:
    return int(connection.execute(statement.sql, statement.parameters).get)


def _aggregated(database: _Database, plan: SearchPlan, collection: Collection) -> dict[str, Any] | None:
    if not plan.search.aggregations:
        return None
    values = FieldValues(collection, database)
    scope = every_document(collection.cid)
    if plan.gather is not None:
        values.from_hits()
        scope = HITS
    aggregator = Aggregator(collection, database, values, index=f"&{collection.index}.{collection.name}")
    return aggregator.results(plan.search.aggregations, scope)[0]


class _Database:
    """The connection as aggregations use it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, statement: Fragment, columns: int) -> Rows:
        """See `query.field_values.Database`."""
        return fetch_rows(self._connection, statement, columns)

    def run(self, statement: Fragment) -> None:
        """See `query.field_values.Database`."""
        self._connection.execute(statement.sql, statement.parameters)
