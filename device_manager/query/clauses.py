"""Parser of one Elasticsearch query, as clients write it, to the tree (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.query import geo_clauses, regexp_clauses, text_clauses
from device_manager.query.conversions import text_of
from device_manager.query.members import (
    HARMLESS,
    check_members,
    choice,
    field_path,
    flag,
    members,
    one_field,
    scalar,
)
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.tree import (
    MATCH_ALL,
    Bool,
    Exists,
    Ids,
    MatchAll,
    MatchNone,
    Nested,
    Prefix,
    Query,
    Range,
    Scalar,
    Term,
    Terms,
    Wildcard,
)
from device_manager.query.wanted import check_wanted, wanted_of

MAX_DEPTH = 30
"""Deepest nesting of clauses."""

MAX_CLAUSES = 1024
"""Most clauses of one query; a `terms` clause counts once."""

MAX_VALUES = 65_536
"""Most values of one `terms` or `ids` clause."""

_NOT_RUNNABLE = (
    "boosting combined_fields common constant_score dis_max distance_feature function_score fuzzy geo_grid "
    "geo_shape has_child has_parent intervals knn match_bool_prefix more_like_this parent_id percolate pinned "
    "query_string rank_feature rule_query script_score semantic shape simple_query_string span_containing "
    "span_first span_multi span_near span_not span_or span_term span_within sparse_vector terms_set text_expansion "
    "type weighted_tokens wrapper field_masking_span"
)
NOT_RUNNABLE = frozenset(_NOT_RUNNABLE.split())
"""Clauses that Elasticsearch knows and that no store runs yet."""


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
        if name == "nested":
            return self.nested(content, f"{where}.nested", depth)
        parse = LEAVES.get(name)
        if parse is None:
            raise _unknown(name, where)
        return parse(content, f"{where}.{name}")

    def _bool(self, content: Any, where: str, depth: int) -> Query:
        content = members(content, where)
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
            needed = text_of(scalar(needed, where)).strip()
            check_wanted(needed, where)
            needed = wanted_of(needed, len(groups.get("should", ())))
        return Bool(**groups, minimum_should_match=needed)

    def nested(self, content: Any, where: str, depth: int) -> Query:
        """Parse the content of a `nested` clause."""
        content = members(content, where)
        if content.get("inner_hits") is not None:
            raise not_runnable('The option "inner_hits"', where, "path, query, score_mode, ignore_unmapped")
        check_members(content, {"path", "query", "score_mode", "ignore_unmapped", "inner_hits"}, where)
        path = content.get("path")
        if not isinstance(path, str) or not path:
            raise malformed(where, "expected the path of a nested field in `path`")
        mode = content.get("score_mode")
        if mode is not None:
            mode = choice("score_mode", mode, ("avg", "max", "min", "none", "sum"), where)
        query = self.parse(content.get("query"), f"{where}.query", depth + 1)
        return Nested(path, query, flag("ignore_unmapped", content.get("ignore_unmapped", False), where), mode)

    def _clauses(self, value: Any, where: str, depth: int) -> tuple[Query, ...]:
        if isinstance(value, list):
            return tuple(self.parse(clause, f"{where}[{place}]", depth + 1) for place, clause in enumerate(value))
        return (self.parse(value, where, depth + 1),)


def _unknown(name: str, where: str) -> ApiError:
    if name == "script":
        return api_error("services.storage.invalid_query_keyword", f"{where}.script")
    if name in NOT_RUNNABLE:
        return not_runnable(f'The clause "{name}"', where, ", ".join(sorted(LEAVES.keys() | {"bool", "nested"})))
    return api_error("services.storage.unknown_query_keyword", name)


def _term(content: Any, where: str) -> Query:
    field, value = one_field(content, where)
    insensitive = False
    if isinstance(value, dict):
        check_members(value, {"value", "case_insensitive"}, where)
        insensitive = flag("case_insensitive", value.get("case_insensitive", False), where)
        value = value.get("value")
    found = scalar(value, where)
    return Ids((text_of(found),)) if field == "_id" else Term(field, found, insensitive)


def _terms(content: Any, where: str) -> Query:
    field, values = one_field(content, where)
    if isinstance(values, dict):
        raise not_runnable("Looking terms up in a document", where, "an array of values")
    if not isinstance(values, list):
        raise malformed(where, f"expected an array of values for the field {field!r}")
    if len(values) > MAX_VALUES:
        raise malformed(where, f"more than {MAX_VALUES} values")
    scalars = tuple(scalar(value, where) for value in values)
    return Ids(tuple(map(text_of, scalars))) if field == "_id" else Terms(field, scalars)


def _range(content: Any, where: str) -> Query:
    field, bounds = one_field(content, where)
    bounds = members(bounds, where)
    check_members(bounds, {"gt", "gte", "lt", "lte", "format", "time_zone"}, where)
    for either, other in (("gt", "gte"), ("lt", "lte")):
        if bounds.get(either) is not None and bounds.get(other) is not None:
            raise malformed(where, f"{either} and {other} exclude each other")
    values: dict[str, Scalar] = {
        name: scalar(bounds[name], f"{where}.{field}.{name}")
        for name in ("gt", "gte", "lt", "lte")
        if bounds.get(name) is not None
    }
    for name in ("format", "time_zone"):
        if bounds.get(name) is not None and not isinstance(bounds[name], str):
            raise malformed(where, f"{name} has to be a text")
    return Range(field, **values, format=bounds.get("format"), time_zone=bounds.get("time_zone"))


def _exists(content: Any, where: str) -> Query:
    content = members(content, where)
    check_members(content, {"field"}, where)
    field = field_path(content, where)
    if "*" in field:
        raise not_runnable("A pattern of fields", where, "the path of one field")
    return MATCH_ALL if field == "_id" else Exists(field)


def _ids(content: Any, where: str) -> Query:
    content = members(content, where)
    check_members(content, {"values"}, where)
    values = content.get("values")
    if values is None:
        raise malformed(where, "expected an array of ids in `values`")
    values = values if isinstance(values, list) else [values]
    if len(values) > MAX_VALUES:
        raise malformed(where, f"more than {MAX_VALUES} values")
    return Ids(tuple(text_of(scalar(value, where)) for value in values))


def _pattern(content: Any, where: str, names: tuple[str, ...]) -> tuple[str, str, bool]:
    """Field, pattern and case flag of a `prefix` or `wildcard` clause; `names` are the keys of the pattern."""
    field, value = one_field(content, where)
    insensitive = False
    if isinstance(value, dict):
        check_members(value, {*names, "case_insensitive", "rewrite"}, where)
        insensitive = flag("case_insensitive", value.get("case_insensitive", False), where)
        value = next((value[name] for name in names if name in value), None)
    return field, text_of(scalar(value, where)), insensitive


def _prefix(content: Any, where: str) -> Query:
    return Prefix(*_pattern(content, where, ("value",)))


def _wildcard(content: Any, where: str) -> Query:
    field, pattern, insensitive = _pattern(content, where, ("value", "wildcard"))
    return Wildcard(field, pattern, insensitive) if pattern else MatchNone()  # so does Elasticsearch


def _match_all(content: Any, where: str) -> Query:
    check_members(members(content, where), set(), where)
    return MatchAll()


def _match_none(content: Any, where: str) -> Query:
    check_members(members(content, where), set(), where)
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
    **geo_clauses.CLAUSES,
    **regexp_clauses.CLAUSES,
    **text_clauses.CLAUSES,
}
"""Parser of every clause that holds no other clause, by its name."""
