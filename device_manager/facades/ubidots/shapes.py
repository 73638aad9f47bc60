"""Devices, variables and values as clients see them (facades 4.4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from device_manager.facades.ubidots.content import (
    CONTEXT,
    MEASURE,
    Variable,
    content_of,
    device_id,
    label_of,
    organization_id,
    organization_label,
    properties_of,
    variable_id,
    variables_of,
)
from device_manager.facades.ubidots.exchange import V1, V2, Exchange
from device_manager.facades.ubidots.reading import Twin
from device_manager.storage.stamps import Source


def iso(milliseconds: float | None) -> str | None:
    """A moment as Ubidots writes those of objects: microseconds and Z."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def created_at(source: Source) -> int | None:
    """When a device was made, in milliseconds since 1970."""
    made: int | None = (source.get("_kuzzle_info") or {}).get("createdAt")
    return made


def device(exchange: Exchange, twin: Twin, last_activity: int | None) -> Source:
    """A device; `last_activity` is in milliseconds since 1970."""
    engine, content = exchange.engine, content_of(twin.source)
    id, label = device_id(engine, twin.id), label_of(engine, twin.id, twin.source)
    url, count = exchange.url(f"{V2}/devices/{id}/"), len(variables_of(engine, twin.id, twin.source))
    return {
        "url": url,
        "id": id,
        "organization": organization(exchange),
        "label": label,
        "name": content.get("name") or label,
        "description": content.get("description") or "",
        "tags": content.get("tags") or [],
        "properties": properties_of(content),
        "isActive": content.get("isActive") is not False,
        "lastActivity": last_activity,
        "createdAt": iso(created_at(twin.source)),
        "variables": f"{url}variables/",
        "variablesCount": count,
        "variablesNumber": count,
    }


def organization(exchange: Exchange) -> Source:
    """The organization that every device of the engine belongs to, as devices name it."""
    id = organization_id(exchange.engine)
    url = exchange.url(f"{V2}/organizations/{id}/")
    return {"id": id, "label": organization_label(exchange.engine), "name": exchange.engine, "url": url}


def device_reference(exchange: Exchange, twin: Twin) -> Source:
    """A device as its variables name it."""
    engine, content = exchange.engine, content_of(twin.source)
    id, label = device_id(engine, twin.id), label_of(engine, twin.id, twin.source)
    url = exchange.url(f"{V2}/devices/{id}/")
    return {"id": id, "label": label, "name": content.get("name") or label, "url": url}


def variable(exchange: Exchange, twin: Twin, one: Variable, last: Source | None) -> Source:
    """A variable of a device; `last` is its last measure."""
    record, id = one.record, variable_id(exchange.engine, twin.id, one.label)
    made = record.get("createdAt") or created_at(twin.source)
    return {
        "url": exchange.url(f"{V2}/variables/{id}/"),
        "id": id,
        "label": one.label,
        "name": record.get("name") or one.label,
        "description": record.get("description") or "",
        "device": device_reference(exchange, twin),
        "tags": record.get("tags") or [],
        "properties": record.get("properties") or {},
        "type": "raw",
        "unit": record.get("unit"),
        "syntheticExpression": "",
        "icon": record.get("icon"),
        "createdAt": iso(made),
        "lastActivity": last["measuredAt"] if last else None,
        "lastValue": last_value(one, last),
        "valuesUrl": exchange.url(f"{V1}/variables/{id}/values"),
    }


def last_value(one: Variable, measure: Source | None) -> Source:
    """The last measure of a variable as clients see it; empty without one."""
    if not measure:
        return {}
    value, context = value_of(one.type, measure["values"])
    moment = measure["measuredAt"]
    return {"value": value, "timestamp": moment, "context": context, "created_at": moment}


def value(exchange: Exchange, twin: Twin, one: Variable, measure: Source) -> Source:
    """A measure of history."""
    number, context = value_of(one.type, measure["values"])
    id = variable_id(exchange.engine, twin.id, one.label)
    made = (measure.get("_kuzzle_info") or {}).get("createdAt")
    return {
        "url": exchange.url(f"{V1}/variables/{id}/values"),
        "value": number,
        "timestamp": measure["measuredAt"],
        "context": context,
        "created_at": made if made is not None else measure["measuredAt"],
    }


def value_of(type: str, values: Mapping[str, Any]) -> tuple[float | None, Source]:
    """The number that a measure holds, and what came with it: of other measure types all the rest.

    The number is the member of the type's name, or else the first one in the order of the members.
    """
    if type == MEASURE:
        return values.get(MEASURE), values.get(CONTEXT) or {}
    preferred = values.get(type)
    if _is_number(preferred):
        return preferred, {name: member for name, member in values.items() if name != type}
    number = next((member for member in _leaves(values) if _is_number(member)), None)
    return number, dict(values)


def _leaves(values: Mapping[str, Any]) -> list[Any]:
    leaves: list[Any] = []
    for member in values.values():
        leaves += _leaves(member) if isinstance(member, dict) else [member]
    return leaves


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
