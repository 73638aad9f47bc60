"""Running the statements that `query.sql` plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from device_manager.query.search import Search, SearchResult
from device_manager.query.sql import SearchPlan, plan_search
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.reading import ReaderPool, fetch_rows

Rows = Sequence[Sequence[Any]]

_ID_AND_SOURCE = 2
_BUCKET = 3


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
        if plan.gather is not None:
            connection.execute(plan.gather.sql, plan.gather.parameters)
        page = plan.page
        rows = [] if page is None else fetch_rows(connection, page, _ID_AND_SOURCE + len(plan.keys))
        total = plan.known_total(rows)
        if total is None:
            total = connection.execute(plan.total.sql, plan.total.parameters).get
        buckets: dict[str, Rows] = {
            name: fetch_rows(connection, statement, _BUCKET) for name, statement in plan.aggregations.items()
        }
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return rows, int(total), buckets
