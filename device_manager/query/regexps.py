"""Regular expressions in linear time: RE2 runs them all, so that no pattern can hold the server up."""

from __future__ import annotations

from collections.abc import Callable

import re2

MAX_PATTERN = 1000
"""Characters of a pattern; Elasticsearch's own limit."""

MAX_MEMORY = 1 << 16
"""Bytes that a compiled pattern and its running may take: enough for some hundred characters and repetitions."""


class InvalidPattern(ValueError):
    """A pattern that cannot be compiled; the text says why."""


def searcher(pattern: str, *, flags: frozenset[str] = frozenset(), whole: bool = False) -> Callable[[str], bool]:
    """Compile `pattern` to a test of texts.

    Args:
        pattern: in the syntax of RE2, which knows neither backreferences nor looking around.
        flags: `i` for any case, `m` for `^` and `$` at every line, `s` for a dot that matches line ends.
        whole: whether the text as a whole has to match, instead of some part of it.

    Raises:
        InvalidPattern: the pattern is too long, needs too much memory, or is no regular expression of RE2.
    """
    if len(pattern) > MAX_PATTERN:
        raise InvalidPattern(f"the pattern has more than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MAX_MEMORY
    options.case_sensitive = "i" not in flags
    options.dot_nl = "s" in flags
    try:
        compiled = re2.compile(f"(?m){pattern}" if "m" in flags else pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise InvalidPattern(_reason(error)) from error
    run = compiled.fullmatch if whole else compiled.search

    def matches(text: str) -> bool:
        try:
            return run(text.encode()) is not None
        except UnicodeEncodeError:  # half of a surrogate pair is no text
            return False

    return matches


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "the pattern holds half of a surrogate pair"
    reason = error.args[0] if error.args else "no reason given"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
