"""Finding all that belongs to groups: the groups below them, and the twins in any of these (device-manager 2.4)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Store
from device_manager.twins.groups.paths import stored_path, within
from device_manager.twins.groups.steps import Outdated, Subtrees
from device_manager.twins.places import ASSETS, DEVICES, GROUPS, group_key

ATTEMPTS = 8
"""How often something is searched again because others changed it meanwhile."""
PAUSE = 0.02
"""Seconds of the first pause between two attempts; each further one is twice as long, with jitter."""

PATHS_AT_ONCE = 100
"""Groups below which one search looks: stores bound the number of clauses."""

T = TypeVar("T")


async def find_subtrees(store: Store, engine: str, roots: dict[str, str], limit: int) -> Subtrees:
    """All groups at and below `roots`, and the twins in them, every acknowledged write seen.

    Args:
        store: where they are.
        engine: where the groups are.
        roots: group id -> path, of the groups that move or go.
        limit: most documents.

    Raises:
        ApiError: `device_manager.groups.subtree_too_large`.
        Outdated: groups changed meanwhile, or are not where `roots` says.
    """
    if not roots:
        return Subtrees()
    groups = await _settled_groups(store, engine, roots)
    twins: dict[Key, Document] = {}
    for collection in (ASSETS, DEVICES):
        twins |= await _scan_within(store, engine, collection, "groups.path", roots)
    if len(groups) + len(twins) > limit:
        raise api_error("device_manager.groups.subtree_too_large", len(groups) + len(twins), limit)
    return Subtrees({group.id: group.version for group in groups}, tuple(twins))


async def _scan_within(
    store: Store, engine: str, collection: str, field: str, roots: dict[str, str]
) -> dict[Key, Document]:
    """The documents of a collection that have a path at or below `roots`, in searches of a bounded size."""
    await store.refresh(engine, collection)
    found: dict[Key, Document] = {}
    paths = list(roots.values())
    for begin in range(0, len(paths), PATHS_AT_ONCE):
        query = within(field, paths[begin : begin + PATHS_AT_ONCE])
        async for page in store.scan(engine, collection, query):
            found |= {Key(engine, collection, document.id): document for document in page}
    return found


async def _settled_groups(store: Store, engine: str, roots: dict[str, str]) -> Collection[Document]:
    """The groups, none of them written by a transaction that is undecided: what that does to twins is not found yet.

    Raises:
        Outdated: one of them changed meanwhile, or is elsewhere.
    """
    seen = await _scan_within(store, engine, GROUPS, "path", roots)
    keys = {*seen, *(group_key(engine, id) for id in roots)}
    settled = await store.transact(lambda tx: tx.read(keys), dry_run=True)
    if any(key not in settled or settled[key].version != group.version for key, group in seen.items()):
        raise Outdated
    for id, path in roots.items():
        root = settled.get(group_key(engine, id))
        if root is None or stored_path(id, root.source) != path:
            raise Outdated
    return settled.values()


async def again(attempt: Callable[[], Awaitable[T]], subject: str) -> T:
    """Repeat `attempt` while it raises Outdated.

    Args:
        attempt: finds something and acts on it.
        subject: the id of what it is about.

    Raises:
        ApiError: what `attempt` raises, `services.storage.too_many_changes`.
    """
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except Outdated:
            await asyncio.sleep(PAUSE * 2**number * random.uniform(0.5, 1))  # noqa: S311  # jitter
    raise api_error("services.storage.too_many_changes", subject)
