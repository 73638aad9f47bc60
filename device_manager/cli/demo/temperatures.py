"""The example's temperatures: a year of hours at two airports, as payloads and as a curve."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from device_manager.cli.demo.airports import FOLDER

BARS = "▁▂▃▄▅▆▇█"


def read_payloads(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What the weather stations send: one payload for each station and day of `temperatures.csv`."""
    with (folder / "temperatures.csv").open(encoding="utf-8", newline="") as content:
        rows = list(csv.DictReader(content))
    stations = [name for name in rows[0] if name != "time"]
    return [
        {"station": station, "fahrenheit": {row["time"]: float(row[station]) for row in hours}}
        for _, day in groupby(rows, key=lambda row: row["time"][:10])
        for hours in [list(day)]
        for station in stations
    ]


def sparkline(values: Sequence[float]) -> str:
    """The values as bars, from the lowest to the highest of them."""
    low, high = min(values), max(values)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(BARS[round((value - low) / step)] for value in values)
