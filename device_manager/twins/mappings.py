"""The mappings of all collections, generated from the models (device-manager 1.2 to 1.7, 1.10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from device_manager.twins.model_rules import check_measure_types
from device_manager.twins.models import Model, Models
from device_manager.twins.places import ASSETS, CONFIG, DEVICES, GROUPS, HISTORY, MEASURES

Mapping = dict[str, Any]

KEYWORD: Mapping = {"type": "keyword"}
DATE: Mapping = {"type": "date"}
BOOLEAN: Mapping = {"type": "boolean"}
TEXT: Mapping = {"type": "text"}
KEYWORD_AND_TEXT: Mapping = {"type": "keyword", "fields": {"text": {"type": "text"}}}
DAYS: Mapping = {"properties": {"measures": {"type": "double"}, "payloads": {"type": "double"}}}
FREE: Mapping = {"type": "object", "dynamic": "false", "properties": {}}

SLOTS: Mapping = {"properties": {"name": KEYWORD, "type": KEYWORD}}
MEMBERSHIPS: Mapping = {"properties": {"path": KEYWORD_AND_TEXT, "date": DATE}}
PAIRS: Mapping = {"properties": {"asset": KEYWORD, "device": KEYWORD}}
LOCALES: Mapping = {
    "dynamic": "false",
    "properties": {
        language: {"properties": {"friendlyName": KEYWORD_AND_TEXT, "description": TEXT}} for language in ("en", "fr")
    },
}
KUZZLE_INFO: Mapping = {
    "properties": {"author": KEYWORD, "createdAt": DATE, "updatedAt": DATE, "updater": KEYWORD},
}

PLATFORM_CONFIG: Mapping = {
    "dynamic": "strict",
    "properties": {
        "type": KEYWORD,
        "group": KEYWORD,
        "device-manager": {"properties": {"provisioningStrategy": KEYWORD}},
        "engine": {
            "properties": {"group": KEYWORD, "index": KEYWORD, "name": KEYWORD, "closing": BOOLEAN, "retention": DAYS}
        },
    },
}
"""Ours are `engine.closing`, true while the engine is being deleted, and `engine.retention`, in days."""

PAYLOADS_COLLECTION: Mapping = {
    "dynamic": "strict",
    "properties": {
        "uuid": KEYWORD,
        "deviceModel": KEYWORD,
        "valid": BOOLEAN,
        "apiAction": KEYWORD,
        "state": KEYWORD,
        "reason": KEYWORD,
        "payload": FREE,
    },
}


def _free(*names: str) -> Mapping:
    return dict.fromkeys(names, FREE)


MODELS_COLLECTION: Mapping = {
    "dynamic": "strict",
    "properties": {
        "type": KEYWORD,
        "engineGroup": KEYWORD,
        "closing": BOOLEAN,
        "measure": {
            "properties": {"type": KEYWORD} | _free("valuesMappings", "validationSchema", "valuesDetails", "locales")
        },
        "asset": {
            "properties": {"model": KEYWORD, "measures": {"properties": {"type": KEYWORD, "name": KEYWORD}}}
            | _free(
                "metadataMappings", "defaultMetadata", "metadataDetails", "metadataGroups", "tooltipModels", "locales"
            )
        },
        "device": {
            "properties": {"model": KEYWORD, "measures": {"properties": {"type": KEYWORD, "name": KEYWORD}}}
            | _free("metadataMappings", "defaultMetadata", "metadataDetails", "metadataGroups")
        },
        "group": {
            "properties": {
                "model": KEYWORD,
                "affinity": {
                    "properties": {
                        "type": KEYWORD,
                        "models": {"properties": {"assets": KEYWORD, "devices": KEYWORD}},
                        "strict": BOOLEAN,
                    }
                },
            }
            | _free("metadataMappings", "defaultMetadata", "metadataDetails", "metadataGroups", "tooltipModels")
        },
    },
}
"""`closing` is ours: true while the model is being deleted."""


def platform_devices(models: Models) -> Mapping:
    """Provisioning documents (device-manager 1.4)."""
    last_measure = {
        "type": KEYWORD,
        "measureName": KEYWORD,
        "measuredAt": DATE,
        "values": {"properties": _values(models)},
    }
    return _strict(
        {
            "model": KEYWORD_AND_TEXT,
            "reference": KEYWORD_AND_TEXT,
            "engineId": KEYWORD_AND_TEXT,
            "measureSlots": SLOTS,
            "provisionedAt": DATE,
            "lastMeasuredAt": DATE,
            "lastMeasures": {"properties": last_measure},
        }
    )


def engine_collections(models: Models, group: str) -> dict[str, Mapping]:
    """The mappings of all collections of an engine in `group`, by collection, in listing order.

    Raises:
        ApiError: `device_manager.models.undeclared_measure_type` when a model names an unknown measure type.
    """
    check_measure_types(models)
    return engine_mappings(models, group)


def engine_mappings(models: Models, group: str) -> dict[str, Mapping]:
    """What `engine_collections` returns, whatever the models refer to."""
    asset_metadata = {"properties": _metadata(models.of_group("asset", group))}
    device_metadata = {"properties": _metadata(models.of_kind("device"))}
    group_metadata = {"properties": _metadata(models.of_kind("group"))}
    assets = _assets(asset_metadata)
    return {
        CONFIG: _strict({"type": KEYWORD, "group": KEYWORD}),
        ASSETS: assets,
        HISTORY: _history(assets),
        GROUPS: _groups(group_metadata),
        DEVICES: _devices(device_metadata),
        MEASURES: _measures(models, asset_metadata, device_metadata),
    }


def _strict(properties: Mapping) -> Mapping:
    return {"dynamic": "strict", "properties": properties}


def _assets(metadata: Mapping) -> Mapping:
    return _strict(
        {
            "model": KEYWORD_AND_TEXT,
            "reference": KEYWORD_AND_TEXT,
            "modelLocales": LOCALES,
            "metadata": metadata,
            "measureSlots": SLOTS,
            "linkedMeasures": {"properties": {"deviceId": KEYWORD, "measureSlots": PAIRS}},
            "groups": MEMBERSHIPS,
        }
    )


def _devices(metadata: Mapping) -> Mapping:
    return _strict(
        {
            "model": KEYWORD_AND_TEXT,
            "reference": KEYWORD_AND_TEXT,
            "engineId": KEYWORD_AND_TEXT,
            "metadata": metadata,
            "measureSlots": SLOTS,
            "linkedMeasures": {"properties": {"assetId": KEYWORD, "measureSlots": PAIRS}},
            "groups": MEMBERSHIPS,
        }
    )


def _history(assets: Mapping) -> Mapping:
    event = {
        "name": KEYWORD,
        "metadata": {"properties": {"names": KEYWORD}},
        "link": {"properties": {"deviceId": KEYWORD}},
        "unlink": {"properties": {"deviceId": KEYWORD}},
        "groups": {"properties": {"added": KEYWORD, "removed": KEYWORD}},
        "measure": {"properties": {"names": KEYWORD}},
    }
    snapshot = {"properties": assets["properties"] | {"_kuzzle_info": KUZZLE_INFO}}
    return _strict({"id": KEYWORD, "timestamp": DATE, "event": {"properties": event}, "asset": snapshot})


def _groups(metadata: Mapping) -> Mapping:
    return _strict(
        {
            "name": KEYWORD_AND_TEXT,
            "path": KEYWORD_AND_TEXT,
            "model": KEYWORD_AND_TEXT,
            "lastUpdate": DATE,
            "metadata": metadata,
        }
    )


def _measures(models: Models, asset_metadata: Mapping, device_metadata: Mapping) -> Mapping:
    asset = {
        "_id": KEYWORD,
        "model": KEYWORD,
        "reference": KEYWORD,
        "measureName": KEYWORD,
        "metadata": asset_metadata,
        "groups": MEMBERSHIPS,
    }
    origin = {
        "type": KEYWORD,
        "_id": KEYWORD,
        "measureName": KEYWORD,
        "deviceModel": KEYWORD,
        "reference": KEYWORD,
        "payloadUuids": KEYWORD,
        "deviceMetadata": device_metadata,
        "groups": MEMBERSHIPS,
        "apiMetadata": FREE,
    }
    return _strict(
        {
            "type": KEYWORD,
            "measuredAt": DATE,
            "values": {"properties": _values(models)},
            "asset": {"properties": asset},
            "origin": {"properties": origin},
        }
    )


def _metadata(models: Iterable[Model]) -> Mapping:
    merged: Mapping = {}
    for model in models:
        merged = merge(merged, model.metadata_mappings)
    return merged


def _values(models: Models) -> Mapping:
    merged: Mapping = {}
    for model in models.of_kind("measure"):
        merged = merge(merged, model.content.get("valuesMappings") or {})
    return merged


def merge(first: Mapping, second: Mapping) -> Mapping:
    """Both mappings in one; where both say something different, `second` wins."""
    merged = dict(first)
    for key, value in second.items():
        known = merged.get(key)
        both = isinstance(known, dict) and isinstance(value, dict)
        merged[key] = merge(known, value) if both else value  # type: ignore[arg-type]
    return merged
