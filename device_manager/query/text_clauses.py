"""Parsers of `match`, `match_phrase`, `match_phrase_prefix` and `multi_match` (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from device_manager.query.conversions import text_of
from device_manager.query.members import HARMLESS, check_members, choice, flag, members, number, one_field, scalar
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.tree import Ids, Match, MatchKind, MultiMatch, Query, Scalar
from device_manager.query.wanted import check_wanted

MAX_FIELDS = 100
"""Most fields of one `multi_match`."""

_FUZZY = {"fuzziness", "prefix_length", "fuzzy_transpositions", "fuzzy_rewrite"}
_TUNING = {"max_expansions", "auto_generate_synonyms_phrase_query"}
_COMMON = {"query", "analyzer", "zero_terms_query"}

MEMBERS: dict[MatchKind, set[str]] = {
    "match": _COMMON | _FUZZY | _TUNING | {"operator", "minimum_should_match", "lenient"},
    "match_phrase": _COMMON | {"slop"},
    "match_phrase_prefix": _COMMON | {"slop", "max_expansions"},
}
"""What each kind takes beside `boost` and `_name`."""

TYPES: dict[str, MatchKind] = {
    "best_fields": "match",
    "most_fields": "match",
    "phrase": "match_phrase",
    "phrase_prefix": "match_phrase_prefix",
}
"""What a `multi_match` of each type asks each field."""


def _match(kind: MatchKind) -> Callable[[Any, str], Query]:
    def parse(content: Any, where: str) -> Query:
        field, options = one_field(content, where)
        if not isinstance(options, dict):
            options = {"query": options}
        check_members(options, MEMBERS[kind], where)
        if field == "_id":
            return Ids((text_of(scalar(options.get("query"), where)),))
        return _asked(kind, field, options, where)

    return parse


def _asked(kind: MatchKind, field: str, options: dict[str, Any], where: str) -> Match:
    return Match(
        kind,
        field,
        scalar(options.get("query"), f"{where}.query"),
        operator=cast(Any, choice("operator", options.get("operator", "or"), ("or", "and"), where)),
        minimum_should_match=_minimum(options.get("minimum_should_match"), where),
        zero_terms=cast(
            Any, choice("zero_terms_query", options.get("zero_terms_query", "none"), ("none", "all"), where)
        ),
        lenient=flag("lenient", options.get("lenient", False), where),
        boost=_boost(options.get("boost", 1.0), where),
        extras=_extras(options, where),
    )


def _minimum(value: Any, where: str) -> str | None:
    if value is None:
        return None
    wanted = text_of(scalar(value, where)).strip()
    check_wanted(wanted, where)
    return wanted


def _boost(value: Any, where: str) -> float:
    boost = float(number("boost", value, where))
    if boost < 0:
        raise malformed(where, "boost has to be 0 or more")
    return boost


def _extras(options: dict[str, Any], where: str) -> tuple[tuple[str, Scalar], ...]:
    """The options that Elasticsearch alone runs; those that change nothing as they are given are left out."""
    names = {"slop", "max_expansions"} | ({"analyzer"} if options.get("analyzer") != "standard" else set())
    if options.get("fuzziness") is not None:
        names |= _FUZZY
    elif "prefix_length" in options or "fuzzy_rewrite" in options:
        raise malformed(where, "prefix_length and fuzzy_rewrite go with fuzziness")
    extras = {name: scalar(options[name], f"{where}.{name}") for name in names if options.get(name) is not None}
    if extras.get("slop") == 0:
        del extras["slop"]
    return tuple(sorted(extras.items()))


def _multi_match(content: Any, where: str) -> Query:
    content = members(content, where)
    type = content.get("type", "best_fields")
    if type in {"cross_fields", "bool_prefix"}:
        raise not_runnable(f'The type "{type}" of "multi_match"', where, ", ".join(TYPES))
    type = choice("type", type, tuple(TYPES), where)
    known = {"fields", "type", "tie_breaker"} | MEMBERS["match"] | {"slop"}
    check_members(content, known, where)
    options = {name: value for name, value in content.items() if name not in {"fields", "type", *HARMLESS}}
    ties = options.pop("tie_breaker", None)
    each = [_asked(TYPES[type], field, {**options, "boost": boost}, where) for field, boost in _fields(content, where)]
    return MultiMatch(
        tuple(each),
        cast(Any, type),
        None if ties is None else float(number("tie_breaker", ties, where)),
        _boost(content.get("boost", 1.0), where),
    )


def _fields(content: dict[str, Any], where: str) -> list[tuple[str, float]]:
    """The fields with their boosts, written as `path^2`."""
    fields = content.get("fields")
    fields = [fields] if isinstance(fields, str) else fields
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) for field in fields):
        raise malformed(where, "expected an array of at least one path in `fields`")
    if len(fields) > MAX_FIELDS:
        raise malformed(where, f"more than {MAX_FIELDS} fields")
    found: dict[str, float] = {}
    for field in fields:
        path, caret, boost = field.partition("^")
        if "*" in path:
            raise not_runnable("A pattern of fields", where, "the paths of fields")
        try:
            found[path] = _boost(float(boost) if caret else 1.0, where)
        except ValueError:
            raise malformed(where, f"{boost!r} is no number: write path^2") from None
    return list(found.items())


CLAUSES: dict[str, Callable[[Any, str], Query]] = {
    "match": _match("match"),
    "match_phrase": _match("match_phrase"),
    "match_phrase_prefix": _match("match_phrase_prefix"),
    "multi_match": _multi_match,
}
"""Parsers of the clauses about words, by name."""
