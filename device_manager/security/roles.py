"""Roles: which actions may be used (router-protocol 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.query.search import Search
from device_manager.query.tree import Term
from device_manager.security.closing import Closings
from device_manager.security.definitions import ANONYMOUS, PROTECTED
from device_manager.security.documents import PROFILES, ROLES, SECURITY_INDEX, read_role, role_key
from device_manager.security.memory import raise_generation
from device_manager.security.native_actions import Actions, check_names
from device_manager.security.searching import Hit
from device_manager.security.users import hit_of
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.stamps import INFO, changed, created, stamp_now
from device_manager.storage.steps import step

Content = dict[str, Any]


class Roles:
    """Reads and writes roles.

    Args:
        store: where they are.
        closings: closes those that are deleted.

    Attributes:
        actions: the actions that this server has, by controller, which roles may name; whoever has the controllers
            sets it.
    """

    def __init__(self, store: Store, closings: Closings) -> None:
        self._store = store
        self._closings = closings
        self.actions: Actions = {}

    @step
    async def create(self, id: str, content: Content, call: Call, *, force: bool = False) -> Hit:
        """Add a role. Raises `services.storage.document_already_exists`, and what `put` raises."""
        content = self._checked(id, content, force=force)
        key = role_key(id)

        def decide(tx: Transaction) -> Hit:
            raise_generation(tx)
            return hit_of(tx.create(key.index, key.collection, created(content, stamp_now(call.user_id)), id))

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)

    @step
    async def put(self, id: str, content: Content, call: Call, *, force: bool = False, must_exist: bool = False) -> Hit:
        """Add a role or replace all of it; with `must_exist` only replace.

        Raises:
            ApiError: a 400 that names the wrong part, `security.role.unknown_controller`, `unknown_action`,
                `login_required`, `not_found`.
        """
        content = self._checked(id, content, force=force)
        key = role_key(id)

        def decide(tx: Transaction) -> Hit:
            stored = tx.read((key,)).get(key)
            stamp = stamp_now(call.user_id)
            if stored is None and must_exist:
                raise api_error("security.role.not_found", id)
            raise_generation(tx)
            if stored is None:
                return hit_of(tx.create(key.index, key.collection, created(content, stamp), id))
            return hit_of(tx.replace(key, changed({INFO: stored.source.get(INFO), **content}, stamp)))

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)

    def _checked(self, id: str, content: Content, *, force: bool) -> Content:
        controllers = check_role(content)
        check_names(id, controllers, self.actions, force=force)
        content = {name: value for name, value in content.items() if name != INFO}
        if id == ANONYMOUS and not read_role(Document(id, content, 0)).allows("auth", "login"):
            raise api_error("security.role.login_required")
        return content

    @step
    async def delete(self, id: str, call: Call) -> None:
        """Delete a role that no profile has; none gets it meanwhile.

        Raises:
            ApiError: `security.role.cannot_delete`, `not_found`, `in_use`.
        """
        if id in PROTECTED:
            raise api_error("security.role.cannot_delete")
        key = role_key(id)

        def decide(tx: Transaction, is_used: bool) -> None:
            if key not in tx.read((key,)):
                raise api_error("security.role.not_found", id)
            if is_used:
                raise api_error("security.role.in_use", id)
            tx.delete(key)
            raise_generation(tx)

        await self._closings.decide(key, lambda: self._is_used(id), decide, call)

    async def _is_used(self, role_id: str) -> bool:
        await self._store.refresh(SECURITY_INDEX, PROFILES)
        search = Search(query=Term("policies.roleId", role_id), size=0)
        return (await self._store.search(SECURITY_INDEX, PROFILES, search)).total > 0

    async def get_many(self, ids: Sequence[str]) -> list[Hit]:
        """Roles in the order of `ids`. Raises `security.role.not_found` for the first that does not exist."""
        documents = await self._store.read([role_key(id) for id in ids])
        for id in ids:
            if role_key(id) not in documents:
                raise api_error("security.role.not_found", id)
        return [hit_of(documents[role_key(id)]) for id in ids]

    async def about(self, controllers: Sequence[str], offset: int, size: int) -> Content:
        """Roles that say something about one of `controllers`, those about all controllers (`*`) included.

        Args:
            controllers: names; none of them stands for all.
            offset: roles to leave out.
            size: most roles.

        Returns:
            `{hits, total}`.
        """
        wanted = {*controllers, "*"}
        pages = self._store.scan(SECURITY_INDEX, ROLES)
        hits = [
            hit_of(role)
            async for page in pages
            for role in page
            if not controllers or wanted & role.source.get("controllers", {}).keys()
        ]
        hits.sort(key=lambda hit: str(hit["_id"]))
        return {"hits": hits[offset : offset + size], "total": len(hits)}


def check_role(content: Content) -> dict[str, dict[str, Any]]:
    """The actions by controller of a role. Raises a 400 that names the part which is missing or of the wrong type."""
    if "controllers" not in content:
        raise api_error("api.assert.missing_argument", "body.controllers")
    controllers = content["controllers"]
    if not isinstance(controllers, dict):
        raise api_error("api.assert.invalid_type", "body.controllers", "object")
    if not controllers:
        raise api_error("api.assert.empty_argument", "body.controllers")
    return {name: _check_controller(value, f"body.controllers.{name}") for name, value in controllers.items()}


def _check_controller(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise api_error("api.assert.invalid_type", where, "object")
    for name in value:
        if name != "actions":
            raise api_error("api.assert.unexpected_argument", f"{where}.{name}", "actions")
    if "actions" not in value:
        raise api_error("api.assert.missing_argument", f"{where}.actions")
    actions = value["actions"]
    if not isinstance(actions, dict):
        raise api_error("api.assert.invalid_type", f"{where}.actions", "object")
    if not actions:
        raise api_error("api.assert.empty_argument", f"{where}.actions")
    for name, allowed in actions.items():
        if not isinstance(allowed, bool):
            raise api_error("api.assert.invalid_type", f"{where}.actions.{name}", "boolean")
    return actions
