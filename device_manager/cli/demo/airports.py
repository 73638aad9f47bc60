"""The example data: airports as assets, their weather stations as devices."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import orjson

FOLDER = Path(__file__).parent.parent / "airports"
ASSET_MODEL = "Airport"
DEVICE_MODEL = "WeatherStation"


class Airport(NamedTuple):
    """One line of `airports.csv`."""

    code: str
    name: str
    city: str
    state: str
    latitude: float
    longitude: float

    @property
    def asset_id(self) -> str:
        """Id of the asset that stands for the airport."""
        return f"{ASSET_MODEL}-{self.code}"

    @property
    def device_id(self) -> str:
        """Id of its weather station."""
        return f"{DEVICE_MODEL}-{self.code}"

    def asset(self) -> dict[str, Any]:
        """The body that creates the asset."""
        position = {"lat": self.latitude, "lon": self.longitude}
        metadata = {"name": self.name, "city": self.city, "state": self.state, "position": position}
        return {"model": ASSET_MODEL, "reference": self.code, "metadata": metadata}

    def device(self) -> dict[str, Any]:
        """The body that creates the device."""
        return {"model": DEVICE_MODEL, "reference": self.code, "metadata": {"serial": f"WS-{self.code}"}}


def read_airports(folder: Path = FOLDER) -> list[Airport]:
    """All airports of `airports.csv`."""
    with (folder / "airports.csv").open(encoding="utf-8", newline="") as content:
        return [
            Airport(
                row["iata"], row["name"], row["city"], row["state"], float(row["latitude"]), float(row["longitude"])
            )
            for row in csv.DictReader(content)
        ]


def read_models(folder: Path = FOLDER) -> dict[str, list[dict[str, Any]]]:
    """The bodies that create the models, by kind: `measures`, `assets`, `devices`."""
    models: dict[str, list[dict[str, Any]]] = orjson.loads((folder / "models.json").read_bytes())
    return models


def links_csv(airports: list[Airport]) -> str:
    """The CSV that links every station to its airport."""
    return "assetId,deviceId\n" + "".join(f"{airport.asset_id},{airport.device_id}\n" for airport in airports)
