"""The words of a text, as the `standard` analyser of Elasticsearch finds them (design 12).

Word boundaries follow Unicode's (UAX 29) as far as the categories of characters tell them: letters, digits, marks and
underscores stay together, `.`, `:` and apostrophes join letters, `.`, `,`, `;` and apostrophes join digits, ideographs
and Hiragana stand alone, Katakana and the scripts of South-East Asia make words of their own. Left out: emoji, which
are words for Elasticsearch and nothing here, the double quotes between Hebrew letters, and underscores beside Katakana.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_WORD = 255
"""Longer words are cut into pieces of this length."""

_ASCII_WORD = re.compile(
    r"_*[0-9A-Za-z](?:[0-9A-Za-z_]|(?<=[0-9])[.,;'](?=[0-9])|(?<=[A-Za-z])[.:'](?=[A-Za-z]))*", re.ASCII
)

_IDEOGRAPHS = "\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS = ("\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f", "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff")
"""Katakana, and the scripts of South-East Asia: their letters join with their own kind only."""

_LAST_CLASSIFIED = 0x1FFFF
"""The planes above hold ideographs and tags only."""


def words_of(text: str) -> list[str]:
    """The words of `text` in their order, in lower case."""
    found = _ASCII_WORD.findall(text.lower()) if text.isascii() else _word().findall("".join(map(_lower, text)))
    return [piece for word in found for piece in _pieces(word)] if len(text) > MAX_WORD else found


def _lower(character: str) -> str:
    """One character in lower case: never two, and no form for the end of a word."""
    return "i" if character == "\u0130" else character.lower()


def _pieces(word: str) -> list[str]:
    return [word[start : start + MAX_WORD] for start in range(0, len(word), MAX_WORD)]


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    """The expression for texts beyond ASCII. Classifying the characters takes some ten milliseconds, once."""
    apart = re.compile(f"[{_IDEOGRAPHS}{''.join(_RUNS)}]")
    letters, digits, marks = [], [], []
    for code in range(0x80, _LAST_CLASSIFIED + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd" and not apart.match(character):
            digits.append(code)
        elif category in ("Mn", "Mc", "Me", "Cf"):
            marks.append(code)
        elif (category[0] == "L" or category in ("Nl", "Pc")) and not apart.match(character):
            letters.append(code)
    letter = f"A-Za-z{_ranges(letters)}"
    digit = f"0-9{_ranges(digits)}"
    mark = f"{_ranges(marks)}\U000e0000-\U000e0fff"
    return re.compile(
        f"[{_IDEOGRAPHS}\U00020000-\U0003ffff][{mark}]*"
        + "".join(f"|[{run}](?:[{run}{mark}])*" for run in _RUNS)
        + f"|_*[{letter}{digit}]"
        f"(?:[{letter}{digit}{mark}_]|(?<=[{digit}{mark}])[.,;'\u2019](?=[{digit}])"
        f"|(?<=[{letter}{mark}])[.:'\u00b7\u2019\u2018\u2024](?=[{letter}]))*"
    )


def _ranges(codes: list[int]) -> str:
    """Ascending code points as the inside of a character class."""
    parts: list[str] = []
    start = previous = codes[0]
    for code in [*codes[1:], -1]:
        if code != previous + 1:
            parts.append(f"{chr(start)}-{chr(previous)}")
            start = code
        previous = code
    return "".join(parts)
