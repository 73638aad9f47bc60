r"""A whole decoder in one file: tank gauges that report in hexadecimal, several to a message.

device-manager serve --plugin examples/decoder.py
curl -X POST http://127.0.0.1:7512/_/device-manager/payload/tank-gauge -H 'Content-Type: application/json' \
     -d '{"sent": 1763856000, "frames": {"T-1": "57001b", "T-2": "0a00f1"}}'

Bytes of a frame: level in percent, then temperature in tenths of a degree, signed.
"""

from __future__ import annotations

from typing import Any

from device_manager.decoders import DecodedPayload, Decoder, SkipPayload
from device_manager.plugins import hookimpl


class TankGaugeDecoder(Decoder):
    measures = (
        {"name": "level", "type": "level"},
        {"name": "liquidTemperature", "type": "temperature"},
    )
    measure_models = (
        {"type": "level", "valuesMappings": {"level": {"type": "integer"}}},
        {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}},
    )

    def validate(self, payload: Any, request: Any) -> bool:
        self.ensure_properties(payload, ["sent", "frames"])
        if not payload["frames"]:
            raise SkipPayload("A sign of life without frames")
        return True

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        measured_at = payload["sent"] * 1000
        for reference, text in payload["frames"].items():
            frame = bytes.fromhex(text)
            level, tenths = frame[0], int.from_bytes(frame[1:3], "big", signed=True)
            decoded.add_measurement(reference, "level", measured_at=measured_at, values={"level": level})
            temperature = {"temperature": tenths / 10}
            decoded.add_measurement(reference, "liquidTemperature", measured_at=measured_at, values=temperature)


@hookimpl
def decoders() -> list[Decoder]:
    return [TankGaugeDecoder()]
