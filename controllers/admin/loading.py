"""Loading mappings and documents by the file (router-protocol 5.8)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.documents.fixtures import Loading
from device_manager.router.controller import Controller, action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.router.response import ABSENT, Response


class LoadDocuments(Controller):
    """`admin`: `loadMappings`, `loadFixtures`."""

    _loading: Loading

    @action(http=["POST /admin/_loadMappings"], writes=True)
    async def load_mappings(self, request: Request, body: dict[str, Any]) -> dict[str, bool]:
        """Create or extend collections, and the indices that there are not yet.

        Example request:

            {"controller": "admin", "action": "loadMappings",
             "body": {"weather": {"stations": {"properties": {"name": {"type": "keyword"}}}}}}

        Example result:

            {"acknowledge": true}

        Raises:
            ApiError: `services.storage.invalid_index_name`, `invalid_collection_name`, `collection_reserved`,
                `invalid_mapping`, `cannot_change_mapping`.
        """
        await self._loading.load_mappings(body, call_of(request))
        return {"acknowledge": True}

    @action(http=["POST /admin/_loadFixtures"], writes=True)
    async def load_fixtures(self, request: Request, body: dict[str, Any], refresh: Refresh = True) -> Response:
        """Write documents as they are, by the lines of a bulk: an action, then the document it is about.

        The actions are `create`, `index` (create or replace), `update` (followed by `{doc}`) and `delete` (followed by
        nothing). Collections are loaded in order, up to the first one that has lines that fail.

        Example request:

            {"controller": "admin", "action": "loadFixtures",
             "body": {"weather": {"stations": [{"index": {"_id": "north"}}, {"name": "North"},
                                               {"delete": {"_id": "south"}}]}}}

        Example result:

            null

        Raises:
            ApiError: `services.storage.import_failed` (206) whose `errors` name the lines, `unknown_index`,
                `unknown_collection`.
        """
        await self._loading.load_fixtures(body, call_of(request, refresh=refresh))
        return Response(request, result=ABSENT)
