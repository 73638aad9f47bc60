"""Forgetting all users, profiles and roles: a task that any process goes on with (router-protocol 5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search
from device_manager.security.accounts import Accounts
from device_manager.security.bootstrap import reopen, store_gateway_user
from device_manager.security.definitions import PROTECTED
from device_manager.security.documents import PROFILES, ROLES, SECURITY_INDEX, USERS
from device_manager.security.memory import raise_generation
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.tasks import Progress, TaskKind, TaskRecord, Tasks
from device_manager.tasks.locking import run_alone

RESET = "security-reset"
PAGE = 100
"""Users, profiles or roles that one step removes."""
COUNTS = {USERS: "deletedUsers", PROFILES: "deletedProfiles", ROLES: "deletedRoles"}
"""Collections in the order in which they are emptied, and how their numbers are called."""


class SecurityReset:
    """Makes users and rights what they are on a fresh store, where everybody may do everything.

    Args:
        store: where they are.
        accounts: removes users with all that is theirs.
        tasks: runs the work.
        may_open: whether everybody may be allowed to do everything on this server.
        payload_gateway: make the user of that name again.
    """

    def __init__(
        self, store: Store, accounts: Accounts, tasks: Tasks, *, may_open: bool, payload_gateway: bool = False
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._tasks = tasks
        self._may_open = may_open
        self._payload_gateway = payload_gateway
        tasks.register(TaskKind(RESET, self._step))

    async def reset(self, call: Call) -> TaskRecord:
        """Remove everybody and all rights; the task, which goes on if that takes more than a minute.

        Raises:
            ApiError: `api.process.action_locked` while it is being done already, `security.rights.would_open` on a
                server that strangers can reach, and what keeps the task from going on.
        """
        if not self._may_open:
            raise api_error("security.rights.would_open")
        return await run_alone(self._store, self._tasks, RESET, "users and rights are being reset", call)

    async def _step(self, arguments: dict[str, Any], cursor: Sequence[str] | None, progress: Progress) -> Any:
        """See `TaskKind`: the cursor names the collections that are left; rights come last, when nobody has them."""
        left = list(COUNTS) if cursor is None else list(cursor)
        counts = progress.result or dict.fromkeys(COUNTS.values(), 0)
        collection = left[0]
        removed = await self._remove_some(collection, Call(progress.user_id))
        progress.result = counts | {COUNTS[collection]: counts[COUNTS[collection]] + removed}
        progress.done += removed
        if removed:
            return left
        if left[1:]:
            return left[1:]
        await self._store.transact(lambda tx: reopen(tx, progress.user_id))
        if self._payload_gateway:
            await store_gateway_user(self._store)
        return None

    async def _remove_some(self, collection: str, call: Call) -> int:
        """Remove some of a collection; how many."""
        await self._store.refresh(SECURITY_INDEX, collection)
        kept = PROTECTED if collection != USERS else frozenset[str]()
        found = await self._store.search(SECURITY_INDEX, collection, Search(size=PAGE + len(kept)))
        ids = [hit.id for hit in found.hits if hit.id not in kept]
        if collection != USERS:
            keys = [Key(SECURITY_INDEX, collection, id) for id in ids]
            return await self._store.transact(lambda tx: _remove(tx, keys)) if keys else 0
        for id in ids:
            try:
                await self._accounts.users.delete(id, call)
            except ApiError as error:
                if error.id != "security.user.not_found":
                    raise
        return len(ids)


def _remove(tx: Transaction, keys: list[Key]) -> int:
    found = tx.read(keys)
    for key in found:
        tx.delete(key)
    raise_generation(tx)
    return len(found)
