"""Searches of the embedded store on a collection large enough that a bad plan shows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from device_manager.query.clauses import parse_query
from device_manager.query.search import DateHistogram, Metric, Search, Sort, TermsAggregation
from device_manager.settings import Settings
from device_manager.storage.contract import Transaction
from device_manager.storage.sqlite.store import SqliteStore

pytestmark = pytest.mark.alone

DOCUMENTS = 20_000
MAPPINGS = {
    "properties": {
        "number": {"type": "long"},
        "group": {"type": "keyword"},
        "model": {"type": "keyword"},
        "name": {"type": "keyword", "fields": {"text": {"type": "text"}}},
        "note": {"type": "text"},
        "place": {"type": "geo_point"},
        "parts": {"type": "nested", "properties": {"name": {"type": "keyword"}}},
        "at": {"type": "date"},
    }
}

EACH: dict[str, dict[str, Any]] = {
    "all": {"match_all": {}},
    "term": {"term": {"group": "g7"}},
    "range": {"range": {"number": {"gte": 10, "lt": 15_000}}},
    "not": {"bool": {"must_not": {"term": {"group": "g7"}}}},
    "both": {"bool": {"filter": [{"term": {"model": "m"}}, {"range": {"number": {"gte": 100}}}]}},
    "or of ands": {
        "bool": {
            "should": [
                {"bool": {"filter": [{"term": {"group": f"g{n}"}}, {"range": {"number": {"gte": n, "lt": n + 1000}}}]}}
                for n in range(50)
            ]
        }
    },
    "1000 ranges": {"bool": {"should": [{"range": {"number": {"gt": n, "lt": n + 3}}} for n in range(1000)]}},
    "none of 1000": {"bool": {"must_not": [{"term": {"number": n}} for n in range(1000)]}},
    "none of 1000 ranges": {"bool": {"must_not": [{"range": {"number": {"lt": n}}} for n in range(1000)]}},
    "words below a keyword": {"match": {"name.text": "7"}},
    "words": {"match": {"note": "note"}},
    "words beside a term": {"bool": {"must": [{"match": {"note": "note"}}, {"term": {"group": "g7"}}]}},
    "either word beside a term": {"bool": {"must": [{"match": {"note": "note 7"}}, {"term": {"group": "g7"}}]}},
    "no words": {"bool": {"must_not": [{"match": {"note": "6"}}]}},
    "nested": {"nested": {"path": "parts", "query": {"term": {"parts.name": "p7"}}}},
    "near": {"geo_distance": {"place": "45,5", "distance": "500km"}},
    "two of three": {
        "bool": {
            "should": [{"term": {"group": "g7"}}, {"term": {"model": "m"}}, {"exists": {"field": "number"}}],
            "minimum_should_match": 2,
        }
    },
}


DAYS = DateHistogram("at", "day", time_zone="Europe/Paris", aggregations={"greatest": Metric("max", "number")})


async def test_no_search_compares_everything_with_everything(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, Settings(store_deadline=60))  # the processor time is what counts
    await store.start()
    await store.create_collection("i", "c", MAPPINGS)

    def decide(transaction: Transaction) -> None:
        for number in range(DOCUMENTS):
            source = {
                "number": number,
                "group": f"g{number % 50}",
                "model": "m",
                "name": f"name {number}" if number % 50 else "name 7",
                "note": f"a note about {number % 60}",
                "place": {"lat": 40 + number % 100 / 10, "lon": 5},
                "parts": [{"name": f"p{number % 70}"}, {"name": "p"}],
                "at": number * 60_000,
            }
            transaction.create("i", "c", source, str(number))

    await store.transact(decide)
    slow: dict[str, float] = {}
    for name, clause in EACH.items():
        search = Search(
            parse_query(clause),
            sort=(Sort("group"), Sort("number", "desc"), Sort("_id")),
            aggregations={"groups": TermsAggregation("group", aggregations={"days": DAYS})},
        )
        start = time.process_time()
        found = await store.search("i", "c", search)
        slow[name] = time.process_time() - start
        assert len(found.hits) == 10
    await store.close()
    assert {name: seconds for name, seconds in slow.items() if seconds > 1.0} == {}


@pytest.mark.parametrize("depth", [30])
def test_the_deepest_bool_compiles_in_no_time(depth: int) -> None:
    from device_manager.query.fields import FieldRef, FieldType
    from device_manager.query.sql import plan_search

    class Fields:
        cid = 1
        rids = (1 << 36, 2 << 36)
        revision = 1
        types = {"f": FieldType("keyword", "f")}

        def field(self, path: str) -> FieldRef | None:
            return FieldRef(1, "keyword")

        def leaves(self, path: str) -> list[FieldRef]:
            return [FieldRef(1, "keyword")]

    query: dict[str, Any] = {"term": {"f": "v"}}
    for level in range(depth - 1):
        other = {"term": {"f": str(level)}}
        query = {"bool": {"filter": [other, {"exists": {"field": "f"}}], "should": [query, other], "must_not": [other]}}
    start = time.process_time()
    plan = plan_search(Search(parse_query(query)), Fields())
    assert time.process_time() - start < 1.0
    assert len(plan.total.sql) < 100_000
