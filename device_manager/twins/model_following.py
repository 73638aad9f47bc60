"""Twins as their model wants them: the slots of every twin, and the metadata fields of assets (device-manager 2.5)."""

from __future__ import annotations

from device_manager.twins.documents import Source, asset_metadata
from device_manager.twins.models import Model


def concerns_twins(before: Model | None, after: Model) -> bool:
    """Whether twins may have to change when a model does; before it is None, they may be of one that was deleted."""
    if after.kind not in ("asset", "device"):
        return False
    if before is None or before.measures != after.measures:
        return True
    if after.kind == "device":
        return False
    old, new = ((model.metadata_mappings.keys(), model.default_metadata) for model in (before, after))
    return old != new


def followed(twin: Source, model: Model) -> Source:
    """The twin with the slots of its model, an asset with its metadata fields too; itself when it has them already."""
    new: Source = {"measureSlots": model.measures}
    if model.kind == "asset":
        known = twin.get("metadata") or {}
        initial = asset_metadata(model.metadata_mappings, model.default_metadata, {})
        new["metadata"] = {name: known[name] if name in known else initial[name] for name in model.metadata_mappings}
    return twin if all(twin.get(name) == value for name, value in new.items()) else twin | new
