"""Decoders of the tests: a plugin."""

from __future__ import annotations

from typing import Any

from device_manager.decoders import DecodedPayload, Decoder, SkipPayload
from device_manager.plugins import PluginContext, hookimpl

AT = 1_700_000_000_000
TEMPERATURE = {"type": "temperature", "valuesMappings": {"temperature": {"type": "float"}}}
HEAT = {
    "type": "heat",
    "valuesMappings": {"heat": {"type": "float"}},
    "validationSchema": {"type": "object", "properties": {"heat": {"type": "number"}}, "required": ["heat"]},
}


class Mended:
    """Whether the decoder `Gauge` was repaired."""

    now = False


class GaugeDecoder(Decoder):
    measures = ({"name": "heat", "type": "heat"}, {"name": "outside", "type": "temperature"})
    measure_models = (HEAT, TEMPERATURE)
    device_members = {"metadataMappings": {"color": {"type": "keyword"}}}
    payloads_mappings = {"gateway": {"properties": {"id": {"type": "keyword"}}}}

    def validate(self, payload: Any, request: Any) -> bool:
        if payload.get("test"):
            raise SkipPayload("A test frame")
        return "ping" not in payload

    async def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        self.ensure_properties(payload, ["id"])
        at = payload.get("at", AT)
        if "heat" in payload:
            decoded.add_measurement(payload["id"], "heat", measured_at=at, values={"heat": payload["heat"]})
        if "hex" in payload:
            digits = payload["hex"].removeprefix("0x") if Mended.now else payload["hex"]
            decoded.add_measurement(payload["id"], "heat", measured_at=at, values={"heat": bytes.fromhex(digits)[0]})
        if "slot" in payload:
            decoded.add_measurement(payload["id"], payload["slot"], measured_at=at, values={})
        if "arrived" in payload:
            values = {"temperature": request.timestamp % 1000}
            decoded.add_measurement(payload["id"], "outside", measured_at=request.timestamp, values=values)
        if "color" in payload:
            decoded.add_metadata(payload["id"], {"color": payload["color"]})


class TwoRoutesDecoder(Decoder):
    action = "twice"
    http = ("POST /vendors/two-routes", "PUT device-manager/payload/two")

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> DecodedPayload:
        return decoded


@hookimpl
def decoders(context: PluginContext) -> list[Decoder]:
    return [GaugeDecoder(), TwoRoutesDecoder()]
