"""Parser of one Elasticsearch query, as clients write it, to the tree (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.query.conversions import text_of
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.tree import (
    MATCH_ALL,
    Bool,
    Exists,
    Ids,
    MatchAll,
    MatchNone,
    Prefix,
    Query,
    Range,
    Scalar,
    Term,
    Terms,
    Wildcard,
)

MAX_DEPTH = 30
"""Deepest nesting of clauses."""

MAX_CLAUSES = 1024
"""Most clauses of one query; a `terms` clause counts once."""

MAX_VALUES = 65_536
"""Most values of one `terms` or `ids` clause."""

_NOT_RUNNABLE = (
    "boosting combined_fields common constant_score dis_max distance_feature function_score fuzzy geo_bounding_box "
    "geo_distance geo_grid geo_polygon geo_shape has_child has_parent intervals knn match match_bool_prefix "
    "match_phrase match_phrase_prefix more_like_this multi_match nested parent_id percolate pinned query_string "
    "rank_feature regexp rule_query script_score semantic shape simple_query_string span_containing span_first "
    "span_multi span_near span_not span_or span_term span_within sparse_vector terms_set text_expansion type "
    "weighted_tokens wrapper field_masking_span"
)
NOT_RUNNABLE = frozenset(_NOT_RUNNABLE.split())
"""Clauses that Elasticsearch knows and that no store runs yet."""

HARMLESS = frozenset({"boost", "_name"})
"""Members of clauses that change neither which documents match nor their order by fields."""


def parse_query(query: Any, where: str = "query") -> Query:
    """Parse an Elasticsearch query; none or an empty one matches every document.

    Raises:
        ApiError: `services.storage.unknown_query_keyword`, `invalid_query_keyword` (scripts) or
            `unexpected_bad_request`, all 400, naming the clause and its place.
    """
    if query is None or query == {}:
        return MATCH_ALL
    return ClauseParser().parse(query, where, 1)


class ClauseParser:
    """Parses the clauses of one query and counts them."""

    def __init__(self) -> None:
        self.clauses = 0

    def parse(self, query: Any, where: str, depth: int) -> Query:
        """Parse the clause at `where`."""
        if not isinstance(query, dict) or len(query) != 1:
            raise malformed(where, "expected an object with exactly one clause")
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise malformed(where, f"the query has more than {MAX_CLAUSES} clauses")
        if depth > MAX_DEPTH:
            raise malformed(where, f"clauses are nested deeper than {MAX_DEPTH}")
        ((name, content),) = query.items()
        if name == "bool":
            return self._bool(content, f"{where}.bool", depth)
        parse = LEAVES.get(name)
        if parse is None:
            raise _unknown(name, where)
        return parse(content, f"{where}.{name}")

    def _bool(self, content: Any, where: str, depth: int) -> Query:
        content = _object(content, where)
        groups: dict[str, tuple[Query, ...]] = {}
        for name, value in content.items():
            if name in {"must", "filter", "should", "must_not"}:
                groups[name] = self._clauses(value, f"{where}.{name}", depth)
            elif name not in {"minimum_should_match", "adjust_pure_negative"} | HARMLESS:
                raise malformed(where, f'unknown member "{name}"')
        if content.get("adjust_pure_negative") not in (None, True):
            raise not_runnable("adjust_pure_negative: false", where, "true")
        needed = content.get("minimum_should_match")
        if needed is not None:
            needed = should_count(needed, len(groups.get("should", ())), where)
        return Bool(**groups, minimum_should_match=needed)

    def _clauses(self, value: Any, where: str, depth: int) -> tuple[Query, ...]:
        if isinstance(value, list):
            return tuple(self.parse(clause, f"{where}[{place}]", depth + 1) for place, clause in enumerate(value))
        return (self.parse(value, where, depth + 1),)


def should_count(value: Any, clauses: int, where: str) -> int:
    """How many of `clauses` have to match for a `minimum_should_match` such as 2, "-1", "75%" or "-25%"."""
    text = text_of(value).strip()
    try:
        count = int(clauses * int(text[:-1]) / 100) if text.endswith("%") else int(text)
    except ValueError:
        raise malformed(where, f"minimum_should_match {text[:40]!r} is neither a number nor a percentage") from None
    return max(0, clauses + count) if text.startswith("-") else count


def _unknown(name: str, where: str) -> ApiError:
    if name == "script":
        return api_error("services.storage.invalid_query_keyword", f"{where}.script")
    if name in NOT_RUNNABLE:
        return not_runnable(f'The clause "{name}"', where, ", ".join(sorted(LEAVES.keys() | {"bool"})))
    return api_error("services.storage.unknown_query_keyword", name)


def _object(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise malformed(where, "expected an object")
    return content


def _scalar(value: Any, where: str) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise malformed(where, f"expected a text, number or boolean, got {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return {dict: "an object", list: "an array", type(None): "null"}.get(type(value), type(value).__name__)


def _flag(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise malformed(where, "case_insensitive takes true or false")


def _field(content: Any, where: str) -> tuple[str, Any]:
    """The one field of a clause and what is said about it."""
    members = [(name, value) for name, value in _object(content, where).items() if name not in HARMLESS]
    if len(members) != 1:
        raise malformed(where, "expected an object with exactly one field")
    return members[0]


def _check(members: dict[str, Any], known: set[str], where: str) -> None:
    for name in members:
        if name not in known and name not in HARMLESS:
            raise malformed(where, f'unknown member "{name}", expected {", ".join(sorted(known))}')


def _term(content: Any, where: str) -> Query:
    field, value = _field(content, where)
    insensitive = False
    if isinstance(value, dict):
        _check(value, {"value", "case_insensitive"}, where)
        insensitive = _flag(value.get("case_insensitive", False), where)
        value = value.get("value")
    scalar = _scalar(value, where)
    return Ids((text_of(scalar),)) if field == "_id" else Term(field, scalar, insensitive)


def _terms(content: Any, where: str) -> Query:
    field, values = _field(content, where)
    if isinstance(values, dict):
        raise not_runnable("Looking terms up in a document", where, "an array of values")
    if not isinstance(values, list):
        raise malformed(where, f"expected an array of values for the field {field!r}")
    if len(values) > MAX_VALUES:
        raise malformed(where, f"more than {MAX_VALUES} values")
    scalars = tuple(_scalar(value, where) for value in values)
    return Ids(tuple(map(text_of, scalars))) if field == "_id" else Terms(field, scalars)


def _range(content: Any, where: str) -> Query:
    field, bounds = _field(content, where)
    bounds = _object(bounds, where)
    _check(bounds, {"gt", "gte", "lt", "lte", "format", "time_zone"}, where)
    for either, other in (("gt", "gte"), ("lt", "lte")):
        if bounds.get(either) is not None and bounds.get(other) is not None:
            raise malformed(where, f"{either} and {other} exclude each other")
    values: dict[str, Scalar] = {
        name: _scalar(bounds[name], f"{where}.{field}.{name}")
        for name in ("gt", "gte", "lt", "lte")
        if bounds.get(name) is not None
    }
    for name in ("format", "time_zone"):
        if bounds.get(name) is not None and not isinstance(bounds[name], str):
            raise malformed(where, f"{name} has to be a text")
    return Range(field, **values, format=bounds.get("format"), time_zone=bounds.get("time_zone"))


def _exists(content: Any, where: str) -> Query:
    content = _object(content, where)
    _check(content, {"field"}, where)
    field = content.get("field")
    if not isinstance(field, str) or not field:
        raise malformed(where, "expected the name of a field in `field`")
    if "*" in field:
        raise not_runnable("A pattern of fields", where, "the path of one field")
    return MATCH_ALL if field == "_id" else Exists(field)


def _ids(content: Any, where: str) -> Query:
    content = _object(content, where)
    _check(content, {"values"}, where)
    values = content.get("values")
    if values is None:
        raise malformed(where, "expected an array of ids in `values`")
    values = values if isinstance(values, list) else [values]
    if len(values) > MAX_VALUES:
        raise malformed(where, f"more than {MAX_VALUES} values")
    return Ids(tuple(text_of(_scalar(value, where)) for value in values))


def _pattern(content: Any, where: str, names: tuple[str, ...]) -> tuple[str, str, bool]:
    """Field, pattern and case flag of a `prefix` or `wildcard` clause; `names` are the keys of the pattern."""
    field, value = _field(content, where)
    insensitive = False
    if isinstance(value, dict):
        _check(value, {*names, "case_insensitive", "rewrite"}, where)
        insensitive = _flag(value.get("case_insensitive", False), where)
        value = next((value[name] for name in names if name in value), None)
    return field, text_of(_scalar(value, where)), insensitive


def _prefix(content: Any, where: str) -> Query:
    return Prefix(*_pattern(content, where, ("value",)))


def _wildcard(content: Any, where: str) -> Query:
    field, pattern, insensitive = _pattern(content, where, ("value", "wildcard"))
    return Wildcard(field, pattern, insensitive) if pattern else MatchNone()  # so does Elasticsearch


def _match_all(content: Any, where: str) -> Query:
    _check(_object(content, where), set(), where)
    return MatchAll()


def _match_none(content: Any, where: str) -> Query:
    _check(_object(content, where), set(), where)
    return MatchNone()


LEAVES: dict[str, Callable[[Any, str], Query]] = {
    "term": _term,
    "terms": _terms,
    "range": _range,
    "exists": _exists,
    "ids": _ids,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "match_all": _match_all,
    "match_none": _match_none,
}
"""Parser of every clause that holds no other clause, by its name."""
