"""Searches and scans; tombstones and marks stay out of sight (transactions 1, step 12)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

from device_manager.errors import api_error
from device_manager.query.dsl import search_body, to_dsl, to_sort
from device_manager.query.fields import field_types
from device_manager.query.search import POSITION, Hit, Search, SearchResult, Sort
from device_manager.query.tree import Query, Scalar
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.client import Answer, Cluster, NoAnswer, expect, index_path, reason
from device_manager.storage.elasticsearch.documents import Stored, parse_stored
from device_manager.storage.elasticsearch.protocol import MARK, TOMBSTONE
from device_manager.storage.scanning import Scanned, read_size
from device_manager.storage.watching import RoundTrips

KEEP_ALIVE = "2m"
"""How long a scan may rest between two pages."""
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 1.6)
"""Seconds that a search lets pass, one after the other, for the shard of an index that is still being made or moved.

The health of the index does not tell: one that is being made is yellow, as one that can be searched.
"""

StoredRow = tuple[Stored, tuple[Scalar, ...]]
"""A document and the values that it was sorted by."""


class Searcher:
    """Runs queries on one collection."""

    def __init__(self, cluster: Cluster, catalogue: Catalogue, round_trips: RoundTrips) -> None:
        self._cluster = cluster
        self._catalogue = catalogue
        self._round_trips = round_trips

    async def search(self, index: str, collection: str, search: Search) -> SearchResult:
        """See the contract."""
        found = await self._catalogue.find(index, collection)
        body = search_body(search, field_types(found.raw) if search.search_after else None)
        body["query"] = _alive(body["query"])
        path = "/_search?allow_partial_search_results=false"
        if search.snapshot is None:
            answer = await self._ask_collection(index, collection, path, body)
        else:
            name, keep = search.snapshot
            answer = await self._ask(path, body | {"pit": {"id": name, "keep_alive": seconds_text(keep)}})
            if answer.status == 404:
                raise api_error("services.storage.unknown_scroll_id")
        _expect_result(answer)
        hits = [_hit(hit, search) for hit in answer.body["hits"]["hits"]]
        total: int = answer.body["hits"]["total"]["value"] if search.counted else len(hits)
        aggregations = _unmarked(answer.body.get("aggregations")) if search.aggregations else None
        return SearchResult(hits, total, aggregations, answer.body.get("pit_id", ""))

    async def open_snapshot(self, index: str, collection: str, keep: str = KEEP_ALIVE) -> str:
        """The name of a new snapshot, kept for a time as Elasticsearch writes it."""
        answer = await self._ask_collection(index, collection, f"/_pit?keep_alive={keep}", None)
        name: str = expect(answer, 200).body["id"]
        return name

    async def close_snapshot(self, name: str) -> None:
        """Let go of a snapshot."""
        self._round_trips.searches += 1
        with contextlib.suppress(NoAnswer):  # it ends by itself then
            await self._cluster.call("DELETE", "/_pit", {"id": name})

    async def scan(
        self, index: str, collection: str, query: Query, sort: Sequence[Sort], page: int
    ) -> AsyncGenerator[list[Scanned], None]:
        """What `Store.scan` reads, a request for each list; what is equal comes in the order of the shards."""
        async with contextlib.aclosing(self.scan_stored(index, collection, _alive(to_dsl(query)), sort, page)) as pages:
            async for rows in pages:
                yield [Scanned(stored.document(), order) for stored, order in rows]

    async def scan_stored(
        self, index: str, collection: str, query: dict[str, Any], sort: Sequence[Sort], page: int
    ) -> AsyncGenerator[list[StoredRow], None]:
        """The documents that match a query of the cluster, tombstones included, with the values they are sorted by."""
        pit = await self.open_snapshot(index, collection)
        body: dict[str, Any] = {
            "query": query,
            "sort": [*map(to_sort, sort), POSITION],
            "track_total_hits": False,
            "seq_no_primary_term": True,
            "version": True,
        }
        try:
            for reads in itertools.count():
                body |= {"size": read_size(page, reads), "pit": {"id": pit, "keep_alive": KEEP_ALIVE}}
                answer = await self._ask("/_search", body)
                _expect_result(answer)
                pit = answer.body.get("pit_id", pit)
                hits = answer.body["hits"]["hits"]
                if hits:
                    yield list(_stored(hits))
                if len(hits) < body["size"]:
                    return
                body["search_after"] = hits[-1]["sort"]
        finally:
            await self.close_snapshot(pit)

    async def _ask_collection(self, index: str, collection: str, action: str, body: dict[str, Any] | None) -> Answer:
        """Ask about a collection; when it is gone, once more, unless it is not to be found anew.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """
        found = await self._catalogue.find(index, collection)
        answer = await self._ask_alias(found.alias, action, body)
        if answer.status == 404:
            self._catalogue.forget(index, collection)
            found = await self._catalogue.find(index, collection)
            answer = await self._ask_alias(found.alias, action, body)
        return answer

    async def _ask_alias(self, alias: str, action: str, body: dict[str, Any] | None) -> Answer:
        """Ask about what an alias names: again as long as its shard has not come up.

        Raises:
            NoAnswer: it cannot be asked, or its shard does not come up.
        """
        path = index_path(alias, action)
        for pause in PAUSES:
            try:
                return await self._ask(path, body)
            except NoAnswer as refusal:
                if refusal.is_untaken or not refusal.is_refusal:
                    raise
            await asyncio.sleep(pause)
        return await self._ask(path, body)

    async def _ask(self, path: str, body: dict[str, Any] | None) -> Answer:
        self._round_trips.searches += 1
        return await self._cluster.call("POST", path, body)


def seconds_text(keep: float) -> str:
    """A time as Elasticsearch writes it."""
    return f"{max(1, math.ceil(keep))}s"


def _alive(query: dict[str, Any]) -> dict[str, Any]:
    """The query without tombstones; it still gives the score."""
    return {"bool": {"must": [query], "must_not": [{"term": {TOMBSTONE: True}}]}}


def _expect_result(answer: Answer) -> None:
    if answer.status == 200:
        return
    if answer.status == 400:
        raise api_error("services.storage.unexpected_bad_request", reason(answer.body))
    expect(answer, 200)


def _unmarked(results: Any) -> Any:
    """The results of aggregations; the documents of `top_hits` without our marks."""
    if isinstance(results, list):
        return [_unmarked(result) for result in results]
    if not isinstance(results, dict):
        return results
    if "_source" in results:
        return {**results, "_source": {n: v for n, v in results["_source"].items() if n not in (MARK, TOMBSTONE)}}
    return {name: _unmarked(result) for name, result in results.items()}


def _hit(hit: dict[str, Any], search: Search) -> Hit:
    source: dict[str, Any] | None = hit.get("_source")
    if source is not None:
        source.pop(MARK, None)
        source.pop(TOMBSTONE, None)
    elif search.source.enabled:
        source = {}
    return Hit(hit["_id"], source, hit.get("_score"), tuple(hit.get("sort", ())))


def _stored(hits: list[dict[str, Any]]) -> Iterator[StoredRow]:
    for hit in hits:
        stored = parse_stored(hit)
        if stored is not None:
            yield stored, tuple(hit["sort"][:-1])
