"""The keys in the bodies of bulk operations (facades 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from device_manager.facades.ubidots.content import LABEL_SIGN
from device_manager.facades.ubidots.errors import invalid


def read_keys(items: Sequence[Any]) -> list[str]:
    """The keys of a bulk operation, each once, in order.

    Raises:
        UbidotsError: 400001, which names every item that is none.
    """
    detail = {}
    keys = []
    for place, item in enumerate(items):
        key = item.get("id") if isinstance(item, dict) else item
        if is_key(key):
            keys.append(key)
        else:
            detail[str(place)] = [f'Expected an id, "{LABEL_SIGN}" and a label, or an object with "id".']
    if detail:
        raise invalid(detail)
    return list(dict.fromkeys(keys))


def is_key(key: Any) -> TypeGuard[str]:
    """Whether something can be meant by it."""
    return isinstance(key, str) and bool(key.removeprefix(LABEL_SIGN))
