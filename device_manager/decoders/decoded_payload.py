"""What a decoder found in a payload: measures and metadata by the devices' references (device-manager 3.1)."""

from __future__ import annotations

from typing import Any, NamedTuple

from device_manager.decoders.decoder import Decoder
from device_manager.errors import api_error

FIRST_13_DIGITS = 10**12
BEYOND_TIME = 2**43
"""Milliseconds since 1970 that no measure can have any more (transactions 2, B3)."""


class Measurement(NamedTuple):
    """One measure of a device, before links say which asset it is about.

    Attributes:
        measure_name: the device's slot.
        type: the measure type, that of the slot.
        measured_at: milliseconds since 1970.
        values: what was measured.
    """

    measure_name: str
    type: str
    measured_at: int
    values: dict[str, Any]


class DecodedPayload:
    """What `Decoder.decode` fills: any number of measures and metadata of any number of devices.

    Args:
        decoder: says which slots there are.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._types = {slot["name"]: slot["type"] for slot in decoder.measures}
        self._measurements: dict[str, list[Measurement]] = {}
        self._metadata: dict[str, dict[str, Any]] = {}

    def add_measurement(
        self, reference: str, measure_name: str, *, measured_at: float, values: dict[str, Any], type: str | None = None
    ) -> None:
        """Add a measure.

        Args:
            reference: the device's reference.
            measure_name: one of the decoder's slots.
            measured_at: milliseconds since 1970, a whole number of 13 digits.
            values: what was measured.
            type: the measure type; without it that of the slot.

        Raises:
            ApiError: `device_manager.decoders.unknown_slot`, `invalid_measured_at`, `wrong_type`,
                `invalid_reference`, `invalid_values`.
        """
        model = self._decoder.device_model
        declared = self._types.get(measure_name)
        if declared is None:
            raise api_error("device_manager.decoders.unknown_slot", model, measure_name)
        if type is not None and type != declared:
            raise api_error("device_manager.decoders.wrong_type", model, measure_name, declared, type)
        if not isinstance(values, dict):
            raise api_error("device_manager.decoders.invalid_values", model, measure_name)
        measurement = Measurement(measure_name, declared, _milliseconds(measured_at), values)
        self._measurements.setdefault(_reference(model, reference), []).append(measurement)

    def add_metadata(self, reference: str, metadata: dict[str, Any]) -> None:
        """Add metadata of a device; members that were added before under the same names are replaced.

        Raises:
            ApiError: `device_manager.decoders.invalid_reference`.
        """
        self._metadata.setdefault(_reference(self._decoder.device_model, reference), {}).update(metadata)

    def get_measurements(self, reference: str) -> list[Measurement]:
        """The measures of a device, in the order in which they were added."""
        return list(self._measurements.get(reference, ()))

    def get_metadata(self, reference: str) -> dict[str, Any]:
        """The metadata of a device."""
        return dict(self._metadata.get(reference, {}))

    @property
    def references(self) -> list[str]:
        """References of the devices that there is something of, those with measures first."""
        return list(dict.fromkeys([*self._measurements, *self._metadata]))

    def has_measurements(self) -> bool:
        """Whether there is any measure."""
        return bool(self._measurements)

    def has_metadata(self) -> bool:
        """Whether there is any metadata."""
        return bool(self._metadata)


def _reference(device_model: str, reference: Any) -> str:
    if not isinstance(reference, str) or not reference:
        raise api_error("device_manager.decoders.invalid_reference", device_model, repr(reference))
    return reference


def _milliseconds(measured_at: Any) -> int:
    """Seconds would pass for milliseconds of January 1970, so only numbers of 13 digits are taken here."""
    whole = isinstance(measured_at, (int, float)) and not isinstance(measured_at, bool) and measured_at % 1 == 0
    if not whole or not FIRST_13_DIGITS <= measured_at < BEYOND_TIME:
        raise api_error("device_manager.decoders.invalid_measured_at")
    return int(measured_at)
