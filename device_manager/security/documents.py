"""Users, profiles and roles as they are stored, and as the decision about rights needs them (router-protocol 5.10).

Documents are read tolerantly: what a right was meant to be and cannot be understood grants nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from device_manager.storage.contract import Document, Key

SECURITY_INDEX = "%kuzzle"
"""The private index where existing data has its users, profiles and roles (router-protocol 6.1)."""

USERS = "users"
PROFILES = "profiles"
ROLES = "roles"

ANONYMOUS = "-1"
"""The user id of callers who did not log in."""
ANONYMOUS_PROFILE = "anonymous"

USERS_MAPPING: dict[str, Any] = {"dynamic": "false", "properties": {"profileIds": {"type": "keyword"}}}
PROFILES_MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "tags": {"type": "keyword"},
        "policies": {
            "properties": {
                "roleId": {"type": "keyword"},
                "restrictedTo": {
                    "type": "nested",
                    "properties": {"index": {"type": "keyword"}, "collections": {"type": "keyword"}},
                },
            }
        },
    },
}
ROLES_MAPPING: dict[str, Any] = {
    "dynamic": "false",
    "properties": {
        "tags": {"type": "keyword"},
        "controllers": {"type": "object", "dynamic": "false", "properties": {}},
    },
}
MAPPINGS = {USERS: USERS_MAPPING, PROFILES: PROFILES_MAPPING, ROLES: ROLES_MAPPING}


class Restriction(NamedTuple):
    """One index that a policy is restricted to; without collections, all of it."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    collections: frozenset[str] = frozenset()


class Policy(NamedTuple):
    """A role that a profile gives, everywhere or only where `restricted_to` says."""

    role_id: str
    restricted_to: tuple[Restriction, ...] = ()


class Role(NamedTuple):
    """What may be done: controller -> action -> allowed; `*` stands for all that is not named."""

    id: str
    controllers: dict[str, dict[str, bool]]

    def allows(self, controller: str, action: str) -> bool:
        """Whether the role grants an action: an exact name hides `*`, and only `true` allows."""
        actions = self.controllers.get(controller)
        if actions is None:
            actions = self.controllers.get("*", {})
        allowed = actions.get(action)
        return (actions.get("*", False) if allowed is None else allowed) is True


class Profile(NamedTuple):
    """The policies of a kind of users, and the requests a second that each of them may make, 0 for any number."""

    id: str
    policies: tuple[Policy, ...] = ()
    rate_limit: int = 0


class User(NamedTuple):
    """A user with the ids of the profiles whose rights add up."""

    id: str
    profile_ids: tuple[str, ...] = ()


ANONYMOUS_USER = User(ANONYMOUS, (ANONYMOUS_PROFILE,))


def user_key(id: str) -> Key:
    """The document of a user."""
    return Key(SECURITY_INDEX, USERS, id)


def profile_key(id: str) -> Key:
    """The document of a profile."""
    return Key(SECURITY_INDEX, PROFILES, id)


def role_key(id: str) -> Key:
    """The document of a role."""
    return Key(SECURITY_INDEX, ROLES, id)


def read_user(document: Document) -> User:
    """The user that a document describes."""
    return User(document.id, _texts(document.source.get("profileIds")))


def read_profile(document: Document) -> Profile:
    """The profile that a document describes."""
    rate = document.source.get("rateLimit")
    policies = (read_policy(policy) for policy in _objects(document.source.get("policies")))
    return Profile(
        document.id, tuple(policy for policy in policies if policy), rate if type(rate) is int and rate > 0 else 0
    )


def read_policy(policy: dict[str, Any]) -> Policy | None:
    """A policy of a profile; None when it names no role or when its restriction cannot be understood."""
    role_id, restricted_to = policy.get("roleId"), policy.get("restrictedTo")
    if type(role_id) is not str:
        return None
    if not restricted_to:
        return Policy(role_id)
    restrictions = tuple(
        Restriction(restriction["index"], frozenset(_texts(restriction.get("collections"))))
        for restriction in _objects(restricted_to)
        if type(restriction.get("index")) is str
    )
    return Policy(role_id, restrictions) if restrictions else None


def read_role(document: Document) -> Role:
    """The role that a document describes."""
    controllers = document.source.get("controllers")
    return Role(
        document.id,
        {
            name: dict(content["actions"])
            for name, content in (controllers.items() if isinstance(controllers, dict) else ())
            if isinstance(content, dict) and isinstance(content.get("actions"), dict)
        },
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if type(item) is str) if isinstance(value, list) else ()
