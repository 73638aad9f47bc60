"""Users and rights as one object: wires the parts and prepares what the platform needs (design 8)."""

from __future__ import annotations

from device_manager.security.accounts import Accounts
from device_manager.security.bootstrap import is_open, store_gateway_user, store_missing
from device_manager.security.first_admin import FirstAdmin
from device_manager.security.foreign_credentials import ForeignCredentials
from device_manager.security.guard import RightsGuard
from device_manager.security.memory import SecurityMemory
from device_manager.security.places import Collections
from device_manager.security.tokens import Tokens
from device_manager.settings import Settings
from device_manager.storage.contract import Store


class Security:
    """Who may do what.

    Attributes:
        memory: users, profiles and roles.
        collections: makes the other collections when they are first needed.
        tokens: session tokens and API keys.
        accounts: users, credentials, API keys, profiles and roles, to read and write.
        first_admin: takes the platform out of its open state.
        foreign_credentials: of other systems' clients.
        guard: judges requests.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self.memory = SecurityMemory(store)
        self.collections = Collections(store)
        self.tokens = Tokens(store, self.collections, settings)
        self.accounts = Accounts(store, self.collections, self.tokens, self.memory, settings)
        self.first_admin = FirstAdmin(store, self.accounts.users, self.accounts.closings)
        self.foreign_credentials = ForeignCredentials(
            store, self.collections, self.memory, self.accounts, settings.platform_index
        )
        self.guard = RightsGuard(
            self.memory,
            self.tokens,
            settings.platform_index,
            cookies=settings.cookie_auth,
            proxies=settings.trusted_proxies,
        )

    async def start(self, *, payload_gateway: bool = False) -> None:
        """Store the roles and profiles that are missing, then follow what this and other processes change.

        Args:
            payload_gateway: make the user of that name too, if it is missing.

        Raises:
            ApiError: the store does not answer.
        """
        await self.memory.start()
        await store_missing(self._store)
        if payload_gateway:
            await store_gateway_user(self._store)
        await self.tokens.start()

    async def stop(self) -> None:
        """Stop following."""
        await self.tokens.stop()
        await self.memory.close()
        self.accounts.close()

    @property
    def is_open(self) -> bool:
        """Whether callers who did not log in may do everything; known once started."""
        return is_open(self.memory)
