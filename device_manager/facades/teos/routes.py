"""What a path of TEOS means; real clients write it in many ways (facades 3.3)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

NAMESPACE = "teos.api.model."
SEGMENT = re.compile(r"([^()]+)(?:\((.*)\))?", re.DOTALL)
NAMED = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|\[[^\]]*\]|[^,]*)\s*(?:,|$)")


class Route(NamedTuple):
    """A path, names in lower case.

    Attributes:
        set: the entity set, or what stands in its place; empty for the root.
        key: the key as text without quotes, None when there is none.
        names: the parts of a key that names them, by lower-case name.
        operation: what is asked of the entity or the set; empty for nothing.
        operation_text: the same as it was written, its arguments included.
        arguments: of the operation in its brackets, by lower-case name, as text; lists are in square brackets.
        target: the route as errors name it.
    """

    set: str
    key: str | None
    names: dict[str, str]
    operation: str
    operation_text: str
    arguments: dict[str, str]
    target: str


def parse_route(raw: bytes, sets: frozenset[str]) -> Route | None:
    """The route of a raw path behind the mount, None for one that leads nowhere.

    Args:
        raw: undecoded.
        sets: names of entity sets in lower case: what follows them without brackets may be a key.
    """
    path = unquote(raw.decode("latin-1")).strip("/")
    segments = _segments(path) if path else []
    if not segments:
        return Route("", None, {}, "", "", {}, path.lower())
    if len(segments) > 3:
        return None
    matches = [SEGMENT.fullmatch(segment) for segment in segments]
    names = [match[1].lower().removeprefix(NAMESPACE) for match in matches if match]
    if len(names) < len(segments) or matches[0] is None:
        return None
    key, rest = matches[0][2], names[1:]
    if rest and key is None and names[0] in sets and _looks_like_key(segments[1]):
        key, rest = segments[1], rest[1:]
    if len(rest) > 1:
        return None
    key_text, key_names = _unquoted(key), _named(key)
    if not rest:
        return Route(names[0], key_text, key_names, "", "", {}, path.lower())
    arguments = _named(matches[-1][2]) if matches[-1] else {}
    return Route(names[0], key_text, key_names, rest[0], segments[-1], arguments, path.lower())


def _looks_like_key(segment: str) -> bool:
    """Ids begin with a digit or a quote, or are GUIDs; names of operations do not."""
    return segment[:1].isdigit() or segment.startswith("'") or segment.count("-") == 4


def _segments(path: str) -> list[str]:
    """The path cut at slashes outside of quotes."""
    found, quoted = [""], False
    for character in path:
        if character == "'":
            quoted = not quoted
        if character == "/" and not quoted:
            found.append("")
        else:
            found[-1] += character
    return found


def _unquoted(key: str | None) -> str | None:
    if not key:
        return None
    names = _named(key)
    if len(names) == 1:
        return next(iter(names.values()))
    return _without_quotes(key)


def _named(key: str | None) -> dict[str, str]:
    if not key or key.startswith("'") or "=" not in key:
        return {}
    return {match[1].lower(): _without_quotes(match[2]) for match in NAMED.finditer(key)}


def _without_quotes(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text.startswith("'") and text.endswith("'"):
        return text[1:-1].replace("''", "'")
    return text
