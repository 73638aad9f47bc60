"""What pipes may change of a twin, kept as a merge patch until the commit (design 5). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_manager.storage.sources import REMOVED
from device_manager.storage.sources import patched as patched

Source = dict[str, Any]
Patch = dict[str, Any]
"""Metadata member -> new value, `REMOVED`, or a `Patch` of the members below. Empty: nothing changes."""

CHANGEABLE = "metadata"


def forbidden_change(stored: Source, left: Any) -> str | None:
    """The member of `{_id, _source}` beside the metadata that `left` changed, None when there is none."""
    if not isinstance(left, dict) or not isinstance(left.get("_source"), dict):
        return "_source"
    if left.get("_id") != stored["_id"]:
        return "_id"
    before, after = stored["_source"], left["_source"]
    for name in before.keys() | after.keys():
        if name != CHANGEABLE and (name not in before or name not in after or before[name] != after[name]):
            return f"_source.{name}"
    if not isinstance(after.get(CHANGEABLE, {}), dict):
        return f"_source.{CHANGEABLE}"
    return None


def difference(before: Source, after: Source) -> Patch:
    """The patch that leads from `before` to `after`."""
    patch: Patch = {name: REMOVED for name in before if name not in after}
    for name, value in after.items():
        known = before.get(name, REMOVED)
        if isinstance(known, dict) and isinstance(value, dict):
            if below := difference(known, value):
                patch[name] = below
        elif known is REMOVED or known != value or type(known) is not type(value):
            patch[name] = value
    return patch


def patched_paths(patch: Patch, above: str = "") -> Iterator[str]:
    """Dotted paths of what the patch touches, as history entries name them."""
    for name, value in patch.items():
        if isinstance(value, dict):
            yield from patched_paths(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
