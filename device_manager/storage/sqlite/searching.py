"""Running the statements that `query.sql` plans: searches and scans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import apsw
import orjson

from device_manager.query.search import Search, SearchResult
from device_manager.query.sql import SearchPlan, plan_search, scan_statement
from device_manager.query.tree import Query
from device_manager.storage.contract import Document
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.reading import ReaderPool, fetch_rows
from device_manager.storage.sqlite.work import UNKNOWN_REVISION, RowState

Rows = Sequence[Sequence[Any]]

_ID_AND_SOURCE = 2
_BUCKET = 3
_SCANNED = 5


async def run_search(pool: ReaderPool, collection: Collection, search: Search, deadline: float) -> SearchResult:
    """Find hits, total and aggregations on one snapshot.

    Raises:
        ApiError: a 400 that names what cannot be run, or `services.storage.unavailable`.
    """
    plan = plan_search(search, collection)
    rows, total, buckets = await pool.run(lambda connection: _answers(connection, plan), deadline)
    return plan.result(rows, total, buckets)


def _answers(connection: apsw.Connection, plan: SearchPlan) -> tuple[Rows, int, dict[str, Rows]]:
    connection.execute("BEGIN")
    try:
        page = plan.page
        rows = [] if page is None else fetch_rows(connection, page, _ID_AND_SOURCE + len(plan.keys))
        total = plan.known_total(rows)
        if total is None:
            total = connection.execute(plan.total.sql, plan.total.parameters).get
        buckets: dict[str, Rows] = {
            name: fetch_rows(connection, statement, _BUCKET) for name, statement in plan.aggregations.items()
        }
    finally:
        connection.execute("COMMIT")
    return rows, int(total), buckets


async def scan_pages(
    pool: ReaderPool, collection: Collection, query: Query, page: int, deadline: float
) -> AsyncIterator[list[Document]]:
    """All documents that match, in the order of their creation, from one snapshot."""
    after = -1
    with pool.connection() as connection:
        connection.execute("BEGIN")
        while True:
            statement = scan_statement(query, collection, after_rid=after, page=page)
            rows = await pool.run_on(connection, partial(fetch_rows, statement=statement, columns=_SCANNED), deadline)
            if not rows:
                return
            after = rows[-1][0]
            yield [_scanned(row) for row in rows]
            if len(rows) < page:
                return


def _scanned(row: Sequence[Any]) -> Document:
    rid, id, version, seq, source = row
    return Document(id, orjson.loads(source), version, RowState(rid, seq, UNKNOWN_REVISION))
