"""The controller `index` (router-protocol 5.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.calls import call_of
from device_manager.documents.domain import Documents
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.router.response import ABSENT, Response
from device_manager.security.scope import Scope


class IndexesBody(msgspec.Struct):
    """The body of `mDelete`."""

    indexes: list[str]


class IndexController(Controller):
    """`index`: create, find, list and delete indices."""

    name = "index"
    scope = Scope.ENGINE

    def __init__(self, documents: Documents) -> None:
        self._collections = documents.collections

    @action(http=["POST /:index/_create"], writes=True)
    async def create(self, request: Request, index: str) -> Response:
        """Add an index. To make it an engine, create the engine instead.

        Example request:

            {"controller": "index", "action": "create", "index": "weather"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.index_already_exists`, `invalid_index_name`.
        """
        await self._collections.create_index(index, call_of(request))
        return Response(request, result=ABSENT)

    @action(http=["GET /:index/_exists"])
    async def exists(self, index: str) -> bool:
        """Whether there is an index of that name.

        Example request:

            {"controller": "index", "action": "exists", "index": "weather"}

        Example result:

            true
        """
        return await self._collections.has_index(index)

    @action(http=["GET /_list"], scope=Scope.FOUND)
    async def list(self, request: Request, count_collection: bool = False) -> dict[str, Any]:
        """The indices that the caller has a right to, with `countCollection` also how many collections each has.

        Example request:

            {"controller": "index", "action": "list", "countCollection": true}

        Example result:

            {"indexes": ["device-manager", "weather"], "collections": {"device-manager": 4, "weather": 1}}
        """
        return await self._collections.indices(call_of(request), count=count_collection)

    @action(http=["DELETE /_mDelete", "DELETE /_mdelete"], writes=True, scope=Scope.FOUND)
    async def m_delete(self, request: Request, body: IndexesBody, force: bool = False) -> dict[str, Any]:
        """Remove indices with their collections; those that the caller cannot see do not matter.

        Engines are deleted as engines, unless `force` says otherwise; when one is among the indices, none is removed.

        Example request:

            {"controller": "index", "action": "mDelete", "body": {"indexes": ["weather", "nowhere"]}}

        Example result:

            {"deleted": ["weather"]}

        Raises:
            ApiError: `device_manager.native.managed_collection`, `services.storage.index_protected`.
        """
        return {"deleted": await self._collections.delete_indices(body.indexes, call_of(request), force=force)}

    @action(http=["GET /_storageStats"], scope=Scope.FOUND)
    async def stats(self, request: Request) -> dict[str, Any]:
        """How many documents the indices hold that the caller has a right to, and about how many bytes they take.

        Example request:

            {"controller": "index", "action": "stats"}

        Example result:

            {"indexes": [{"name": "weather", "size": 5120,
                          "collections": [{"name": "stations", "documentCount": 12, "size": 5120}]}],
             "size": 5120}
        """
        return await self._collections.stats(call_of(request))

    @action(http=["DELETE /:index"], writes=True)
    async def delete(self, request: Request, index: str, force: bool = False) -> dict[str, bool]:
        """Remove an index with its collections. An engine is deleted as an engine, unless `force` says otherwise.

        Example request:

            {"controller": "index", "action": "delete", "index": "weather"}

        Example result:

            {"acknowledged": true}

        Raises:
            ApiError: `services.storage.unknown_index`, `device_manager.native.managed_collection`,
                `services.storage.index_protected`.
        """
        await self._collections.delete_index(index, call_of(request), force=force)
        return {"acknowledged": True}
