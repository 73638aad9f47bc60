"""Settings and sizes of the cluster's indices behind collections (router-protocol 5.3, 5.4, 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.errors import api_error
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.client import Answer, Cluster, expect, index_path, reason
from device_manager.storage.elasticsearch.names import PLACEHOLDER, alias_name


class Indices:
    """Reads and changes settings, measures sizes."""

    def __init__(self, cluster: Cluster, catalogue: Catalogue) -> None:
        self._cluster = cluster
        self._catalogue = catalogue

    async def settings(self, index: str, collection: str) -> dict[str, Any]:
        """See `Administration.settings`."""
        answer = await self._ask("GET", index, collection, "/_settings", None)
        (content,) = expect(answer, 200).body.values()
        settings: dict[str, Any] = content["settings"]["index"]
        return settings

    async def change_settings(self, index: str, collection: str, settings: Mapping[str, Any]) -> None:
        """See `Administration.change_settings`: only what needs no closed index comes here."""
        if not settings:
            return
        answer = await self._ask("PUT", index, collection, "/_settings", {"index": resolved(settings)})
        if answer.status == 400:
            raise api_error("services.storage.unexpected_bad_request", reason(answer.body))
        expect(answer, 200)

    async def sizes(self, index: str) -> dict[str, int]:
        """See `Administration.sizes`."""
        found = await self._catalogue.physicals(index)
        if not found:
            raise api_error("services.storage.unknown_index", index)
        answer = expect(await self._cluster.call("GET", index_path(alias_name(index, "*"), "/_stats/store")), 200)
        stats = answer.body["indices"]
        return {
            collection: sum(stats[name]["primaries"]["store"]["size_in_bytes"] for name in physicals if name in stats)
            for (_, collection), physicals in sorted(found.items())
            if collection != PLACEHOLDER
        }

    async def _ask(self, verb: str, index: str, collection: str, action: str, body: Any) -> Answer:
        """Ask about a collection, which is looked for again when it is not where it was."""
        found = await self._catalogue.find(index, collection)
        answer = await self._cluster.call(verb, index_path(found.alias, action), body)
        if answer.status == 404:
            found = await self._catalogue.look_up(index, collection)
            answer = await self._cluster.call(verb, index_path(found.alias, action), body)
        return answer


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the cluster takes them: a number of replicas counts only when it is not expanded by itself."""
    if "number_of_replicas" in settings and "auto_expand_replicas" not in settings:
        return {**settings, "auto_expand_replicas": False}
    return dict(settings)
