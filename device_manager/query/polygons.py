"""Whether a point lies in a polygon of degrees, on a flat map as Elasticsearch sees it (design 12)."""

from __future__ import annotations

from device_manager.query.distances import box_around, kept_point
from device_manager.query.geo import Point
from device_manager.query.tree import GeoBox, GeoDistance, GeoPolygon


def is_within(query: GeoPolygon, point: Point) -> bool:
    """Whether `point` is in the polygon or on one of its edges."""
    y, x = kept_point(point)
    inside = False
    y_1, x_1 = query.corners[-1]
    for y_2, x_2 in query.corners:
        if _is_on((y_1, x_1), (y_2, x_2), (y, x)):
            return True
        if (y < y_1) != (y < y_2) and x < (x_2 - x_1) * (y - y_1) / (y_2 - y_1) + x_1:
            inside = not inside
        y_1, x_1 = y_2, x_2
    return inside


def box_of(query: GeoDistance | GeoBox | GeoPolygon) -> GeoBox:
    """A box that holds the place."""
    if isinstance(query, GeoBox):
        return query
    if isinstance(query, GeoDistance):
        return box_around(query)
    lats, lons = zip(*query.corners, strict=True)
    return GeoBox(query.field, max(lats), min(lons), min(lats), max(lons))


def _is_on(start: Point, end: Point, point: Point) -> bool:
    (y_1, x_1), (y_2, x_2), (y, x) = start, end, point
    if (x_2 - x_1) * (y - y_1) != (y_2 - y_1) * (x - x_1):
        return False
    return min(y_1, y_2) <= y <= max(y_1, y_2) and min(x_1, x_2) <= x <= max(x_1, x_2)
