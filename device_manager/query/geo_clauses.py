"""Parsers of `geo_distance` and `geo_bounding_box` (router-protocol 5.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from device_manager.query.conversions import Refused, text_of
from device_manager.query.geo import Point, point_of
from device_manager.query.members import HARMLESS, check_members, choice, flag, members, one_field, scalar
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.tree import GeoBox, GeoDistance, GeoPolygon, Query

METERS: dict[str, float] = {
    "mm": 0.001, "millimeters": 0.001, "cm": 0.01, "centimeters": 0.01, "m": 1.0, "meters": 1.0,
    "km": 1000.0, "kilometers": 1000.0, "in": 0.0254, "inch": 0.0254, "ft": 0.3048, "feet": 0.3048,
    "yd": 0.9144, "yards": 0.9144, "mi": 1609.344, "miles": 1609.344,
    "nmi": 1852.0, "NM": 1852.0, "nauticalmiles": 1852.0,
}  # fmt: skip
"""Length of each unit of distances."""

_DISTANCE = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*")
_BOX = re.compile(r"\s*BBOX\s*\(\s*(\S+)\s*,\s*(\S+)\s*,\s*(\S+)\s*,\s*(\S+)\s*\)\s*", re.IGNORECASE)
_OPTIONS = HARMLESS | {"validation_method", "ignore_unmapped"}
MAX_CORNERS = 1000
"""Most corners of a polygon."""

_EDGES = ("top", "left", "bottom", "right")


def _geo_distance(content: Any, where: str) -> Query:
    own = _OPTIONS | {"distance", "distance_type", "unit"}
    field, center = one_field(content, where, own)
    ignore = _options(content, where)
    if choice("distance_type", content.get("distance_type", "arc"), ("arc", "plane"), where) == "plane":
        raise not_runnable('The distance_type "plane"', where, "arc")
    point = _point(center, f"{where}.{field}")
    return GeoDistance(field, *point, distance_of(content.get("distance"), content.get("unit", "m"), where), ignore)


def distance_of(value: Any, unit: Any, where: str) -> float:
    """Meters of a distance such as `10km`, more than 0; a number without a unit is in `unit`."""
    meters = length_of(value, unit, where)
    if not 0 < meters < float("inf"):
        raise malformed(f"{where}.distance", "the distance has to be more than 0")
    return meters


def length_of(value: Any, unit: Any, where: str) -> float:
    """Meters of a distance, which may be 0."""
    match = _DISTANCE.fullmatch(text_of(scalar(value, f"{where}.distance")))
    name = match[2] or unit if match else None
    if match is None or not isinstance(name, str) or name not in METERS:
        raise malformed(f"{where}.distance", f"expected a number and a unit ({', '.join(METERS)})")
    return float(match[1]) * METERS[name]


def _geo_bounding_box(content: Any, where: str) -> Query:
    own = _OPTIONS | {"type"}
    field, box = one_field(content, where, own)
    ignore = _options(content, where)
    edges = _box(members(box, f"{where}.{field}"), f"{where}.{field}")
    if edges[0] < edges[2]:
        raise malformed(f"{where}.{field}", "the top is below the bottom")
    return GeoBox(field, *edges, ignore)


def _geo_polygon(content: Any, where: str) -> Query:
    field, polygon = one_field(content, where, _OPTIONS)
    ignore = _options(content, where)
    where = f"{where}.{field}"
    polygon = members(polygon, where)
    check_members(polygon, {"points"}, where)
    points = polygon.get("points")
    if not isinstance(points, list) or len(points) > MAX_CORNERS:
        raise malformed(f"{where}.points", f"expected an array of at most {MAX_CORNERS} points")
    corners = [_corner(point, f"{where}.points[{place}]") for place, point in enumerate(points)]
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if len(corners) < 3:
        raise malformed(f"{where}.points", "a polygon has at least 3 corners")
    return GeoPolygon(field, tuple(corners), ignore)


def _box(box: dict[str, Any], where: str) -> tuple[float, float, float, float]:
    """Top, left, bottom, right."""
    if "wkt" in box:
        match = _BOX.fullmatch(str(box["wkt"]))
        if match is None:
            raise malformed(where, "expected wkt such as BBOX (left, right, top, bottom)")
        left, right, top, bottom = match.groups()
        box = {"top": top, "left": left, "bottom": bottom, "right": right}
    if set(box) == set(_EDGES):
        top_left = _point({"lat": box["top"], "lon": box["left"]}, where)
        bottom_right = _point({"lat": box["bottom"], "lon": box["right"]}, where)
        return *top_left, *bottom_right
    if set(box) == {"top_left", "bottom_right"}:
        return *_corner(box["top_left"], where), *_corner(box["bottom_right"], where)
    if set(box) == {"top_right", "bottom_left"}:
        (top, right), (bottom, left) = _corner(box["top_right"], where), _corner(box["bottom_left"], where)
        return top, left, bottom, right
    check_members(box, {*_EDGES, "top_left", "bottom_right", "top_right", "bottom_left", "wkt"}, where)
    raise malformed(where, "expected top_left and bottom_right, top_right and bottom_left, wkt, or all four edges")


def _corner(value: Any, where: str) -> Point:
    if isinstance(value, str) and "," not in value and "(" not in value:
        raise not_runnable("A geohash as a corner", where, '{"lat", "lon"}, [lon, lat], "lat,lon" or WKT')
    return _point(value, where)


def _point(value: Any, where: str) -> Point:
    try:
        point = point_of(value)
    except Refused as error:
        raise malformed(where, str(error)) from None
    if point is None:
        raise malformed(where, "expected a point")
    return point


def _options(content: dict[str, Any], where: str) -> bool:
    """Whether a field that is not mapped is to be overlooked."""
    method = choice(
        "validation_method", content.get("validation_method", "strict"), ("strict", "coerce", "ignore_malformed"), where
    )
    if method != "strict":
        raise not_runnable(f'The validation_method "{method}"', where, "STRICT")
    return flag("ignore_unmapped", content.get("ignore_unmapped", False), where)


CLAUSES: dict[str, Callable[[Any, str], Query]] = {
    "geo_distance": _geo_distance,
    "geo_bounding_box": _geo_bounding_box,
    "geo_polygon": _geo_polygon,
}
"""Parsers of the geographic clauses, by name."""
