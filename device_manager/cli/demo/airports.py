"""The example data: airports as assets, their weather stations as devices."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
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
    def position(self) -> str:
        """Where it is, as a cell of a CSV."""
        return f"{self.latitude},{self.longitude}"

    @property
    def asset_id(self) -> str:
        """Id of the asset that stands for the airport."""
        return f"{ASSET_MODEL}-{self.code}"

    @property
    def device_id(self) -> str:
        """Id of its weather station."""
        return f"{DEVICE_MODEL}-{self.code}"


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


def assets_csv(airports: list[Airport]) -> str:
    """The CSV that imports every airport."""
    columns = ("model", "reference", *(f"metadata.{name}" for name in ("name", "city", "state", "position")))
    return _csv(
        columns,
        (
            (ASSET_MODEL, airport.code, airport.name, airport.city, airport.state, airport.position)
            for airport in airports
        ),
    )


def devices_csv(airports: list[Airport]) -> str:
    """The CSV that imports every weather station."""
    columns = ("model", "reference", "metadata.serial")
    return _csv(columns, ((DEVICE_MODEL, airport.code, f"WS-{airport.code}") for airport in airports))


def links_csv(airports: list[Airport]) -> str:
    """The CSV that links every station to its airport."""
    return _csv(("assetId", "deviceId"), ((airport.asset_id, airport.device_id) for airport in airports))


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
