"""One collection of odd documents, held by the embedded store, by a real Elasticsearch, and in memory."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from device_manager.query.dsl import search_body
from device_manager.query.fields import field_types
from device_manager.query.matcher import compile_matcher
from device_manager.query.search import Hit, Search, SearchResult
from device_manager.query.tree import Query
from device_manager.settings import Settings
from device_manager.storage.contract import Transaction
from device_manager.storage.sqlite.store import SqliteStore

INDEX, COLLECTION = "tenant", "things"

MAPPINGS: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "keyword": {"type": "keyword", "fields": {"words": {"type": "text"}}},
        "integer": {"type": "integer"},
        "long": {"type": "long"},
        "float": {"type": "float"},
        "double": {"type": "double"},
        "date": {"type": "date"},
        "boolean": {"type": "boolean"},
        "text": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "place": {"type": "geo_point"},
        "object": {
            "properties": {"keyword": {"type": "keyword"}, "deep": {"properties": {"integer": {"type": "integer"}}}}
        },
        "nested": {"type": "nested", "properties": {"keyword": {"type": "keyword"}}},
    },
}

KEYWORDS = ["", "a", "ab", "abc", "A", "É", "é", "x*y", "x?y", "xy", "[z]", "z", "5", "true", "10", "\uffff", "𐍈"]

VALUES: dict[str, list[Any]] = {
    "keyword": [*KEYWORDS, 5, 10, True, 1.5],
    "integer": [-5, 0, 1, 2, 5, 10, "7", 5.7, -5.7, 2**31 - 2, "1e1"],
    "long": [0, 5, 2**53 + 1, -(2**63) + 1, 2**63 - 2, "12", 3.9],
    "float": [1.1, 2, "3.5", -0.5, 16777217, 0.1, 1e-30],
    "double": [1.1, 2, 1e300, "-2.5", 0.1, -0.5, 2**53 + 1],
    "date": [
        "2020", "2020-06", "2020-06-01", "2020-06-01T10", "2020-06-01T10:00:00.123Z", "2020-06-01T12:00:00+02:00", 0,
        1590969600000, -5, "1590969600001", "2019-12-31T23:59:59.999Z", "2021-01-01T00:00:00,5",
    ],
    "boolean": [True, False, "true", "false", ""],
    "text": ["hello world", "a", ""],
    "place": [{"lat": 1, "lon": 2}, "1,2"],
    "unmapped": ["a", 5, {"b": 1}],
}  # fmt: skip


def random_document(chance: random.Random) -> dict[str, Any]:
    """A document with every kind of value: absent, null, scalar, array, array in an array, dotted names."""

    document = {field: random_value(chance, field) for field in VALUES if chance.random() < 0.6}
    kind = chance.randrange(5)
    if kind == 0:
        document["object"] = [random_object(chance) for _ in range(chance.randrange(3))]
    elif kind == 1:
        document["object"] = random_object(chance)
    elif kind == 2:
        document["object.keyword"] = random_value(chance, "keyword")
    if chance.random() < 0.3:
        document["nested"] = [{"keyword": random_value(chance, "keyword")}]
    return document


def random_object(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.2:
        return {"deep.integer": random_value(chance, "integer")}
    return {"keyword": random_value(chance, "keyword"), "deep": {"integer": random_value(chance, "integer")}}


def random_value(chance: random.Random, field: str) -> Any:
    kind = chance.randrange(8)
    if kind == 0:
        return None
    if kind == 1:
        return []
    if kind == 2 and field != "place":
        return [chance.choice(VALUES[field]), None, [chance.choice(VALUES[field])]]
    if kind == 3:
        return [chance.choice(VALUES[field]) for _ in range(2)]
    return chance.choice(VALUES[field])


def random_documents(seed: int, count: int) -> dict[str, dict[str, Any]]:
    chance = random.Random(seed)
    return {f"{chance.choice('aB-é')}{number:03}": random_document(chance) for number in range(count)}


class Corpus:
    """The same documents in three places, and the same question asked in three ways."""

    def __init__(
        self,
        documents: dict[str, dict[str, Any]],
        loop: asyncio.AbstractEventLoop,
        store: SqliteStore,
        client: httpx.Client,
    ) -> None:
        self.documents = documents
        self.types = field_types(MAPPINGS)
        self.loop = loop
        self.store = store
        self.client = client

    def embedded(self, search: Search) -> SearchResult:
        return self.loop.run_until_complete(self.store.search(INDEX, COLLECTION, search))

    def elastic(self, search: Search) -> SearchResult:
        answer = self.raw(search_body(search, self.types))
        assert answer.status_code == 200, answer.text
        content = answer.json()
        hits = [
            Hit(hit["_id"], hit.get("_source"), hit["_score"], tuple(hit.get("sort", ())))
            for hit in content["hits"]["hits"]
        ]
        return SearchResult(hits, content["hits"]["total"]["value"], content.get("aggregations"))

    def raw(self, body: dict[str, Any]) -> httpx.Response:
        return self.client.post("/_search", json=body)

    def matching(self, query: Query) -> set[str]:
        matches = compile_matcher(query, self.types)
        return {id for id, source in self.documents.items() if matches(id, source)}


@pytest.fixture(scope="session")
def corpus(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    documents = random_documents(seed=1, count=300)
    loop = asyncio.new_event_loop()
    store = SqliteStore(Path(tmp_path_factory.mktemp("store")), Settings())
    loop.run_until_complete(fill(store, documents))
    name = f"query-{uuid.uuid4().hex}"
    try:
        with httpx.Client(base_url=elasticsearch_url, timeout=30) as cluster:
            allow = {"persistent": {"indices.id_field_data.enabled": True}}
            cluster.put("/_cluster/settings", json=allow).raise_for_status()
        with httpx.Client(base_url=f"{elasticsearch_url}/{name}", timeout=30) as client:
            create(client, documents)
            yield Corpus(documents, loop, store, client)
            client.delete("").raise_for_status()
    finally:
        loop.run_until_complete(store.close())
        loop.close()


async def fill(store: SqliteStore, documents: dict[str, dict[str, Any]]) -> None:
    await store.start()
    await store.create_collection(INDEX, COLLECTION, MAPPINGS)

    def decide(transaction: Transaction) -> None:
        for id, source in documents.items():
            transaction.create(INDEX, COLLECTION, source, id)

    await store.transact(decide, refresh=True)


def create(client: httpx.Client, documents: dict[str, dict[str, Any]]) -> None:
    settings = {"number_of_replicas": 0, "number_of_shards": 1}
    client.put("", json={"settings": settings, "mappings": MAPPINGS}).raise_for_status()
    lines = [
        line for id, source in documents.items() for line in (json.dumps({"index": {"_id": id}}), json.dumps(source))
    ]
    answer = client.post(
        "/_bulk?refresh=true", content="\n".join(lines) + "\n", headers={"content-type": "application/x-ndjson"}
    )
    refused = [item["index"] for item in answer.json()["items"] if "error" in item["index"]]
    assert not refused, refused[:3]
