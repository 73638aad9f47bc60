"""Decodes the events that ChirpStack v4 posts to an HTTP integration (`?event=up` and its like), as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_manager.decoders.decoded_payload import DecodedPayload
from device_manager.decoders.decoder import SkipPayload
from device_manager.decoders.shipped.lorawan import LorawanDecoder, milliseconds, reference_of, signal_values
from device_manager.decoders.shipped.measures import POSITION
from device_manager.decoders.shipped.readings import Reading, position

UP, STATUS, LOCATION = "up", "status", "location"
SIGNS = {
    UP: ("rxInfo",),
    STATUS: ("batteryLevel", "batteryLevelUnavailable", "externalPowerSource", "margin"),
    LOCATION: ("location",),
}
"""Members by which an event is recognised where the request does not name it, as when it is replayed."""


class ChirpStackDecoder(LorawanDecoder):
    """Uplinks, battery levels and locations of ChirpStack; its other events are skipped.

    Measures have the time at which the network server received the uplink, where the event says it, else the time of
    the event, which may come from a gateway's clock.
    """

    def uuid_of(self, payload: Any, request: Any) -> str | None:
        """The deduplication id: gateways that hear the same uplink, and an event that is sent again, have the same."""
        id = payload.get("deduplicationId") if isinstance(payload, Mapping) else None
        if not isinstance(id, str) or not id:
            return None
        event = _event_of(payload, request)
        return id if event == UP else f"{id}:{event}"

    def validate(self, payload: Any, request: Any) -> bool:
        """Skip what is neither an uplink nor a status nor a location, such as `join` and `ack`."""
        event = _event_of(payload, request)
        if event not in SIGNS:
            raise SkipPayload(f"An event without measures: {event}")
        self.ensure_properties(payload, ["deviceInfo.devEui"])
        return True

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        """One event."""
        reference = reference_of(payload["deviceInfo"]["devEui"])
        event = _event_of(payload, request)
        if event == UP:
            receptions = payload.get("rxInfo")
            content, data = payload.get("object"), payload.get("data")
            self.add_uplink(decoded, reference, _time_of(payload), content, data, signal_values(receptions))
        else:
            readings = [_location(payload["location"])] if event == LOCATION else _battery(payload)
            self.add_readings(decoded, reference, _time_of(payload), readings)


def _event_of(payload: Any, request: Any) -> str:
    named = request.args.get("event") if request is not None else None
    if isinstance(named, str):
        return named
    for event, members in SIGNS.items():
        if any(member in payload for member in members):
            return event
    return "unknown"


def _time_of(payload: Any) -> int:
    receptions = payload.get("rxInfo") or ()
    times = [reception["nsTime"] for reception in receptions if reception.get("nsTime")]
    return milliseconds(min(times, key=milliseconds) if times else payload.get("time"))


def _battery(payload: Any) -> list[Reading]:
    level = payload.get("batteryLevel")
    if level is None or payload.get("batteryLevelUnavailable") or payload.get("externalPowerSource"):
        raise SkipPayload("A status without a battery level")
    return [Reading("battery", None, {"battery": level})]


def _location(location: Any) -> Reading:
    values = position(location["latitude"], location["longitude"], location.get("altitude"), location.get("accuracy"))
    return Reading(POSITION, None, values)
