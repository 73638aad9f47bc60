"""Actions of `security` on profiles (router-protocol 5.10)."""

from __future__ import annotations

from typing import Any, Literal

from device_manager.controllers.account_controller import AccountController
from device_manager.controllers.calls import call_of
from device_manager.controllers.security.many import delete_each, wanted_ids
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.parameters import Lang, Refresh
from device_manager.router.request import Request
from device_manager.router.response import Response

OnAssigned = Literal["fail", "remove"]
"""What becomes of a profile that users have: it is kept, or taken from them."""


class ProfilesActions(AccountController):
    """What kinds of users there are, and the roles that they have."""

    @action(http=["POST /profiles/:_id/_create"], writes=True)
    async def create_profile(
        self, request: Request, _id: str, body: dict[str, Any], strict: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Add a profile: `policies`, each with a role and maybe the indices and collections that it is restricted to.

        With `strict`, restrictions must name what exists.

        Example request:

            {"controller": "security", "action": "createProfile", "_id": "crew",
             "body": {"policies": [{"roleId": "default", "restrictedTo": [{"index": "harbour"}]}], "rateLimit": 50}}

        Example result:

            {"_id": "crew", "_source": {"rateLimit": 50, "policies": [{"roleId": "default",
                                                                       "restrictedTo": [{"index": "harbour"}]}]}}

        Raises:
            ApiError: `services.storage.document_already_exists`, `security.role.not_found`, `closing`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`, `unexpected_argument`,
                `invalid_argument`, `services.storage.unknown_index`, `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        return await self._accounts.profiles.create(_id, body, call, strict=strict)

    @action(http=["PUT /profiles/:_id"], writes=True)
    async def create_or_replace_profile(
        self, request: Request, _id: str, body: dict[str, Any], strict: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Add a profile, or give it a new content.

        Example request:

            {"controller": "security", "action": "createOrReplaceProfile", "_id": "crew",
             "body": {"policies": [{"roleId": "default"}]}}

        Example result:

            {"_id": "crew", "_source": {"rateLimit": 0, "policies": [{"roleId": "default"}]}}

        Raises:
            ApiError: `security.profile.missing_anonymous_role`, `security.role.not_found`, `closing`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`, `unexpected_argument`,
                `invalid_argument`, `services.storage.unknown_index`, `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        return await self._accounts.profiles.put(_id, body, call, strict=strict)

    @action(http=["PUT /profiles/:_id/_update"], writes=True)
    async def update_profile(
        self, request: Request, _id: str, body: dict[str, Any], strict: bool = False, refresh: Refresh = True
    ) -> dict[str, Any]:
        """Replace members of a profile's content; the others stay.

        Example request:

            {"controller": "security", "action": "updateProfile", "_id": "crew", "body": {"rateLimit": 100}}

        Example result:

            {"_id": "crew", "_source": {"rateLimit": 100, "policies": [{"roleId": "default"}]}}

        Raises:
            ApiError: `security.profile.not_found`, `missing_anonymous_role`, `security.role.not_found`, `closing`,
                `api.assert.missing_argument`, `invalid_type`, `empty_argument`, `unexpected_argument`,
                `invalid_argument`, `services.storage.unknown_index`, `unknown_collection`.
        """
        call = call_of(request, refresh=refresh)
        return await self._accounts.profiles.update(_id, body, call, strict=strict)

    @action(http=["DELETE /profiles/:_id"], writes=True)
    async def delete_profile(
        self, request: Request, _id: str, on_assigned_users: OnAssigned = "fail", refresh: Refresh = True
    ) -> dict[str, str]:
        """Delete a profile that nobody has; with `onAssignedUsers` `remove`, users lose it, in the same transaction.

        A user whose only profile it was gets the profile `anonymous`.

        Example request:

            {"controller": "security", "action": "deleteProfile", "_id": "crew", "onAssignedUsers": "remove"}

        Example result:

            {"_id": "crew"}

        Raises:
            ApiError: `security.profile.not_found`, `cannot_delete`, `in_use`, `api.assert.invalid_argument`.
        """
        call, remove = call_of(request, refresh=refresh), on_assigned_users == "remove"
        await self._accounts.profiles.delete(_id, call, remove_from_users=remove)
        return {"_id": _id}

    @action(http=["POST /profiles/_mDelete"], writes=True)
    async def m_delete_profiles(
        self, request: Request, on_assigned_users: OnAssigned = "fail", refresh: Refresh = True
    ) -> Response:
        """Delete profiles one after the other; status 206 when some could not be deleted.

        Example request:

            {"controller": "security", "action": "mDeleteProfiles", "body": {"ids": ["crew", "guests"]}}

        Example result:

            ["crew", "guests"]

        Raises:
            ApiError: `services.storage.incomplete_delete`, `write_limit_exceeded`, `api.assert.missing_argument`,
                `invalid_type`, `invalid_argument`.
        """
        call, remove = call_of(request, refresh=refresh), on_assigned_users == "remove"
        profiles = self._accounts.profiles
        return await delete_each(
            request, self._settings.bulk_records, lambda id: profiles.delete(id, call, remove_from_users=remove)
        )

    @action(http=["GET /profiles/:_id"])
    async def get_profile(self, _id: str) -> dict[str, Any]:
        """A profile.

        Example request:

            {"controller": "security", "action": "getProfile", "_id": "crew"}

        Example result:

            {"_id": "crew", "_source": {"rateLimit": 0, "policies": [{"roleId": "default"}]}}

        Raises:
            ApiError: `security.profile.not_found`.
        """
        return (await self._accounts.profiles.get_many((_id,)))[0]

    @action(http=["POST /profiles/_mGet"])
    async def m_get_profiles(self, request: Request) -> dict[str, Any]:
        """Profiles by their ids, all of which have to exist.

        Example request:

            {"controller": "security", "action": "mGetProfiles", "body": {"ids": ["crew"]}}

        Example result:

            {"hits": [{"_id": "crew", "_source": {"rateLimit": 0, "policies": [{"roleId": "default"}]}}]}

        Raises:
            ApiError: `security.profile.not_found`, `api.assert.missing_argument`, `invalid_type`.
        """
        return {"hits": await self._accounts.profiles.get_many(wanted_ids(request))}

    @action(http=["POST /profiles/_search"])
    async def search_profiles(
        self,
        request: Request,
        lang: Lang,
        body: dict[str, Any] | None = None,
        from_: int = 0,
        size: int | None = None,
        scroll: str | None = None,
    ) -> dict[str, Any]:
        """Profiles that match a search body, or those with one of `roles`.

        With `scroll`, a duration such as `30s`, the answer also has a `scrollId` for `scrollProfiles`, and the number
        of hits that remain.

        Example request:

            {"controller": "security", "action": "searchProfiles", "body": {"roles": ["default"]}}

        Example result:

            {"hits": [{"_id": "crew", "_source": {"rateLimit": 0, "policies": [{"roleId": "default"}]}}], "total": 1}

        Raises:
            ApiError: `api.assert.mutually_exclusive`, `invalid_type`, `invalid_argument`,
                `services.storage.get_limit_exceeded`, `invalid_search_query`, `scroll_duration_too_great`,
                `too_many_scrolls`.
        """
        body = dict(body or {})
        if "roles" in body:
            if "query" in body:
                raise api_error("api.assert.mutually_exclusive", "body.roles", "body.query")
            roles, lang = texts_of(body, "roles"), "elasticsearch"
            del body["roles"]
            body |= {"query": {"terms": {"policies.roleId": roles}}} if roles else {}
        search = self._accounts.searches["profiles"].search
        return await search(body, lang=lang, offset=from_, size=size, scroll=scroll, call=call_of(request))

    @action(http=["GET /profiles/_scroll/:scrollId"])
    async def scroll_profiles(self, request: Request, scroll_id: str, scroll: str | None = None) -> dict[str, Any]:
        """The next page of a search of profiles that the same caller began with `scroll`.

        Example request:

            {"controller": "security", "action": "scrollProfiles", "scrollId": "4f0c7f8a1f0b4b8e9d7a", "scroll": "30s"}

        Example result:

            {"hits": [{"_id": "crew", "_source": {"rateLimit": 0, "policies": [{"roleId": "default"}]}}], "total": 3,
             "remaining": 0, "scrollId": "4f0c7f8a1f0b4b8e9d7a"}

        Raises:
            ApiError: `services.storage.unknown_scroll_id`, `scroll_duration_too_great`, `api.assert.invalid_argument`.
        """
        return await self._accounts.searches["profiles"].next(scroll_id, scroll, call_of(request))


def texts_of(body: dict[str, Any], name: str) -> list[str]:
    """A member of a body that is a list of texts. Raises `api.assert.invalid_type`."""
    texts = body[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise api_error("api.assert.invalid_type", f"body.{name}", "array")
    return texts
