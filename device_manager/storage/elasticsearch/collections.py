"""Making, extending and dropping collections, and opening a cluster that others filled (router-protocol 6.1, 6.3)."""

from __future__ import annotations

import secrets
from typing import Any

import structlog

from device_manager.errors import api_error
from device_manager.storage.contract import INTERNAL_INDEX, is_private
from device_manager.storage.elasticsearch.catalogue import Catalogue, Collection
from device_manager.storage.elasticsearch.client import Answer, Cluster, expect, index_path, reason
from device_manager.storage.elasticsearch.names import (
    PLACEHOLDER,
    TRANSACTIONS,
    alias_name,
    physical_name,
)
from device_manager.storage.elasticsearch.protocol import MARKS_MAPPING
from device_manager.storage.mappings import Mapping, check_collection_name, check_index_name

_log = structlog.get_logger(__name__)

INDEX_SETTINGS: dict[str, Any] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    "mapping.total_fields.limit": 1000 + 10,  # 1,000 are the collection's own
}
FORGETS_REMOVED: dict[str, Any] = {"gc_deletes": "0s"}
"""Index settings with which the version of a removed document is forgotten at the next refresh."""
TRANSACTIONS_MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "state": {"type": "keyword"},
        "process": {"type": "keyword"},
        "aborted": {"type": "keyword"},
        "abortedAt": {"type": "date"},
        "undo": {"type": "object", "enabled": False},
    },
}
MAX_PHYSICAL_BYTES = 255


