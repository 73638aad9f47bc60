"""Actions of `security` on many users (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.controllers.security.many import delete_each, wanted_ids
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh, SearchBody
from device_manager.router.request import Request
from device_manager.router.response import Response


class UserListsActions(AccountController):
    """Find and delete."""

    @action(http=["GET /users/_mGet", "POST /users/_mGet"])
    async def m_get_users(self, request: Request) -> dict[str, Any]:
        """The users among `ids` that exist: `body.ids`, or the argument `ids` with commas in between.

        Example request:

            {"controller": "security", "action": "mGetUsers", "body": {"ids": ["jane", "nobody"]}}

        Example result:

            {"hits": [{"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}}]}

        Raises:
            ApiError: `api.assert.missing_argument`, `invalid_type`.
        """
        return {"hits": await self._accounts.users.get_many(wanted_ids(request))}

    @action(http=["POST /users/_mDelete"], writes=True)
    async def m_delete_users(self, request: Request, refresh: Refresh = True) -> Response:
        """Delete users with all that is theirs, one after the other; status 206 when some could not be deleted.

        Example request:

            {"controller": "security", "action": "mDeleteUsers", "body": {"ids": ["jane", "joe"]}}

        Example result:

            ["jane", "joe"]

        Raises:
            ApiError: `services.storage.incomplete_delete`, `write_limit_exceeded`, `api.assert.missing_argument`,
                `invalid_type`.
        """
        call, users = call_of(request, refresh=refresh), self._accounts.users
        return await delete_each(request, self._settings.bulk_records, lambda id: users.delete(id, call))

    @action(http=["POST /users/_search"])
    async def search_users(
        self,
        request: Request,
        body: SearchBody,
        lang: Lang,
        from_: int = 0,
        size: int | None = None,
        scroll: str | None = None,
    ) -> dict[str, Any]:
        """Users that match a search body.

        With `scroll`, a duration such as `30s`, the answer also has a `scrollId` for `scrollUsers`, and the number of
        hits that remain.

        Example request:

            {"controller": "security", "action": "searchUsers", "size": 2,
             "body": {"query": {"term": {"profileIds": "default"}}}}

        Example result:

            {"hits": [{"_id": "jane", "_source": {"profileIds": ["default"], "name": "Jane"}}], "total": 1}

        Raises:
            ApiError: `services.storage.get_limit_exceeded`, `invalid_search_query`, `scroll_duration_too_great`,
                `too_many_scrolls`, `api.assert.invalid_argument`.
        """
        search = self._accounts.searches["users"].search
        return await search(body, lang=lang, offset=from_, size=size, scroll=scroll, call=call_of(request))

    @action(http=["GET /users/_scroll/:scrollId"])
    async def scroll_users(self, request: Request, scroll_id: str, scroll: str | None = None) -> dict[str, Any]:
        """The next page of a search of users that the same caller began with `scroll`.

        Example request:

            {"controller": "security", "action": "scrollUsers", "scrollId": "4f0c7f8a1f0b4b8e9d7a", "scroll": "30s"}

        Example result:

            {"hits": [{"_id": "joe", "_source": {"profileIds": ["default"], "name": "Joe"}}], "total": 3,
             "remaining": 0, "scrollId": "4f0c7f8a1f0b4b8e9d7a"}

        Raises:
            ApiError: `services.storage.unknown_scroll_id`, `scroll_duration_too_great`, `api.assert.invalid_argument`.
        """
        return await self._accounts.searches["users"].next(scroll_id, scroll, call_of(request))

    @action(http=["POST /credentials/:strategy/users/_search"])
    async def search_users_by_credentials(
        self, strategy: str, body: SearchBody, lang: Lang, from_: int = 0, size: int = 10
    ) -> dict[str, Any]:
        """What may be told of credentials that match; those of the strategy `local` are searched by `username`.

        Example request:

            {"controller": "security", "action": "searchUsersByCredentials", "strategy": "local",
             "body": {"query": {"prefix": {"username": "ja"}}}}

        Example result:

            {"hits": [{"username": "jane", "kuid": "jane"}], "total": 1}

        Raises:
            ApiError: `security.credentials.unknown_strategy`, `services.storage.get_limit_exceeded`.
        """
        searched = self._accounts.strategy(strategy)
        search = self._search(body, lang, from_, size)
        hits, total = await searched.search(search.query, search.offset, search.size)
        return {"hits": hits, "total": total}

    @action(http=["POST /_security/:collection/_refresh"])
    async def refresh(self, collection: str) -> None:
        """Make everything that was written to `users`, `profiles` or `roles` visible to searches.

        Example request:

            {"controller": "security", "action": "refresh", "collection": "users"}

        Example result:

            null

        Raises:
            ApiError: `api.assert.invalid_argument`.
        """
        await self._accounts.refresh(collection)
