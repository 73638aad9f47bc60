"""Actions of `security` on roles (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.controllers.security.many import delete_each, wanted_ids
from device_manager.controllers.security.profiles import texts_of
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh
from device_manager.router.request import Request
from device_manager.router.response import Response


class RolesActions(AccountController):
    """Which actions a role allows."""

    @action(http=["POST /roles/:_id/_create"], writes=True)
    async def create_role(
        self, request: Request, _id: str, body: dict[str, Any], force: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Add a role: `controllers`, each with `actions`, each true or false; `*` stands for all.

        With `force` it may name controllers and actions that no plugin has brought yet.

        Example request:

            {"controller": "security", "action": "createRole", "_id": "reader",
             "body": {"controllers": {"device-manager/assets": {"actions": {"get": true, "search": true}}}}}

        Example result:

            {"_id": "reader",
             "_source": {"controllers": {"device-manager/assets": {"actions": {"get": true, "search": true}}}}}

        Raises:
            ApiError: `services.storage.document_already_exists`, `security.role.unknown_controller`,
                `unknown_action`, `api.assert.missing_argument`, `invalid_type`, `empty_argument`,
                `unexpected_argument`.
        """
        return await self._accounts.roles.create(_id, body, call_of(request, refresh=refresh), force=force)

    @action(http=["PUT /roles/:_id"], writes=True)
    async def create_or_replace_role(
        self, request: Request, _id: str, body: dict[str, Any], force: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Add a role, or give it a new content.

        Example request:

            {"controller": "security", "action": "createOrReplaceRole", "_id": "reader",
             "body": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}}

        Example result:

            {"_id": "reader", "_source": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}}

        Raises:
            ApiError: `security.role.login_required`, `unknown_controller`, `unknown_action`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`, `unexpected_argument`.
        """
        return await self._accounts.roles.put(_id, body, call_of(request, refresh=refresh), force=force)

    @action(http=["PUT /roles/:_id/_update"], writes=True)
    async def update_role(
        self, request: Request, _id: str, body: dict[str, Any], force: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Give an existing role a new content, all of it.

        Example request:

            {"controller": "security", "action": "updateRole", "_id": "reader",
             "body": {"controllers": {"device-manager/assets": {"actions": {"*": true}}}}}

        Example result:

            {"_id": "reader", "_source": {"controllers": {"device-manager/assets": {"actions": {"*": true}}}}}

        Raises:
            ApiError: `security.role.not_found`, `login_required`, `unknown_controller`, `unknown_action`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`, `unexpected_argument`.
        """
        call = call_of(request, refresh=refresh)
        return await self._accounts.roles.put(_id, body, call, force=force, must_exist=True)

    @action(http=["DELETE /roles/:_id"], writes=True)
    async def delete_role(self, request: Request, _id: str, refresh: Refresh = True) -> dict[str, str]:
        """Delete a role that no profile has.

        Example request:

            {"controller": "security", "action": "deleteRole", "_id": "reader"}

        Example result:

            {"_id": "reader"}

        Raises:
            ApiError: `security.role.not_found`, `cannot_delete`, `in_use`.
        """
        await self._accounts.roles.delete(_id, call_of(request, refresh=refresh))
        return {"_id": _id}

    @action(http=["POST /roles/_mDelete"], writes=True)
    async def m_delete_roles(self, request: Request, refresh: Refresh = True) -> Response:
        """Delete roles one after the other; status 206 when some could not be deleted.

        Example request:

            {"controller": "security", "action": "mDeleteRoles", "body": {"ids": ["reader", "writer"]}}

        Example result:

            ["reader", "writer"]

        Raises:
            ApiError: `services.storage.incomplete_delete`, `write_limit_exceeded`, `api.assert.missing_argument`,
                `invalid_type`.
        """
        call, roles = call_of(request, refresh=refresh), self._accounts.roles
        return await delete_each(request, self._settings.bulk_records, lambda id: roles.delete(id, call))

    @action(http=["GET /roles/:_id"])
    async def get_role(self, _id: str) -> dict[str, Any]:
        """A role.

        Example request:

            {"controller": "security", "action": "getRole", "_id": "reader"}

        Example result:

            {"_id": "reader", "_source": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}}

        Raises:
            ApiError: `security.role.not_found`.
        """
        return (await self._accounts.roles.get_many((_id,)))[0]

    @action(http=["POST /roles/_mGet"])
    async def m_get_roles(self, request: Request) -> dict[str, Any]:
        """Roles by their ids, all of which have to exist.

        Example request:

            {"controller": "security", "action": "mGetRoles", "body": {"ids": ["reader"]}}

        Example result:

            {"hits": [{"_id": "reader",
                       "_source": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}}]}

        Raises:
            ApiError: `security.role.not_found`, `api.assert.missing_argument`, `invalid_type`.
        """
        return {"hits": await self._accounts.roles.get_many(wanted_ids(request))}

    @action(http=["POST /roles/_search"])
    async def search_roles(
        self,
        request: Request,
        lang: Lang,
        body: dict[str, Any] | None = None,
        from_: int = 0,
        size: int | None = None,
    ) -> dict[str, Any]:
        """Roles that match a search body, or those that say something about one of `controllers`.

        Example request:

            {"controller": "security", "action": "searchRoles", "body": {"controllers": ["device-manager/assets"]}}

        Example result:

            {"hits": [{"_id": "reader",
                       "_source": {"controllers": {"device-manager/assets": {"actions": {"get": true}}}}}], "total": 1}

        Raises:
            ApiError: `api.assert.mutually_exclusive`, `invalid_type`, `services.storage.get_limit_exceeded`,
                `invalid_search_query`.
        """
        body = dict(body or {})
        if "controllers" in body and "query" in body:
            raise api_error("api.assert.mutually_exclusive", "body.controllers", "body.query")
        if "controllers" in body:
            search = self._search({}, lang, from_, size)
            return await self._accounts.roles.about(texts_of(body, "controllers"), search.offset, search.size)
        find = self._accounts.searches["roles"].search
        return await find(body, lang=lang, offset=from_, size=size, scroll=None, call=call_of(request))
