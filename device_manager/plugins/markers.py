"""The decorators by which plugin authors mark what they contribute (design 5)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

import pluggy

PROJECT = "device_manager"
MARK = "__device_manager_listeners__"

Function = TypeVar("Function", bound=Callable[..., Any])

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks the functions that implement one of the contributions in `hookspecs`."""

_sequence = itertools.count()


class Mark(NamedTuple):
    """What `pipe` and `hook` noted on a function; `sequence` keeps the order in the source."""

    sequence: int
    event: str
    kind: Literal["pipe", "hook"]
    tryfirst: bool
    trylast: bool
    inline: bool


def pipe(
    event: str, *, tryfirst: bool = False, trylast: bool = False, inline: bool = False
) -> Callable[[Function], Function]:
    """Run the function whenever `event` happens and wait for it: `f(payload, *rest)`, or with fewer parameters.

    What it returns replaces the payload, None keeps it, and what it raises refuses the request.

    Args:
        event: a declared event, or one ending in `*`, `before*` or `after*` behind the last colon.
        tryfirst: run before all that did not ask for a place.
        trylast: run after all that did not ask for a place.
        inline: run a plain function on the event loop, because it never blocks, instead of in a thread.
    """
    return _marker(event, "pipe", tryfirst=tryfirst, trylast=trylast, inline=inline)


def hook(event: str, *, inline: bool = False) -> Callable[[Function], Function]:
    """Call the function after `event` happened: `f(*payload)`. Nobody waits for it, and it cannot fail a request.

    Args:
        event: as for `pipe`.
        inline: as for `pipe`.
    """
    return _marker(event, "hook", tryfirst=False, trylast=False, inline=inline)


def _marker(
    event: str, kind: Literal["pipe", "hook"], *, tryfirst: bool, trylast: bool, inline: bool
) -> Callable[[Function], Function]:
    def mark(function: Function) -> Function:
        marks: list[Mark] = [*getattr(function, MARK, ())]
        marks.append(Mark(next(_sequence), event, kind, tryfirst, trylast, inline))
        setattr(function, MARK, marks)
        return function

    return mark
