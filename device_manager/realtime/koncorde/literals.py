"""Texts that every match of a regular expression holds, so that expressions can be found by them."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
      \\(?P<escaped>[^A-Za-z0-9])
    | (?P<other>\\[dDwWsSbBAz] | \[\^?[^\\\[\]^][^\\\[\]]*\] | [.^$])
    | (?P<plain>[^\\.^$|?*+(){}\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_REPETITION: Final = re.compile(r"(?:(?P<optional>[*?]|\{0+(?:,[0-9]*)?\})|\+|\{[0-9]+(?:,[0-9]*)?\})\??")


def required_texts(pattern: str) -> list[str]:
    """Texts that stand in every text in which `pattern` is found; none where this cannot be told easily.

    Only what stands outside of groups counts, and only of patterns in which nothing unusual is written.
    """
    texts, text, place, depth = [], "", 0, 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        sign = pattern[place]
        if token is None and (sign not in "()|" or pattern.startswith("(?", place) or (sign == "|" and not depth)):
            return []
        place = token.end() if token else place + 1
        depth += (token is None) * ((sign == "(") - (sign == ")"))
        repetition = _REPETITION.match(pattern, place) if sign not in "(|" or token else None
        literal = (token["escaped"] or token["plain"] or "") if token and not depth else ""
        if not repetition or not repetition["optional"]:
            text += literal
        if repetition or not literal:
            texts.append(text)
            text = ""
        place = repetition.end() if repetition else place
    return [text for text in (*texts, text) if text]
