"""What clients and plugins send to write a model (device-manager 2.5), and the model that it makes."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from device_manager.errors import ApiError, api_error
from device_manager.plugins.models import ModelDeclaration
from device_manager.twins.models import (
    Model,
    ModelKind,
    Source,
    asset_model,
    device_model,
    group_model,
    measure_model,
)

Free = dict[str, Any]


class MeasureSlot(msgspec.Struct):
    """A named place for measures of one type."""

    name: str
    type: str


class WriteAssetBody(msgspec.Struct, rename="camel"):
    """The body of `writeAsset`."""

    engine_group: str
    model: str
    metadata_mappings: Free = {}
    default_values: Free = {}
    measures: list[MeasureSlot] = []
    metadata_details: Free = {}
    metadata_groups: Free = {}
    tooltip_models: Free = {}
    locales: Free = {}

    def to_model(self) -> Model:
        """The asset model."""
        content = {"measures": _slots(self.measures)} | _metadata_content(self)
        return asset_model(
            self.engine_group, self.model, content | {"tooltipModels": self.tooltip_models, "locales": self.locales}
        )


class UpdateAssetBody(msgspec.Struct, rename="camel"):
    """The body of `updateAsset`; what is absent stays as it is."""

    metadata_mappings: Free = {}
    default_values: Free = {}
    measures: list[MeasureSlot] = []
    metadata_details: Free = {}
    metadata_groups: Free = {}
    tooltip_models: Free | None = None
    locales: Free = {}

    def to_partial(self) -> Free:
        """The part of an asset model's content that the request is about."""
        content: Free = {name: value for name, value in _metadata_content(self).items() if value}
        if self.measures:
            content["measures"] = _slots(self.measures)
        if self.locales:
            content["locales"] = self.locales
        if self.tooltip_models is not None:
            content["tooltipModels"] = self.tooltip_models
        return content


class WriteDeviceBody(msgspec.Struct, rename="camel"):
    """The body of `writeDevice`."""

    model: str
    measures: list[MeasureSlot]
    metadata_mappings: Free = {}
    default_values: Free = {}
    metadata_details: Free = {}
    metadata_groups: Free = {}

    def to_model(self) -> Model:
        """The device model."""
        return device_model(self.model, {"measures": _slots(self.measures)} | _metadata_content(self))


def _any_twin() -> Free:
    return {"type": ["assets", "devices"], "models": {"assets": [], "devices": []}, "strict": False}


class WriteGroupBody(msgspec.Struct, rename="camel"):
    """The body of `writeGroup`."""

    engine_group: str
    model: str
    affinity: Free = msgspec.field(default_factory=_any_twin)
    metadata_mappings: Free = {}
    default_values: Free = {}
    metadata_details: Free = {}
    metadata_groups: Free = {}

    def to_model(self) -> Model:
        """The group model."""
        return group_model(self.engine_group, self.model, {"affinity": self.affinity} | _metadata_content(self))


class WriteMeasureBody(msgspec.Struct, rename="camel"):
    """The body of `writeMeasure`."""

    type: str
    values_mappings: Free
    validation_schema: Free = {}
    values_details: Free = {}
    locales: Free = {}

    def to_model(self) -> Model:
        """The measure model."""
        content = {
            "valuesMappings": self.values_mappings,
            "validationSchema": self.validation_schema,
            "valuesDetails": self.values_details,
            "locales": self.locales,
        }
        return measure_model(self.type, content)


Body = WriteAssetBody | WriteDeviceBody | WriteGroupBody | WriteMeasureBody
BODIES: dict[ModelKind, type[Body]] = {
    "asset": WriteAssetBody,
    "device": WriteDeviceBody,
    "group": WriteGroupBody,
    "measure": WriteMeasureBody,
}


def declared_model(declaration: ModelDeclaration) -> Model:
    """The model that a plugin declares. Raises `device_manager.models.invalid_registration`."""
    name = str(declaration.body.get("model") or declaration.body.get("type"))
    body = BODIES.get(declaration.kind)
    if body is None:
        raise api_error("device_manager.models.invalid_registration", declaration.kind, name, "unknown kind")
    try:
        return msgspec.convert(declaration.body, body).to_model()
    except msgspec.ValidationError as error:
        raise api_error("device_manager.models.invalid_registration", declaration.kind, name, error) from error


def document_model(source: Source) -> Model:
    """The model that a document written by hand holds, its absent parts filled in as by the actions.

    Raises:
        ApiError: `device_manager.models.unusable_document` says what is wrong with its form.
    """
    kind = source.get("type")
    if kind not in BODIES:
        raise unusable(f'"type" has to be one of {", ".join(BODIES)}')
    content = source.get(kind)
    if not isinstance(content, dict):
        raise unusable(f'"{kind}" has to be an object')
    given = {"defaultValues" if name == "defaultMetadata" else name: value for name, value in content.items()}
    if "engineGroup" in source:
        given["engineGroup"] = source["engineGroup"]
    try:
        return msgspec.convert(given, BODIES[kind]).to_model()
    except msgspec.ValidationError as error:
        raise unusable(str(error)) from error


def unusable(reason: str) -> ApiError:
    """The refusal of a document that is no model."""
    return api_error("device_manager.models.unusable_document", reason)


class _Metadata(Protocol):
    metadata_mappings: Free
    default_values: Free
    metadata_details: Free
    metadata_groups: Free


def _slots(slots: list[MeasureSlot]) -> list[Free]:
    return [{"name": slot.name, "type": slot.type} for slot in slots]


def _metadata_content(body: _Metadata) -> Free:
    return {
        "metadataMappings": body.metadata_mappings,
        "defaultMetadata": body.default_values,
        "metadataDetails": body.metadata_details,
        "metadataGroups": body.metadata_groups,
    }
