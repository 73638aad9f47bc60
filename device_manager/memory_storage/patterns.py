"""Patterns of key names, matched in a time that grows with the product of both lengths and never faster."""

from __future__ import annotations

from collections.abc import Callable

_ANY = object()


def name_pattern(pattern: str) -> Callable[[str], bool]:
    r"""A test for names: `*`, `?`, `[abc]`, `[^a-c]`, and `\` before a character that is meant literally."""
    parts = _parts(pattern)

    def matches(name: str) -> bool:
        at, place, star, resumed = 0, 0, -1, 0
        while at < len(name):
            if place < len(parts) and parts[place] is _ANY:
                star, resumed, place = place, at, place + 1
            elif place < len(parts) and _fits(parts[place], name[at]):
                at, place = at + 1, place + 1
            elif star >= 0:
                resumed += 1
                at, place = resumed, star + 1
            else:
                return False
        return all(part is _ANY for part in parts[place:])

    return matches


def _fits(part: object, character: str) -> bool:
    return part(character) if callable(part) else part == character


def _parts(pattern: str) -> list[object]:
    """A character, a test of one, or `_ANY`, for each place of the pattern."""
    parts: list[object] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if not parts or parts[-1] is not _ANY:
                parts.append(_ANY)
        elif character == "?":
            parts.append(lambda character: True)
        elif character == "[":
            test, at = _group(pattern, at)
            parts.append(test)
        elif character == "\\" and at < len(pattern):
            parts.append(pattern[at])
            at += 1
        else:
            parts.append(character)
    return parts


def _group(pattern: str, at: int) -> tuple[Callable[[str], bool], int]:
    """The test of `[...]`, and where the pattern goes on behind it."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
        first = last = pattern[at]
        if at + 2 < len(pattern) and pattern[at + 1] == "-" and pattern[at + 2] != "]":
            last = pattern[at + 2]
            at += 2
        ranges.append((min(first, last), max(first, last)))
        at += 1
    return lambda character: any(low <= character <= high for low, high in ranges) != negated, at + 1
