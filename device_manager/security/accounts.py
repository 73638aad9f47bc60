"""Who there is, as one object: users, credentials, tokens, API keys, profiles and roles (router-protocol 5.2)."""

from __future__ import annotations

from collections.abc import Callable

from device_manager.errors import api_error
from device_manager.security.api_keys import ApiKeys
from device_manager.security.local import LocalStrategy
from device_manager.security.memory import SecurityMemory
from device_manager.security.native_actions import Actions
from device_manager.security.passwords import Passwords
from device_manager.security.places import Collections
from device_manager.security.profiles import Profiles
from device_manager.security.roles import Roles
from device_manager.security.tokens import Tokens
from device_manager.security.users import Users
from device_manager.settings import Settings
from device_manager.storage.contract import Store


class Accounts:
    """Wires the parts. Call `start` before anything else and `stop` at the end.

    Args:
        store: where everything is.
        settings: lifetimes and bounds.
        actions: the actions that this server has, by controller: what roles may name.

    Attributes:
        memory: users, profiles and roles as decisions about rights need them.
        tokens: session tokens, and the verification of API keys.
        api_keys: their documents.
        strategies: by name.
        users, profiles, roles: their documents.
        settings: as given.
    """

    def __init__(self, store: Store, settings: Settings, actions: Callable[[], Actions]) -> None:
        collections = Collections(store)
        self.settings = settings
        self.memory = SecurityMemory(store)
        self.tokens = Tokens(store, collections, settings)
        self.api_keys = ApiKeys(store, collections, self.tokens)
        self._passwords = Passwords(settings.password_threads, settings.logins_waiting)
        self.strategies = {LocalStrategy.name: LocalStrategy(store, collections, self._passwords)}
        self.users = Users(store, collections, self.strategies, self.api_keys)
        self.profiles = Profiles(store)
        self.roles = Roles(store, actions)

    async def start(self) -> None:
        """Prepare the collections, read profiles and roles, and follow what other processes change.

        Raises:
            ApiError: the store does not answer.
        """
        await self.memory.start()
        await self.tokens.start()

    async def stop(self) -> None:
        """Stop following, and let go of the threads."""
        await self.tokens.stop()
        await self.memory.close()
        self._passwords.close()

    def strategy(self, name: str) -> LocalStrategy:
        """A strategy by name. Raises `security.credentials.unknown_strategy` (400)."""
        strategy = self.strategies.get(name)
        if strategy is None:
            raise api_error("security.credentials.unknown_strategy", name)
        return strategy
