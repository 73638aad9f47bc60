"""Parsers of the geographic keywords (router-protocol 7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.query.geo import Point
from device_manager.query.tree import GeoBox, GeoDistance, GeoPolygon
from device_manager.realtime.koncorde.conditions import Box, Condition, Polygon, Ring
from device_manager.realtime.koncorde.points import degrees_of, meters_of, point_at
from device_manager.realtime.koncorde.reading import Reader, wrong

_FORMS = 'expected a point: {"lat", "lon"}, {"latLon"}, [lat, lon], "lat,lon" or a geohash of at least 4 characters'
_CORNERS = (("topLeft", "bottomRight"), ("top_left", "bottom_right"))
_OTHER_CORNERS = (("topRight", "bottomLeft"), ("top_right", "bottom_left"))


def _geo_bounding_box(reader: Reader, content: Any, where: str) -> Condition:
    field, box = reader.one_field(content, where)
    where = f"{where}.{field}"
    edges = _edges(reader.members(box, where), where)
    if edges[0] < edges[2]:
        raise wrong(where, "the top is below the bottom")
    return Box(field, GeoBox(field, *edges))


def _edges(box: dict[str, Any], where: str) -> tuple[float, float, float, float]:
    """Top, left, bottom, right."""
    if box.keys() == {"top", "left", "bottom", "right"}:
        top, bottom = (_degrees(box[name], 90, f"{where}.{name}") for name in ("top", "bottom"))
        left, right = (_degrees(box[name], 180, f"{where}.{name}") for name in ("left", "right"))
        return top, left, bottom, right
    for one, other in _CORNERS:
        if box.keys() == {one, other}:
            return *_point(box[one], f"{where}.{one}"), *_point(box[other], f"{where}.{other}")
    for one, other in _OTHER_CORNERS:
        if box.keys() == {one, other}:
            top, right = _point(box[one], f"{where}.{one}")
            bottom, left = _point(box[other], f"{where}.{other}")
            return top, left, bottom, right
    raise wrong(where, "expected top, left, bottom and right, or topLeft and bottomRight")


def _geo_distance(reader: Reader, content: Any, where: str) -> Condition:
    field, center = reader.one_field(content, where, "distance")
    meters = _meters(content["distance"], f"{where}.distance")
    return Ring(field, GeoDistance(field, *_point(center, f"{where}.{field}"), meters))


def _geo_distance_range(reader: Reader, content: Any, where: str) -> Condition:
    field, center = reader.one_field(content, where, "from", "to")
    near, far = (_meters(content[name], f"{where}.{name}") for name in ("from", "to"))
    if near >= far:
        raise wrong(where, '"from" has to be less than "to"')
    point = _point(center, f"{where}.{field}")
    inner = GeoDistance(field, *point, near) if near else None
    return Ring(field, GeoDistance(field, *point, far), inner)


def _geo_polygon(reader: Reader, content: Any, where: str) -> Condition:
    field, polygon = reader.one_field(content, where)
    where = f"{where}.{field}"
    points = reader.corners(reader.members(polygon, where).get("points"), f"{where}.points")
    corners = tuple(_point(point, f"{where}.points[{place}]") for place, point in enumerate(points))
    return Polygon(field, GeoPolygon(field, corners))


def _point(value: Any, where: str) -> Point:
    point = point_at(value)
    if point is None:
        raise wrong(where, _FORMS)
    return point


def _degrees(value: Any, limit: int, where: str) -> float:
    degrees = degrees_of(value, limit)
    if degrees is None:
        raise wrong(where, f"expected degrees from {-limit} to {limit}")
    return degrees


def _meters(value: Any, where: str) -> float:
    meters = meters_of(value)
    if meters is None:
        raise wrong(where, "expected a distance such as 10km")
    return meters


KEYWORDS: dict[str, Callable[[Reader, Any, str], Condition]] = {
    "geoBoundingBox": _geo_bounding_box,
    "geoDistance": _geo_distance,
    "geoDistanceRange": _geo_distance_range,
    "geoPolygon": _geo_polygon,
}
"""Parser of each geographic keyword."""
