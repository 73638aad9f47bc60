"""Which collections exist, with their mappings, as this process last saw them (design 6)."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import is_private
from device_manager.storage.elasticsearch.client import Cluster, expect, index_path
from device_manager.storage.elasticsearch.names import (
    ALIAS,
    PLACEHOLDER,
    PRIVATE,
    PUBLIC,
    alias_name,
    alias_of_physical,
    parse_alias,
)
from device_manager.storage.elasticsearch.protocol import MARKS_MAPPING
from device_manager.storage.mappings import Mapping

TRUSTED_FOR = 1.0
"""Seconds for which a mapping is believed when it refuses a document; an older one is read again first."""


class Collection(NamedTuple):
    """A collection: its alias, the cluster's index behind it, its mapping and when that was read."""

    alias: str
    physical: str
    mapping: Mapping
    raw: dict[str, Any]
    read_at: float

    def is_fresh(self) -> bool:
        """Whether the mapping was read a moment ago."""
        return time.monotonic() - self.read_at < TRUSTED_FOR


Name = tuple[str, str]
"""Index and collection."""


class Catalogue:
    """The collections that this process knows; what it misses is looked up in the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[Name, Collection] = {}
        self._lookups: dict[Name, asyncio.Future[None]] = {}
        self._without_alias: dict[Name, str] = {}

    async def lacking_aliases(self) -> dict[str, str | None]:
        """The cluster's indices that look like collections and have no alias, with the one that each ought to have.

        It is None where that alias is another index's, or where the name is none of a collection.
        """
        answer = expect(await self._cluster.call("GET", index_path(f"{PUBLIC}*,{PRIVATE}*", "/_alias")), 200, 404)
        indices: dict[str, Any] = answer.body if answer.status == 200 else {}
        taken = {alias for content in indices.values() for alias in content["aliases"]}
        lacking: dict[str, str | None] = {}
        for physical, content in indices.items():
            if any(map(parse_alias, content["aliases"])):
                continue
            alias = alias_of_physical(physical)
            lacking[physical] = alias if alias not in taken else None
            if alias is not None:
                taken.add(alias)
        return lacking

    async def find_without_aliases(self) -> None:
        """Find indices that lack their alias by their own name; for a store that is only looked at."""
        lacking = (await self.lacking_aliases()).items()
        self._without_alias = {
            name: physical for physical, alias in lacking if alias and (name := parse_alias(alias)) is not None
        }

    def get(self, index: str, collection: str) -> Collection | None:
        """The collection, if this process knows it."""
        return self._known.get((index, collection))

    def forget(self, index: str, collection: str) -> None:
        """Look the collection up again when it is used next."""
        self._known.pop((index, collection), None)

    async def find(self, index: str, collection: str) -> Collection:
        """The collection, looked up when it is not known.

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection` or `multiple_indice_alias`.
        """
        return self._known.get((index, collection)) or await self.look_up(index, collection)

    async def seek(self, index: str, collection: str) -> Collection | None:
        """The collection as the cluster has it now; None when there is none.

        Raises:
            ApiError: `services.storage.multiple_indice_alias`.
        """
        name = (index, collection)
        running = self._lookups.get(name)
        if running is None:
            running = self._lookups[name] = asyncio.ensure_future(self._load(index, collection))
            running.add_done_callback(lambda _: self._lookups.pop(name, None))
        await asyncio.shield(running)
        return self._known.get(name)

    async def look_up(self, index: str, collection: str) -> Collection:
        """The collection as the cluster has it now; concurrent callers share the request.

        Raises:
            ApiError: as for `find`.
        """
        found = await self.seek(index, collection)
        if found is None:
            raise await self._unknown(index, collection)
        return found

    async def _load(self, index: str, collection: str) -> None:
        if collection == PLACEHOLDER:
            return
        alias = alias_name(index, collection)
        address = self._without_alias.get((index, collection), alias)
        answer = await self._cluster.call("GET", index_path(address, "/_mapping"))
        if answer.status == 404:
            self.forget(index, collection)
            return
        expect(answer, 200)
        if len(answer.body) > 1:
            raise api_error("services.storage.multiple_indice_alias", alias)
        for physical, content in answer.body.items():
            if physical == alias:  # an index by the alias's own name is none of ours
                self.forget(index, collection)
            else:
                self._learn(index, collection, physical, content["mappings"])

    async def load_all(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Read every collection; return index, collection and raw mapping of each, placeholders left out."""
        aliases = await self._aliases(ALIAS + "*")
        if not aliases:
            return []
        answer = expect(await self._cluster.call("GET", index_path(ALIAS + "*", "/_mapping")), 200)
        loaded = []
        for (index, collection), physicals in aliases.items():
            if collection == PLACEHOLDER or len(physicals) > 1 or physicals[0] not in answer.body:
                continue
            raw = answer.body[physicals[0]]["mappings"]
            self._learn(index, collection, physicals[0], raw)
            loaded.append((index, collection, raw))
        return loaded

    def _learn(self, index: str, collection: str, physical: str, raw: dict[str, Any]) -> None:
        known = self._known.get((index, collection))
        unchanged = known is not None and known.raw == raw
        mapping = known.mapping if known and unchanged else Mapping.compile(own_mapping(raw), trusted=True)
        alias = self._without_alias.get((index, collection)) or alias_name(index, collection)
        self._known[index, collection] = Collection(alias, physical, mapping, raw, time.monotonic())

    async def names(self, index: str | None = None) -> list[Name]:
        """All public collections, or those of one index, placeholders included, as the cluster has them now."""
        pattern = ALIAS + PUBLIC + "*" if index is None else alias_name(index, "*")
        names = list(await self._aliases(pattern))
        for known in list(self._known):
            if ((index is None and not is_private(known[0])) or known[0] == index) and known not in names:
                self.forget(*known)
        return names

    async def every_name(self) -> list[Name]:
        """All collections, private ones and placeholders included, as the cluster has them now."""
        return list(await self._aliases(ALIAS + "*"))

    async def _aliases(self, pattern: str) -> dict[Name, list[str]]:
        answer = expect(await self._cluster.call("GET", index_path(pattern, "/_alias")), 200, 404)
        aliases: dict[Name, list[str]] = {}
        for physical, content in answer.body.items() if answer.status == 200 else ():
            for alias in content["aliases"]:
                name = parse_alias(alias)
                if name is not None:
                    aliases.setdefault(name, []).append(physical)
        for name, physical in self._without_alias.items():
            if alias_name(*name).startswith(pattern.removesuffix("*")):
                aliases.setdefault(name, []).append(physical)
        return aliases

    async def physicals(self, index: str) -> dict[Name, list[str]]:
        """The cluster's indices behind every collection of `index`, placeholder included."""
        return await self._aliases(alias_name(index, "*"))

    async def _unknown(self, index: str, collection: str) -> ApiError:
        if await self.names(index):
            return api_error("services.storage.unknown_collection", index, collection)
        return api_error("services.storage.unknown_index", index)


def own_mapping(raw: dict[str, Any]) -> dict[str, Any]:
    """A mapping as the cluster has it, without the marks."""
    properties = {name: field for name, field in raw.get("properties", {}).items() if name not in MARKS_MAPPING}
    return copy.copy(raw) | {"properties": properties}
