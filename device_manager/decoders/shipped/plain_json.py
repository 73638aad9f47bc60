"""Decodes a JSON of our own, for gateways and scripts that may send what they like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.decoders.decoded_payload import DecodedPayload
from device_manager.decoders.decoder import Decoder
from device_manager.decoders.shipped.lorawan import milliseconds
from device_manager.decoders.shipped.measures import MEASURE_MODELS, POSITION, SLOTS
from device_manager.decoders.shipped.readings import VECTORS, position
from device_manager.errors import api_error


class JsonDeviceDecoder(Decoder):
    """`{reference, measuredAt?, measures: {slot: value}, metadata?, uuid?}`, or `{devices: [...], uuid?}` for several.

    `measuredAt` is in milliseconds since 1970 or ISO-8601; without it the time of arrival counts. A value is the
    measure's values as an object, or the value alone where the measure has one of its type's name:
    `{"temperature": 21.5}`, `{"position": {"lat": 48.1, "lon": 11.6}}`.
    """

    action = "json"
    measures = SLOTS
    measure_models = MEASURE_MODELS

    def uuid_of(self, payload: Any, request: Any) -> str | None:
        """The member `uuid`."""
        uuid = payload.get("uuid") if isinstance(payload, Mapping) else None
        return uuid if isinstance(uuid, str) and uuid else None

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        """One device, or several."""
        if "devices" not in payload:
            self._add_device(decoded, payload, "", request)
            return
        if not isinstance(payload["devices"], list):
            raise api_error("api.assert.invalid_type", "devices", "array")
        for place, device in enumerate(payload["devices"]):
            self._add_device(decoded, device, f"devices[{place}].", request)

    def _add_device(self, decoded: DecodedPayload, device: Any, above: str, request: Any) -> None:
        if not isinstance(device, Mapping):
            raise api_error("api.assert.invalid_type", above.rstrip("."), "object")
        self.ensure_properties(device, ["reference"])
        reference = device["reference"]
        measures, metadata = device.get("measures", {}), device.get("metadata", {})
        for name, value in (("measures", measures), ("metadata", metadata)):
            if not isinstance(value, Mapping):
                raise api_error("api.assert.invalid_type", f"{above}{name}", "object")
        measured_at = _time_of(device.get("measuredAt"), request)
        types = {slot["name"]: slot["type"] for slot in self.measures}
        for slot, value in measures.items():
            values = _values(types.get(slot, slot), value)
            decoded.add_measurement(reference, slot, measured_at=measured_at, values=values)
        if metadata:
            decoded.add_metadata(reference, dict(metadata))


def _time_of(measured_at: Any, request: Any) -> Any:
    if measured_at is None:
        return request.timestamp
    return milliseconds(measured_at) if isinstance(measured_at, str) else measured_at


def _values(type: str, value: Any) -> dict[str, Any]:
    if type == POSITION and isinstance(value, Mapping) and "lat" in value and "lon" in value:
        return position(value["lat"], value["lon"], value.get("altitude"), value.get("accuracy"))
    alone = not isinstance(value, Mapping) or (type in VECTORS and type not in value)
    return {type: value} if alone else dict(value)
