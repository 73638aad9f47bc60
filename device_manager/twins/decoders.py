"""What decoders bring along: device models, measure models and mappings of payloads (device-manager 3.1, 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from device_manager.decoders import Decoder
from device_manager.errors import api_error
from device_manager.plugins.models import ModelDeclaration
from device_manager.twins.mappings import PAYLOADS_COLLECTION, merge
from device_manager.twins.models import Models

log = structlog.get_logger("decoders")


def payloads_collection(decoders: Iterable[Decoder]) -> dict[str, Any]:
    """The mapping of the archive: members of payloads by which they can be searched are those that decoders name."""
    payload: dict[str, Any] = {}
    for decoder in decoders:
        payload = merge(payload, dict(decoder.payloads_mappings))
    return merge(PAYLOADS_COLLECTION, {"properties": {"payload": {"properties": payload}}})


def with_models_of(
    decoders: Iterable[Decoder], declared: Iterable[ModelDeclaration], stored: Models
) -> list[ModelDeclaration]:
    """All models to register at start: `declared` and those of the decoders.

    Device models are written like declared ones. Measure models are left out where a plugin declares one of the same
    type or one is stored: what operators made of it stays, and the log says so if values cannot be stored by it.

    Args:
        decoders: bring models along.
        declared: the models of plugins.
        stored: the models of the platform.

    Raises:
        ApiError: `device_manager.decoders.invalid_registration` when a plugin declares the device model of a decoder.
    """
    models = list(declared)
    names = {(model.kind, _name(model.body)) for model in models}
    known = {model.name: model.content.get("valuesMappings") or {} for model in stored.of_kind("measure")}
    for decoder in decoders:
        if ("device", decoder.device_model) in names:
            reason = "a plugin declares that model; what it says of it belongs into the decoder's device_members"
            raise api_error("device_manager.decoders.invalid_registration", decoder.device_model, reason)
        for body in decoder.measure_models:
            if body["type"] in known:
                _warn(decoder, body, known[body["type"]])
            elif ("measure", body["type"]) not in names:
                models.append(ModelDeclaration("measure", dict(body)))
                names.add(("measure", body["type"]))
        models.append(ModelDeclaration("device", decoder.device_body()))
        names.add(("device", decoder.device_model))
    return models


def _name(body: Mapping[str, Any]) -> object:
    return body.get("model") or body.get("type")


def _warn(decoder: Decoder, wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    missing = sorted(set(wanted["valuesMappings"]) - set(stored))
    if missing:
        log.warning(
            "a measure model has no field for what a decoder measures: such payloads will be refused",
            decoder=decoder.device_model,
            measure=wanted["type"],
            fields=missing,
        )
