"""Profiles: what users are allowed, as policies that name roles (router-protocol 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.tree import Term
from device_manager.security.definitions import PROTECTED
from device_manager.security.documents import ANONYMOUS_PROFILE, SECURITY_INDEX, USERS, profile_key, role_key
from device_manager.security.findings import decide_on_findings
from device_manager.security.memory import GENERATION, raise_generation
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
    """Reads and writes profiles."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, id: str, content: Content, call: Call, *, strict: bool = False) -> Hit:
        """Add a profile.

        Raises:
            ApiError: `services.storage.document_already_exists`, and what `put` raises.
        """
        return await self._write(id, content, call, strict=strict, is_new=True)

    async def put(self, id: str, content: Content, call: Call, *, strict: bool = False) -> Hit:
        """Add or replace a profile.

        Raises:
            ApiError: a 400 that names the wrong part, `security.role.not_found`,
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
            check_roles(tx, content["policies"])
            stamp = stamp_now(call.user_id)
            raise_generation(tx)
            if stored is None or is_new:
                return hit_of(tx.create(key.index, key.collection, created(content, stamp), id))
            return hit_of(tx.replace(key, changed({INFO: stored.source.get(INFO), **content}, stamp)))

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)

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
            check_roles(tx, content.get("policies", ()))
            raise_generation(tx)
            return hit_of(tx.replace(key, changed(stored.source | content, stamp_now(call.user_id))))

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)

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
        """Delete a profile that nobody has, or take it from everybody first; whoever has no other gets `anonymous`.

        Raises:
            ApiError: `security.profile.cannot_delete`, `not_found`, `in_use`.
        """
        if id in PROTECTED:
            raise api_error("security.profile.cannot_delete")
        key = profile_key(id)

        def decide(tx: Transaction, users: list[Key]) -> None:
            if key not in tx.read((key, *users)):
                raise api_error("security.profile.not_found", id)
            if users and not remove_from_users:
                raise api_error("security.profile.in_use", id)
            for user in tx.read(users).values():
                left = [other for other in user.source["profileIds"] if other != id] or [ANONYMOUS_PROFILE]
                tx.replace(
                    Key(SECURITY_INDEX, USERS, user.id),
                    changed(user.source | {"profileIds": left}, stamp_now(call.user_id)),
                )
            tx.delete(key)
            raise_generation(tx)

        await decide_on_findings(
            self._store, GENERATION, lambda: self._users_with(id), decide, dry_run=call.dry_run, refresh=call.refresh
        )

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


def check_roles(tx: Transaction, policies: Sequence[Content]) -> None:
    """Refuse policies that name a role which does not exist. Raises `security.role.not_found`."""
    ids = [policy["roleId"] for policy in policies]
    stored = tx.read([role_key(id) for id in ids])
    for id in ids:
        if role_key(id) not in stored:
            raise api_error("security.role.not_found", id)
