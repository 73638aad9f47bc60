"""Reading groups and what is in them (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.groups.bodies import ItemsBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, SearchBody
from device_manager.router.request import Request
from device_manager.twins.places import GROUPS

NO_BODY = ItemsBody()


class GroupReads(TwinsController):
    """Groups as documents."""

    @action(http=["GET /_/device-manager/:engineId/groups/:_id"], collection=GROUPS)
    async def get(self, request: Request, engine_id: str, _id: str) -> dict[str, Any]:
        """One group.

        Example request:

            {"controller": "device-manager/groups", "action": "get", "engineId": "tenant-a", "_id": "hall-1"}

        Example result:

            {"_id": "hall-1", "_version": 1, "_source": {"name": "Hall 1", "path": "site.hall-1"}}

        Raises:
            ApiError: `services.storage.not_found`.
        """
        return await self._twins.groups.reading.get(engine_id, _id, call_of(request))

    @action(
        http=["GET /_/device-manager/:engineId/groups/_search", "POST /_/device-manager/:engineId/groups/_search"],
        collection=GROUPS,
    )
    async def search(
        self,
        request: Request,
        engine_id: str,
        search_body: SearchBody,
        lang: Lang,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Find groups by an Elasticsearch query or, with `lang: koncorde`, a Koncorde filter.

        Example request:

            {"controller": "device-manager/groups", "action": "search", "engineId": "tenant-a",
             "body": {"query": {"prefix": {"path": "site."}}, "sort": [{"path": "asc"}]}}

        Example result:

            {"hits": [{"_id": "hall-1", "_score": null, "index": "tenant-a", "collection": "groups",
                       "_source": {"name": "Hall 1", "path": "site.hall-1"}}],
             "total": 1, "fetched": 1}

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded`.
        """
        return await self._twins.reading.search(
            engine_id, GROUPS, search_body, offset=from_, size=size, lang=lang, call=call_of(request)
        )

    @action(http=["GET /_/device-manager/:engineId/groups/:_id/listItems"], collection=GROUPS)
    async def list_items(
        self,
        engine_id: str,
        _id: str,
        include_children: bool,
        body: ItemsBody = NO_BODY,
        from_: int | None = None,
        size: int | None = None,
    ) -> dict[str, Any]:
        """List the assets and devices in a group, by id; with `includeChildren` those of the groups below it as well.

        `includeChildren` may stand in the body or among the arguments; `from` and `size` hold for each of the lists.

        Example request:

            {"controller": "device-manager/groups", "action": "listItems", "engineId": "tenant-a", "_id": "site",
             "includeChildren": true, "size": 25}

        Example result:

            {"assets": {"hits": [{"_id": "Container-A-1", "_score": null, "index": "tenant-a", "collection": "assets",
                                  "_source": {"groups": [{"path": "site.hall-1", "date": 1700000000000}]}}],
                        "total": 1},
             "devices": {"hits": [], "total": 0}}

        Raises:
            ApiError: `services.storage.not_found`, `services.storage.get_limit_exceeded`,
                `api.assert.invalid_argument` for negative numbers.
        """
        children = include_children or body.include_children
        reading = self._twins.groups.reading
        return await reading.items(engine_id, _id, children=children, offset=from_, size=size)
