r"""Parser of `regexp`, as far as patterns mean the same to Lucene and to RE2 (router-protocol 5.6, 7.3).

These are characters, `.`, classes, `\d` and `\w`, groups, alternatives and repetitions. What only one of them knows and
what they read in different ways is refused: anchors, operators of Lucene alone, and repetitions of repetitions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from device_manager.errors import ApiError
from device_manager.query.conversions import text_of
from device_manager.query.members import check_members, flag, one_field, scalar
from device_manager.query.refusals import malformed, not_runnable
from device_manager.query.regexps import InvalidPattern, searcher
from device_manager.query.tree import Query, Regexp

_ESCAPED = re.compile(r"\\([^A-Za-z0-9]|[dDwW])", re.DOTALL)
_CLASS = re.compile(r"\[\^?(?:[^\W_]-[^\W_]|[^\\\[\]^-]|\\[^A-Za-z0-9])+\]", re.DOTALL)
_REPEATED = re.compile(r"[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\}")
_REFUSED = frozenset('^$"#@&<>~]}{*+?\\[')
_FLAGS = frozenset({"ALL", "ANYSTRING", "COMPLEMENT", "EMPTY", "INTERSECTION", "INTERVAL", "NONE"})
_ACCEPTED = (
    "characters, ., [classes], \\d, \\w, (groups), | and single repetitions; write a backslash before other signs"
)


def compiled(pattern: str) -> Callable[[str], bool]:
    """A test of texts for a pattern that was parsed."""
    return searcher(pattern, flags=frozenset("s"), whole=True)


def _regexp(content: Any, where: str) -> Query:
    field, pattern = one_field(content, where)
    where = f"{where}.{field}"
    if isinstance(pattern, dict):
        check_members(pattern, {"value", "flags", "case_insensitive", "max_determinized_states", "rewrite"}, where)
        flags = pattern.get("flags", "ALL")
        if not isinstance(flags, str) or not _FLAGS.issuperset(flags.split("|")):
            raise malformed(f"{where}.flags", f"expected {', '.join(sorted(_FLAGS))}, joined by |")
        if flag("case_insensitive", pattern.get("case_insensitive", False), where):
            raise not_runnable("case_insensitive: true", where, "false")
        pattern = pattern.get("value")
    text = text_of(scalar(pattern, where))
    check_pattern(text, where)
    return Regexp(field, text)


def check_pattern(pattern: str, where: str) -> None:
    """Refuse a pattern that does not mean the same to Lucene and to RE2.

    Raises:
        ApiError: `services.storage.unexpected_bad_request` (400), naming the first sign that is not accepted.
    """
    depth, place, has_atom, may_repeat = 0, 0, False, False
    while place < len(pattern):
        sign = pattern[place]
        if (repeated := _REPEATED.match(pattern, place)) and may_repeat:
            place, may_repeat = repeated.end(), False
        elif sign in "(|)":
            if sign != "(" and not has_atom:
                raise _refused(pattern, place, where)
            depth += (sign == "(") - (sign == ")")
            if depth < 0:
                raise _refused(pattern, place, where)
            has_atom = may_repeat = sign == ")"
            place += 1
        elif (atom := _ESCAPED.match(pattern, place) or _CLASS.match(pattern, place)) or sign not in _REFUSED:
            place = atom.end() if atom else place + 1
            has_atom = may_repeat = True
        else:
            raise _refused(pattern, place, where)
    if depth or not has_atom:
        raise malformed(where, "the pattern ends too early")
    try:
        compiled(pattern)
    except InvalidPattern as error:
        raise malformed(where, f"not a regular expression: {error}") from None


def _refused(pattern: str, place: int, where: str) -> ApiError:
    return not_runnable(f'The pattern from "{pattern[place : place + 20]}" on', where, _ACCEPTED)


CLAUSES: dict[str, Callable[[Any, str], Query]] = {"regexp": _regexp}
"""Parser of the clause, by name."""
