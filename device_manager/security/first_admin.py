"""Making the first administrator, and closing the platform to strangers (router-protocol 5.10, design 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.security.bootstrap import restrict
from device_manager.security.closing import Closings, opened
from device_manager.security.definitions import ADMIN
from device_manager.security.documents import SECURITY_INDEX, USERS, profile_key, user_key
from device_manager.security.searching import Hit
from device_manager.security.users import Content, Users
from device_manager.storage.contract import Store, Transaction
from device_manager.storage.steps import step


class FirstAdmin:
    """Takes a platform out of the state in which everybody may do everything."""

    def __init__(self, store: Store, users: Users, closings: Closings) -> None:
        self._store = store
        self._users = users
        self._closings = closings

    async def create(
        self, kuid: str, content: Content, credentials: Mapping[str, Any], call: Call, *, reset: bool = False
    ) -> Hit:
        """Add a user of the profile `admin`, unless there is one.

        Args:
            kuid: id of the new user.
            content: what is stored of the user beside the profile.
            credentials: by strategy.
            call: the caller.
            reset: restrict what strangers and users of the profile `default` may do, in the same transaction.

        Raises:
            ApiError: `api.process.admin_exists` (412), `api.assert.forbidden_argument` for `profileIds`, and what
                `Users.create` raises.
        """
        if "profileIds" in content:
            raise api_error("api.assert.forbidden_argument", "body.content.profileIds")
        self._users.check_new(kuid)
        content = content | {"profileIds": [ADMIN]}
        new = await self._users.prepare(credentials, kuid, [ADMIN])
        if await self.is_made():  # most often, and then nothing has to be closed
            raise api_error("api.process.admin_exists")
        key = profile_key(ADMIN)

        def decide(tx: Transaction, admins: int) -> Hit:
            if admins:
                raise api_error("api.process.admin_exists")
            if user_key(kuid) in tx.read((user_key(kuid),)):
                raise api_error("security.user.already_exists", kuid)
            profile = tx.read((key,)).get(key)
            if profile is not None:
                tx.replace(key, opened(profile.source))
            if reset:
                restrict(tx, call.user_id)
            return self._users.add(tx, kuid, content, new, call.user_id)

        # As long as the profile is closed nobody else gets it, so two first administrators cannot be made at once.
        return await self._closings.decide(key, self._admins, decide, call)

    async def is_made(self) -> bool:
        """Whether some user has the profile `admin`."""
        return await self._admins() > 0

    async def _admins(self) -> int:
        await self._store.refresh(SECURITY_INDEX, USERS)
        return (await self._store.search(SECURITY_INDEX, USERS, Search(query=Term("profileIds", ADMIN), size=0))).total

    @step
    async def restrict_default_rights(self, call: Call) -> None:
        """Leave strangers no more than logging in."""
        await self._store.transact(lambda tx: restrict(tx, call.user_id), dry_run=call.dry_run, refresh=call.refresh)
