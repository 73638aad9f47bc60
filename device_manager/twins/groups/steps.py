"""What writing a group does to documents, its whole subtree included (device-manager 2.4). Pure.

Whoever puts something below a group, another group or a twin, writes the group too. So a decision that rests on a
search for what is below a group holds as long as all those groups have the versions that they had at the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.documents import Source, Stamp, changed, created
from device_manager.twins.groups.memberships import memberships, write_memberships
from device_manager.twins.groups.names import claim_name, folded, release_name
from device_manager.twins.groups.paths import (
    is_below,
    is_within,
    last_segment,
    moved,
    moved_memberships,
    parent_path,
    stored_path,
)
from device_manager.twins.places import GROUPS, group_key
from device_manager.twins.workspace import Workspace


class Subtrees(NamedTuple):
    """What a search found at and below some groups.

    Attributes:
        versions: group id -> its version then.
        twins: the assets and devices that are in those groups.
    """

    versions: Mapping[str, int] = {}
    twins: tuple[Key, ...] = ()

    def keys(self, engine: str) -> list[Key]:
        """What has to be loaded before any of those groups moves or goes."""
        return [*(group_key(engine, id) for id in self.versions), *self.twins]


class Outdated(Exception):
    """What was found before the transaction is not all there is any more: it has to be found again."""


def check_found(work: Workspace, engine: str, found: Subtrees) -> None:
    """Make sure that nothing came below the groups since they were found, and that nothing will until the commit.

    Raises:
        Outdated: something may have.
    """
    for id, version in found.versions.items():
        group = work.documents.get(group_key(engine, id))
        if group is None or group.version != version:
            raise Outdated


def check_path(work: Workspace, engine: str, id: str, path: Any) -> None:
    """Refuse a path that does not lead from a root over existing groups to the group `id`.

    Raises:
        ApiError: `device_manager.groups.path_not_text`, `wrong_path_end`, `unknown_parent` or `wrong_parent_path`.
    """
    if not isinstance(path, str):
        raise api_error("device_manager.groups.path_not_text")
    if last_segment(path) != id:
        raise api_error("device_manager.groups.wrong_path_end", path, id)
    above = parent_path(path)
    if path == id:
        return
    parent = group_key(engine, last_segment(above))
    if parent.id:
        work.load((parent,))
    group = work.documents.get(parent)
    if group is None:
        raise api_error("device_manager.groups.unknown_parent", parent.id)
    if stored_path(parent.id, group.source) != above:
        raise api_error("device_manager.groups.wrong_parent_path")


def create_group(work: Workspace, engine: str, id: str, content: Source, stamp: Stamp) -> Document:
    """Add a group of `{name, path, model, metadata}`, whose path was checked.

    Raises:
        ApiError: `device_manager.groups.name_taken`, `services.storage.document_already_exists`, and what the mapping
            refuses.
    """
    with work.as_one():
        claim_name(work, engine, id, content["name"])
        group = work.create(group_key(engine, id), created(content | {"lastUpdate": stamp.now}, stamp))
        write_parent(work, engine, content["path"])
    return group


def write_parent(work: Workspace, engine: str, path: str) -> None:
    """Tell those who search below the parent of `path` that there is more now."""
    if above := parent_path(path):
        key = group_key(engine, last_segment(above))
        work.replace(key, work.get(key).source)


def change_group(
    work: Workspace, engine: str, id: str, change: Source, found: Subtrees, stamp: Stamp, *, is_new: bool = False
) -> Document:
    """Give members of a group new values; with a new `path`, which was checked, its whole subtree moves along.

    Args:
        work: the documents; the group, and `found`, are loaded.
        engine: where it is.
        id: the group.
        change: its new members.
        found: the subtrees of all groups that move.
        stamp: who does it, and when.
        is_new: the group was made in this very transaction, so that nothing can be below that it does not know.

    Raises:
        ApiError: `device_manager.groups.name_taken` or `inside_itself`, and what the mapping refuses.
        Outdated: the subtree was not searched.
    """
    key = group_key(engine, id)
    before = work.get(key).source
    old, new = stored_path(id, before), change.get("path") or stored_path(id, before)
    renamed = "name" in change and folded(change["name"]) != folded(str(before.get("name")))
    if is_below(new, old):
        raise api_error("device_manager.groups.inside_itself", id, new)
    with work.as_one():
        if renamed:
            claim_name(work, engine, id, change["name"])
        work.replace(key, changed(before | change | {"lastUpdate": stamp.now}, stamp))
        if new != old:
            if not is_new and id not in found.versions:
                raise Outdated
            _move(work, engine, found, old, new, stamp)
            write_parent(work, engine, new)
        if renamed:
            release_name(work, engine, id, before.get("name"))
    return work.get(key)


def delete_group(work: Workspace, engine: str, id: str, found: Subtrees, stamp: Stamp) -> None:
    """Remove a group and the twins from it; what was below it becomes roots, with all that is in there.

    Args:
        work: the documents; the group, and `found`, are loaded.
        engine: where it is.
        id: the group.
        found: its subtree.
        stamp: who does it, and when.

    Raises:
        ApiError: what the mapping refuses.
    """
    key = group_key(engine, id)
    group = work.get(key).source
    with work.as_one():
        _move(work, engine, found, stored_path(id, group), "", stamp)
        release_name(work, engine, id, group.get("name"))
        work.delete(key)


def _move(work: Workspace, engine: str, found: Subtrees, old: str, new: str, stamp: Stamp) -> None:
    """Rewrite the paths of groups below `old`, and of twins in and below it."""
    for key, group in list(work.documents.items()):
        if key.index == engine and key.collection == GROUPS:
            path = stored_path(key.id, group.source)
            if is_below(path, old):
                change = {"path": moved(path, old, new), "lastUpdate": stamp.now}
                work.replace(key, changed(group.source | change, stamp))
    for key in found.twins:
        twin = work.documents.get(key)
        if twin is not None:
            entries = memberships(twin.source)
            if any(is_within(entry.get("path") or "", old) for entry in entries):
                write_memberships(work, key, moved_memberships(entries, old, new, stamp.now), stamp)
