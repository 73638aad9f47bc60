"""Bodies of the actions that take measures (device-manager 2.2, 2.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.twins.ingestion.api import ApiMeasure


class MeasureIngestBody(msgspec.Struct, rename="camel"):
    """The body of `measureIngest`."""

    data_source: dict[str, Any]
    measured_at: float
    values: dict[str, Any]


class SlotMeasure(msgspec.Struct, rename="camel"):
    """One measure of `mMeasureIngest`."""

    slot_name: str
    measured_at: float
    values: dict[str, Any]


class MMeasureIngestBody(msgspec.Struct, rename="camel"):
    """The body of `mMeasureIngest`."""

    measurements: list[SlotMeasure]
    data_source: dict[str, Any]

    def measures(self) -> list[ApiMeasure]:
        """The measures in the order of the request."""
        return [ApiMeasure(item.slot_name, item.measured_at, item.values) for item in self.measurements]


class ReceiveMeasuresBody(msgspec.Struct, rename="camel"):
    """The body of `receiveMeasures`; the domain names the place of what is wrong in `measures`."""

    measures: list[Any]
    payload_uuids: list[str] = []
