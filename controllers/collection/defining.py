"""Collections, their mappings and their settings (router-protocol 5.4)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.documents.collections import Definition
from device_manager.documents.domain import Documents
from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request

AT_ROOT = ("properties", "dynamic", "_meta")
"""What a body without `mappings` may hold in its place."""


def read_definition(body: dict[str, Any] | None) -> Definition:
    """What the body of `create` or `update` says of a collection.

    Raises:
        ApiError: `api.assert.invalid_type`.
    """
    content = body or {}
    for name in ("mappings", "settings"):
        if not isinstance(content.get(name) or {}, dict):
            raise api_error("api.assert.invalid_type", f"body.{name}", "object")
    reindex = content.get("reindexCollection", False)
    if not isinstance(reindex, bool):
        raise api_error("api.assert.invalid_type", "body.reindexCollection", "boolean")
    mappings = content.get("mappings") or {name: content[name] for name in AT_ROOT if name in content}
    return Definition(mappings, content.get("settings") or {}, reindex)


class Collections(Controller):
    """Actions on collections and their mappings."""

    def __init__(self, documents: Documents) -> None:
        self._collections = documents.collections

    @action(http=["PUT /:index/:collection"], writes=True)
    async def create(
        self, request: Request, index: str, collection: str, body: dict[str, Any] | None = None
    ) -> dict[str, bool]:
        """Add a collection, and its index if there is none; an existing one gets what its mapping lacks.

        The body holds `mappings` (or its members without that name around them) and `settings`, by name, with or
        without `index` around them: `number_of_shards`, `number_of_replicas`, `auto_expand_replicas` and
        `refresh_interval`. The embedded store accepts them and needs none.

        Example request:

            {"controller": "collection", "action": "create", "index": "weather", "collection": "stations",
             "body": {"mappings": {"dynamic": "strict", "properties": {"name": {"type": "keyword"}}}}}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `services.storage.invalid_index_name`, `invalid_collection_name`, `collection_reserved`,
                `invalid_mapping`, `cannot_change_mapping`, `api.assert.invalid_argument` for a setting.
        """
        await self._collections.create(index, collection, read_definition(body), call_of(request))
        return {"acknowledged": True}

    @action(http=["DELETE /:index/:collection"], writes=True)
    async def delete(self, request: Request, index: str, collection: str, force: bool = False) -> None:
        """Remove a collection with its documents.

        Example request:

            {"controller": "collection", "action": "delete", "index": "weather", "collection": "stations"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`,
                `device_manager.native.managed_collection`.
        """
        await self._collections.delete(index, collection, call_of(request), force=force)

    @action(http=["GET /:index/:collection/_exists"])
    async def exists(self, index: str, collection: str) -> bool:
        """Whether there is a collection of that name.

        Example request:

            {"controller": "collection", "action": "exists", "index": "weather", "collection": "stations"}

        Example result:

            true
        """
        return await self._collections.exists(index, collection)

    @action(http=["GET /:index/:collection/_mapping"])
    async def get_mapping(self, index: str, collection: str, include_kuzzle_meta: bool = False) -> dict[str, Any]:
        """What a collection maps, with `includeKuzzleMeta` also the fields of `_kuzzle_info`.

        Example request:

            {"controller": "collection", "action": "getMapping", "index": "weather", "collection": "stations"}

        Example result:

            {"dynamic": "strict", "properties": {"name": {"type": "keyword"}}}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._collections.mapping(index, collection, with_info=include_kuzzle_meta)

    @action(http=["GET /:index/:collection/_settings"])
    async def get_settings(self, index: str, collection: str) -> dict[str, Any]:
        """The settings that the store has for a collection, numbers as texts.

        Example request:

            {"controller": "collection", "action": "getSettings", "index": "weather", "collection": "stations"}

        Example result:

            {"number_of_shards": "1", "number_of_replicas": "0"}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        return await self._collections.settings(index, collection)

    @action(http=["GET /:index/_list"])
    async def list(self, index: str, type: str = "all", from_: int = 0, size: int = 0) -> dict[str, Any]:
        """The collections of an index by name. `type` is `all`, `stored` or `realtime`.

        Collections of the type `realtime` are those that somebody follows and that are not stored, or with
        `type: realtime` all that somebody follows.

        Example request:

            {"controller": "collection", "action": "list", "index": "weather"}

        Example result:

            {"type": "all", "collections": [{"name": "stations", "type": "stored"}]}

        Raises:
            ApiError: `services.storage.unknown_index`, `api.assert.invalid_argument`.
        """
        return await self._collections.list(index, type, from_, size)

    @action(http=["POST /:index/:collection/_refresh"])
    async def refresh(self, index: str, collection: str) -> None:
        """Make all acknowledged writes visible to searches.

        Example request:

            {"controller": "collection", "action": "refresh", "index": "weather", "collection": "stations"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`.
        """
        await self._collections.refresh(index, collection)

    @action(http=["DELETE /:index/:collection/_truncate"], writes=True)
    async def truncate(self, request: Request, index: str, collection: str, force: bool = False) -> dict[str, bool]:
        """Delete all documents of a collection.

        Example request:

            {"controller": "collection", "action": "truncate", "index": "weather", "collection": "stations"}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`,
                `device_manager.native.managed_collection`.
        """
        await self._collections.truncate(index, collection, call_of(request), force=force)
        return {"acknowledged": True}

    @action(http=["POST /:index/:collection"], writes=True)
    async def update(self, request: Request, index: str, collection: str, body: dict[str, Any]) -> None:
        """Add to the mapping of a collection, and change its settings; the body is that of `create`.

        Documents that are stored already are indexed anew, before this answers, when `reindexCollection` in the body
        says so, or when a level of the mapping begins to take over unknown fields (`dynamic`).

        Example request:

            {"controller": "collection", "action": "update", "index": "weather", "collection": "stations",
             "body": {"mappings": {"properties": {"height": {"type": "integer"}}}}}

        Example result:

            null

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `invalid_mapping`,
                `cannot_change_mapping`, `wrong_es_static_settings`, `api.assert.invalid_argument` for a setting.
        """
        await self._collections.update(index, collection, read_definition(body), call_of(request))

    @action(http=["PUT /:index/:collection/_mapping"], writes=True)
    async def update_mapping(
        self, request: Request, index: str, collection: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Add to the mapping of a collection; the answer is the mapping as it is now.

        Example request:

            {"controller": "collection", "action": "updateMapping", "index": "weather", "collection": "stations",
             "body": {"properties": {"height": {"type": "integer"}}}}

        Example result:

            {"dynamic": "strict", "properties": {"name": {"type": "keyword"}, "height": {"type": "integer"}}}

        Raises:
            ApiError: `services.storage.unknown_index`, `unknown_collection`, `invalid_mapping`,
                `cannot_change_mapping`.
        """
        await self._collections.update(index, collection, Definition(body), call_of(request))
        return await self._collections.mapping(index, collection, with_info=False)
