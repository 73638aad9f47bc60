"""Filters on texts as queries: a text may be a constant that a field's value follows (facades 4.5). Pure.

Stores fold letters of ASCII only. Other texts in any case are patterns with the forms of each letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Bool, Prefix, Query, Regexp, Term, Terms, Wildcard

SPECIAL = re.compile(r"([*?\\])")
NO_LETTER_OR_DIGIT = re.compile(r"([^\w])")
CONTEXTUAL = frozenset("\u03c3\u03c2\u0307")
"""What letters become in lower case depending on what stands around them: sigmas, and the dot of a Turkish i."""
ODD_FORMS = {"k": "\u212a", "\u00e5": "\u212b", "\u03c9": "\u2126", "\u03b8": "\u03f4", "\u00df": "\u1e9e"}
"""What else becomes a letter in lower case, beside what that letter becomes in upper case."""
LONGEST_PATTERN = 900
"""Characters of a pattern that every store takes."""


class Place(NamedTuple):
    """Where a text is.

    Attributes:
        field: a keyword, which some document has; empty when the text is `prefix` alone.
        prefix: what comes before its value.
    """

    field: str
    prefix: str = ""


def any_of(queries: Iterable[Query]) -> Query:
    """What some of the queries finds."""
    wanted = [query for query in queries if query != MATCH_NONE]
    if MATCH_ALL in wanted:
        return MATCH_ALL
    return Bool(should=tuple(wanted)) if wanted else MATCH_NONE


def all_of(*queries: Query) -> Query:
    """What all of the queries find."""
    wanted = tuple(query for query in queries if query != MATCH_ALL)
    if MATCH_NONE in wanted:
        return MATCH_NONE
    return Bool(filter=wanted) if wanted else MATCH_ALL


def none_of(query: Query) -> Query:
    """What the query does not find."""
    if query in (MATCH_ALL, MATCH_NONE):
        return MATCH_NONE if query == MATCH_ALL else MATCH_ALL
    return Bool(must_not=(query,))


def text_query(place: Place, operator: str, wanted: str) -> Query | None:
    """Documents whose text at a place passes a filter; None when no query says the same.

    Args:
        place: where the text is.
        operator: of the filter, such as `icontains`.
        wanted: what stands behind `=`.
    """
    any_case = operator != "in" and operator.startswith("i")
    if any_case and not wanted.isascii() and not _has_pattern(wanted):
        return None
    if operator == "in":
        return _one_of(place, [part.strip() for part in wanted.split(",")])
    name = operator[1:] if any_case else operator
    if name == "exact":
        return _equal(place, wanted, any_case=any_case)
    if name == "startswith":
        return _begins(place, wanted, any_case=any_case)
    return _holds(place, wanted, at_end=name == "endswith", any_case=any_case)


def _one_of(place: Place, wanted: Sequence[str]) -> Query:
    if not place.field:
        return MATCH_ALL if place.prefix in wanted else MATCH_NONE
    rests = tuple(rest for text in wanted if (rest := _after(place.prefix, text, any_case=False)))
    return Terms(place.field, rests) if rests else MATCH_NONE


def _equal(place: Place, wanted: str, *, any_case: bool) -> Query:
    rest = _after(place.prefix, wanted, any_case=any_case)
    if rest is None or bool(rest) != bool(place.field):
        return MATCH_NONE
    return _term(place.field, rest, any_case=any_case) if place.field else MATCH_ALL


def _begins(place: Place, wanted: str, *, any_case: bool) -> Query:
    if _after(wanted, place.prefix, any_case=any_case) is not None:
        return MATCH_ALL
    rest = _after(place.prefix, wanted, any_case=any_case)
    return MATCH_NONE if rest is None or not place.field else _prefix(place.field, rest, any_case=any_case)


def _holds(place: Place, wanted: str, *, at_end: bool, any_case: bool) -> Query:
    """The text lies in the value, or in the prefix, or begins in the prefix and goes on in the value."""
    prefix, text = (place.prefix.lower(), wanted.lower()) if any_case else (place.prefix, wanted)
    if not place.field:
        passes = prefix.endswith(text) if at_end else text in prefix
        return MATCH_ALL if passes else MATCH_NONE
    if not text or (not at_end and text in prefix):
        return MATCH_ALL
    inside = _inside(place.field, wanted, at_end=at_end, any_case=any_case)
    splits = [wanted[size:] for size in range(1, len(text)) if prefix.endswith(text[:size])]
    across = [(_term if at_end else _prefix)(place.field, rest, any_case=any_case) for rest in splits]
    return any_of([inside, *across])


def _term(field: str, text: str, *, any_case: bool) -> Query:
    if any_case and not text.isascii():
        return Regexp(field, _pattern(text))
    return Term(field, text, any_case)


def _prefix(field: str, text: str, *, any_case: bool) -> Query:
    if any_case and not text.isascii():
        return Regexp(field, f"{_pattern(text)}.*")
    return Prefix(field, text, any_case)


def _inside(field: str, text: str, *, at_end: bool, any_case: bool) -> Query:
    if any_case and not text.isascii():
        return Regexp(field, f".*{_pattern(text)}" if at_end else f".*{_pattern(text)}.*")
    pattern = SPECIAL.sub(r"\\\1", text)
    return Wildcard(field, f"*{pattern}" if at_end else f"*{pattern}*", any_case)


def _has_pattern(text: str) -> bool:
    return not CONTEXTUAL & set(text.lower()) and len(_pattern(text)) <= LONGEST_PATTERN


def _pattern(text: str) -> str:
    """A regular expression for a text in any case."""
    return "".join(_forms_of(letter) for letter in text.lower())


def _forms_of(letter: str) -> str:
    others = {letter.upper(), letter.title(), ODD_FORMS.get(letter, letter)}
    forms = letter + "".join(sorted(form for form in others - {letter} if form.lower() == letter))
    return f"[{forms}]" if len(forms) > 1 else NO_LETTER_OR_DIGIT.sub(r"\\\1", letter)


def _after(start: str, text: str, *, any_case: bool) -> str | None:
    """What follows `start` in a text; None when the text does not begin with it."""
    same = text[: len(start)].lower() == start.lower() if any_case else text.startswith(start)
    return text[len(start) :] if same else None
