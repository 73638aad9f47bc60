"""Creating, changing and deleting single groups (device-manager 2.4)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.calls import call_of
from device_manager.controllers.groups.bodies import GroupBody, NewGroupBody, group_wish
from device_manager.controllers.twins_controller import TwinsController
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Refresh
from device_manager.router.request import Request
from device_manager.twins.call import Call
from device_manager.twins.groups.reading import group_result
from device_manager.twins.groups.wishes import Doing, GroupWish
from device_manager.twins.places import GROUPS


class GroupChanges(TwinsController):
    """Groups, one at a time."""

    @action(
        http=["POST /_/device-manager/:engineId/groups/:_id", "POST /_/device-manager/:engineId/groups"],
        collection=GROUPS,
        writes=True,
    )
    async def create(
        self, request: Request, engine_id: str, body: NewGroupBody, refresh: Refresh, _id: str | None = None
    ) -> dict[str, Any]:
        """Create a group. Its name has to be unique in the engine, whatever its case.

        `path` joins the ids from the root to the group by dots; that of the parent will do, and without one the group
        is a root. With a `model` it gets all metadata fields of this, without one it has no metadata.

        Example request:

            {"controller": "device-manager/groups", "action": "create", "engineId": "tenant-a", "_id": "hall-1",
             "body": {"name": "Hall 1", "path": "site", "metadata": {}}}

        Example result:

            {"_id": "hall-1", "_version": 1,
             "_source": {"name": "Hall 1", "path": "site.hall-1", "model": null, "lastUpdate": 1700000000000,
                         "metadata": {}}}

        Raises:
            ApiError: `device_manager.groups.path_not_text`, `wrong_path_end`, `unknown_parent`, `wrong_parent_path`,
                `name_taken`, `empty_name` or `unknown_metadata`, `device_manager.models.unknown_group`,
                `services.storage.document_already_exists` and `services.storage.not_found` (the engine).
        """
        call = call_of(request, refresh=refresh)
        return await self._write(engine_id, group_wish(_id, body), "create", call)

    @action(http=["PUT /_/device-manager/:engineId/groups/:_id"], collection=GROUPS, writes=True)
    async def update(
        self, request: Request, engine_id: str, _id: str, body: GroupBody, refresh: Refresh
    ) -> dict[str, Any]:
        """Change a group's name, path or metadata. With its path all that is below it moves along, in one transaction.

        Fields of the metadata are replaced as a whole; a group without a model has none. The model stays.

        Example request:

            {"controller": "device-manager/groups", "action": "update", "engineId": "tenant-a", "_id": "hall-1",
             "body": {"name": "Main hall", "path": "hall-1"}}

        Example result:

            {"_id": "hall-1", "_version": 2,
             "_source": {"name": "Main hall", "path": "hall-1", "model": null, "lastUpdate": 1700000000000,
                         "metadata": {}}}

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.groups.path_not_text`, `wrong_path_end`,
                `unknown_parent`, `wrong_parent_path`, `inside_itself`, `name_taken`, `empty_name`,
                `unknown_metadata` or `subtree_too_large`.
        """
        _require_body(request)
        call = call_of(request, refresh=refresh)
        return await self._write(engine_id, group_wish(_id, body), "update", call)

    @action(http=["PUT /_/device-manager/:engineId/groups"], collection=GROUPS, writes=True)
    async def upsert(
        self, request: Request, engine_id: str, body: GroupBody, refresh: Refresh, _id: str | None = None
    ) -> dict[str, Any]:
        """Change a group as `update` does or, when there is none of this id, create it as `create` does.

        Example request:

            {"controller": "device-manager/groups", "action": "upsert", "engineId": "tenant-a", "_id": "hall-1",
             "body": {"name": "Hall 1"}}

        Example result:

            {"_id": "hall-1", "_version": 1,
             "_source": {"name": "Hall 1", "path": "hall-1", "model": null, "lastUpdate": 1700000000000,
                         "metadata": {}}}

        Raises:
            ApiError: `api.assert.missing_argument` for a new group without a name, `services.storage.not_found` (the
                engine), `device_manager.groups.wrong_path_end`, `name_taken`, and whatever else refuses a creation or
                a change.
        """
        _require_body(request)
        call = call_of(request, refresh=refresh)
        return await self._write(engine_id, group_wish(_id, body), "upsert", call)

    @action(http=["DELETE /_/device-manager/:engineId/groups/:_id"], collection=GROUPS, writes=True)
    async def delete(self, request: Request, engine_id: str, _id: str, refresh: Refresh) -> dict[str, Any] | None:
        """Delete a group. Twins leave it; groups below it become roots, with all that is in them.

        Example request:

            {"controller": "device-manager/groups", "action": "delete", "engineId": "tenant-a", "_id": "hall-1"}

        Example result:

            null

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.groups.subtree_too_large`.
        """
        await self._twins.groups.writing.delete(engine_id, _id, call_of(request, refresh=refresh))
        return {} if request.dry_run else None

    async def _write(self, engine_id: str, wish: GroupWish, doing: Doing, call: Call) -> dict[str, Any]:
        return group_result(await self._twins.groups.writing.write_one(engine_id, wish, doing, call))


def _require_body(request: Request) -> None:
    """Every member of the body may be left out, the body itself may not."""
    if request.body is None:
        raise api_error("api.assert.body_required")
