"""What the decoders of LoRaWAN network servers have in common."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from device_manager.decoders.decoded_payload import DecodedPayload
from device_manager.decoders.decoder import Decoder, SkipPayload
from device_manager.decoders.shipped.measures import MEASURE_MODELS, SIGNAL, SLOTS
from device_manager.decoders.shipped.readings import Reading, read_cayenne, read_object
from device_manager.errors import api_error


class LorawanDecoder(Decoder):
    """Decodes uplinks: what the network server decoded already, else Cayenne LPP.

    The reference of a device is its DevEUI in capital letters. A value goes to the slot of its kind and channel, such
    as `temperature3`, where the decoder has one; else the value on the lowest channel goes to the slot of its kind,
    such as `temperature`, and values on further channels are left out. So a subclass whose sensors have several values
    of a kind adds slots to `measures`.
    """

    measures = SLOTS
    measure_models = MEASURE_MODELS

    def add_uplink(
        self, decoded: DecodedPayload, reference: str, measured_at: int, content: Any, data: Any, signal: dict[str, Any]
    ) -> None:
        """Add the measures of one uplink.

        Args:
            decoded: what to fill.
            reference: of the device.
            measured_at: milliseconds since 1970.
            content: what the network server decoded, None if it did not.
            data: the payload in base64.
            signal: the values of the measure `signal`.

        Raises:
            SkipPayload: the uplink carries nothing.
            ApiError: `device_manager.decoders.not_cayenne`.
        """
        if isinstance(content, Mapping) and content:
            readings = read_object(content)
        elif data:
            readings = read_cayenne(_bytes_of(data))
        else:
            raise SkipPayload("The uplink carries no payload")
        self.add_readings(decoded, reference, measured_at, readings)
        if signal and SIGNAL in self.measure_names:
            decoded.add_measurement(reference, SIGNAL, measured_at=measured_at, values=signal)

    def add_readings(
        self, decoded: DecodedPayload, reference: str, measured_at: int, readings: Iterable[Reading]
    ) -> None:
        """Add each value whose slot the decoder has."""
        slots = set(self.measure_names)
        for reading in sorted(readings, key=lambda reading: -1 if reading.channel is None else reading.channel):
            own = f"{reading.kind}{reading.channel}"
            slot = own if own in slots else reading.kind
            if slot not in slots:
                self.log.debug("a value has no slot", reference=reference, kind=reading.kind, channel=reading.channel)
                continue
            slots.discard(slot)
            decoded.add_measurement(reference, slot, measured_at=measured_at, values=reading.values)


def signal_values(receptions: Any, rssi: str = "rssi", snr: str = "snr") -> dict[str, Any]:
    """How well the gateways heard an uplink: the best of them, and how many they were."""
    heard = [reception for reception in receptions or () if isinstance(reception, Mapping)]
    values: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    for name, member in (("rssi", rssi), ("snr", snr)):
        numbers = [reception[member] for reception in heard if isinstance(reception.get(member), (int, float))]
        if numbers:
            values[name] = max(numbers)
    return values


def milliseconds(time: Any) -> int:
    """A time such as `2022-07-18T09:34:15.775023242+00:00` in milliseconds since 1970.

    Raises:
        ApiError: `device_manager.decoders.invalid_time`.
    """
    try:
        parsed = datetime.fromisoformat(time)
    except (TypeError, ValueError):
        raise api_error("device_manager.decoders.invalid_time", repr(time)) from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    whole = int(parsed.replace(microsecond=0).timestamp())
    return whole * 1000 + parsed.microsecond // 1000


def reference_of(dev_eui: str) -> str:
    """The reference of a device, however its DevEUI is written."""
    return dev_eui.replace("-", "").replace(":", "").upper()


def _bytes_of(data: Any) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise api_error("device_manager.decoders.not_cayenne", data, "it is not base64") from None
