"""Points on the map (router-protocol 5.9)."""

from __future__ import annotations

from typing import Any

from device_manager.controllers.memory_storage.command import Command, Point

_SICILY = ("GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",)
_RADIUS = (
    "`unit` is m, km, ft or mi. The options `withcoord` and `withdist` add coordinates and distance to each point, "
    "`count` with a number behind it answers no more than these, `asc` and `desc` sort by distance."
)

COMMANDS = (
    Command("geoadd", "GEOADD _id *points", int, "Add points; how many are new.",
            {"_id": "sicily", "points": [{"lon": 13.361389, "lat": 38.115556, "name": "Palermo"}]}, 1, verb="POST",
            types={"points": list[Point]}),
    Command("geodist", "GEODIST _id member1 member2 [unit]", str | None,
            "The distance between two points in m, km, ft or mi, as text; null when one does not exist.",
            {"_id": "sicily", "member1": "Palermo", "member2": "Catania", "unit": "km"}, "166.2742", _SICILY,
            path="/ms/_geodist/:_id/:member1/:member2", varies=True),
    Command("geohash", "GEOHASH _id *members", list[str | None], "The geohashes of points, null for unknown ones.",
            {"_id": "sicily", "members": ["Palermo", "Rome"]}, ["sqc8b49rny0", None], _SICILY),
    Command("geopos", "GEOPOS _id *members", list[list[str] | None], "Longitude and latitude of points, as texts.",
            {"_id": "sicily", "members": ["Palermo"]}, [["13.36138933897018433", "38.11555639549629859"]], _SICILY,
            varies=True),
    Command("georadius", "GEORADIUS _id lon lat distance unit [*options]", list[Any], "The points around a place.",
            {"_id": "sicily", "lon": 15, "lat": 37, "distance": 200, "unit": "km", "options": ["count", 1, "asc"]},
            ["Catania"], _SICILY, description=_RADIUS),
    Command("georadiusbymember", "GEORADIUSBYMEMBER _id member distance unit [*options]", list[Any],
            "The points around a point.",
            {"_id": "sicily", "member": "Palermo", "distance": 100, "unit": "km"}, ["Palermo"], _SICILY,
            description=_RADIUS),
)  # fmt: skip
"""The commands of this page."""
