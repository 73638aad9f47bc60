"""Whether a value is part of another one, as the keyword `match` means it (router-protocol 7.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from device_manager.realtime.koncorde.scalars import NotScalar, key_of


def is_part(pattern: Any, value: Any) -> bool:
    """Objects have the members of the pattern, arrays its elements, each for itself; scalars are equal."""
    if pattern.__class__ is dict:
        return value.__class__ is dict and all(
            name in value and is_part(inner, value[name]) for name, inner in pattern.items()
        )
    if pattern.__class__ is list:
        return value.__class__ is list and holds_elements(pattern, value)
    key = key_of(value)
    return not isinstance(key, NotScalar) and key == key_of(pattern)


def holds_elements(patterns: Sequence[Any], values: list[Any]) -> bool:
    """Whether each pattern is part of an element of its own."""
    keys = Counter(key for pattern in patterns if not isinstance(key := key_of(pattern), NotScalar))
    if keys:
        found = Counter(key for value in values if not isinstance(key := key_of(value), NotScalar))
        if any(found[key] < times for key, times in keys.items()):
            return False
    return _has_assignment([pattern for pattern in patterns if isinstance(pattern, dict | list)], values)


def _has_assignment(patterns: list[Any], values: list[Any]) -> bool:
    """Whether objects and arrays can be given different elements."""
    choices = []
    for pattern in patterns:
        fitting: list[int] = []
        for place, value in enumerate(values):
            if is_part(pattern, value):
                fitting.append(place)
                if len(fitting) == len(patterns):
                    break
        choices.append(fitting)
    # A pattern with as many choices as there are patterns gets one whatever the others take.
    scarce = [fitting for fitting in choices if len(fitting) < len(patterns)]
    taken: dict[int, int] = {}
    return all(_place(pattern, scarce, taken, set()) for pattern in range(len(scarce)))


def _place(pattern: int, choices: list[list[int]], taken: dict[int, int], seen: set[int]) -> bool:
    """Give a pattern an element, moving others to further ones where that helps."""
    for place in choices[pattern]:
        if place not in seen:
            seen.add(place)
            if place not in taken or _place(taken[place], choices, taken, seen):
                taken[place] = pattern
                return True
    return False
