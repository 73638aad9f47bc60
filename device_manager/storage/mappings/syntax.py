"""The syntax of mappings: what callers may write, brought to one normal form (router-protocol 6.3).

The normal form of an object is `{"dynamic"?, "properties": {...}}`, or `{"type": "object"}` plus parameters when it has
no properties; of a nested object the same with `"type": "nested"`; of a leaf `{"type", parameters..., "fields"?}`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, TypeGuard

from device_manager.errors import api_error
from device_manager.query.instants import compile_format

Properties = dict[str, Any]

MAX_FIELDS = 1000
MAX_DEPTH = 20

COMMON_PROPERTIES: Properties = {
    "_kuzzle_info": {
        "properties": {
            "author": {"type": "keyword"},
            "createdAt": {"type": "date"},
            "updater": {"type": "keyword"},
            "updatedAt": {"type": "date"},
        }
    }
}
"""What every collection maps, whatever its creator says."""

_ROOT_KEYS = ("properties", "_meta", "dynamic", "dynamic_templates")
_OBJECT_KEYS = ("properties", "dynamic", "type", "enabled", "_meta", "include_in_parent", "include_in_root")
_DYNAMIC = {"true", "false", "strict"}

_ANY_LEAF = {"type", "fields", "index", "store", "doc_values", "meta", "boost"}
_NUMBER = _ANY_LEAF | {"coerce", "ignore_malformed", "null_value"}
_TOKENS = {"norms", "index_options", "eager_global_ordinals", "similarity"}
PARAMETERS: dict[str, set[str]] = {
    "keyword": _ANY_LEAF | _TOKENS | {"ignore_above", "null_value", "split_queries_on_whitespace"},
    "text": (_ANY_LEAF | _TOKENS | {"analyzer", "search_analyzer", "search_quote_analyzer", "fielddata", "term_vector"})
    | {"position_increment_gap", "index_prefixes", "index_phrases", "fielddata_frequency_filter"},
    "boolean": _ANY_LEAF | {"null_value", "ignore_malformed"},
    "integer": _NUMBER,
    "long": _NUMBER,
    "float": _NUMBER,
    "double": _NUMBER,
    "date": _ANY_LEAF | {"format", "locale", "ignore_malformed", "null_value"},
    "geo_point": _ANY_LEAF | {"ignore_malformed", "ignore_z_value"},
    "geo_shape": _ANY_LEAF | {"ignore_malformed", "ignore_z_value", "orientation", "coerce", "strategy"},
}
"""The types of leaves and the parameters that each takes."""

CHANGEABLE = {"ignore_above", "ignore_malformed", "coerce", "meta", "boost", "eager_global_ordinals", "fielddata"}
"""Parameters of an existing leaf that an update may change."""


def normalise(mappings: dict[str, Any], *, trusted: bool = False) -> dict[str, Any]:
    """The normal form of a collection's mapping as a caller wrote it; members that are absent stay absent.

    Args:
        mappings: `{dynamic?, properties?, _meta?}`.
        trusted: the mapping comes from a store that enforces it itself: unknown types and parameters pass.

    Raises:
        ApiError: `services.storage.invalid_mapping`, `invalid_mapping_type` or `unexpected_properties`.
    """
    _check_members(mappings, "mappings", _ROOT_KEYS, trusted)
    normal: dict[str, Any] = {}
    if "dynamic" in mappings:
        normal["dynamic"] = _dynamic(mappings["dynamic"], "mappings")
    if mappings.get("dynamic_templates"):
        if not trusted:
            raise api_error("services.storage.invalid_mapping", "mappings.dynamic_templates", " It is not supported.")
        normal["dynamic_templates"] = mappings["dynamic_templates"]
    normal["properties"] = _properties(mappings.get("properties", {}), "", trusted)
    if "_meta" in mappings:
        normal["_meta"] = mappings["_meta"]
    return normal


def _check_members(mapping: object, path: str, known: tuple[str, ...], trusted: bool) -> None:
    if not isinstance(mapping, dict):
        raise api_error("services.storage.invalid_mapping", path, " It has to be an object.")
    if trusted:
        return
    for key in mapping:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f' Did you mean "{path}.{close[0]}"?' if close else f" Known here: {', '.join(known)}."
            raise api_error("services.storage.invalid_mapping", f"{path}.{key}", hint)


def _dynamic(value: Any, path: str) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else value
    if not isinstance(text, str) or text not in _DYNAMIC:
        raise api_error(
            "services.storage.invalid_mapping", f"{path}.dynamic", ' Accepted values are "true", "false" and "strict".'
        )
    return text


def _properties(properties: Any, above: str, trusted: bool) -> Properties:
    """The fields below `above` (a path ending in a dot, or empty), dotted names unfolded."""
    if not isinstance(properties, dict):
        raise api_error("services.storage.invalid_mapping", f"mappings.{above}properties", " It has to be an object.")
    normal: Properties = {}
    for name, definition in properties.items():
        first, *rest = name.split(".")
        if not first.strip() or not all(part.strip() for part in rest):
            raise api_error("services.storage.invalid_mapping", f"{above}{name}", " A field name is empty.")
        for part in reversed(rest):
            definition = {"properties": {part: definition}}
        field = _field(definition, above + first, trusted)
        normal[first] = _merge_field(normal[first], field, above + first) if first in normal else field
    return normal


def _field(definition: Any, path: str, trusted: bool) -> dict[str, Any]:
    if not isinstance(definition, dict):
        raise api_error("services.storage.invalid_mapping", f"mappings.{path}", " It has to be an object.")
    type = definition.get("type", "object" if is_object(definition) else None)
    if type in ("object", "nested"):
        return _object(definition, type, path, trusted)
    if not _is_leaf(type):
        if trusted:
            return definition
        if type is None:
            raise api_error(
                "services.storage.invalid_mapping", f"mappings.{path}", " It has neither type nor properties."
            )
        raise api_error("services.storage.invalid_mapping_type", path, type)
    return definition if trusted else _leaf(definition, type, path)


def is_object(definition: dict[str, Any]) -> bool:
    """Whether a field is an object: it says so or it has no type but members that only objects have."""
    type = definition.get("type")
    if type is None:
        return any(key in definition for key in ("properties", "dynamic", "enabled"))
    return type in ("object", "nested")


def _object(definition: dict[str, Any], type: str, path: str, trusted: bool) -> dict[str, Any]:
    _check_members(definition, f"mappings.{path}", _OBJECT_KEYS, trusted)
    normal: dict[str, Any] = {key: value for key, value in definition.items() if key not in ("type", "properties")}
    if "dynamic" in definition:
        normal["dynamic"] = _dynamic(definition["dynamic"], f"mappings.{path}")
    properties = _properties(definition.get("properties", {}), f"{path}.", trusted)
    if type == "nested" or not properties:
        normal["type"] = type
    if properties:
        normal["properties"] = properties
    return normal


def _is_leaf(type: Any) -> TypeGuard[str]:
    return isinstance(type, str) and type in PARAMETERS


def _leaf(definition: dict[str, Any], type: str, path: str) -> dict[str, Any]:
    unexpected = [key for key in definition if key not in PARAMETERS[type]]
    if unexpected:
        raise api_error("services.storage.unexpected_properties", ", ".join(unexpected), path)
    if type == "date" and "format" in definition and compile_format(str(definition["format"])) is None:
        raise api_error(
            "services.storage.invalid_mapping", f"mappings.{path}.format", " This date format is not known."
        )
    if "fields" not in definition:
        return definition
    multi = definition["fields"]
    if not isinstance(multi, dict):
        raise api_error("services.storage.invalid_mapping", f"mappings.{path}.fields", " It has to be an object.")
    fields = {}
    for name, field in multi.items():
        below = f"{path}.{name}"
        if not isinstance(field, dict) or not _is_leaf(field.get("type")) or "fields" in field or "." in name:
            raise api_error("services.storage.invalid_mapping", f"mappings.{below}", " A multi-field is a plain leaf.")
        fields[name] = _leaf(field, field["type"], below)
    return {**definition, "fields": fields} if fields else {k: v for k, v in definition.items() if k != "fields"}


def merge(old: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The normal form `old` with that of `more` added; `dynamic` and `_meta` are replaced when given.

    Raises:
        ApiError: `services.storage.cannot_change_mapping` naming the field.
    """
    merged = {**old, **{key: value for key, value in more.items() if key != "properties"}}
    merged["properties"] = merge_properties(old["properties"], more["properties"], "")
    return merged


