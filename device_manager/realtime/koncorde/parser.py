"""Parser of the filters of subscriptions (router-protocol 7.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from device_manager.query.brackets import BadBrackets, field_and_value
from device_manager.query.regexps import InvalidPattern, searcher
from device_manager.realtime.koncorde import geo_keywords
from device_manager.realtime.koncorde.canonical import all_of, any_of
from device_manager.realtime.koncorde.conditions import (
    Condition,
    Contains,
    Elements,
    Exists,
    Kind,
    OneOf,
    Range,
    Regexp,
)
from device_manager.realtime.koncorde.documents import ID
from device_manager.realtime.koncorde.limits import MAX_CONDITIONS
from device_manager.realtime.koncorde.reading import Reader, wrong
from device_manager.realtime.koncorde.selecting import select
from device_manager.realtime.koncorde.tree import EVERYTHING, NOTHING, Node, leaf, negated

_BOUNDS = frozenset({"gt", "gte", "lt", "lte"})
_FLAGS = frozenset("imsgu")
_FLAGS_WITHOUT_EFFECT = frozenset("gu")


def parse(filter: Any, max_conditions: int = MAX_CONDITIONS) -> Node:
    """Parse a filter; none or an empty one is every document.

    Raises:
        ApiError: `api.assert.koncorde_dsl_error` (400) whose text starts with the quoted place of the fault.
    """
    if filter is None or filter == {}:
        return EVERYTHING
    return FilterParser(Reader(max_conditions)).parse(filter, "", 1)


class FilterParser:
    """Parses the keywords of one filter."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def parse(self, filter: Any, where: str, depth: int) -> Node:
        """Parse the filter at `where`."""
        self._reader.check_depth(where, depth)
        if not isinstance(filter, dict) or len(filter) != 1:
            raise wrong(where, "a filter is an object with exactly one keyword")
        ((keyword, content),) = filter.items()
        where = f"{where}.{keyword[:100]}" if where else keyword[:100]
        match keyword:
            case "and":
                return all_of(self._filters(content, where, depth))
            case "or":
                return any_of(self._filters(content, where, depth))
            case "not":
                return negated(self.parse(content, where, depth + 1))
            case "bool":
                return self._bool(content, where, depth)
            case "match":
                self._reader.members(content, where)
                return all_of(self._parts(content, "", where, depth))
            case "select":
                self._reader.count(where)
                return leaf(select(self._reader, content, where, lambda inner, at: self.parse(inner, at, depth + 1)))
        return self._leaf(keyword, content, where)

    def _leaf(self, keyword: str, content: Any, where: str) -> Node:
        if keyword == "nothing":
            self._reader.count(where)
            return NOTHING
        if keyword in {"in", "ids"}:
            return leaf(_IN[keyword](self._reader, content, where))
        parse = KEYWORDS.get(keyword)
        if parse is None:
            raise wrong(where, f"unknown keyword. Known: {', '.join(KNOWN)}")
        self._reader.count(where)
        return leaf(parse(self._reader, content, where), negated=keyword == "missing")

    def _filters(self, content: Any, where: str, depth: int) -> list[Node]:
        filters = self._reader.array(content, where)
        return [self.parse(filter, f"{where}[{place}]", depth + 1) for place, filter in enumerate(filters)]

    def _bool(self, content: Any, where: str, depth: int) -> Node:
        nodes = []
        for name, filters in self._reader.members(content, where).items():
            if name not in _BOOL:
                raise wrong(where, f'unknown attribute "{name[:100]}", expected {", ".join(_BOOL)}')
            nodes.append(_BOOL[name](self._filters(filters, f"{where}.{name}", depth)))
        return all_of(nodes)

    def _parts(self, content: dict[str, Any], above: str, where: str, depth: int) -> list[Node]:
        """The conditions of `match`, one for each scalar and each array of the partial object."""
        self._reader.check_depth(where, depth)
        nodes: list[Node] = []
        for name, value in content.items():
            field = self._reader.path(f"{above}{name}", where)
            if isinstance(value, dict) and value:
                nodes += self._parts(value, f"{field}.", where, depth + 1)
            elif isinstance(value, dict):
                self._reader.count(where)
                nodes.append(leaf(Kind(field, "object")))
            elif isinstance(value, list):
                nodes += self._elements(field, value, where, depth + 1)
            else:
                self._reader.count(where)
                nodes.append(leaf(OneOf(field, frozenset({self._reader.scalar(value, where)}))))
        return nodes

    def _elements(self, field: str, values: list[Any], where: str, depth: int) -> list[Node]:
        """Scalars never take the elements that objects and arrays need, so that they are conditions of their own."""
        if not values:
            self._reader.count(where)
            return [leaf(Kind(field, "array"))]
        for value in values:
            self._measure(value, where, depth)
        scalars = Counter(self._reader.scalar(value, where) for value in values if not isinstance(value, dict | list))
        nodes: list[Node] = [leaf(Contains(field, key, times)) for key, times in scalars.items()]
        patterns = tuple(value for value in values if isinstance(value, dict | list))
        return [*nodes, leaf(Elements(field, patterns))] if patterns else nodes

    def _measure(self, pattern: Any, where: str, depth: int) -> None:
        """Count the scalars of a pattern, and its empty parts."""
        self._reader.check_depth(where, depth)
        if isinstance(pattern, dict | list) and pattern:
            for part in pattern.values() if isinstance(pattern, dict) else pattern:
                self._measure(part, where, depth + 1)
            if isinstance(pattern, dict):
                for name in pattern:
                    self._reader.text(name, where)
        else:
            self._reader.count(where)
            if not isinstance(pattern, dict | list):
                self._reader.scalar(pattern, where)


