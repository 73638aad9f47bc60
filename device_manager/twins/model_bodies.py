"""What clients and plugins send to write a model (device-manager 2.5), and the model that it makes."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.twins.models import Model, asset_model, device_model, measure_model

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
        content = _twin_content(self) | {"tooltipModels": self.tooltip_models, "locales": self.locales}
        return asset_model(self.engine_group, self.model, content)


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
        return device_model(self.model, _twin_content(self))


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


def _twin_content(body: WriteAssetBody | WriteDeviceBody) -> Free:
    return {
        "measures": [{"name": slot.name, "type": slot.type} for slot in body.measures],
        "metadataMappings": body.metadata_mappings,
        "defaultMetadata": body.default_values,
        "metadataDetails": body.metadata_details,
        "metadataGroups": body.metadata_groups,
    }
