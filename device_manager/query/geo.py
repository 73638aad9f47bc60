"""Which values the geographic types of a mapping accept, and the points in them (design 6)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from device_manager.query.conversions import Refused

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

_PAIR = re.compile(r"\s*([+-]?[0-9.eE+-]+)\s*,\s*([+-]?[0-9.eE+-]+)\s*(?:,\s*[+-]?[0-9.eE+-]+\s*)?")
_WKT_POINT = re.compile(r"\s*POINT\s*\(\s*(\S+)\s+(\S+)(?:\s+\S+)?\s*\)\s*", re.IGNORECASE)
_WKT_SHAPE = re.compile(
    r"\s*(?:POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION|BBOX)\s*\(.*\)\s*",
    re.IGNORECASE | re.DOTALL,
)
_GEOHASH = re.compile(r"[0-9b-hjkmnp-z]{1,11}|[0-9b-hjkmnp-z]{12}.*", re.DOTALL)
_GEOHASH_DIGITS = "0123456789bcdefghjkmnpqrstuvwxyz"
_POINT_FORMS = 'a geo_point ({"lat", "lon"}, [lon, lat], "lat,lon", a geohash or WKT)'

_DEPTHS = {"point": 1, "linestring": 2, "multipoint": 2, "polygon": 3, "multilinestring": 3, "multipolygon": 4}


def check_geo_point(value: Any) -> bool:
    """Whether there is a point; null and the empty array are none. Raises Refused for what is no point."""
    return _is_plain(value) or bool(geo_points(value))


def geo_points(value: Any) -> list[Point]:
    """The points of a value, arrays included. Raises Refused for what is no point."""
    if isinstance(value, (list, tuple)):
        if value and _is_number(value[0]):
            return [_position(value)]
        return [point for item in value if (point := point_of(item)) is not None]
    point = point_of(value)
    return [] if point is None else [point]


def _is_plain(value: Any) -> bool:
    """The way of nearly all points: {lat, lon} as two fractions."""
    if value.__class__ is not dict or len(value) != 2:
        return False
    lat, lon = value.get("lat"), value.get("lon")
    return lat.__class__ is float and lon.__class__ is float and -90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0


def point_of(value: Any) -> Point | None:
    """The point in one of its forms; None for null. Raises Refused for what is no point."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        if not all(map(_is_number, value)):
            raise Refused("expects [lon, lat] as two numbers")
        return _position(value)
    if isinstance(value, dict):
        return _point_object(value)
    if isinstance(value, str):
        return _point_text(value)
    raise Refused(f"expects {_POINT_FORMS}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _position(position: Any) -> Point:
    if not 2 <= len(position) <= 3:
        raise Refused("expects [lon, lat] as two numbers")
    if len(position) == 3 and not _is_number(position[2]):
        raise Refused("expects the altitude as a number")
    return _in_range(position[1], position[0])


def _point_object(value: dict[str, Any]) -> Point:
    keys = set(value)
    if keys == {"lat", "lon"} or keys == {"lat", "lon", "z"}:
        return _in_range(value["lat"], value["lon"])
    if keys == {"type", "coordinates"} and isinstance(value["type"], str) and value["type"].lower() == "point":
        coordinates = value["coordinates"]
        if isinstance(coordinates, (list, tuple)):
            return _position(coordinates)
    raise Refused(f"expects {_POINT_FORMS}")


def _point_text(value: str) -> Point:
    if match := _WKT_POINT.fullmatch(value):
        return _in_range(match[2], match[1])
    if match := _PAIR.fullmatch(value):
        return _in_range(match[1], match[2])
    if _GEOHASH.fullmatch(value):
        return _geohash(value)
    raise Refused(f"expects {_POINT_FORMS}")


def _geohash(value: str) -> Point:
    """The corner of a cell with the lowest latitude and longitude."""
    low, high = [-90.0, -180.0], [90.0, 180.0]
    axis = 1
    for character in value[:12]:
        digit = _GEOHASH_DIGITS.index(character)
        for bit in (16, 8, 4, 2, 1):
            middle = (low[axis] + high[axis]) / 2
            (low if digit & bit else high)[axis] = middle
            axis = 1 - axis
    return low[0], low[1]


def _in_range(lat: Any, lon: Any) -> Point:
    numbers = []
    for name, value, limit in (("latitude", lat, 90), ("longitude", lon, 180)):
        try:
            number = math.nan if isinstance(value, bool) or value is None else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not -limit <= number <= limit:
            raise Refused(f"expects a {name} from {-limit} to {limit}")
        numbers.append(number)
    return numbers[0], numbers[1]


def check_geo_shape(value: Any) -> bool:
    """Whether there is a shape, GeoJSON or WKT; null is none. Raises Refused for what is no shape."""
    if value is None:
        return False
    if isinstance(value, (list, tuple)):
        return any([check_geo_shape(item) for item in value])
    if isinstance(value, str) and _WKT_SHAPE.fullmatch(value):
        return True
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        return _check_shape_object(value, value["type"].lower())
    raise Refused("expects a geo_shape (GeoJSON or WKT)")


def _check_shape_object(value: dict[str, Any], kind: str) -> bool:
    if kind == "geometrycollection":
        members = value.get("geometries")
        if isinstance(members, (list, tuple)) and all(isinstance(member, dict) for member in members):
            return any([check_geo_shape(member) for member in members])
    elif kind == "envelope":
        _check_coordinates(value.get("coordinates"), 2)
        return True
    elif kind in _DEPTHS:
        _check_coordinates(value.get("coordinates"), _DEPTHS[kind])
        return True
    raise Refused("expects a geo_shape (GeoJSON or WKT)")


def _check_coordinates(value: Any, depth: int) -> None:
    if not isinstance(value, (list, tuple)) or not value:
        raise Refused("expects coordinates as arrays of [lon, lat]")
    if depth == 1:
        _position(value)
        return
    for item in value:
        _check_coordinates(item, depth - 1)


CHECKS: dict[str, Callable[[Any], bool]] = {"geo_point": check_geo_point, "geo_shape": check_geo_shape}
"""The check of each geographic type, over whole values, arrays included."""
