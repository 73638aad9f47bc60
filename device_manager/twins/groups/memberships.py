"""Which groups a twin is in: the entries on the twin, with the history of assets (device-manager 1.7, 2.4). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.storage.contract import Document, Key
from device_manager.twins.documents import Source, Stamp, changed, groups_event, history_entry
from device_manager.twins.patches import CHANGEABLE, Patch, patched
from device_manager.twins.places import ASSETS
from device_manager.twins.workspace import Workspace

NO_PATCH: Patch = {}


def memberships(twin: Source) -> list[Source]:
    """The `{path, date}` entries of a twin, one for each group that it is in."""
    return twin.get("groups") or []


def paths_of(entries: Sequence[Source]) -> list[str]:
    """The paths of entries."""
    return [entry["path"] for entry in entries if "path" in entry]


def with_membership(twin: Source, path: str, now: int) -> list[Source]:
    """The entries of a twin that is in the group at `path` too; one that is there already keeps its date."""
    entries = memberships(twin)
    return entries if path in paths_of(entries) else [*entries, {"path": path, "date": now}]


def without_membership(twin: Source, path: str) -> list[Source]:
    """The entries of a twin that is not in the group at `path`, whatever groups below it is in."""
    return [entry for entry in memberships(twin) if entry.get("path") != path]


def write_memberships(
    work: Workspace, key: Key, entries: list[Source], stamp: Stamp, patch: Patch = NO_PATCH
) -> Document:
    """Put a loaded twin into the groups of `entries`; the history of an asset tells of it.

    Args:
        work: the documents.
        key: the twin.
        entries: its new entries; nothing happens when they are those that it has.
        stamp: who does it, and when.
        patch: what pipes want changed in its metadata beside.

    Raises:
        ApiError: what the mapping refuses.
    """
    twin = work.get(key)
    before = memberships(twin.source)
    if entries == before and not patch:
        return twin
    source = twin.source | {"groups": entries}
    if patch:
        source |= {CHANGEABLE: patched(source.get(CHANGEABLE), patch)}
    source = changed(source, stamp)
    event = groups_event(before=paths_of(before), after=paths_of(entries))
    history = [history_entry(key.id, source, event)] if key.collection == ASSETS else []
    work.write(key.index, [(key, source)], history)
    return work.get(key)
