"""Which declaration covers an event name or the name of a listener (design 5, router-protocol 3.5)."""

from __future__ import annotations

import difflib
import re

WILDCARDS = ("before*", "after*", "*")
"""What may stand after the last colon of a listener's event, in the order in which such listeners run."""


class UnknownEvent(Exception):
    """A listener names an event that nothing declares; the text names the listener's owner and the nearest events."""


class EventNames:
    """The declared names and patterns."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._patterns: list[str] = []

    def declare(self, pattern: str) -> None:
        """Add a name, or a pattern with `{placeholders}`."""
        if "{" in pattern:
            if pattern not in self._patterns:
                self._patterns.append(pattern)
        else:
            self._exact.add(pattern)

    def covers(self, event: str) -> bool:
        """Whether a listener may name `event`: declared, or a wildcard below which something is declared."""
        prefix, _, last = event.rpartition(":")
        if last in WILDCARDS:
            start = last[:-1]
            return any(self._is_below(name, prefix, start) for name in self._exact | set(self._patterns))
        return event in self._exact or any(_expression(pattern).fullmatch(event) for pattern in self._patterns)

    @staticmethod
    def _is_below(name: str, prefix: str, start: str) -> bool:
        stem, _, last = name.rpartition(":")
        return last.startswith(start) and _expression(stem).fullmatch(prefix) is not None

    def refusal(self, event: str, owner: str) -> UnknownEvent:
        """The error for a listener on the undeclared `event`."""
        nearest = difflib.get_close_matches(event, [*sorted(self._exact), *self._patterns], n=5, cutoff=0.5)
        hint = f" Nearest events: {', '.join(nearest)}." if nearest else ""
        return UnknownEvent(f'Plugin "{owner}" listens to "{event}", but no such event is declared.{hint}')


def wildcards(event: str) -> tuple[str, ...]:
    """The wildcard names whose listeners run for `event`, after the exact ones, in order."""
    prefix, colon, last = event.rpartition(":")
    return tuple(f"{prefix}{colon}{wildcard}" for wildcard in WILDCARDS if last.startswith(wildcard[:-1]))


def _expression(pattern: str) -> re.Pattern[str]:
    literals = re.split(r"\{\w+\}", pattern)
    return re.compile("[^:]+".join(re.escape(literal) for literal in literals))
