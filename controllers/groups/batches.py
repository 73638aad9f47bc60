"""Several groups in one call (device-manager 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.groups.bodies import GroupsBody
from device_manager.controllers.twins_controller import TwinsController
from device_manager.errors import ApiError, api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.groups.reading import group_result
from device_manager.twins.groups.wishes import Doing, GroupWish, Written, generated_ids
from device_manager.twins.places import GROUPS

Item = dict[str, Any]

CONFLICT = "document already exists"
"""How a list of errors tells that a group exists."""


class GroupBatches(TwinsController):
    """Groups, many at a time."""

    @action(http=["POST /_/device-manager/:engineId/groups/_mCreate"], collection=GROUPS, writes=True)
    async def m_create(self, request: Request, engine_id: str, body: GroupsBody, refresh: Refresh) -> dict[str, Any]:
        r"""Create groups as if one by one in order, in one transaction; a group may be the parent of a later one.

        What is refused stands in `errors` and leaves no trace; the other groups are created.

        Example request:

            {"controller": "device-manager/groups", "action": "mCreate", "engineId": "tenant-a",
             "body": {"groups": [{"_id": "site", "name": "Site"}, {"_id": "hall-1", "name": "Hall 1", "path": "site"},
                                 {"_id": "hall-2", "name": "hall 1", "path": "site"}]}}

        Example result:

            {"successes": [{"_id": "site", "_version": 1, "created": true, "status": 201,
                            "_source": {"name": "Site", "path": "site"}},
                           {"_id": "hall-1", "_version": 1, "created": true, "status": 201,
                            "_source": {"name": "Hall 1", "path": "site.hall-1"}}],
             "errors": [{"document": {"_id": "hall-2", "body": {"name": "hall 1", "path": "site"}}, "status": 400,
                         "id": "device_manager.groups.name_taken",
                         "reason": "A group with name \"hall 1\" already exist"}]}

        Raises:
            ApiError: `services.storage.write_limit_exceeded` and `services.storage.not_found` (the engine).
        """
        return await self._write_many(engine_id, body.groups, "create", request, refresh)

    @action(http=["PUT /_/device-manager/:engineId/groups/_mUpdate"], collection=GROUPS, writes=True)
    async def m_update(self, request: Request, engine_id: str, body: GroupsBody, refresh: Refresh) -> dict[str, Any]:
        """Change groups as `update` does, as if one by one in order, in one transaction.

        What is refused stands in `errors` and leaves no trace; the other groups are changed.

        Example request:

            {"controller": "device-manager/groups", "action": "mUpdate", "engineId": "tenant-a",
             "body": {"groups": [{"_id": "site", "name": "Main site"}, {"name": "Hall 1"}]}}

        Example result:

            {"successes": [{"_id": "site", "_version": 2, "created": false, "status": 200,
                            "_source": {"name": "Main site", "path": "site"}}],
             "errors": [{"document": {"_id": null, "body": {"name": "Hall 1"}}, "status": 400,
                         "id": "device_manager.groups.no_id", "reason": "A group must have an _id"}]}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `services.storage.not_found` (the engine),
                `device_manager.groups.subtree_too_large`.
        """
        return await self._write_many(engine_id, body.groups, "update", request, refresh)

    @action(http=["PUT /_/device-manager/:engineId/groups/_mUpsert"], collection=GROUPS, writes=True)
    async def m_upsert(self, request: Request, engine_id: str, body: GroupsBody, refresh: Refresh) -> dict[str, Any]:
        """Create or change groups as `upsert` does, as if one by one in order, in one transaction.

        What is refused stands in `errors` and leaves no trace; the other groups are written.

        Example request:

            {"controller": "device-manager/groups", "action": "mUpsert", "engineId": "tenant-a",
             "body": {"groups": [{"_id": "site", "name": "Site"}]}}

        Example result:

            {"successes": [{"_id": "site", "_version": 1, "created": true, "status": 201,
                            "_source": {"name": "Site", "path": "site"}}],
             "errors": []}

        Raises:
            ApiError: `services.storage.write_limit_exceeded`, `services.storage.not_found` (the engine),
                `device_manager.groups.subtree_too_large`.
        """
        return await self._write_many(engine_id, body.groups, "upsert", request, refresh)

    async def _write_many(
        self, engine_id: str, items: Sequence[Item], doing: Doing, request: Request, refresh: bool
    ) -> dict[str, Any]:
        read = [_wish(item, doing) for item in items]
        wishes = [wish for wish in read if isinstance(wish, GroupWish)]
        call = call_of(request, refresh=refresh)
        outcomes = iter(await self._twins.groups.writing.write_many(engine_id, wishes, doing, call))
        successes: list[Item] = []
        errors: list[Item] = []
        for item, wish in zip(items, read, strict=True):
            outcome = next(outcomes) if isinstance(wish, GroupWish) else wish
            if isinstance(outcome, Written):
                successes.append(_success(outcome))
            else:
                errors.append(_error(item, wish, outcome))
        return {"successes": successes, "errors": errors}


def _wish(item: Item, doing: Doing) -> GroupWish | ApiError:
    """What an item of the list wants, or why it cannot be read."""
    id = item.get("_id")
    if id is not None and not isinstance(id, str):
        return api_error("api.assert.invalid_type", "_id", "string")
    if not id and doing == "update":
        return api_error("device_manager.groups.no_id")
    ids = (id,) if id else generated_ids()
    return GroupWish(ids, item.get("name"), item.get("path"), item.get("model"), item.get("metadata"))


def _success(written: Written) -> Item:
    return group_result(written.document) | {"created": written.created, "status": 201 if written.created else 200}


def _error(item: Item, wish: GroupWish | ApiError, error: ApiError) -> Item:
    id = item.get("_id")
    if id is None and isinstance(wish, GroupWish):
        id = wish.ids[0]
    is_conflict = error.id == "services.storage.document_already_exists"
    document = {"_id": id, "body": {name: item.get(name) for name in ("metadata", "model", "name", "path")}}
    reason = CONFLICT if is_conflict else error.message
    return {"document": document, "reason": reason, "status": error.status, "id": error.id}
