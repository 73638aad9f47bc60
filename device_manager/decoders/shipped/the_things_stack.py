"""Decodes the webhooks of The Things Stack v3 (also known as The Things Network)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.decoders.decoded_payload import DecodedPayload
from device_manager.decoders.decoder import SkipPayload
from device_manager.decoders.shipped.lorawan import LorawanDecoder, milliseconds, reference_of, signal_values
from device_manager.decoders.shipped.measures import POSITION
from device_manager.decoders.shipped.readings import Reading, position

UPLINK = "uplink_message"
LOCATION = "location_solved"
CORRELATIONS = ("as:up:", "ns:uplink:", "gs:uplink:")
"""What identifies a message, the nearest to the webhook first."""


class TheThingsStackDecoder(LorawanDecoder):
    """Uplinks and solved locations of The Things Stack; its other messages are skipped.

    Measures have the time at which the network server received the uplink: clocks of gateways may be wrong by years.
    """

    def uuid_of(self, payload: Any, request: Any) -> str | None:
        """The correlation id that the stack gave to the message: a webhook that is retried has the same."""
        identifiers = payload.get("correlation_ids") if isinstance(payload, Mapping) else None
        known = [id for id in identifiers or () if isinstance(id, str)]
        for prefix in CORRELATIONS:
            for id in known:
                if id.startswith(prefix):
                    return id
        return None

    def validate(self, payload: Any, request: Any) -> bool:
        """Skip messages that are neither an uplink nor a location, such as `join_accept`."""
        self.ensure_properties(payload, ["end_device_ids"])
        if UPLINK not in payload and LOCATION not in payload:
            names = [name for name in payload if name not in ("end_device_ids", "correlation_ids", "received_at")]
            raise SkipPayload(f"A message without measures: {', '.join(names) or 'empty'}")
        return True

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        """One uplink, or one location."""
        identifiers = payload["end_device_ids"]
        if not identifiers.get("dev_eui"):
            self.ensure_properties(payload, ["end_device_ids.device_id"])
        reference = reference_of(identifiers.get("dev_eui") or "") or identifiers["device_id"]
        uplink = payload.get(UPLINK)
        if uplink is None:
            self._add_location(decoded, reference, payload)
            return
        time = uplink.get("received_at") or payload.get("received_at")
        self.add_uplink(
            decoded,
            reference,
            milliseconds(time),
            uplink.get("decoded_payload"),
            uplink.get("frm_payload"),
            signal_values(uplink.get("rx_metadata")),
        )

    def _add_location(self, decoded: DecodedPayload, reference: str, payload: Any) -> None:
        self.ensure_properties(payload, [f"{LOCATION}.location.latitude", f"{LOCATION}.location.longitude"])
        location = payload[LOCATION]["location"]
        values = position(
            location["latitude"], location["longitude"], location.get("altitude"), location.get("accuracy")
        )
        reading = Reading(POSITION, None, values)
        self.add_readings(decoded, reference, milliseconds(payload.get("received_at")), [reading])
