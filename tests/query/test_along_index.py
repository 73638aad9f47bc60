"""Very many hits that one field sorts are found along its index, with the same result as by sorting all of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Literal

import pytest

from device_manager.query import sql
from device_manager.query.search import Search, Sort
from device_manager.query.sql import SearchPlan
from device_manager.query.tree import MATCH_ALL, Bool, Query, Range, Term
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Put, PutKind
from device_manager.storage.sqlite import searching
from device_manager.storage.sqlite.store import SqliteStore

pytestmark = pytest.mark.asyncio

ORDERS: tuple[Literal["asc", "desc"], ...] = ("asc", "desc")
DOCUMENTS = 400
MAPPINGS: dict[str, Any] = {
    "properties": {"at": {"type": "date"}, "number": {"type": "integer"}, "name": {"type": "keyword"}}
}


def source(chance: random.Random) -> dict[str, Any]:
    """A document; some have no values, some several, many equal ones."""
    return {
        "at": chance.choice(
            [None, *([chance.randrange(10_000, 10_100)] * 9), [10_000, chance.randrange(10_000, 10_100)]]
        ),
        "number": chance.choice([chance.randrange(20), [3, 17]]),
        "name": chance.choice("ab"),
    }


async def test_the_first_hits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    found: list[bool] = []
    tell = SearchPlan.page_of

    def page_of(plan: SearchPlan, rows: Any) -> Any:
        page = tell(plan, rows)
        found.append(page is not None)
        return page

    monkeypatch.setattr(SearchPlan, "page_of", page_of)
    store = SqliteStore(tmp_path, Settings())
    await store.start()
    await store.create_collection("tenant", "things", MAPPINGS)
    await store.put([Put(PutKind.CREATE, Key("tenant", "things", f"{n}"), source(chance)) for n in range(DOCUMENTS)])
    queries: list[Query] = [
        MATCH_ALL,
        Term("name", "a"),
        Bool(filter=(Term("name", "b"), Range("at", gte=10_020, lt=10_080)), must_not=(Term("number", 3),)),
    ]
    for query in queries:
        for field in ("at", "number"):
            for order in ORDERS:
                for offset, size in ((0, 1), (0, 20), (7, 13), (0, DOCUMENTS)):
                    search = Search(query, (Sort(field, order),), offset, size)
                    results = []
                    for many in (DOCUMENTS + 1, 1):
                        monkeypatch.setattr(sql, "MANY", many)
                        monkeypatch.setattr(searching, "MANY", many)
                        results.append(await store.search("tenant", "things", search))
                    assert results[0] == results[1], search
    assert sum(found) > len(found) / 3
    await store.close()
