r"""The decoder of the example's weather stations, a plugin: some hours of temperatures in degrees Fahrenheit.

device-manager serve --plugin device_manager.cli.demo.weather_station
curl -X POST http://127.0.0.1:7512/_/device-manager/payload/weather-station -H 'Content-Type: application/json' \
     -d '{"station": "SEA", "fahrenheit": {"2010-01-01T08:00Z": 39.4, "2010-01-01T09:00Z": 39.2}}'
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from device_manager.cli.demo.airports import read_models
from device_manager.decoders import DecodedPayload, Decoder
from device_manager.plugins import hookimpl

MODELS = read_models()
(STATION,) = MODELS["devices"]
MEMBERS = {"metadataMappings": STATION["metadataMappings"]}


class WeatherStationDecoder(Decoder):
    """For the device model `WeatherStation` as it stands in `models.json`."""

    measures = STATION["measures"]
    measure_models = MODELS["measures"]
    device_members = MEMBERS

    def validate(self, payload: Any, request: Any) -> bool:
        """Stations that have nothing to tell send an empty list of hours."""
        self.ensure_properties(payload, ["station", "fahrenheit"])
        return bool(payload["fahrenheit"])

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        """One measure an hour."""
        for time, fahrenheit in payload["fahrenheit"].items():
            measured_at = int(datetime.fromisoformat(time).timestamp()) * 1000
            values = {"temperature": round((fahrenheit - 32) / 1.8, 2)}
            decoded.add_measurement(payload["station"], "temperature", measured_at=measured_at, values=values)


@hookimpl
def decoders() -> list[Decoder]:
    """What the server loads."""
    return [WeatherStationDecoder()]
