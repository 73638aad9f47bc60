"""Points and distances in the forms that filters and documents may write them (router-protocol 7.1)."""

from __future__ import annotations

import math
import re
from typing import Any

from device_manager.query.conversions import Refused
from device_manager.query.geo import Point, point_of

METERS: dict[str, float] = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 0.001),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 0.01),
    **dict.fromkeys(("", "m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
    **dict.fromkeys(("in", "inch", "inches"), 0.0254),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
    **dict.fromkeys(("yd", "yard", "yards"), 0.9144),
    **dict.fromkeys(("mi", "mile", "miles"), 1609.344),
    **dict.fromkeys(("nm", "nmi", "nauticalmile", "nauticalmiles"), 1852.0),
}
"""Length of each unit in lower case."""

_DISTANCE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-z]*)")
_GEOHASH = re.compile(r"[0-9b-hjkmnp-z]{4,}")
_PAIR = re.compile(r"\s*[+-]?[0-9.eE+-]+\s*,\s*[+-]?[0-9.eE+-]+\s*")
_LONGEST = 100
"""Characters of a point or a distance."""


def point_at(value: Any) -> Point | None:
    """Latitude and longitude of a point in one of its forms; None for what is no point.

    The forms are `{lat, lon}`, `{latLon: point}`, `{lat_lon: point}`, `[lat, lon]`, `"lat,lon"` and a geohash of at
    least 4 characters, which stands for the south-western corner of its cell, as in searches.
    """
    if value.__class__ is dict:
        value = next((value[name] for name in ("latLon", "lat_lon") if name in value), value)
    if value.__class__ is dict:
        value = {"lat": value.get("lat"), "lon": value.get("lon")}
    elif value.__class__ is list:
        if len(value) != 2:
            return None
        value = {"lat": value[0], "lon": value[1]}
    elif value.__class__ is not str or len(value) > _LONGEST or not (_GEOHASH.fullmatch(value) or _PAIR.match(value)):
        return None
    try:
        return point_of(value)
    except (Refused, OverflowError):
        return None


def degrees_of(value: Any, limit: int) -> float | None:
    """A latitude or longitude, also written as a text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        degrees = float(value)
    except (ValueError, OverflowError):
        return None
    return degrees if -limit <= degrees <= limit else None


def meters_of(value: Any) -> float | None:
    """Meters of a distance such as `1 000,5 Ft`, or of a number of meters, to the micrometer; None for none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    elif isinstance(value, str) and len(value) <= _LONGEST:
        text = "".join(value.split()).replace(",", ".").lower()
    else:
        return None
    match = _DISTANCE.fullmatch(text)
    if match is None or match[2] not in METERS:
        return None
    meters = float(match[1]) * METERS[match[2]]
    return round(meters, 6) if math.isfinite(meters) else None
