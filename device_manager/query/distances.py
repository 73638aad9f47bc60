"""Whether a point lies in a circle or a box, to the grid on which Elasticsearch keeps points (design 12)."""

from __future__ import annotations

import math

from device_manager.query.geo import Point
from device_manager.query.tree import GeoBox, GeoDistance

EARTH_METERS = 6_371_008.7714
"""The mean radius that Elasticsearch reckons with."""

_LAT_STEP = 180 / (1 << 32)
_LON_STEP = 360 / (1 << 32)
_HIGHEST = (1 << 31) - 1

MARGIN_DEGREES = 1e-4
"""What a box around a circle is widened by, more than all rounding together."""


def is_near(query: GeoDistance, point: Point) -> bool:
    """Whether `point` is in the circle."""
    return meters_between((query.lat, query.lon), kept_point(point)) <= query.meters


def kept_point(point: Point) -> Point:
    """The point as stores keep it."""
    return _kept(point[0], _LAT_STEP), _kept(point[1], _LON_STEP)


def meters_between(one: Point, other: Point) -> float:
    """The length of the arc between two points."""
    lat_1, lat_2 = math.radians(one[0]), math.radians(other[0])
    half_lat, half_lon = (lat_1 - lat_2) / 2, math.radians(one[1] - other[1]) / 2
    square = math.sin(half_lat) ** 2 + math.cos(lat_1) * math.cos(lat_2) * math.sin(half_lon) ** 2
    return 2 * EARTH_METERS * math.asin(min(1.0, math.sqrt(square)))


def is_inside(query: GeoBox, point: Point) -> bool:
    """Whether `point` is in the box."""
    lat, lon = _cell(point[0], _LAT_STEP), _cell(point[1], _LON_STEP)
    if not _cell(query.bottom, _LAT_STEP) <= lat <= _cell(query.top, _LAT_STEP):
        return False
    left, right = _cell(query.left, _LON_STEP), _cell(query.right, _LON_STEP)
    return left <= lon <= right if query.left <= query.right else lon >= left or lon <= right


def box_around(query: GeoDistance) -> GeoBox:
    """A box that holds the circle."""
    angle = query.meters / EARTH_METERS
    lat_margin = math.degrees(angle) + MARGIN_DEGREES
    top, bottom = min(90.0, query.lat + lat_margin), max(-90.0, query.lat - lat_margin)
    left, right = -180.0, 180.0
    if bottom > -90.0 and top < 90.0 and angle < math.pi / 2:
        width = math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(query.lat))))
        lon_margin = math.degrees(width) + MARGIN_DEGREES
        if query.lon - lon_margin >= -180.0 and query.lon + lon_margin <= 180.0:
            left, right = query.lon - lon_margin, query.lon + lon_margin
    return GeoBox(query.field, top, left, bottom, right)


def _cell(degrees: float, step: float) -> int:
    return min(_HIGHEST, math.floor(degrees / step))


def _kept(degrees: float, step: float) -> float:
    return _cell(degrees, step) * step
