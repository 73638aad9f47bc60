"""The decision whether a user may do something, and where (router-protocol 5.10, design 8). Pure functions.

The policies of all profiles of a user add up. One that is not restricted grants an action everywhere; restricted ones
grant it in the indices, or the collections, that they list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from device_manager.security.documents import Policy, Profile, Role

ANY = "*"

Collections = frozenset[str] | None
"""The collections of an index that a right covers, None for all."""
RoleOf = Callable[[str], Role | None]


class Grant(NamedTuple):
    """Where a user may perform an action.

    Attributes:
        indices: the indices with their collections; None for everywhere.
        rate: requests a second that the user may make; 0 for any number.
    """

    indices: Mapping[str, Collections] | None = None
    rate: int = 0

    def covers(self, index: str, collection: str | None) -> bool:
        """Whether the action may be performed there; listed collections cover no request that names none."""
        if self.indices is None:
            return True
        if index not in self.indices:
            return False
        collections = self.indices[index]
        return collections is None or collection in collections

    def engines(self, collection: str | None) -> frozenset[str] | None:
        """The indices where the action may be performed on `collection`, None for all."""
        if self.indices is None:
            return None
        return frozenset(index for index in self.indices if self.covers(index, collection))


EVERYWHERE = Grant()


def grant(profiles: Iterable[Profile], role_of: RoleOf, controller: str, action: str) -> Grant | None:
    """Where users with these profiles may perform an action; None for nowhere. Unknown roles grant nothing."""
    found = [
        policy
        for profile in profiles
        for policy in profile.policies
        if (role := role_of(policy.role_id)) is not None and role.allows(controller, action)
    ]
    if not found:
        return None
    if any(not policy.restricted_to for policy in found):
        return EVERYWHERE
    return Grant(_indices(found))


def _indices(policies: Iterable[Policy]) -> dict[str, Collections]:
    indices: dict[str, Collections] = {}
    for policy in policies:
        for index, collections in policy.restricted_to:
            known = indices.get(index, frozenset())
            indices[index] = known | collections if collections and known is not None else None
    return indices


def rate_of(profiles: Iterable[Profile]) -> int:
    """Requests a second of users with these profiles: what the most generous one allows, 0 for any number."""
    rates = [profile.rate_limit for profile in profiles]
    return 0 if 0 in rates else max(rates, default=0)


def rights_list(profiles: Iterable[Profile], role_of: RoleOf) -> list[dict[str, Any]]:
    """All rights of users with these profiles, as SDKs read them: `{controller, action, index, collection, value}`.

    `*` stands for all; `value` is `allowed` or `denied`, and what any policy allows is allowed.
    """
    values: dict[tuple[str, str, str, str], bool] = {}
    for profile in profiles:
        for policy in profile.policies:
            role = role_of(policy.role_id)
            for controller, actions in role.controllers.items() if role is not None else ():
                for action, allowed in actions.items():
                    for index, collection in _places(policy):
                        place = (controller, action, index, collection)
                        values[place] = values.get(place, False) or allowed is True
    return [
        {
            "controller": controller,
            "action": action,
            "index": index,
            "collection": collection,
            "value": "allowed" if allowed else "denied",
        }
        for (controller, action, index, collection), allowed in values.items()
    ]


def _places(policy: Policy) -> list[tuple[str, str]]:
    if not policy.restricted_to:
        return [(ANY, ANY)]
    return [
        (index, collection)
        for index, collections in policy.restricted_to
        for collection in sorted(collections) or [ANY]
    ]
