"""Profiles: what users are allowed, as policies that name roles (router-protocol 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.tree import Term
from device_manager.security.closing import Closings, check_open
from device_manager.security.definitions import PROTECTED
from device_manager.security.documents import (
    ANONYMOUS_PROFILE,
    SECURITY_INDEX,
    USERS,
    profile_key,
    read_profile,
    read_user,
    role_key,
)
from device_manager.security.memory import raise_generation
from device_manager.security.searching import Hit
from device_manager.storage.contract import Document, Key, Store, Transaction
from device_manager.storage.stamps import INFO, changed, created, stamp_now
from device_manager.storage.steps import step

Content = dict[str, Any]
POLICY_KEYS = ("roleId", "restrictedTo")
RESTRICTION_KEYS = ("index", "collections")
DERIVED = "optimizedPolicies"
"""What other servers of this protocol add to profiles for themselves, and clients send back: of no use to anybody."""


class Profiles:
    """Reads and writes profiles.

    Args:
        store: where they are.
        closings: closes those that are deleted, and tells of roles that are.
    """

    def __init__(self, store: Store, closings: Closings) -> None:
        self._store = store
        self._closings = closings

    async def create(self, id: str, content: Content, call: Call, *, strict: bool = False) -> Hit:
        """Add a profile.

        Raises:
            ApiError: `services.storage.document_already_exists`, and what `put` raises.
        """
        return await self._write(id, content, call, strict=strict, is_new=True)

    async def put(self, id: str, content: Content, call: Call, *, strict: bool = False) -> Hit:
        """Add or replace a profile.

        Raises:
            ApiError: a 400 that names the wrong part, `security.role.not_found`, `closing`,
                `security.profile.missing_anonymous_role`; with `strict` also `services.storage.unknown_index` and
                `unknown_collection` for restrictions to what does not exist.
        """
        return await self._write(id, content, call, strict=strict, is_new=False)

    @step
    async def _write(self, id: str, content: Content, call: Call, *, strict: bool, is_new: bool) -> Hit:
        content = profile_content(content)
        await self._check(id, content, strict=strict)
        key = profile_key(id)

        def decide(tx: Transaction) -> Hit:
            stored = tx.read((key,)).get(key)
            check_roles(tx, content["policies"], stored)
            stamp = stamp_now(call.user_id)
            raise_generation(tx)
            if stored is None or is_new:
                return hit_of(tx.create(key.index, key.collection, created(content, stamp), id))
            return hit_of(tx.replace(key, changed({INFO: stored.source.get(INFO), **content}, stamp)))

        return await self._closings.transact(decide, call)

    @step
    async def update(self, id: str, content: Content, call: Call, *, strict: bool = False) -> Hit:
        """Replace members of a profile. Raises `security.profile.not_found`, and what `put` raises."""
        check_profile(content)
        await self._check(id, content, strict=strict)
        content = {name: value for name, value in content.items() if name not in (INFO, DERIVED)}
        key = profile_key(id)

        def decide(tx: Transaction) -> Hit:
            stored = tx.read((key,)).get(key)
            if stored is None:
                raise api_error("security.profile.not_found", id)
            check_roles(tx, content.get("policies", ()), stored)
            raise_generation(tx)
            return hit_of(tx.replace(key, changed(stored.source | content, stamp_now(call.user_id))))

        return await self._closings.transact(decide, call)

    async def _check(self, id: str, content: Content, *, strict: bool) -> None:
        policies = content.get("policies")
        if policies is None:
            return
        if id == ANONYMOUS_PROFILE and all(policy["roleId"] != ANONYMOUS_PROFILE for policy in policies):
            raise api_error("security.profile.missing_anonymous_role")
        if strict:
            await self._check_places(policies)

    async def _check_places(self, policies: Sequence[Content]) -> None:
        """Refuse restrictions to indices and collections that do not exist."""
        indices = set(await self._store.indices())
        for restriction in (place for policy in policies for place in policy.get("restrictedTo") or ()):
            index = restriction["index"]
            if index not in indices:
                raise api_error("services.storage.unknown_index", index)
            known = await self._store.collections(index)
            for collection in restriction.get("collections") or ():
                if collection not in known:
                    raise api_error("services.storage.unknown_collection", index, collection)

    @step
    async def delete(self, id: str, call: Call, *, remove_from_users: bool = False) -> None:
        """Delete a profile that nobody has, or take it from everybody; whoever has no other gets `anonymous`.

        Nobody gets it meanwhile.

        Raises:
            ApiError: `security.profile.cannot_delete`, `not_found`, `in_use`.
        """
        if id in PROTECTED:
            raise api_error("security.profile.cannot_delete")
        key = profile_key(id)

        def decide(tx: Transaction, users: list[Key]) -> None:
            stored = tx.read((key, *users))
            if key not in stored:
                raise api_error("security.profile.not_found", id)
            having = {user: stored[user].source for user in users if user in stored and _has(stored[user], id)}
            if having and not remove_from_users:
                raise api_error("security.profile.in_use", id)
            for user, source in having.items():
                left = [other for other in source["profileIds"] if other != id] or [ANONYMOUS_PROFILE]
                tx.replace(user, changed(source | {"profileIds": left}, stamp_now(call.user_id)))
            tx.delete(key)
            raise_generation(tx)

        await self._closings.decide(key, lambda: self._users_with(id), decide, call)

    async def _users_with(self, profile_id: str) -> list[Key]:
        await self._store.refresh(SECURITY_INDEX, USERS)
        pages = self._store.scan(SECURITY_INDEX, USERS, Term("profileIds", profile_id))
        return [Key(SECURITY_INDEX, USERS, user.id) async for page in pages for user in page]

    async def get_many(self, ids: Sequence[str]) -> list[Hit]:
        """Profiles in the order of `ids`. Raises `security.profile.not_found` for the first that does not exist."""
        documents = await self._store.read([profile_key(id) for id in ids])
        for id in ids:
            if profile_key(id) not in documents:
                raise api_error("security.profile.not_found", id)
        return [hit_of(documents[profile_key(id)]) for id in ids]


def profile_content(content: Content) -> Content:
    """The content of a whole profile. Raises a 400 that names the wrong part."""
    if "policies" not in content:
        raise api_error("api.assert.missing_argument", "body.policies")
    check_profile(content)
    return {"rateLimit": 0} | {name: value for name, value in content.items() if name not in (INFO, DERIVED)}


def shown_profile(content: Content) -> Content:
    """What clients see of a profile."""
    return {name: value for name, value in content.items() if name != DERIVED} if DERIVED in content else content


def hit_of(document: Document) -> Hit:
    """A profile as the wire shows it."""
    return {"_id": document.id, "_source": shown_profile(document.source)}


def check_profile(content: Content) -> None:
    """Refuse policies and rate limits that cannot be used."""
    if "policies" in content:
        policies = content["policies"]
        if not isinstance(policies, list):
            raise api_error("api.assert.invalid_type", "body.policies", "array")
        if not policies:
            raise api_error("api.assert.empty_argument", "body.policies")
        for number, policy in enumerate(policies):
            _check_policy(policy, f"body.policies[{number}]")
    rate = content.get("rateLimit", 0)
    if type(rate) is not int:
        raise api_error("api.assert.invalid_type", "body.rateLimit", "integer")
    if rate < 0:
        raise api_error("api.assert.invalid_argument", "body.rateLimit", "0 for no limit, or more")


def _check_policy(policy: Any, where: str) -> None:
    _check_members(policy, where, POLICY_KEYS)
    if not isinstance(policy.get("roleId"), str) or not policy["roleId"]:
        raise api_error("api.assert.missing_argument", f"{where}.roleId")
    places = policy.get("restrictedTo")
    if places is not None and not isinstance(places, list):
        raise api_error("api.assert.invalid_type", f"{where}.restrictedTo", "array")
    for number, place in enumerate(places or ()):
        _check_restriction(place, f"{where}.restrictedTo[{number}]")


def _check_restriction(place: Any, where: str) -> None:
    _check_members(place, where, RESTRICTION_KEYS)
    if not isinstance(place.get("index"), str) or not place["index"]:
        raise api_error("api.assert.missing_argument", f"{where}.index")
    names = place.get("collections")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise api_error("api.assert.invalid_type", f"{where}.collections", "array")


def _check_members(value: Any, where: str, accepted: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise api_error("api.assert.invalid_type", where, "object")
    for name in value:
        if name not in accepted:
            raise api_error("api.assert.unexpected_argument", f"{where}.{name}", ", ".join(accepted))


def _has(user: Document, profile_id: str) -> bool:
    return profile_id in read_user(user).profile_ids


def check_roles(tx: Transaction, policies: Sequence[Content], profile: Document | None) -> None:
    """Refuse policies that name a role which does not exist, or which is closing and new to the profile.

    Args:
        tx: the transaction.
        policies: which the profile is going to have.
        profile: as it is; None for a new one.

    Raises:
        ApiError: `security.role.not_found`, `closing`.
    """
    keys = {policy["roleId"]: role_key(policy["roleId"]) for policy in policies}
    stored = tx.read(keys.values())
    has = {policy.role_id for policy in read_profile(profile).policies} if profile is not None else set()
    for id, key in keys.items():
        if key not in stored:
            raise api_error("security.role.not_found", id)
        if id not in has:
            check_open(key, stored[key])