_BOOL: dict[str, Callable[[list[Node]], Node]] = {
    "must": all_of,
    "must_not": lambda nodes: negated(any_of(nodes)),
    "should": any_of,
    "should_not": lambda nodes: negated(all_of(nodes)),
}


def _equals(reader: Reader, content: Any, where: str) -> Condition:
    field, value = reader.one_field(content, where)
    return OneOf(field, frozenset({reader.scalar(value, f"{where}.{field}")}))


def _in(reader: Reader, content: Any, where: str) -> Condition:
    field, values = reader.one_field(content, where)
    return OneOf(field, reader.texts(values, f"{where}.{field}"))


def _ids(reader: Reader, content: Any, where: str) -> Condition:
    members = reader.members(content, where)
    if members.keys() != {"values"}:
        raise wrong(where, 'expected the member "values" alone')
    return OneOf(ID, reader.texts(members["values"], f"{where}.values"))


def _exists(reader: Reader, content: Any, where: str) -> Condition:
    if isinstance(content, dict):
        if content.keys() != {"field"}:
            raise wrong(where, 'expected the path of a field, or the member "field" alone')
        content = content["field"]
    path = reader.path(content, where)
    try:
        field, bracketed, value = field_and_value(path)
    except BadBrackets as error:
        raise wrong(where, str(error)[:500]) from None
    return Contains(field, reader.scalar(value, where)) if bracketed else Exists(field)


def _range(reader: Reader, content: Any, where: str) -> Condition:
    field, bounds = reader.one_field(content, where)
    where = f"{where}.{field}"
    bounds = reader.members(bounds, where)
    for name, bound in bounds.items():
        if name not in _BOUNDS:
            raise wrong(where, f'unknown member "{name[:100]}", expected gt or gte, lt or lte')
        reader.number(bound, f"{where}.{name}")
    for either, other in (("gt", "gte"), ("lt", "lte")):
        if either in bounds and other in bounds:
            raise wrong(where, f"{either} and {other} exclude each other")
    low, high = bounds.get("gt", bounds.get("gte")), bounds.get("lt", bounds.get("lte"))
    if low is not None and high is not None and low >= high:
        raise wrong(where, "the lower bound has to be less than the upper one")
    return Range(field, low, high, "gt" not in bounds, "lt" not in bounds)


def _regexp(reader: Reader, content: Any, where: str) -> Condition:
    field, pattern = reader.one_field(content, where)
    where = f"{where}.{field}"
    flags = ""
    if isinstance(pattern, dict):
        if not pattern.keys() <= {"value", "flags"}:
            raise wrong(where, 'expected the members "value" and "flags"')
        flags = reader.text(pattern.get("flags", ""), f"{where}.flags", "flags as a text")
        pattern = pattern.get("value")
    pattern = reader.pattern(pattern, where)
    if not _FLAGS.issuperset(flags):
        raise wrong(f"{where}.flags", f"expected flags out of {', '.join(sorted(_FLAGS))}")
    chosen = frozenset(flags) - _FLAGS_WITHOUT_EFFECT
    try:
        return Regexp(field, pattern, "".join(sorted(chosen)), searcher(pattern, flags=chosen))
    except InvalidPattern as error:
        raise wrong(where, f"not a regular expression of RE2: {str(error)[:500]}") from None


_IN = {"in": _in, "ids": _ids}

KEYWORDS: dict[str, Callable[[Reader, Any, str], Condition]] = {
    "equals": _equals,
    "exists": _exists,
    "missing": _exists,
    "range": _range,
    "regexp": _regexp,
    **geo_keywords.KEYWORDS,
}
"""Parser of every keyword that is one condition on one field."""

KNOWN = sorted({*KEYWORDS, *_IN, "and", "or", "not", "bool", "match", "nothing", "select"})
