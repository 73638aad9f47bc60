"""Parser of Koncorde filters in searches (`lang: koncorde`), by the translation of router-protocol 7.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.query.brackets import BadBrackets, field_and_value
from device_manager.query.clauses import LEAVES, MAX_CLAUSES, MAX_DEPTH, ClauseParser
from device_manager.query.geo_clauses import length_of
from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Bool, Exists, Query, Range, Scalar

NOT_RUNNABLE = frozenset({"select"})
"""Keywords of subscriptions that no store runs: they do not keep the order of arrays."""


def parse_koncorde(filter: Any) -> Query:
    """Parse a Koncorde filter as a search query; none or an empty one matches every document.

    Values compare as the mapping says (keywords exactly, any element of an array, numbers and dates by value), which is
    looser than the comparison of subscriptions.

    Raises:
        ApiError: `api.assert.koncorde_restricted_keyword` for `bool`, `services.koncorde.elastic_translation_error` for
            a bad bracket of `exists`, `services.storage.unknown_query_keyword`, `api.assert.koncorde_dsl_error` for
            everything else that is wrong, all 400.
    """
    if filter is None or filter == {}:
        return MATCH_ALL
    return FilterParser().parse(filter, "", 1)


class FilterParser:
    """Parses the keywords of one filter and counts them."""

    def __init__(self) -> None:
        self.clauses = 0

    def parse(self, filter: Any, where: str, depth: int) -> Query:
        """Parse the filter at `where`."""
        if not isinstance(filter, dict) or len(filter) != 1:
            raise _wrong(where, "a filter is an object with exactly one keyword")
        self.clauses += 1
        if self.clauses > MAX_CLAUSES or depth > MAX_DEPTH:
            raise _wrong(where, f"a filter has at most {MAX_CLAUSES} keywords, nested at most {MAX_DEPTH} deep")
        ((keyword, content),) = filter.items()
        where = f"{where}.{keyword}" if where else keyword
        if keyword in {"and", "or"}:
            filters = self._list(content, where, depth)
            return Bool(filter=filters) if keyword == "and" else Bool(should=filters)
        if keyword == "not":
            return Bool(must_not=(self.parse(content, where, depth + 1),))
        parse = KEYWORDS.get(keyword)
        if parse is None:
            raise _unknown(keyword, where)
        return parse(content, where)

    def _list(self, content: Any, where: str, depth: int) -> tuple[Query, ...]:
        if not isinstance(content, list) or not content:
            raise _wrong(where, "expected an array of at least one filter")
        return tuple(self.parse(filter, f"{where}[{place}]", depth + 1) for place, filter in enumerate(content))


def _wrong(where: str, why: str) -> ApiError:
    return api_error("api.assert.koncorde_dsl_error", f'"{where}": {why}')


def _unknown(keyword: str, where: str) -> ApiError:
    if keyword == "bool":
        return api_error("api.assert.koncorde_restricted_keyword", "operator", "bool")
    if keyword in NOT_RUNNABLE:
        accepted = ", ".join(sorted(KEYWORDS.keys() | {"and", "or", "not"}))
        return _wrong(where, f"the keyword is for subscriptions, searches cannot run it. Supported: {accepted}")
    return api_error("services.storage.unknown_query_keyword", keyword)


def _leaf(clause: str) -> Callable[[Any, str], Query]:
    """The keyword has the form of the Elasticsearch clause `clause`."""
    return lambda content, where: LEAVES[clause](content, where)


def _field_and_value(content: Any, where: str) -> tuple[str, bool, Scalar]:
    """Field path, whether a value stands in brackets, and that value."""
    if isinstance(content, dict) and len(content) == 1:
        content = content.get("field")
    if not isinstance(content, str) or not content:
        raise _wrong(where, "expected the path of a field")
    try:
        return field_and_value(content)
    except BadBrackets as error:
        raise api_error("services.koncorde.elastic_translation_error", str(error)) from None


def _exists(content: Any, where: str) -> Query:
    field, bracketed, value = _field_and_value(content, where)
    if not bracketed or not value:
        return Exists(field)
    return Bool(filter=(Exists(field), Range(field, gte=value, lte=value)))


def _missing(content: Any, where: str) -> Query:
    field, bracketed, value = _field_and_value(content, where)
    if bracketed:
        return Bool(must_not=(Range(field, gte=value, lte=value),)) if value else Bool(must_not=(Exists(field),))
    return Bool(must_not=(Exists(field),))


def _geo_distance_range(content: Any, where: str) -> Query:
    if not isinstance(content, dict) or not {"from", "to"} <= content.keys():
        raise _wrong(where, 'expected a field and the members "from" and "to"')
    center = {name: value for name, value in content.items() if name not in {"from", "to"}}
    near, far = (length_of(content[name], center.get("unit", "m"), f"{where}.{name}") for name in ("from", "to"))
    if near >= far:
        raise _wrong(where, '"from" has to be less than "to"')
    inside = LEAVES["geo_distance"]({**center, "distance": content["to"]}, where)
    if not near:
        return inside
    return Bool(filter=(inside,), must_not=(LEAVES["geo_distance"]({**center, "distance": content["from"]}, where),))


KEYWORDS: dict[str, Callable[[Any, str], Query]] = {
    "equals": _leaf("term"),
    "in": _leaf("terms"),
    "exists": _exists,
    "missing": _missing,
    "geoBoundingBox": _leaf("geo_bounding_box"),
    "geoDistance": _leaf("geo_distance"),
    "geoDistanceRange": _geo_distance_range,
    "geoPolygon": _leaf("geo_polygon"),
    "nothing": lambda content, where: MATCH_NONE,
    **{clause: _leaf(clause) for clause in LEAVES.keys() - {"exists"}},
    "nested": lambda content, where: ClauseParser().nested(content, where, 1),
}
"""Parser of every keyword that holds no other filter; Elasticsearch clauses pass through as they are."""