def merge_properties(old: Properties, more: Properties, above: str) -> Properties:
    """`old` with the fields of `more` added. Raises `services.storage.cannot_change_mapping`."""
    merged = dict(old)
    for name, field in more.items():
        merged[name] = _merge_field(merged[name], field, above + name) if name in merged else field
    return merged


def _merge_field(old: dict[str, Any], new: dict[str, Any], path: str) -> dict[str, Any]:
    if is_object(old) != is_object(new):
        raise api_error("services.storage.cannot_change_mapping", path)
    if not is_object(old):
        return _merge_leaf(old, new, path)
    was, becomes = old.get("type", "object"), new.get("type", "object")
    if was != becomes:
        raise api_error("services.storage.cannot_change_mapping", path)
    merged = {**old, **{key: value for key, value in new.items() if key not in ("type", "properties")}}
    properties = merge_properties(old.get("properties", {}), new.get("properties", {}), f"{path}.")
    if properties:
        merged["properties"] = properties
        if was == "object":
            merged.pop("type", None)
    return merged


def _merge_leaf(old: dict[str, Any], new: dict[str, Any], path: str) -> dict[str, Any]:
    fixed = (set(old) | set(new)) - CHANGEABLE - {"fields"}
    if any(old.get(key) != new.get(key) for key in fixed):
        raise api_error("services.storage.cannot_change_mapping", path)
    merged = {**old, **new}
    fields = merge_properties(old.get("fields", {}), new.get("fields", {}), f"{path}.")
    if fields:
        merged["fields"] = fields
    return merged


def check_size(normal: dict[str, Any]) -> None:
    """Refuse more than 1,000 fields or objects in objects deeper than 20. Raises `services.storage.invalid_mapping`."""
    count = _count(normal["properties"], 1)
    if count > MAX_FIELDS:
        raise api_error(
            "services.storage.invalid_mapping", "mappings.properties", f" {count} fields are more than {MAX_FIELDS}."
        )


def _count(properties: Properties, depth: int) -> int:
    count = len(properties)
    for name, field in properties.items():
        if is_object(field):
            if depth + 1 > MAX_DEPTH:
                raise api_error(
                    "services.storage.invalid_mapping", name, f" Objects are nested deeper than {MAX_DEPTH} levels."
                )
            count += _count(field.get("properties", {}), depth + 1)
        else:
            count += len(field.get("fields", {}))
    return count
