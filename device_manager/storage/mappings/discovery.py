"""New fields for levels with `dynamic: true`, with the types that Elasticsearch gives them (router-protocol 6.3)."""

from __future__ import annotations

from typing import Any

from device_manager.query.instants import compile_format
from device_manager.storage.mappings.syntax import is_object

_TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_DETECTED_DATE = compile_format("strict_date_optional_time||yyyy/MM/dd HH:mm:ss||yyyy/MM/dd")


def discover(normal: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """The properties that `source` adds to a mapping in its normal form; empty when there are none."""
    return _members(normal["properties"], normal["dynamic"], source)


def _members(properties: dict[str, Any], dynamic: str, value: Any) -> dict[str, Any]:
    added: dict[str, Any] = {}
    for item in _objects(value):
        for name, member in item.items():
            first, _, rest = name.partition(".")
            member = {rest: member} if rest else member
            known = properties.get(first) or added.get(first)
            field = _known(known, dynamic, member) if known else _new(member) if dynamic == "true" else None
            if field:
                added[first] = {**added.get(first, {}), **field}
    return added


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in `value`, which may be one or an array of them."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in _objects(item)]
    return []


def _known(definition: dict[str, Any], dynamic: str, value: Any) -> dict[str, Any] | None:
    if not is_object(definition) or definition.get("enabled") is False:
        return None
    properties = definition.get("properties", {})
    more = _members(properties, definition.get("dynamic", dynamic), value)
    if not more:
        return None
    kept = {"type": "nested"} if definition.get("type") == "nested" else {}
    return {**kept, "properties": {**properties, **more}}


def _new(value: Any) -> dict[str, Any] | None:
    """The field for a value that was never seen; None for null and the empty array."""
    if isinstance(value, (list, tuple)):
        fields = [field for field in map(_new, value) if field]
        if fields and all("properties" in field or field.get("type") == "object" for field in fields):
            return {"properties": _members({}, "true", value)}
        return fields[0] if fields else None
    if isinstance(value, dict):
        return {"properties": _members({}, "true", value)}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "long"}
    if isinstance(value, float):
        return {"type": "float"}
    if isinstance(value, str):
        return {"type": "date"} if _DETECTED_DATE and _DETECTED_DATE(value) is not None else dict(_TEXT)
    return None