class Collections:
    """What changes the set of collections, or their mappings."""

    def __init__(self, cluster: Cluster, catalogue: Catalogue) -> None:
        self._cluster = cluster
        self._catalogue = catalogue

    async def open(self) -> None:
        """Make what exists in the cluster usable: missing aliases, the marks in each mapping, our own collections."""
        await self._allow_sorting_by_id()
        await self._add_missing_aliases()
        known = set()
        for index, collection, raw in await self._catalogue.load_all():
            known.add((index, collection))
            properties = raw.get("properties", {})
            if not properties.keys() >= MARKS_MAPPING.keys():
                await self._add_marks(index, collection)
        if (INTERNAL_INDEX, TRANSACTIONS) not in known:
            await self._make(INTERNAL_INDEX, TRANSACTIONS, TRANSACTIONS_MAPPING)

    async def _allow_sorting_by_id(self) -> None:
        """Searches may sort by `_id` (router-protocol 5.6), which Elasticsearch refuses unless told otherwise."""
        body = {"persistent": {"indices.id_field_data.enabled": True}}
        answer = await self._cluster.patiently("PUT", "/_cluster/settings", body)
        if answer.status != 200:
            _log.warning("searches cannot sort by _id", reason=reason(answer.body))

    async def _add_missing_aliases(self) -> None:
        for physical, alias in (await self._catalogue.lacking_aliases()).items():
            if alias is None:
                _log.warning("index without a usable alias", index=physical)
                continue
            path = index_path(physical, "/_alias" + index_path(alias))
            expect(await self._cluster.patiently("PUT", path), 200)

    async def _add_marks(self, index: str, collection: str) -> None:
        answer = await self._put_mapping(index, collection, {"properties": MARKS_MAPPING})
        if answer.status != 200:
            _log.error(
                "collection cannot take part in transactions",
                index=index,
                collection=collection,
                reason=reason(answer.body),
            )

    async def create_index(self, index: str) -> None:
        """Add an index that holds nothing but its placeholder.

        Raises:
            ApiError: `services.storage.invalid_index_name` or `index_already_exists`.
        """
        check_index_name(index)
        if index == INTERNAL_INDEX or await self._catalogue.names(index):
            scope = "private" if index == INTERNAL_INDEX else "public"
            raise api_error("services.storage.index_already_exists", scope, index)
        await self._make(index, PLACEHOLDER, {"dynamic": "false"})

    async def create_collection(
        self,
        index: str,
        collection: str,
        mappings: dict[str, Any],
        *,
        forgets_removed: bool = False,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Add a collection, which gets the settings, or add to the mapping of the existing one.

        Raises:
            ApiError: what refuses a name or a mapping.
        """
        if not is_private(index):
            check_index_name(index)
        check_collection_name(collection)
        known = await self._catalogue.seek(index, collection)
        if known is not None:
            await self._extend(index, collection, known, mappings)
            if forgets_removed:
                await self._forget_removed(index, collection)
            return
        mapping = Mapping.compile(mappings)
        if not await self._make(index, collection, mapping.to_dict(), settings):
            await self._extend(index, collection, await self._catalogue.find(index, collection), mappings)
        if not is_private(index):
            await self._drop_physicals((await self._catalogue.physicals(index)).get((index, PLACEHOLDER), []))

    async def _forget_removed(self, index: str, collection: str) -> None:
        path = index_path(alias_name(index, collection), "/_settings")
        expect(await self._cluster.patiently("PUT", path, {"index": FORGETS_REMOVED}), 200)

    async def _make(
        self, index: str, collection: str, mapping: dict[str, Any], settings: dict[str, Any] | None = None
    ) -> bool:
        """Make the cluster's index; False when somebody else just did."""
        alias = alias_name(index, collection)
        body = {
            "aliases": {alias: {}},
            "settings": {"index": INDEX_SETTINGS | (settings or {})},
            "mappings": mapping | {"properties": mapping.get("properties", {}) | MARKS_MAPPING},
        }
        physical = physical_name(index, collection)
        for _ in range(3):
            answer = await self._cluster.patiently("PUT", index_path(physical), body)
            if answer.status == 200:
                await self._catalogue.seek(index, collection)
                return True
            if _error_type(answer) != "resource_already_exists_exception":
                raise api_error("services.storage.invalid_mapping", "mappings", " " + reason(answer.body))
            if collection == PLACEHOLDER or await self._catalogue.seek(index, collection) is not None:
                return False
            suffix = f".{secrets.randbelow(100_000)}"
            physical = physical_name(index, collection)[: MAX_PHYSICAL_BYTES - len(suffix)] + suffix
        raise api_error("services.storage.unexpected_error", f"no free name for {index}:{collection}")

    async def _extend(self, index: str, collection: str, known: Collection, mappings: dict[str, Any]) -> None:
        if not known.is_fresh():
            known = await self._catalogue.look_up(index, collection)
        merged = known.mapping.merge(mappings)
        if merged is known.mapping:
            return
        answer = await self._put_mapping(index, collection, merged.to_dict())
        if answer.status != 200:
            text = reason(answer.body)
            raise api_error("services.storage.cannot_change_mapping", text)
        await self._catalogue.look_up(index, collection)

    async def _put_mapping(self, index: str, collection: str, mapping: dict[str, Any]) -> Answer:
        body = mapping | {"properties": mapping.get("properties", {}) | MARKS_MAPPING}
        path = index_path(alias_name(index, collection), "/_mapping")
        return await self._cluster.patiently("PUT", path, body)

    async def mappings(self, index: str, collection: str) -> dict[str, Any]:
        """The mapping as it is in the cluster now.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """
        return (await self._catalogue.look_up(index, collection)).mapping.to_dict()

    async def drop_collection(self, index: str, collection: str) -> None:
        """Remove a collection; an index whose last one this was keeps its placeholder."""
        physicals = await self._catalogue.physicals(index)
        gone = physicals.pop((index, collection), [])
        if not gone:
            return
        if not physicals and not is_private(index):
            await self._make(index, PLACEHOLDER, {"dynamic": "false"})
        await self._drop_physicals(gone)
        self._catalogue.forget(index, collection)

    async def drop_index(self, index: str) -> None:
        """Remove an index with its collections.

        Raises:
            ApiError: `services.storage.unknown_index`.
        """
        physicals = await self._catalogue.physicals(index)
        if not physicals or is_private(index):
            raise api_error("services.storage.unknown_index", index)
        await self._drop_physicals([name for names in physicals.values() for name in names])
        for _, collection in physicals:
            self._catalogue.forget(index, collection)

    async def _drop_physicals(self, physicals: list[str]) -> None:
        for start in range(0, len(physicals), 20):  # names are long, request lines are not
            path = index_path(",".join(physicals[start : start + 20]))
            expect(await self._cluster.patiently("DELETE", path + "?ignore_unavailable=true"), 200, 404)


def _error_type(answer: Answer) -> str | None:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return error.get("type") if isinstance(error, dict) else None
