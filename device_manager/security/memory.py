"""Users, profiles and roles that a process keeps in memory, and how they stay current (design 6).

Roles and profiles are few and all of them are there. Users may be many: they are read when they are first asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from device_manager.errors import ApiError
from device_manager.security.documents import (
    ANONYMOUS,
    ANONYMOUS_USER,
    MAPPINGS,
    PROFILES,
    ROLES,
    SECURITY_INDEX,
    USERS,
    Profile,
    Role,
    User,
    read_profile,
    read_role,
    read_user,
    user_key,
)
from device_manager.storage import generation as storage
from device_manager.storage.contract import Change, Store, Transaction
from device_manager.storage.generation import Generation, generation_key

GENERATION = generation_key("security")

MOST_USERS = 10_000
"""Users in memory at once; when there are more, all are forgotten and read again."""


def raise_generation(tx: Transaction) -> None:
    """Tell all processes that a user, a profile or a role changes with this commit."""
    storage.raise_generation(tx, GENERATION)


class SecurityMemory:
    """Users, profiles and roles by id.

    Attributes:
        version: grows with each change of what memory holds; decisions that rest on it hold until then.
        generation: keeps memory current.
    """

    def __init__(self, store: Store) -> None:
        self.version = 0
        self._store = store
        self._roles: dict[str, Role] = {}
        self._profiles: dict[str, Profile] = {}
        self._users: dict[str, User] = {}
        self._listeners: list[Callable[[], None]] = []
        self.generation = Generation(store, GENERATION, self, "users and rights")

    async def start(self) -> None:
        """Create the collections that are missing, read roles and profiles, then stay current.

        Raises:
            ApiError: the store does not answer.
        """
        await asyncio.gather(*(self._create(collection, mapping) for collection, mapping in MAPPINGS.items()))
        await self.generation.start()

    async def _create(self, collection: str, mapping: dict[str, object]) -> None:
        try:
            await self._store.create_collection(SECURITY_INDEX, collection, mapping)
        except ApiError as error:
            # Data of another making may map a field differently; searches by it are then what that mapping allows.
            if error.id != "services.storage.cannot_change_mapping":
                raise

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each change of what users may do."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        self.version += 1
        for listener in self._listeners:
            listener()

    async def close(self) -> None:
        """Stop looking for changes."""
        await self.generation.close()

    @property
    def is_trusted(self) -> bool:
        """Whether what memory holds may be used without `ensure`."""
        return self.generation.is_trusted

    async def ensure(self) -> None:
        """Make sure that memory may be trusted.

        Raises:
            ApiError: `services.storage.unavailable` (503) when it is too old and the store does not answer.
        """
        await self.generation.ensure()

    def role(self, id: str) -> Role | None:
        """A role; None if there is none."""
        return self._roles.get(id)

    def profile(self, id: str) -> Profile | None:
        """A profile; None if there is none."""
        return self._profiles.get(id)

    def known_user(self, kuid: str) -> User | None:
        """A user that memory holds; the anonymous one always."""
        return ANONYMOUS_USER if kuid == ANONYMOUS else self._users.get(kuid)

    async def user(self, kuid: str) -> User | None:
        """A user, read from the store when memory does not hold it; None if there is none.

        Raises:
            ApiError: the store does not answer.
        """
        known = self.known_user(kuid)
        if known is not None:
            return known
        version, key = self.version, user_key(kuid)
        document = (await self._store.read_committed((key,))).get(key)
        if document is None:
            return None
        user = read_user(document)
        if version == self.version:  # else what was read may be older than a change that memory has seen
            if len(self._users) >= MOST_USERS:
                self._users.clear()
            self._users[kuid] = user
        return user

    async def read(self) -> Callable[[], None]:
        """Read all roles and profiles; see `Memory.read`."""
        roles = [read_role(document) for document in await self._store.read_collection(SECURITY_INDEX, ROLES)]
        profiles = [read_profile(document) for document in await self._store.read_collection(SECURITY_INDEX, PROFILES)]

        def take_over() -> None:
            self._roles = {role.id: role for role in roles}
            self._profiles = {profile.id: profile for profile in profiles}
            self._users = {}
            self._tell()

        return take_over

    def apply(self, change: Change) -> bool:
        """Take over a committed change; see `Memory.apply`."""
        index, collection, id = change.key
        if index != SECURITY_INDEX or collection not in MAPPINGS:
            return False
        after = change.after
        if collection == USERS:
            self._users.pop(id, None)
        elif after is None:
            (self._roles if collection == ROLES else self._profiles).pop(id, None)
        elif collection == ROLES:
            self._roles[id] = read_role(after)
        else:
            self._profiles[id] = read_profile(after)
        self._tell()
        return True


def profiles_of(memory: SecurityMemory, user: User) -> list[Profile]:
    """The profiles of a user; ids of profiles that are gone count for nothing."""
    return [profile for id in user.profile_ids if (profile := memory.profile(id)) is not None]
