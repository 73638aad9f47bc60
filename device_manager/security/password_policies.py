"""What passwords have to be like, and how long they are good (router-protocol 5.2)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.security.definitions import ADMIN
from device_manager.security.documents import User
from device_manager.security.lifetimes import read_lifetime
from device_manager.security.memory import SecurityMemory, profiles_of
from device_manager.settings import InvalidSettings, PasswordPolicy
from device_manager.storage.stamps import changed_at

PLUGIN = "plugin.kuzzle-plugin-auth-passport-local"
_FLAGGED = re.compile(r"/(?P<pattern>.*?)/(?P<flags>[gismuy]+)", re.DOTALL)
_FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}


class Rule(NamedTuple):
    """A policy, ready to be applied.

    Attributes:
        policy: as it was configured.
        expires_after: milliseconds; None for never.
        pattern: what passwords match.
    """

    policy: PasswordPolicy
    expires_after: int | None
    pattern: re.Pattern[str] | None

    def concerns(self, kuid: str, profile_ids: Iterable[str], role_ids: Iterable[str]) -> bool:
        """Whether the policy is about a user with these profiles and roles."""
        whom = self.policy.applies_to
        return whom == "*" or (
            kuid in whom.users or not whom.profiles.isdisjoint(profile_ids) or not whom.roles.isdisjoint(role_ids)
        )


class Rules(NamedTuple):
    """The policies of one user."""

    kuid: str
    rules: Sequence[Rule]
    is_admin: bool

    @property
    def remembered(self) -> int:
        """How many of the last passwords, the one in use among them, must not be taken again."""
        return max((rule.policy.forbid_reused_password_count for rule in self.rules), default=0)

    def check(self, username: str, password: str) -> None:
        """Refuse a new password. Raises `login_in_password`, `weak_password` of the local strategy (400)."""
        for rule in self.rules:
            if rule.policy.forbid_login_in_password and username and username.lower() in password.lower():
                raise api_error(f"{PLUGIN}.login_in_password")
            if rule.pattern is not None and not rule.pattern.search(password):
                raise api_error(f"{PLUGIN}.weak_password")

    def objection(self, stored: Mapping[str, Any]) -> ApiError | None:
        """Why nobody may log in with these credentials any more: `expired_password`, `must_change_password` (401)."""
        now = time.time() * 1000
        since = changed_at(dict(stored))
        if any(rule.expires_after is not None and now > since + rule.expires_after for rule in self.rules):
            return api_error(f"{PLUGIN}.expired_password")
        by_others = "updater" in stored and stored["updater"] != self.kuid
        changes = any(rule.policy.must_change_password_if_set_by_admin for rule in self.rules)
        return api_error(f"{PLUGIN}.must_change_password") if by_others and changes and not self.is_admin else None


class PasswordPolicies:
    """The policies of the platform.

    Args:
        policies: by name.
        memory: knows users and profiles.

    Raises:
        InvalidSettings: a duration or a pattern that cannot be read.
    """

    def __init__(self, policies: Mapping[str, PasswordPolicy], memory: SecurityMemory) -> None:
        self._rules = [_rule(name, policy) for name, policy in policies.items()]
        self._memory = memory

    async def of(self, kuid: str, profile_ids: Sequence[str] | None = None) -> Rules:
        """The policies of a user.

        Args:
            kuid: id of the user.
            profile_ids: of a user who is not stored yet.

        Raises:
            ApiError: the store does not answer.
        """
        if not self._rules:
            return Rules(kuid, (), is_admin=False)
        await self._memory.ensure()
        user = await self._memory.user(kuid) if profile_ids is None else None
        user = user or User(kuid, tuple(profile_ids or ()))
        roles = {policy.role_id for profile in profiles_of(self._memory, user) for policy in profile.policies}
        return Rules(
            kuid,
            [rule for rule in self._rules if rule.concerns(kuid, user.profile_ids, roles)],
            is_admin=ADMIN in roles,
        )


def _rule(name: str, policy: PasswordPolicy) -> Rule:
    try:
        expires_after = None if policy.expires_after is None else read_lifetime(policy.expires_after, 0)
        pattern = _pattern(policy.password_regex) if policy.password_regex else None
    except (ApiError, re.error) as error:
        raise InvalidSettings(f'Unusable setting "password_policies": "{name}": {error}') from error
    if expires_after == -1:
        raise InvalidSettings(f'Unusable setting "password_policies": "{name}": expiresAfter has to be above 0.')
    return Rule(policy, expires_after, pattern)


def _pattern(text: str) -> re.Pattern[str]:
    """A regular expression, plain or as `/pattern/flags`."""
    match = _FLAGGED.match(text)
    if match is None:
        return re.compile(text)
    flags = re.NOFLAG
    for flag in match["flags"]:
        flags |= _FLAGS.get(flag, re.NOFLAG)
    return re.compile(match["pattern"].replace("\\/", "/"), flags)
