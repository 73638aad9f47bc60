"""Scalars of JSON as keys that equal each other exactly when the scalars do, types included (router-protocol 7.1)."""

from __future__ import annotations

from typing import Any, Final

from device_manager.query.tree import Scalar

TRUE: Final = (True,)
FALSE: Final = (False,)

Key = str | int | float | tuple[bool] | None
"""A scalar; booleans stand in a tuple, since Python takes them for numbers."""


class NotScalar:
    """What objects and arrays have for a key: it equals no scalar."""


NOT_SCALAR: Final = NotScalar()


def key_of(value: Any) -> Key | NotScalar:
    """The key of a value of a document."""
    if value is None or value.__class__ in (str, int, float):
        found: Key = value
        return found
    if value.__class__ is bool:
        return TRUE if value else FALSE
    return NOT_SCALAR


def scalar_of(key: Key) -> Scalar:
    """The scalar again; a number without a fraction is an integer, so that it is written in one way only."""
    if isinstance(key, tuple):
        return key[0]
    if isinstance(key, float) and key.is_integer():
        return int(key)
    return key
