"""Wildcard patterns: `*` is any text, `?` one character, a backslash takes the next character as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_GLOB_SPECIAL = frozenset("*?[")


def ascii_lower(text: str) -> str:
    """`text` with ASCII letters in lower case, the rest as it is: the folding of SQLite and Elasticsearch."""
    return text.translate(_LOWER)


def _tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Characters of a pattern, each with whether it is a wildcard."""
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            yield next(characters, "\\"), False
        else:
            yield character, character in "*?"


def literal_prefix(pattern: str) -> str:
    """What every text that matches begins with."""
    prefix = ""
    for character, is_wildcard in _tokens(pattern):
        if is_wildcard:
            break
        prefix += character
    return prefix


def glob(pattern: str) -> str:
    """The pattern for SQLite's GLOB."""
    return "".join(
        character if is_wildcard or character not in _GLOB_SPECIAL else f"[{character}]"
        for character, is_wildcard in _tokens(pattern)
    )


def expression(pattern: str, *, case_insensitive: bool = False) -> re.Pattern[str]:
    """The pattern as a regular expression for `fullmatch`, in time linear in the number of stars.

    With `case_insensitive` it expects texts that went through `ascii_lower`.
    """
    parts, literal = [], ""
    for character, is_wildcard in _tokens(ascii_lower(pattern) if case_insensitive else pattern):
        if is_wildcard and character == "*":
            parts.append(literal)
            literal = ""
        else:
            literal += "." if is_wildcard else re.escape(character)
    if not parts:
        return re.compile(literal, re.DOTALL)
    # Each part between stars takes its first match for good: taking a later one could not help.
    middle = "".join(f"(?>.*?{part})" for part in parts[1:] if part)
    return re.compile(f"{parts[0]}{middle}.*{literal}", re.DOTALL)


def next_text(text: str) -> str | None:
    """The smallest text that is greater than every text with the prefix `text`; None when there is none."""
    while text:
        code = ord(text[-1]) + 1
        if 0xD800 <= code <= 0xDFFF:  # surrogates are no characters
            code = 0xE000
        if code <= 0x10FFFF:
            return text[:-1] + chr(code)
        text = text[:-1]
    return None
