"""Who there is, as one object: users, credentials, tokens, API keys, profiles and roles (router-protocol 5.2)."""

from __future__ import annotations

from device_manager.errors import api_error
from device_manager.security.api_keys import ApiKeys
from device_manager.security.documents import MAPPINGS, SECURITY_INDEX
from device_manager.security.guessing import Guessing
from device_manager.security.local import LocalStrategy
from device_manager.security.memory import SecurityMemory
from device_manager.security.password_policies import PasswordPolicies
from device_manager.security.password_resets import PasswordResets
from device_manager.security.passwords import Passwords
from device_manager.security.places import Collections
from device_manager.security.profiles import Profiles
from device_manager.security.roles import Roles
from device_manager.security.signing import Signer
from device_manager.security.tokens import Tokens
from device_manager.security.users import Users
from device_manager.settings import Settings
from device_manager.storage.contract import Store


class Accounts:
    """Users with all that is theirs, profiles and roles.

    Args:
        store: where everything is.
        collections: makes the collections of what goes with users.
        tokens: signs API keys.
        memory: knows users and profiles.
        settings: lifetimes and bounds.

    Attributes:
        api_keys: the documents of API keys.
        strategies: by name.
        local: the strategy with username and password.
        users, profiles, roles: their documents.
    """

    def __init__(
        self, store: Store, collections: Collections, tokens: Tokens, memory: SecurityMemory, settings: Settings
    ) -> None:
        self._store = store
        self.api_keys = ApiKeys(store, collections, tokens)
        self._passwords = Passwords(
            settings.password_threads,
            settings.logins_waiting,
            memory=settings.password_memory,
            passes=settings.password_passes,
        )
        self.local = LocalStrategy(
            store,
            collections,
            self._passwords,
            PasswordPolicies(settings.password_policies, memory),
            Guessing(settings.login_failures, settings.login_delay),
            PasswordResets(Signer(store, collections), settings.password_reset_lifetime),
            rehashes=settings.rehash_passwords,
        )
        self.strategies = {LocalStrategy.name: self.local}
        self.users = Users(store, collections, self.strategies, self.api_keys)
        self.profiles = Profiles(store)
        self.roles = Roles(store)

    def close(self) -> None:
        """Let go of the threads."""
        self._passwords.close()

    async def refresh(self, collection: str) -> None:
        """Make what was written to a collection visible to searches. Raises `api.assert.invalid_argument`."""
        if collection not in MAPPINGS:
            raise api_error("api.assert.invalid_argument", "collection", ", ".join(MAPPINGS))
        await self._store.refresh(SECURITY_INDEX, collection)

    def strategy(self, name: str) -> LocalStrategy:
        """A strategy by name. Raises `security.credentials.unknown_strategy` (400)."""
        strategy = self.strategies.get(name)
        if strategy is None:
            raise api_error("security.credentials.unknown_strategy", name)
        return strategy
