"""The words of a filter."""

from __future__ import annotations

import re
from typing import NamedTuple

from device_manager.facades.teos.errors import unusable

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^']|'')*')
    |(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?(?![\w-]))
    |(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?!\w))
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))
    |(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    |(?P<sign>[(),/:])
    )""",
    re.VERBOSE,
)
LONGEST = 50_000
"""Characters of a filter."""


class Token(NamedTuple):
    """A word.

    Attributes:
        kind: `string`, `date`, `guid`, `number`, `name` or `sign`; `end` behind the last one.
        text: as it was written, a string without its quotes.
        place: where it begins.
    """

    kind: str
    text: str
    place: int


def tokens_of(text: str) -> list[Token]:
    """The words of a filter, `end` last.

    Raises:
        TeosError: 12001 for what is no word.
    """
    if len(text) > LONGEST:
        raise unusable(f"The filter has {len(text)} characters; {LONGEST} are allowed.", "$filter")
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None:
            raise unusable(f'The filter cannot be read at character {place}: "{text[place : place + 20]}".', "$filter")
        kind = str(match.lastgroup)
        word = match[kind]
        found.append(Token(kind, word[1:-1].replace("''", "'") if kind == "string" else word, match.start(kind)))
        place = match.end()
    return [*found, Token("end", "", end)]
