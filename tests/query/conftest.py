"""Collections of odd documents, each held by the embedded store, by a real Elasticsearch, and in memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Callable, Iterator
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


RICH: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "words": {"type": "text"},
        "title": {"type": "keyword", "fields": {"text": {"type": "text"}}},
        "both": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "place": {"type": "geo_point"},
        "meta": {"properties": {"place": {"type": "geo_point"}, "note": {"type": "text"}}},
        "parts": {
            "type": "nested",
            "properties": {
                "name": {"type": "keyword", "fields": {"text": {"type": "text"}}},
                "note": {"type": "text"},
                "size": {"type": "integer"},
                "at": {"type": "date"},
                "spot": {"type": "geo_point"},
                "deep": {"type": "nested", "properties": {"tag": {"type": "keyword"}, "size": {"type": "integer"}}},
            },
        },
        "box": {"properties": {"parts": {"type": "nested", "properties": {"name": {"type": "keyword"}}}}},
        "kind": {"type": "keyword"},
        "number": {"type": "long"},
        "whole": {"type": "integer"},
        "ratio": {"type": "double"},
        "single": {"type": "float"},
        "at": {"type": "date"},
        "seen": {"type": "date", "format": "epoch_millis"},
        "flag": {"type": "boolean"},
        "serial": {"type": "integer"},
    },
}
"""Texts, nested objects, points, and fields to aggregate by."""

WORDS = ["red", "blue", "pump", "Pump", "PUMPS", "42", "3", "sensor", "a", "é", "É", "漢字"]
PLACES: list[Any] = [
    {"lat": 48.85, "lon": 2.35}, {"lat": 48, "lon": 2}, "48.86,2.36", [2.34, 48.84], "u09tvw0", "POINT (2.3 48.8)",
    {"lat": 0.0, "lon": 179.9}, {"lat": 0.1, "lon": -179.9}, {"lat": 89.9, "lon": 10.0}, {"lat": -33.9, "lon": 151.2},
    {"lat": "48.9", "lon": "2.4"}, {"type": "Point", "coordinates": [2.35, 48.85]}, {"lat": 47.6, "lon": -122.3},
]  # fmt: skip
POINTS: list[Any] = [{"lat": 48.85, "lon": 2.351}, "48.8,2.3", {"lat": -1.0, "lon": 179.95}, {"lat": 10, "lon": 10}]
INSTANTS: list[Any] = [
    "2020-01-01", "2020-03-29T00:59:59.999Z", "2020-03-29T01:00:00Z", "2020-06-15T12:34:56.789Z", 1601510400000,
    "2020-10-25T00:30:00Z", "2020-10-25T01:30:00Z", "2020-02-29T23:59:59Z", "2019-12-31T23:30:00Z",
    "2020-06-15T13:00:00Z", "2020-03-28T22:00:00Z", "2020-10-25T23:15:00Z", "2020-03-29T22:15:00Z",
]  # fmt: skip


def rich_document(chance: random.Random, serial: int) -> dict[str, Any]:
    """A document for the richer clauses. No number repeats in an array: the embedded store counts it once."""
    texts = {name: some(chance, lambda: random_text(chance)) for name in ("words", "title", "both")}
    document: dict[str, Any] = {
        **texts,
        "place": chance.choice([None, [], chance.sample(POINTS, 2), *PLACES]),
        "meta": some(chance, lambda: {"place": chance.choice(PLACES), "note": random_text(chance)}),
        "parts": some(chance, lambda: random_part(chance)),
        "box": {"parts": some(chance, lambda: {"name": chance.choice(WORDS)})},
        "kind": some(chance, lambda: chance.choice(["a", "b", "c", "d"])),
        "number": distinct(chance, [-7, 0, 1, 2, 10, 1000, 2**40]),
        "whole": distinct(chance, [-3, 0, 5, 6, 7]),
        "ratio": distinct(chance, [-0.5, 0.25, 0.1, 3.75, 1e6]),
        "single": distinct(chance, [1.5, 0.1, -2.25]),
        "at": distinct(chance, INSTANTS),
        "seen": distinct(chance, [0, 1590969600000, 1590969600001, 1601510400000]),
        "flag": chance.choice([True, False, None]),
        "serial": serial,
    }
    if chance.random() < 0.1:
        document["meta.place"] = chance.choice(PLACES)
    return {name: value for name, value in document.items() if chance.random() < 0.8 or name == "serial"}


def some(chance: random.Random, make: Callable[[], Any]) -> Any:
    """Nothing, one, or an array of several, one of them in an array of its own."""
    kind = chance.randrange(6)
    if kind == 0:
        return None
    if kind == 1:
        return [make(), [make()], None][: chance.randrange(4)]
    return [make() for _ in range(2)] if kind == 2 else make()


def distinct(chance: random.Random, values: list[Any]) -> Any:
    if chance.random() < 0.2:
        return chance.sample(values, 2)
    return chance.choice(values)


def random_text(chance: random.Random) -> str:
    return chance.choice([" ", "  ", " "]).join(chance.choice(WORDS) for _ in range(chance.randrange(5)))


def random_part(chance: random.Random) -> dict[str, Any]:
    return {
        "name": some(chance, lambda: chance.choice(WORDS)),
        "note": random_text(chance),
        "size": chance.choice([1, 2, 3, "2", None]),
        "at": chance.choice(INSTANTS),
        "spot": chance.choice(PLACES),
        "deep": some(chance, lambda: {"tag": chance.choice(WORDS), "size": chance.randrange(3)}),
    }


PLAIN: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "kind": {"type": "keyword"},
        "meta": {"properties": {"kind": {"type": "keyword"}}},
        "count": {"type": "long"},
        "size": {"type": "double"},
        "on": {"type": "boolean"},
        "tags": {"type": "keyword"},
        "place": {"type": "geo_point"},
    },
}
"""Fields whose values subscriptions compare as searches do."""


def plain_document(chance: random.Random) -> dict[str, Any]:
    """A document whose fields hold one scalar of their type each; `tags` holds an array."""
    document: dict[str, Any] = {
        "kind": chance.choice(["", "a", "b", "ab", "A", "é", "5", "aab"]),
        "meta": {"kind": chance.choice(["a", "b", "c"])},
        "count": chance.choice([-1, 0, 1, 2, 5, 2**53 + 1]),
        "size": chance.choice([-0.5, 0.25, 1.0, 2, 1.5, 1e300]),
        "on": chance.choice([True, False]),
        "tags": chance.sample(["red", "blue", "green"], chance.randrange(1, 3)),
        "place": chance.choice(
            [
                {"lat": chance.choice([48.85, 48.0, 0.05, -33.9]), "lon": chance.choice([2.35, 2.0, 179.95, 151.2])},
                f"{chance.choice([48.86, 0.1, 89.9])},{chance.choice([2.36, -179.9, 10.0])}",
            ]
        ),
    }
    return {name: value for name, value in document.items() if chance.random() < 0.8}


class Corpus:
    """The same documents in three places, and the same question asked in three ways."""

    def __init__(
        self,
        mappings: dict[str, Any],
        documents: dict[str, dict[str, Any]],
        loop: asyncio.AbstractEventLoop,
        store: SqliteStore,
        client: httpx.Client,
    ) -> None:
        self.documents = documents
        self.types = field_types(mappings)
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

    def analysed(self, text: str) -> list[str]:
        answer = self.client.post("/_analyze", json={"analyzer": "standard", "text": text}).raise_for_status()
        return [token["token"] for token in answer.json()["tokens"]]

    def matching(self, query: Query) -> set[str]:
        matches = compile_matcher(query, self.types)
        return {id for id, source in self.documents.items() if matches(id, source)}


@pytest.fixture(scope="session")
def corpus(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("store")
    with filled_corpus(MAPPINGS, random_documents(seed=1, count=300), elasticsearch_url, folder) as corpus:
        yield corpus


@pytest.fixture(scope="session")
def rich(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    chance = random.Random(2)
    documents = {f"{number:03}": rich_document(chance, number) for number in range(250)}
    with filled_corpus(RICH, documents, elasticsearch_url, tmp_path_factory.mktemp("rich")) as corpus:
        yield corpus


@pytest.fixture(scope="session")
def plain(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    chance = random.Random(3)
    documents = {f"{number:03}": plain_document(chance) for number in range(120)}
    with filled_corpus(PLAIN, documents, elasticsearch_url, tmp_path_factory.mktemp("plain")) as corpus:
        yield corpus


@contextlib.contextmanager
def filled_corpus(
    mappings: dict[str, Any], documents: dict[str, dict[str, Any]], url: str, folder: Path
) -> Iterator[Corpus]:
    loop = asyncio.new_event_loop()
    store = SqliteStore(folder, Settings(store_deadline=60))
    loop.run_until_complete(fill(store, mappings, documents))
    name = f"query-{uuid.uuid4().hex}"
    try:
        with httpx.Client(base_url=url, timeout=30) as cluster:
            allow = {"persistent": {"indices.id_field_data.enabled": True}}
            cluster.put("/_cluster/settings", json=allow).raise_for_status()
        with httpx.Client(base_url=f"{url}/{name}", timeout=30) as client:
            create(client, mappings, documents)
            yield Corpus(mappings, documents, loop, store, client)
            client.delete("").raise_for_status()
    finally:
        loop.run_until_complete(store.close())
        loop.close()


async def fill(store: SqliteStore, mappings: dict[str, Any], documents: dict[str, dict[str, Any]]) -> None:
    await store.start()
    await store.create_collection(INDEX, COLLECTION, mappings)

    def decide(transaction: Transaction) -> None:
        for id, source in documents.items():
            transaction.create(INDEX, COLLECTION, source, id)

    await store.transact(decide, refresh=True)


def create(client: httpx.Client, mappings: dict[str, Any], documents: dict[str, dict[str, Any]]) -> None:
    settings = {"number_of_replicas": 0, "number_of_shards": 1}
    client.put("", json={"settings": settings, "mappings": mappings}).raise_for_status()
    lines = [
        line for id, source in documents.items() for line in (json.dumps({"index": {"_id": id}}), json.dumps(source))
    ]
    answer = client.post(
        "/_bulk?refresh=true", content="\n".join(lines) + "\n", headers={"content-type": "application/x-ndjson"}
    )
    refused = [item["index"] for item in answer.json()["items"] if "error" in item["index"]]
    assert not refused, refused[:3]
