"""Who there is, as one object: users, credentials, tokens, API keys, profiles and roles (router-protocol 5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.plugins.strategies import LoginStrategy
from device_manager.security.api_keys import ApiKeys
from device_manager.security.closing import Closings
from device_manager.security.documents import MAPPINGS, PROFILES, ROLES, SECURITY_INDEX, USERS
from device_manager.security.guessing import Guessing
from device_manager.security.local import LocalStrategy
from device_manager.security.memory import SecurityMemory
from device_manager.security.password_policies import PasswordPolicies
from device_manager.security.password_resets import PasswordResets
from device_manager.security.passwords import Passwords
from device_manager.security.places import Collections
from device_manager.security.profiles import Profiles, shown_profile
from device_manager.security.reuse import Reuse
from device_manager.security.roles import Roles
from device_manager.security.searching import AccountSearch
from device_manager.security.signing import Signer
from device_manager.security.tokens import Tokens
from device_manager.security.users import Users
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.mappings import Mapping
from device_manager.storage.scrolling import Scrolling
from device_manager.storage.stamps import INFO


class Accounts:
    """Users with all that is theirs, profiles and roles.

    Args:
        store: where everything is.
        collections: makes the collections of what goes with users.
        tokens: signs API keys.
        memory: knows users and profiles.
        settings: lifetimes and bounds.

    Attributes:
        closings: closes users, profiles and roles before they are deleted.
        api_keys: the documents of API keys.
        strategies: those whose credentials are kept here, by name.
        logins: those of plugins, which only say who somebody is, by name.
        passwords: hashes them.
        guessing: makes guessing them slow.
        local: the strategy with username and password.
        users, profiles, roles: their documents.
        searches: of these, by the name of the collection.
    """

    def __init__(
        self, store: Store, collections: Collections, tokens: Tokens, memory: SecurityMemory, settings: Settings
    ) -> None:
        self._store = store
        self.closings = Closings(store, settings.recovery_grace)
        self.api_keys = ApiKeys(store, collections, tokens, self.closings)
        self.passwords = Passwords(
            settings.password_threads,
            settings.logins_waiting,
            memory=settings.password_memory,
            passes=settings.password_passes,
        )
        self.guessing = Guessing(settings.login_failures, settings.login_delay)
        self.local = LocalStrategy(
            store,
            collections,
            self.passwords,
            PasswordPolicies(settings.password_policies, memory),
            self.guessing,
            Reuse(self.passwords, Guessing(settings.login_failures, settings.login_delay)),
            self.closings,
            PasswordResets(Signer(store, collections), settings.password_reset_lifetime),
            rehashes=settings.rehash_passwords,
        )
        self.strategies = {LocalStrategy.name: self.local}
        self.logins: dict[str, LoginStrategy] = {}
        self.users = Users(store, collections, self.strategies, self.api_keys, self.closings)
        self.profiles = Profiles(store, self.closings)
        self.roles = Roles(store, self.closings)
        scrolling, limit = Scrolling(store, settings), settings.search_size
        self.searches = {
            USERS: AccountSearch(store, scrolling, USERS, limit),
            PROFILES: AccountSearch(store, scrolling, PROFILES, limit, shown_profile),
            ROLES: AccountSearch(store, scrolling, ROLES, limit),
        }

    def close(self) -> None:
        """Let go of the threads."""
        self.passwords.close()

    async def refresh(self, collection: str) -> None:
        """Make what was written to a collection visible to searches. Raises `api.assert.invalid_argument`."""
        if collection not in MAPPINGS:
            raise api_error("api.assert.invalid_argument", "collection", ", ".join(MAPPINGS))
        await self._store.refresh(SECURITY_INDEX, collection)

    async def mapping(self, collection: str) -> dict[str, Any]:
        """What `users`, `profiles` or `roles` map: `{dynamic, properties, _meta?}`."""
        mapping = await self._store.mappings(SECURITY_INDEX, collection)
        mapping["properties"].pop(INFO, None)
        return mapping

    async def update_mapping(self, collection: str, mapping: dict[str, Any], call: Call) -> dict[str, Any]:
        """Add to a mapping, for searches of what is written from now on.

        Raises:
            ApiError: `services.storage.invalid_mapping`, `cannot_change_mapping`, and their kin.
        """
        stored = Mapping.stored(await self._store.mappings(SECURITY_INDEX, collection))
        stored.merge(mapping)
        if not call.dry_run:
            await self._store.create_collection(SECURITY_INDEX, collection, mapping)
        return await self.mapping(collection)

    def add_logins(self, strategies: Iterable[tuple[str, LoginStrategy]]) -> None:
        """Add ways to log in, each with the plugin that brings it.

        Raises:
            ApiError: `plugin.strategy.invalid_description` for a name that is taken.
        """
        for owner, strategy in strategies:
            if strategy.name in self.strategies or strategy.name in self.logins:
                raise api_error("plugin.strategy.invalid_description", owner, strategy.name)
            self.logins[strategy.name] = strategy

    def strategy(self, name: str) -> LocalStrategy:
        """A strategy by name. Raises `security.credentials.unknown_strategy` (400)."""
        strategy = self.strategies.get(name)
        if strategy is None:
            raise api_error("security.credentials.unknown_strategy", name)
        return strategy
