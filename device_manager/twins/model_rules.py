"""What a model has to keep to be written, by whatever door it comes (device-manager 2.5). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from device_manager.errors import api_error
from device_manager.storage.mappings import Mapping
from device_manager.twins.documents import leaf_paths
from device_manager.twins.models import Model, ModelKind, Models, Source
from device_manager.twins.value_schemas import check_schema

PASCAL_CASE = re.compile(r"(?:[A-Z][A-Za-z]*|\d*(?:1st|2nd|3rd|(?![123])\dth)(?=$|[A-Z])|\d+(?![a-z]))*")
"""Words with a capital each; digits end a word; English ordinals may stay as they are."""

CONFLICT_NAMES: dict[ModelKind, str] = {"measure": "measures", "device": "devices", "asset": "assets", "group": "group"}
FREE_SHAPES = frozenset({"geo_point", "geo_shape"})
AFFINITY_TYPES = frozenset({"assets", "devices"})


def check_model(model: Model, others: Models, *, is_update: bool = False) -> None:
    """Apply all rules to a model that is about to be written.

    Args:
        model: as it is going to be.
        others: all models, its own former version included.
        is_update: the text of a conflict is that of `updateAsset`.

    Raises:
        ApiError: the name, the measure slots, a default value, the affinity, the schema, the mapping, or a conflict
            with another model: the errors of `device_manager.models`, and what no collection could map:
            `services.storage.invalid_mapping`, `invalid_mapping_type`, `unexpected_properties`.
    """
    if model.kind != "measure":
        check_name(model)
    if model.kind in ("asset", "device"):
        _check_slots(model)
    check_mapping(model)
    if model.kind != "measure":
        check_defaults(model.default_metadata, model.metadata_mappings)
    if model.kind == "group":
        _check_affinity(model.content.get("affinity"))
    if model.kind == "measure":
        _check_validation_schema(model)
    conflicts = [found for other in others.of_kind(model.kind) if (found := _conflicts(other, model))]
    if conflicts and is_update:
        raise api_error("device_manager.models.update_conflict", chunks=conflicts)
    if conflicts:
        raise api_error("device_manager.models.mappings_conflict", CONFLICT_NAMES[model.kind], chunks=conflicts)


def check_measure_types(models: Models) -> None:
    """Refuse models whose slots have a type that no measure model describes.

    Raises:
        ApiError: `device_manager.models.undeclared_measure_type`.
    """
    known = {model.name for model in models.of_kind("measure")}
    kinds: tuple[ModelKind, ...] = ("asset", "device")
    for kind in kinds:
        for model in models.of_kind(kind):
            for slot in model.measures:
                if slot["type"] not in known:
                    raise api_error("device_manager.models.undeclared_measure_type", slot["type"], kind, model.name)


def check_name(model: Model) -> None:
    """Refuse names that are not PascalCase. Raises `device_manager.models.not_pascal_case`."""
    if PASCAL_CASE.fullmatch(model.name) is None:
        raise api_error("device_manager.models.not_pascal_case", model.kind.capitalize(), model.name)


def check_defaults(defaults: Source, mappings: Source) -> None:
    """Refuse default values of fields that are not mapped. Raises `device_manager.models.unknown_default`."""
    leaves = set(_mapping_leaves(mappings))
    for path in leaf_paths(defaults):
        shape = mappings.get(path.partition(".")[0], {})
        if path not in leaves and shape.get("type") not in FREE_SHAPES:
            raise api_error("device_manager.models.unknown_default", path)


def _check_slots(model: Model) -> None:
    names = [slot["name"] for slot in model.measures]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise api_error("device_manager.models.duplicate_measures", model.kind.capitalize(), duplicates=duplicates)


def check_mapping(model: Model) -> None:
    """Refuse what no collection could map.

    Raises:
        ApiError: `api.assert.invalid_type` for a field that is no object, what `Mapping.compile` raises.
    """
    place, mappings = model.mappings
    for name, definition in mappings.items():
        if not isinstance(definition, dict):
            raise api_error("api.assert.invalid_type", f"body.{place.partition('.')[2]}.{name}", "object")
    Mapping.compile({"properties": mappings})


def _check_affinity(affinity: Any) -> None:
    """The rules of a group model's affinity, in the order in which clients hear of them."""
    if not isinstance(affinity, dict) or any(affinity.get(part) is None for part in ("type", "models", "strict")):
        raise api_error("device_manager.models.affinity_incomplete")
    types, models = affinity["type"], affinity["models"]
    is_list = isinstance(types, list) and 1 <= len(types) <= len(AFFINITY_TYPES)
    if not is_list or not all(isinstance(type, str) and type in AFFINITY_TYPES for type in types):
        raise api_error("device_manager.models.affinity_type")
    if not isinstance(affinity["strict"], bool):
        raise api_error("device_manager.models.affinity_strict")
    if not isinstance(models, dict) or not all(isinstance(models.get(type), list) for type in types):
        raise api_error("device_manager.models.affinity_models_missing")
    if not all(isinstance(name, str) for names in models.values() if isinstance(names, list) for name in names):
        raise api_error("device_manager.models.affinity_models")


def _check_validation_schema(model: Model) -> None:
    schema = model.content.get("validationSchema") or {}
    errors = check_schema(schema) if isinstance(schema, dict) else [{"message": "the schema has to be an object"}]
    if errors:
        raise api_error("device_manager.models.invalid_schema", schemaErrors=errors)


def _mapping_leaves(properties: Source, above: str = "") -> Iterator[str]:
    for name, definition in properties.items():
        members = definition.get("properties")
        if isinstance(members, dict):
            yield from _mapping_leaves(members, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _conflicts(stored: Model, new: Model) -> Source | None:
    """What both models map, but differently."""
    place, mappings = new.mappings
    known = dict(_flat(stored.mappings[1]))
    conflicts = [
        {"path": f"{place}.{path}", "currentType": known[path], "newType": value}
        for path, value in _flat(mappings)
        if path in known and known[path] != value
    ]
    if not conflicts:
        return None
    return {"sourceModel": stored.name, "newModel": new.name, "modelType": new.kind, "conflicts": conflicts}


def _flat(value: Source, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, member in value.items():
        if isinstance(member, dict):
            yield from _flat(member, f"{above}{key}.")
        else:
            yield f"{above}{key}", member
